// What the database holds: strings with a deadline.
#pragma once

#include <fluxmap/fwd.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace resp {

// A plain aggregate: fluxmap writes it to the log field by field.
//
// The deadline stands here, and not only in the ExpiresAfter of the write, because TTL and PERSIST must read it. Past
// it the entry counts as absent, whether the database has removed it yet or not.
struct Entry {
  std::string data;
  std::int64_t deadline = 0;  // milliseconds since 1970; 0: none
  std::uint64_t stamp = 0;    // of the write; no other has the same
};

using Database = fluxmap::Database<std::string, Entry>;
using Handle = fluxmap::Handle<std::string, Entry>;
using Transaction = fluxmap::Transaction<std::string, Entry>;

inline std::int64_t milliseconds_now() noexcept {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

inline bool is_live(const Entry& entry, std::int64_t now) noexcept {
  return entry.deadline == 0 || entry.deadline > now;
}

}  // namespace resp

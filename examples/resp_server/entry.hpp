// What the database holds: strings with a deadline.
#pragma once

#include <fluxmap/fwd.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "integer.hpp"

namespace resp {

// How a value came about, as far as OBJECT ENCODING tells it.
enum class Form : std::uint8_t {
  by_content,  // set as a whole
  text,        // a number that was computed with a fraction: never an integer, whatever it looks like
  edited,      // changed in place
};

// A plain aggregate: fluxmap writes it to the log field by field.
//
// The deadline stands here, and not only in the ExpiresAfter of the write, because TTL and PERSIST must read it. Past
// it the entry counts as absent, whether the database has removed it yet or not.
struct Entry {
  std::string data;
  std::int64_t deadline = 0;  // milliseconds since 1970; 0: none
  std::uint64_t stamp = 0;    // of the write; no other has the same. Its two highest bits tell the form
};

using Database = fluxmap::Database<std::string, Entry>;
using Handle = fluxmap::Handle<std::string, Entry>;
using Transaction = fluxmap::Transaction<std::string, Entry>;

inline constexpr int k_form_shift = 62;  // stamps are nanoseconds since 1970: they come here in 2116

inline std::uint64_t stamp_of(std::uint64_t number, Form form) noexcept {
  return number | static_cast<std::uint64_t>(form) << k_form_shift;
}
inline Form form_of(const Entry& entry) noexcept { return static_cast<Form>(entry.stamp >> k_form_shift); }

// What Redis would keep it as.
inline std::string_view encoding_of(const Entry& entry) noexcept {
  constexpr std::size_t longest_embedded = 44, longest_integer = 20;
  if (form_of(entry) == Form::edited) return "raw";
  if (form_of(entry) == Form::by_content && entry.data.size() <= longest_integer && parse_integer(entry.data)) {
    return "int";
  }
  return entry.data.size() <= longest_embedded ? "embstr" : "raw";
}

inline std::int64_t milliseconds_now() noexcept {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

inline bool is_live(const Entry& entry, std::int64_t now) noexcept {
  return entry.deadline == 0 || entry.deadline > now;
}

}  // namespace resp

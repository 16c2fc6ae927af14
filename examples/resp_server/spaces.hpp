// Where the keys of the databases 0 to 15 stand among the keys of the one that fluxmap has.
//
// Each database's keys are in a space of their own, and a record says which database has which. So FLUSHALL and SWAPDB
// are small transactions, whatever there is: they write the record anew. What is in a space that no database has any
// more is removed afterwards, a few keys at a time (sweeper.hpp); another record for each says so, until it is done.
//
//   a key of space 0              as it is; one that begins with \0 has another \0 in front
//   a key of space n              \0 n key, n from 1 to 239 in one byte, above that \xf0 and four bytes
//   our own records               \0 \xff name
//
// Whoever writes reads the record in the same transaction, so that nothing can be written into a space that was given
// up meanwhile: that is a conflict.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "entry.hpp"

namespace resp {

inline constexpr unsigned k_databases = 16;

using Space = std::uint32_t;
using Spaces = std::array<Space, k_databases>;  // of each database

extern const std::string k_spaces_record;
std::string given_up_record(Space space);  // its name
// Every name that begins so is a record of ours, or of a space given up.
extern const std::string k_record_prefix;
extern const std::string k_given_up_prefix;
Space given_up_space(std::string_view record_name) noexcept;

std::string encode_spaces(const Spaces& spaces);
Spaces decode_spaces(std::string_view data) noexcept;

std::string space_prefix(Space space);  // not of space 0, which has none

// The name of a key. May be written into `scratch`, and is good as long as it and `key` are.
inline std::string_view stored_key(Space space, std::string_view key, std::string& scratch) {
  if (space == 0 && (key.empty() || key.front() != '\0')) return key;
  scratch = space == 0 ? std::string(1, '\0') : space_prefix(space);
  scratch += key;
  return scratch;
}

// The keys of a space from one on are in up to three stretches, in this order.
struct Stretch {
  std::string first;
  std::string end;      // empty: to the end of all keys
  std::size_t skipped;  // bytes in front of the key
};
std::vector<Stretch> stretches(Space space, std::string_view first);

// The record as it was last seen, for reads that would rather not look it up. Thread-safe.
class SpacesCache {
 public:
  // A record that was read from what is committed. A newer one than known before is remembered.
  void learn(const Entry& record) {
    // relaxed: only an outdated answer, which makes us look again
    if (record.stamp > stamp_.load(std::memory_order_relaxed)) update(record);
  }

  // Calls read(space) for the space of a database, again if that has changed meanwhile. What it read can have been
  // swept only if it has.
  template <class F>
  void with(unsigned database, F read) const {
    for (;;) {
      const std::uint64_t before = changes_.load(std::memory_order_acquire);  // with the release in update
      if (before % 2 == 0) {
        read(spaces_[database].load(std::memory_order_relaxed));
        std::atomic_thread_fence(std::memory_order_acquire);  // what was read comes before the second look
        if (changes_.load(std::memory_order_relaxed) == before) return;
      }
    }
  }

 private:
  void update(const Entry& record);

  std::mutex mutex_;                       // of writers
  std::atomic<std::uint64_t> changes_{0};  // odd: one is under way
  std::atomic<std::uint64_t> stamp_{0};    // of the record
  std::array<std::atomic<Space>, k_databases> spaces_{};
};

// Makes the record where there is none: in a new directory, and in one that knew of one database only.
void prepare_spaces(Database& database, std::uint64_t stamp);

}  // namespace resp

// Striped counters: one stripe per epoch slot, summed up by whoever asks. · layer: platform
#pragma once

#include <fluxmap/config.hpp>
#include <fluxmap/detail/platform/atomic.hpp>

#include <atomic>
#include <cstdint>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// A number that one thread at a time adds to (the holder of the slot it lives in) and any thread reads.
// All accesses are relaxed: a count orders nothing, and successive holders are ordered by the slot's own hand-over.
class StripedCount {
 public:
  void add(std::int64_t amount) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);  // sole writer, see above
  }
  std::int64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }  // a count orders nothing

 private:
  Atomic<std::int64_t> value_{0};
};

struct Counters {
  StripedCount keys, versions, entries, bytes;
  StripedCount index_bytes;  // of the express lane
  StripedCount live_bytes;   // of live entries and their newest versions; where there is a memory limit
  StripedCount first_hits;   // entries that were read for the first time; where there is a memory limit
  StripedCount commits, conflicts, retries, reservations;
  StripedCount evictions, expirations, vacuumed_versions, vacuumed_entries;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

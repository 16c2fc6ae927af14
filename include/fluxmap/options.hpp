// What a caller can choose, apart from the builder's switches.
#pragma once

#include <fluxmap/config.hpp>

#include <chrono>
#include <cstdint>

namespace fluxmap::inline FLUXMAP_ABI {

// How `Handle::transaction` deals with conflicts. The first retry is immediate; the pause before retry n > 1 is drawn
// uniformly from [0, min(backoff_cap, backoff << (n - 2))).
// After `reserve_after` failures the transaction announces what it read, and commits that would overwrite it step
// aside for a bounded time, so that short transactions cannot starve a long one.
struct RetryPolicy {
  unsigned attempts = 64;  // how often the closure runs at most; 1: never retry
  std::chrono::microseconds backoff{20};
  std::chrono::microseconds backoff_cap{2000};
  unsigned reserve_after = 4;  // 0: never announce
};

struct TransactionOptions {
  // Reads one snapshot, never aborts, never waits, and makes nobody else abort or wait; writes throw errc::read_only.
  bool read_only = false;
  RetryPolicy retry = {};
};

// When the database frees versions by itself.
struct VacuumOptions {
  std::chrono::milliseconds interval{30000};
};

}  // namespace fluxmap::inline FLUXMAP_ABI

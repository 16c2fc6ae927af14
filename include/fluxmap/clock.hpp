// Clock: what time to live goes by.
#pragma once

#include <fluxmap/config.hpp>

#include <atomic>
#include <chrono>
#include <limits>

namespace fluxmap::inline FLUXMAP_ABI {

// Tells the time by which entries expire. Replace it (DatabaseBuilder::clock) to test what time does.
class Clock {
 public:
  // Of the system clock: deadlines are kept on the disk.
  using time_point = std::chrono::system_clock::time_point;

  // For the clocks that derive from it.
  // Complexity: O(1).
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  // By whoever lets go of it last: a program, or one of the threads that use a database.
  // Complexity: O(1).
  virtual ~Clock() = default;
  // The time by which entries expire.
  // Thread safety: called by any thread at any time.
  // Complexity: should be small. What has a time to live asks once for each call, or each transaction.
  // Exceptions: must not throw.
  virtual time_point now() const noexcept = 0;
};

// The wall clock. The default.
class SystemClock final : public Clock {
 public:
  // Asks the operating system.
  // Complexity: O(1).
  time_point now() const noexcept override { return std::chrono::system_clock::now(); }
};

// Stands still unless it is told otherwise; for tests.
//
// Thread safety: all calls.
class ManualClock final : public Clock {
 public:
  // Stands at `start`.
  // Complexity: O(1).
  explicit ManualClock(time_point start = std::chrono::system_clock::now()) noexcept
      : now_(start.time_since_epoch().count()) {}

  // What it was set to.
  // Complexity: O(1).
  time_point now() const noexcept override {
    return time_point(time_point::duration(now_.load(std::memory_order_acquire)));  // pairs with advance
  }
  // Moves the time on; back, where `by` is negative. It stops at the ends of the type.
  // Complexity: O(1); lock-free.
  void advance(std::chrono::nanoseconds by) noexcept {
    const auto ticks = std::chrono::duration_cast<time_point::duration>(by).count();
    time_point::rep now = now_.load(std::memory_order_relaxed);  // checked by the CAS
    // acq_rel: what was done before is seen by who sees the new time.
    while (!now_.compare_exchange_weak(now, moved(now, ticks), std::memory_order_acq_rel, std::memory_order_relaxed)) {
    }
  }

 private:
  static constexpr time_point::rep moved(time_point::rep now, time_point::rep by) noexcept {
    using Limits = std::numeric_limits<time_point::rep>;
    if (by > 0) return now > Limits::max() - by ? Limits::max() : now + by;
    return now < Limits::min() - by ? Limits::min() : now + by;
  }

  std::atomic<time_point::rep> now_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI

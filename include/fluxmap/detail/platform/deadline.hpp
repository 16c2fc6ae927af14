// Deadlines, the one moment that an operation takes for "now", and how long threads wait. · layer: platform
//
// Every value of the types is good: clocks before 1970, deadlines from the disk, and durations that mean "never".
#pragma once

#include <fluxmap/clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

namespace fluxmap::inline FLUXMAP_ABI::detail {

using Deadline = std::int64_t;  // microseconds since the Unix epoch
inline constexpr Deadline k_no_deadline = std::numeric_limits<Deadline>::max();

// Longer times to live are none.
inline constexpr auto k_longest_time = std::chrono::floor<std::chrono::milliseconds>(std::chrono::microseconds::max());

inline Deadline as_deadline(Clock::time_point at) noexcept {
  return std::chrono::floor<std::chrono::microseconds>(at.time_since_epoch()).count();
}
// The other way; the nearest where clocks do not reach so far.
inline Clock::time_point as_time(Deadline at) noexcept {
  using Duration = Clock::time_point::duration;
  constexpr auto k_least = std::chrono::ceil<std::chrono::microseconds>(Duration::min());
  constexpr auto k_most = std::chrono::floor<std::chrono::microseconds>(Duration::max());
  const std::chrono::microseconds time(at);
  return Clock::time_point(std::chrono::duration_cast<Duration>(std::clamp(time, k_least, k_most)));
}

// When a thread wakes that waits for so long from now on. A century is long enough for anybody, and no clock of the
// operating system overflows on its way there.
inline std::chrono::steady_clock::time_point steady_after(std::chrono::milliseconds time) noexcept {
  constexpr std::chrono::milliseconds k_century = std::chrono::hours(24 * 365 * 100);
  return std::chrono::steady_clock::now() + std::min(time, k_century);
}

// The time of one operation: asked of the clock when the first deadline is met, and the same from then on. So whoever
// meets no deadline pays for no clock.
class Now {
 public:
  explicit Now(const Clock& clock) noexcept : clock_(&clock) {}

  Deadline get() const noexcept {
    if (at_ == k_unknown) at_ = as_deadline(clock_->now());
    return at_;
  }
  bool passed(Deadline deadline) const noexcept { return deadline != k_no_deadline && deadline <= get(); }

  // The deadline of what is written now and is to live so long, which is not negative; 0: for ever. Too long a time is
  // no deadline.
  Deadline after(std::chrono::microseconds time) const noexcept {
    if (time.count() == 0) return k_no_deadline;
    const Deadline now = get();
    return now >= k_no_deadline - time.count() ? k_no_deadline : now + time.count();
  }
  void forget() noexcept { at_ = k_unknown; }

 private:
  static constexpr Deadline k_unknown = std::numeric_limits<Deadline>::min();

  const Clock* clock_;
  mutable Deadline at_ = k_unknown;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

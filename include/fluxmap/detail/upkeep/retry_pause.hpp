// When what has failed is tried again. · layer: upkeep
#pragma once

#include <fluxmap/config.hpp>

#include <algorithm>
#include <chrono>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// The pause doubles with every failure in a row, up to the longest one; and it is never shorter than what has failed
// took, so that at least half of the time goes by without it. Not thread-safe.
class RetryPause {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr Clock::duration k_first = std::chrono::seconds(1), k_longest = std::chrono::minutes(5);

  explicit RetryPause(Clock::duration first = k_first, Clock::duration longest = k_longest) noexcept
      : first_(first), longest_(longest) {}

  // Not before then.
  Clock::time_point until() const noexcept { return until_; }

  void failed(Clock::time_point began, Clock::time_point ended) noexcept {
    pause_ = pause_ == Clock::duration::zero() ? first_ : std::min(2 * pause_, longest_);
    until_ = ended + std::max(pause_, ended - began);
  }
  // The longest pause this once, whatever went before.
  void put_off(Clock::time_point now) noexcept { until_ = now + longest_; }
  void succeeded() noexcept { *this = RetryPause(first_, longest_); }

 private:
  Clock::duration first_, longest_;
  Clock::duration pause_{0};
  Clock::time_point until_ = Clock::time_point::min();
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

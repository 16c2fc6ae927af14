// When to run a transaction again, and after what pause: decisions only, no I/O and no clock. · layer: front
#pragma once

#include <fluxmap/detail/platform/random.hpp>
#include <fluxmap/options.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace fluxmap::inline FLUXMAP_ABI::detail {

class RetryFsm {
 public:
  struct Action {
    bool again = false;                 // false: the conflict goes to the caller
    bool announce = false;              // announce the reads before the next attempt
    std::chrono::nanoseconds pause{0};  // before the next attempt, unless it is announced; 0: at once
  };

  // `seed` makes the pauses of concurrent transactions differ.
  RetryFsm(const RetryPolicy& policy, std::uint64_t seed) noexcept : policy_(policy), random_(seed | 1) {}

  // An attempt that had read `reads` keys has ended in a conflict.
  Action on_conflict(std::size_t reads) noexcept {
    ++failures_;
    lost_reads_ += reads;
    Action action;
    action.again = failures_ < policy_.attempts;
    const std::uint64_t cost = std::max(failures_, lost_reads_ / RetryPolicy::reads_per_failure);
    action.announce = policy_.reserve_after != 0 && cost >= policy_.reserve_after;
    if (failures_ > 1) action.pause = jittered(failures_ - 2);
    return action;
  }

  std::uint64_t failures() const noexcept { return failures_; }

 private:
  std::chrono::nanoseconds jittered(std::uint64_t doublings) noexcept {
    using std::chrono::nanoseconds;
    // Any policy is arithmetic without overflow: nothing negative is doubled, nothing is doubled beyond the cap.
    constexpr auto k_longest = std::chrono::duration_cast<std::chrono::microseconds>(nanoseconds::max());
    const std::chrono::microseconds cap = std::min(policy_.backoff_cap, k_longest);
    std::chrono::microseconds first = std::min(policy_.backoff, cap);
    if (first <= std::chrono::microseconds{0}) return nanoseconds{0};
    for (; doublings > 0 && first < cap; --doublings) first = first > cap / 2 ? cap : first * 2;
    const nanoseconds bound = first;
    return nanoseconds{static_cast<nanoseconds::rep>(next_random(random_) % static_cast<std::uint64_t>(bound.count()))};
  }

  RetryPolicy policy_;
  std::uint64_t random_;
  std::uint64_t failures_ = 0;
  std::uint64_t lost_reads_ = 0;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// When keys were used last, and how often, as far as eviction has to know. · layer: upkeep
//
// Time is counted in ticks, each so many accesses long that there are about 256 to one turn-over of the keys (as the
// generations of Linux's MGLRU, Yu Zhao 2022): an access within the tick of the one before has nothing to write, so
// keys that are read by many threads at once stay shared in their caches. Where there are few keys each access is a
// tick of its own, and the order exact.
// Thread safety: all calls; touch by the slot's holder. All accesses are relaxed: marks and counts order nothing.
#pragma once

#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/index/tracking.hpp>
#include <fluxmap/detail/platform/deadline.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fluxmap::inline FLUXMAP_ABI::detail {

class AccessClock {
 public:
  // `counts_all`: every access counts, not only one a tick.
  AccessClock(const Clock& clock, bool counts_all) noexcept : clock_(clock), counts_all_(counts_all) {}
  AccessClock(const AccessClock&) = delete;
  AccessClock& operator=(const AccessClock&) = delete;

  void touch(EpochDomain::Slot& slot, Tracking& key) noexcept {
    std::uint32_t tick = now();
    if (++slot.accesses >= stride_.load(std::memory_order_relaxed)) {  // see above
      slot.accesses = 0;
      tick = advance();
    }
    const std::uint32_t count = key.count.load(std::memory_order_relaxed);  // see above
    // The second access is always noted: it tells what is used again from what is not.
    if (!counts_all_ && count > 1 && key.tick.load(std::memory_order_relaxed) == tick) return;  // see above
    key.tick.store(tick, std::memory_order_relaxed);                                            // see above
    if (count == 1) slot.counters.first_hits.add(1);
    if (count < k_exact) {
      key.count.store(count + 1, std::memory_order_relaxed);  // see above; one of two at once may be lost
    } else if (count < k_most && next_random(slot) % k_step == 0) {
      key.count.store(count + k_step, std::memory_order_relaxed);  // see above
    }
  }

  std::uint32_t now() const noexcept { return tick_.load(std::memory_order_relaxed); }  // see above
  // How many keys there are.
  void set_keys(std::size_t keys) noexcept {
    const auto stride = static_cast<std::uint32_t>(std::clamp<std::size_t>(keys / 256, 1, std::size_t{1} << 20));
    if (stride_.load(std::memory_order_relaxed) != stride)
      stride_.store(stride, std::memory_order_relaxed);  // see above
  }

  // The latest that something marked with this tick can have been.
  Clock::time_point time_of(std::uint32_t tick) const noexcept {
    const std::uint32_t now_tick = now();
    if (tick == now_tick) return clock_.now();
    const std::uint32_t known = now_tick - tick < k_ends ? tick : now_tick - (k_ends - 1);
    const std::chrono::microseconds at(ends_[known % k_ends].load(std::memory_order_relaxed));  // see above
    return Clock::time_point(std::chrono::duration_cast<Clock::time_point::duration>(at));
  }

 private:
  static constexpr std::uint32_t k_ends = 512;
  // Counts above this go up by k_step with a probability of 1 / k_step: keys that are used that often are not written
  // each time (Morris 1978).
  static constexpr std::uint32_t k_exact = 1024, k_step = 64, k_most = std::uint32_t{1} << 30;

  std::uint32_t advance() noexcept {
    const std::uint32_t ended = tick_.fetch_add(1, std::memory_order_relaxed);          // see above
    ends_[ended % k_ends].store(as_deadline(clock_.now()), std::memory_order_relaxed);  // see above
    return ended + 1;
  }
  static std::uint64_t next_random(EpochDomain::Slot& slot) noexcept {
    std::uint64_t& state = slot.random;  // xorshift64 (Marsaglia 2003)
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state >> 32;
  }

  const Clock& clock_;
  const bool counts_all_;
  alignas(64) std::atomic<std::uint32_t> tick_{1};
  std::atomic<std::uint32_t> stride_{1};
  std::array<std::atomic<Deadline>, k_ends> ends_{};
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// When keys were used last, and how often, as far as eviction has to know. · layer: upkeep
//
// Time is counted in ticks, each so many accesses long that there are about 256 to one turn-over of the keys (as the
// generations of Linux's MGLRU, Yu Zhao 2022): an access a few ticks after the one before has nothing to write, so keys
// that are read by many threads at once stay shared in their caches. Where there are few keys each access is a tick of
// its own, and the order exact.
// Thread safety: all calls; touch by the slot's holder. All accesses are relaxed: marks and counts order nothing.
#pragma once

#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/detail/platform/deadline.hpp>
#include <fluxmap/detail/platform/random.hpp>

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

  // An access word: the tick of the last access, 20 bits, which may wrap; and the accesses since the key came in, 12
  // bits: exact up to k_exact, then in steps of k_step.
  static std::uint32_t tick_of(std::uint32_t word) noexcept { return word >> k_count_bits; }
  static std::uint32_t count_of(std::uint32_t word) noexcept {
    const std::uint32_t code = word & k_codes;
    return code <= k_exact ? code : k_exact + (code - k_exact) * k_step;
  }
  static std::uint32_t word_of(std::uint32_t tick, std::uint32_t code) noexcept { return tick << k_count_bits | code; }
  // Ticks as they are in words: how much later `a` is than `b`.
  static std::int32_t later(std::uint32_t a, std::uint32_t b) noexcept {
    return static_cast<std::int32_t>((a - b) << k_count_bits) >> k_count_bits;
  }

  void touch(EpochDomain::Slot& slot, Atomic<std::uint32_t>& access) noexcept {
    std::uint32_t tick = now();
    if (++slot.accesses >= stride_.load(std::memory_order_relaxed)) {  // see above
      slot.accesses = 0;
      tick = advance();
    }
    const std::uint32_t word = access.load(std::memory_order_relaxed);  // see above
    std::uint32_t code = word & k_codes;
    // The second access is always noted: it tells what is used again from what is not.
    if (!counts_all_ && code > 1 && later(tick, tick_of(word)) <= blur_.load(std::memory_order_relaxed)) return;
    if (code == 1) slot.counters.first_hits.add(1);
    // Keys that are used very often do not count each time (Morris 1978).
    if (code < k_exact || (code < k_codes && (next_random(slot.random) >> 32) % k_step == 0)) ++code;
    const std::uint32_t next = word_of(tick, code);
    if (next != word) access.store(next, std::memory_order_relaxed);  // see above; one of two at once may be lost
  }

  std::uint32_t now() const noexcept { return tick_.load(std::memory_order_relaxed); }  // see above
  // How many keys there are.
  void set_keys(std::size_t keys) noexcept {
    const auto stride = static_cast<std::uint32_t>(std::clamp<std::size_t>(keys / 256, 1, std::size_t{1} << 20));
    if (stride_.load(std::memory_order_relaxed) == stride) return;     // see above
    stride_.store(stride, std::memory_order_relaxed);                  // see above
    blur_.store(stride > 16 ? k_blur : 0, std::memory_order_relaxed);  // see above
  }

  // The latest that something marked with this tick can have been.
  Clock::time_point time_of(std::uint32_t tick) const noexcept {
    const std::uint32_t now_tick = now();
    const std::int32_t age = later(now_tick, tick);
    if (age == 0) return clock_.now();
    const std::uint32_t known = now_tick - std::min<std::uint32_t>(static_cast<std::uint32_t>(age), k_ends - 1);
    return as_time(ends_[known % k_ends].load(std::memory_order_relaxed));  // see above
  }

 private:
  static constexpr std::uint32_t k_ends = 512;
  static constexpr std::int32_t k_blur = 8;  // 1/32 of a turn-over: what lies closer together may as well be one access
  static constexpr unsigned k_count_bits = 12;
  static constexpr std::uint32_t k_codes = (1U << k_count_bits) - 1, k_exact = 1024, k_step = 64;

  std::uint32_t advance() noexcept {
    const std::uint32_t ended = tick_.fetch_add(1, std::memory_order_relaxed);          // see above
    ends_[ended % k_ends].store(as_deadline(clock_.now()), std::memory_order_relaxed);  // see above
    return ended + 1;
  }

  const Clock& clock_;
  const bool counts_all_;
  alignas(64) Atomic<std::uint32_t> tick_{1};
  Atomic<std::uint32_t> stride_{1};
  Atomic<std::int32_t> blur_{0};  // ticks within which an access has nothing to write
  std::array<Atomic<Deadline>, k_ends> ends_{};
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

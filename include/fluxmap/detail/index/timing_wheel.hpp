// A hierarchical timing wheel (Varghese and Lauck 1987): what is due, in O(1) for each timer, however many wait.
// · layer: index
//
// Five wheels of 64 lists; a tick is 1024 microseconds, and each wheel's lists cover 64 times as long as those of the
// one below. A timer goes into the finest wheel that reaches its deadline, and moves down when its list's time comes;
// one beyond the last wheel (12 days) waits in its farthest list and is put there again. Ticks are counted from the
// least deadline there is, so deadlines before 1970 are like any others.
// A clock that is set back takes all timers with it: they are put in anew, as those whose list's time has come.
// Lists whose time has come are spliced away whole and then worked off a few timers at a time, so that the lock is
// never held for long.
// Thread safety: all calls.
#pragma once

#include <fluxmap/detail/platform/deadline.hpp>
#include <fluxmap/detail/platform/mutex.hpp>

#include <boost/intrusive/list.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Part of what expires. Links itself into a wheel, and out of it. The links are guarded by the wheel's lock.
struct Timer : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  explicit Timer(Deadline deadline) noexcept : at(deadline) {}

  const Deadline at;
  void* entry = nullptr;  // what it belongs to, from when it is added
};

class TimingWheel {
 public:
  TimingWheel() = default;
  TimingWheel(const TimingWheel&) = delete;
  TimingWheel& operator=(const TimingWheel&) = delete;
  ~TimingWheel() = default;  // lets go of the timers that wait: they must be there still

  // Where time begins; before the first timer is added.
  void start(Deadline now) noexcept {
    const std::lock_guard lock(mutex_);
    tick_ = tick_of(now);
  }

  // True if this timer is due before all that were waiting: whoever sleeps should be woken.
  bool add(Timer& timer, void* entry) noexcept {
    timer.entry = entry;
    const std::lock_guard lock(mutex_);
    place(timer);
    ++waiting_;
    const bool first = timer.at < next_;
    next_ = std::min(next_, timer.at);
    return first;
  }
  // Takes a timer out that may have been taken out, or never added.
  void remove(Timer& timer) noexcept {
    const std::lock_guard lock(mutex_);
    if (!timer.is_linked()) return;
    timer.unlink();
    --waiting_;
  }

  // Moves time on, and takes up to `out.size()` timers that are due. Looks at a few times as many at most; `more` is
  // set if it has to be called again.
  std::size_t take_due(Deadline now, std::span<Timer*> out, bool& more) noexcept {
    const std::lock_guard lock(mutex_);
    // Not before the last turn is worked off: what was put back since, due later in this tick, would come round for
    // ever.
    if (come_.empty()) turn_to(tick_of(now));
    std::size_t taken = 0;
    for (std::size_t looked = 0; !come_.empty() && taken < out.size() && looked < 4 * out.size(); ++looked) {
      Timer& timer = come_.front();
      come_.pop_front();
      if (timer.at <= now) {
        out[taken++] = &timer;
        --waiting_;
      } else {
        place(timer);
      }
    }
    more = !come_.empty() || tick_ < tick_of(now);
    next_ = more ? now : earliest();
    return taken;
  }

  static constexpr Deadline k_tick = 1024;  // microseconds

  // No timer is due before this, and the first one is due at most a tick after it, or has to be moved into a finer
  // wheel then; k_no_deadline: none waits.
  Deadline next() const noexcept {
    const std::lock_guard lock(mutex_);
    return next_;
  }
  std::size_t waiting() const noexcept {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }

 private:
  using List = boost::intrusive::list<Timer, boost::intrusive::constant_time_size<false>>;
  static constexpr unsigned k_tick_bits = 10, k_list_bits = 6;
  static_assert(k_tick == Deadline{1} << k_tick_bits);
  static constexpr std::uint64_t k_lists = 1U << k_list_bits;
  struct Wheel {
    std::array<List, k_lists> lists;
    std::uint64_t used = 0;  // lists that may hold timers, one bit each
  };

  static constexpr std::uint64_t k_first = std::uint64_t{1} << 63;  // turns the order of signed numbers into theirs
  static constexpr std::uint64_t k_last_tick = ~std::uint64_t{0} >> k_tick_bits;
  // Whoever asks the clock has to wait for the lock then; so a little earlier than before is no sign that it was set.
  // What was put in since, due before the present tick, stands in that tick's list.
  static constexpr std::uint64_t k_jitter = k_lists;  // ticks

  static constexpr std::uint64_t tick_of(Deadline at) noexcept {
    return (static_cast<std::uint64_t>(at) ^ k_first) >> k_tick_bits;
  }
  static constexpr Deadline beginning_of(std::uint64_t tick) noexcept {
    return static_cast<Deadline>((tick << k_tick_bits) ^ k_first);
  }

  void place(Timer& timer) noexcept {
    const std::uint64_t at = std::max(tick_of(timer.at), tick_);
    for (unsigned level = 0;; ++level) {
      const unsigned shift = level * k_list_bits;
      const std::uint64_t distance = (at >> shift) - (tick_ >> shift);
      if (distance >= k_lists && level + 1 < wheels_.size()) continue;
      const std::uint64_t list = ((tick_ >> shift) + std::min(distance, k_lists - 1)) % k_lists;
      wheels_[level].lists[list].push_back(timer);
      wheels_[level].used |= std::uint64_t{1} << list;
      return;
    }
  }

  // Splices away every list whose time has begun, in all wheels; all lists, where the clock was set back.
  void turn_to(std::uint64_t tick) noexcept {
    const bool back = tick < tick_ && tick_ - tick > k_jitter;
    if (!back) tick = std::max(tick, tick_);
    for (unsigned level = 0; level < wheels_.size(); ++level) {
      Wheel& wheel = wheels_[level];
      const unsigned shift = level * k_list_bits;
      const std::uint64_t from = tick_ >> shift;
      const std::uint64_t lists = back ? k_lists : std::min((tick >> shift) - from + 1, k_lists);
      for (std::uint64_t i = 0; i < lists && wheel.used != 0; ++i) {
        const std::uint64_t list = (from + i) % k_lists;
        const std::uint64_t bit = std::uint64_t{1} << list;
        if ((wheel.used & bit) == 0) continue;
        wheel.used &= ~bit;
        come_.splice(come_.end(), wheel.lists[list]);
      }
    }
    tick_ = tick;
  }

  // When the first list in use begins.
  Deadline earliest() const noexcept {
    std::uint64_t first = ~std::uint64_t{0};
    for (unsigned level = 0; level < wheels_.size(); ++level) {
      const std::uint64_t used = wheels_[level].used;
      if (used == 0) continue;
      const unsigned shift = level * k_list_bits;
      const std::uint64_t here = tick_ >> shift;
      const auto ahead =
          static_cast<std::uint64_t>(std::countr_zero(std::rotr(used, static_cast<int>(here % k_lists))));
      first = std::min(first, std::max((here + ahead) << shift, tick_));
    }
    if (first == ~std::uint64_t{0}) return k_no_deadline;
    return first <= k_last_tick ? beginning_of(first) : k_no_deadline - 1;
  }

  mutable Mutex mutex_;
  std::array<Wheel, 5> wheels_;
  List come_;  // timers whose list's time has come
  std::uint64_t tick_ = tick_of(0);
  std::size_t waiting_ = 0;
  Deadline next_ = k_no_deadline;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

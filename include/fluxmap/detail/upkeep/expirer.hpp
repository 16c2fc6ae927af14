// The thread that expiry runs on, and that finishes what expiry and eviction have begun. · layer: upkeep
#pragma once

#include <fluxmap/detail/index/timing_wheel.hpp>
#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/detail/platform/deadline.hpp>
#include <fluxmap/detail/platform/thread.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Calls expire() whenever a timer of the wheel is due, until it returns false; and finish() some time after
// finish_later() or finish_when_quiet(), until it returns true: the tombstones of what has expired or was evicted are
// nobody else's to free, if nothing is written any more. Both may throw, and are called again a little later then. With
// a clock that can be set no wait for a deadline can be relied on, so it is looked at now and then. Thread-safe, but
// for stop().
class Expirer {
 public:
  Expirer(const TimingWheel& timers, const Clock& clock, std::function<bool()> expire, std::function<bool()> finish)
      : timers_(timers), clock_(clock), expire_(std::move(expire)), finish_(std::move(finish)) {}
  Expirer(const Expirer&) = delete;
  Expirer& operator=(const Expirer&) = delete;
  ~Expirer() { stop(); }

  // Makes sure that the thread runs: before the first timer is added. Throws std::system_error.
  void start() {
    if (started_.load(std::memory_order_relaxed)) return;  // spares the lock; the thread is not spoken to here
    const std::lock_guard lock(mutex_);
    if (stopping_ || thread_.joinable() || !thread_.is_here()) return;
    thread_ = Thread::start([this] { run(); });
    started_.store(true, std::memory_order_relaxed);  // as above
  }
  // The first deadline has changed.
  void wake() noexcept {
    {
      const std::lock_guard lock(mutex_);
      woken_ = true;
    }
    wake_.notify_all();
  }
  // Something has expired. Cheap: a load, but for the first time after a finish().
  void finish_later() noexcept {
    // Relaxed, all of `unfinished_`: it orders nothing; what is to be freed is on the work lists.
    if (unfinished_.load(std::memory_order_relaxed)) return;
    unfinished_.store(true, std::memory_order_relaxed);
    wake();
  }
  // Something was evicted. Those who evict clean up behind themselves: it waits, a while, until they have stopped.
  void finish_when_quiet() noexcept {
    // Relaxed: it orders nothing, either.
    if (!disturbed_.load(std::memory_order_relaxed)) disturbed_.store(true, std::memory_order_relaxed);
    finish_later();
  }
  void request_stop() noexcept {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
  }
  // Ends the thread. By one thread at a time.
  void stop() noexcept {
    request_stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  using SteadyClock = std::chrono::steady_clock;
  static constexpr std::uint64_t k_longest = 100'000;  // microseconds of sleep while something is awaited
  // Between two calls of finish(): so that many small portions are freed together, and for as long as snapshots hold
  // all of it.
  static constexpr std::chrono::milliseconds k_shortest_pause{100}, k_longest_pause{1000};
  static constexpr int k_most_postponed = 100;  // times in a row
  static constexpr int k_share = 20;            // of the time goes to finish() at most: a twentieth

  void run() noexcept {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      woken_ = false;
      lock.unlock();
      bool more = false;
      try {
        more = expire_();
      } catch (...) {  // the log has failed, or a comparator or the memory: reads still see no expired value
      }
      if (!more) finish_if_due();
      const Deadline next = timers_.next();
      const Deadline now = as_deadline(clock_.now());
      lock.lock();
      if (more) continue;
      const auto ready = [this] { return stopping_ || woken_; };
      const bool unfinished = unfinished_.load(std::memory_order_relaxed);  // see finish_later
      if (next == k_no_deadline && !unfinished) {
        wake_.wait(lock, ready);
      } else {
        // As numbers without a sign: the two may be farther apart than the signed ones reach.
        const std::uint64_t left =
            next > now ? static_cast<std::uint64_t>(next) - static_cast<std::uint64_t>(now) : std::uint64_t{0};
        // Until the end of the tick: what is due in it is taken at once.
        wake_.wait_for(lock, std::chrono::microseconds(std::min(left, k_longest) + TimingWheel::k_tick), ready);
      }
    }
  }

  void finish_if_due() noexcept {
    if (!unfinished_.load(std::memory_order_relaxed)) return;  // see finish_later
    const auto started = SteadyClock::now();
    if (started < next_finish_) return;
    if (disturbed_.exchange(false, std::memory_order_relaxed) && ++postponed_ < k_most_postponed) {  // as unfinished_
      next_finish_ = started + k_shortest_pause;
      return;
    }
    postponed_ = 0;
    unfinished_.store(false, std::memory_order_relaxed);  // before it begins: what comes meanwhile counts anew
    bool finished = false;
    try {
      finished = finish_();
    } catch (...) {  // a comparator or the memory: what was not done is left for the next time
    }
    const auto ended = SteadyClock::now();
    if (!finished) unfinished_.store(true, std::memory_order_relaxed);  // see finish_later
    pause_ = finished ? k_shortest_pause : std::min(2 * pause_, k_longest_pause);
    next_finish_ = ended + std::max<SteadyClock::duration>(pause_, (k_share - 1) * (ended - started));
  }

  const TimingWheel& timers_;
  const Clock& clock_;
  const std::function<bool()> expire_, finish_;
  Atomic<bool> started_{false};
  Atomic<bool> unfinished_{false};  // finish() is to be called,
  Atomic<bool> disturbed_{false};   //   and may wait: there were evictions since it was last due
  int postponed_ = 0;               // of the thread's own, as the next two
  std::chrono::milliseconds pause_ = k_shortest_pause;
  SteadyClock::time_point next_finish_{};  // not before
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false, stopping_ = false;  // guarded by mutex_
  Thread thread_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

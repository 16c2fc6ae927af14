// The thread that expiry runs on. · layer: upkeep
#pragma once

#include <fluxmap/detail/index/timing_wheel.hpp>
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

// Calls work() whenever a timer of the wheel is due, until it returns false. `work` may throw, and is called again a
// little later then. With a clock that can be set no wait for a deadline can be relied on, so it is looked at now and
// then. Thread-safe, but for stop().
class Expirer {
 public:
  Expirer(const TimingWheel& timers, const Clock& clock, std::function<bool()> work)
      : timers_(timers), clock_(clock), work_(std::move(work)) {}
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
  static constexpr std::uint64_t k_longest = 100'000;  // microseconds of sleep while a deadline is awaited

  void run() noexcept {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      woken_ = false;
      lock.unlock();
      bool more = false;
      try {
        more = work_();
      } catch (...) {  // the log has failed, or a comparator or the memory: reads still see no expired value
      }
      const Deadline next = timers_.next();
      const Deadline now = as_deadline(clock_.now());
      lock.lock();
      if (more) continue;
      const auto ready = [this] { return stopping_ || woken_; };
      if (next == k_no_deadline) {
        wake_.wait(lock, ready);
      } else {
        // As numbers without a sign: the two may be farther apart than the signed ones reach.
        const std::uint64_t left =
            next > now ? static_cast<std::uint64_t>(next) - static_cast<std::uint64_t>(now) : std::uint64_t{0};
        wake_.wait_for(lock, std::chrono::microseconds(std::min(left, k_longest - 1000) + 1000), ready);
      }
    }
  }

  const TimingWheel& timers_;
  const Clock& clock_;
  const std::function<bool()> work_;
  std::atomic<bool> started_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false, stopping_ = false;  // guarded by mutex_
  Thread thread_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

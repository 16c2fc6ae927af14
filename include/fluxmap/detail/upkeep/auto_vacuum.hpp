// The thread that runs vacuum at intervals. · layer: upkeep
#pragma once

#include <fluxmap/detail/platform/deadline.hpp>
#include <fluxmap/detail/platform/thread.hpp>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Calls work(is_stopping) once per interval, on a thread of its own, until destroyed. `work` must not throw, and should
// return soon after is_stopping() has become true.
class AutoVacuum {
 public:
  AutoVacuum(std::chrono::milliseconds interval, std::function<void(const std::function<bool()>&)> work)
      : interval_(interval), work_(std::move(work)), thread_(Thread::start([this] { loop(); })) {}
  AutoVacuum(const AutoVacuum&) = delete;
  AutoVacuum& operator=(const AutoVacuum&) = delete;
  ~AutoVacuum() { stop(); }

  // Asks the thread to end, without waiting for it.
  void request_stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
  }
  // Ends the thread. May be called more than once, by one thread at a time.
  void stop() {
    request_stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void loop() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_until(lock, steady_after(interval_), [this] { return stopping_; })) {
      lock.unlock();
      work_([this] {
        const std::lock_guard again(mutex_);
        return stopping_;
      });
      lock.lock();
    }
  }

  const std::chrono::milliseconds interval_;
  const std::function<void(const std::function<bool()>&)> work_;  // work(is_stopping)
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  Thread thread_;          // last: it uses all of the above
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

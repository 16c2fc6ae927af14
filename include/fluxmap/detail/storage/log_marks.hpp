// How far the log has come, and who waits for how much of it. · layer: storage
//
// A waiter adds itself and then looks at the mark; whoever moves the mark looks for waiters afterwards. Both pairs are
// seq_cst [G2], so one of the two sees the other, and a mark that nobody waits for is moved without a lock.
// Thread safety: all calls.
#pragma once

#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/detail/platform/mutex.hpp>
#include <fluxmap/detail/storage/log_waiter.hpp>

#include <boost/system/error_code.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

namespace fluxmap::inline FLUXMAP_ABI::detail {

enum class LogMark : std::size_t {
  written,  // with the operating system
  durable,  // on the disk
};

class LogMarks {
 public:
  using error_code = boost::system::error_code;

  explicit LogMarks(Cts start) noexcept : marks_{start, start} {}
  LogMarks(const LogMarks&) = delete;
  LogMarks& operator=(const LogMarks&) = delete;

  Cts get(LogMark mark) const noexcept { return marks_[at(mark)].load(std::memory_order_seq_cst); }    // [G2]
  void move(LogMark mark, Cts to) noexcept { marks_[at(mark)].store(to, std::memory_order_seq_cst); }  // [G2]

  // Wakes `waiter` once the mark has reached its target; at once, with the reason, if it never will.
  void wait(LogMark mark, LogWaiter& waiter) noexcept {
    error_code result;
    {
      const std::lock_guard lock(mutex_);
      waiting_.fetch_add(1, std::memory_order_seq_cst);  // [G2] before the look at the mark
      const bool reached = get(mark) >= waiter.target();
      if (!reached && !over_) {
        lists_[at(mark)].add(waiter);
        return;
      }
      waiting_.fetch_sub(1, std::memory_order_relaxed);  // it was never there
      if (!reached) result = *over_;
    }
    waiter.wake(result);
  }

  // After a mark was moved.
  void wake_reached() noexcept {
    if (waiting_.load(std::memory_order_seq_cst) == 0) return;  // [G2]
    WaitList reached;
    {
      const std::lock_guard lock(mutex_);
      for (const LogMark mark : {LogMark::written, LogMark::durable}) lists_[at(mark)].take(get(mark), reached);
      count_out(reached);
    }
    reached.wake_all({});
  }

  // No mark moves any more: wakes everybody, those who come later too. The first reason stays.
  void end(error_code reason) noexcept {
    WaitList left;
    {
      const std::lock_guard lock(mutex_);
      if (!over_) over_ = reason;
      for (WaitList& list : lists_) list.take(WaitList::k_everybody, left);
      count_out(left);
      reason = *over_;
    }
    left.wake_all(reason);
  }

 private:
  static constexpr std::size_t at(LogMark mark) noexcept { return static_cast<std::size_t>(mark); }

  void count_out(const WaitList& taken) noexcept {
    waiting_.fetch_sub(static_cast<std::int64_t>(taken.size()), std::memory_order_relaxed);  // inside mutex_
  }

  std::array<Atomic<Cts>, 2> marks_;
  Atomic<std::int64_t> waiting_{0};  // waiters in the lists
  Mutex mutex_;                      // guards the rest
  std::array<WaitList, 2> lists_;
  std::optional<error_code> over_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

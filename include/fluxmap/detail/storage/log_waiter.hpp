// Who waits for the log, and for how much of it. · layer: storage
#pragma once

#include <fluxmap/detail/index/snapshot_registry.hpp>

#include <boost/intrusive/set.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <limits>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Waits for everything up to `target`. Once it was handed to the log, wake() is called exactly once, by any thread; it
// must be short and must not call the log.
class LogWaiter : public boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::safe_link>> {
 public:
  explicit LogWaiter(Cts target) noexcept : target_(target) {}
  LogWaiter(const LogWaiter&) = delete;
  LogWaiter& operator=(const LogWaiter&) = delete;
  virtual ~LogWaiter() = default;

  Cts target() const noexcept { return target_; }
  virtual void wake(boost::system::error_code result) noexcept = 0;

 private:
  const Cts target_;
};

// The waiters for one mark, by target. Not thread-safe. O(log n).
class WaitList {
  struct ByTarget {
    using type = Cts;
    Cts operator()(const LogWaiter& waiter) const noexcept { return waiter.target(); }
  };
  using Set = boost::intrusive::multiset<LogWaiter, boost::intrusive::key_of_value<ByTarget>>;

 public:
  static constexpr Cts k_everybody = std::numeric_limits<Cts>::max();

  void add(LogWaiter& waiter) noexcept { set_.insert(waiter); }
  bool empty() const noexcept { return set_.empty(); }
  std::size_t size() const noexcept { return set_.size(); }

  // Moves those with a target up to `mark` to `out`.
  void take(Cts mark, WaitList& out) noexcept {
    while (!set_.empty() && set_.begin()->target() <= mark) {
      LogWaiter& waiter = *set_.begin();
      set_.erase(set_.begin());
      out.set_.insert(out.set_.end(), waiter);
    }
  }
  void wake_all(boost::system::error_code result) noexcept {
    while (!set_.empty()) {
      LogWaiter& waiter = *set_.begin();
      set_.erase(set_.begin());
      waiter.wake(result);
    }
  }

 private:
  Set set_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

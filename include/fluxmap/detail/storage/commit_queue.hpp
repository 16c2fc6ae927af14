// The commits on their way to the log. Committers push them; the log takes them over by timestamp. · layer: storage
#pragma once

#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/detail/storage/logged_commit.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// The order of the commits, as the log needs it.
class CommitOrder {
 public:
  CommitOrder() = default;
  CommitOrder(const CommitOrder&) = delete;
  CommitOrder& operator=(const CommitOrder&) = delete;
  virtual ~CommitOrder() = default;

  virtual Cts decided() const noexcept = 0;        // a seq_cst load
  virtual void set_durable(Cts cts) noexcept = 0;  // readers may see up to it from now on
};

// The commits pushed and not taken yet: a stack, emptied as a whole.
class LoggedCommitStack {
 public:
  LoggedCommitStack() = default;
  LoggedCommitStack(const LoggedCommitStack&) = delete;
  LoggedCommitStack& operator=(const LoggedCommitStack&) = delete;

  void push(LoggedCommit& commit) noexcept {
    commit.owners.store(2, std::memory_order_relaxed);            // private still; published with the push
    LoggedCommit* first = head_.load(std::memory_order_relaxed);  // checked by the CAS
    do {
      commit.next = first;
      // [G1] release: the commit's content; pairs with take(). No ABA: only take() removes, and it takes everything.
    } while (!head_.compare_exchange_weak(first, &commit, std::memory_order_release, std::memory_order_relaxed));
  }
  // All of them, the one pushed last first; follow `next`.
  LoggedCommit* take() noexcept { return head_.exchange(nullptr, std::memory_order_acquire); }  // [G1]

 private:
  alignas(128) Atomic<LoggedCommit*> head_{nullptr};
};

// Thread safety: push by all threads; the rest by one at a time.
class CommitQueue {
 public:
  CommitQueue() = default;
  CommitQueue(const CommitQueue&) = delete;
  CommitQueue& operator=(const CommitQueue&) = delete;
  ~CommitQueue() {
    for (LoggedCommit* commit = stack_.take(); commit != nullptr;) delete std::exchange(commit, commit->next);
    for (LoggedCommit* commit : pending_) delete commit;
  }

  static Cts cts_of(const LoggedCommit& commit) noexcept {
    return commit.cts.load(std::memory_order_relaxed);  // stored before the push
  }

  void push(LoggedCommit& commit) noexcept { stack_.push(commit); }

  // Takes over what was pushed. Throws std::bad_alloc, having done nothing.
  void collect() {
    const std::size_t before = pending_.size();
    LoggedCommit* commit = stack_.take();
    std::size_t count = 0;
    for (const LoggedCommit* at = commit; at != nullptr; at = at->next) ++count;
    try {
      pending_.reserve(before + count);
    } catch (...) {
      while (commit != nullptr) {  // back where they were
        LoggedCommit* const next = commit->next;
        stack_.push(*commit);
        commit = next;
      }
      throw;
    }
    for (; commit != nullptr; commit = commit->next) pending_.push_back(commit);
    const auto by_cts = [](const LoggedCommit* a, const LoggedCommit* b) { return cts_of(*a) < cts_of(*b); };
    const auto middle = pending_.begin() + static_cast<std::ptrdiff_t>(before);
    std::reverse(middle, pending_.end());  // nearly in order now
    if (!std::is_sorted(pending_.begin(), pending_.end(), by_cts)) {
      std::sort(pending_.begin(), pending_.end(), by_cts);
    }
  }
  // Collected and not dropped, ascending by timestamp.
  const std::vector<LoggedCommit*>& pending() const noexcept { return pending_; }
  // The first ones are somebody else's from now on.
  void drop_front(std::size_t count) noexcept {
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(count));
  }

 private:
  LoggedCommitStack stack_;
  std::vector<LoggedCommit*> pending_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

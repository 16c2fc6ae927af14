// What a database with a memory limit does around its commits, as the rest of the engine sees it. · layer: txn
#pragma once

#include <fluxmap/detail/index/entry.hpp>
#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/index/snapshot_registry.hpp>
#include <fluxmap/detail/upkeep/access_clock.hpp>
#include <fluxmap/detail/upkeep/reclaim.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class Key, class Value>
struct Write;

// What the limit is told of a commit.
struct LimitedCommit {
  Cts cts = 0;             // none of its keys is evicted for it; 0: there was no commit
  std::size_t writes = 0;  // keys
  bool listed = false;     // its thread has a work list,
  bool held_up = false;    //   and just now found nothing to be freed there: maybe for the commit's own snapshot
};
inline constexpr unsigned k_just_failed = 32;  // EpochDomain::Slot::patience then: so many commits until the next try

// Thread safety: all calls.
template <class Key, class Value>
class MemoryLimiter : public LeavingObserver<Key, Value> {
 public:
  using EntryType = Entry<Key, Value>;

  explicit MemoryLimiter(const Clock& clock, bool counts_all) : accesses(clock, counts_all) {}
  virtual ~MemoryLimiter() = default;

  // Before a commit: throws errc::memory_limit where it cannot be allowed. What it may bring in is set aside where
  // nothing is evicted: the bytes, to be given back by release() when the commit is through.
  virtual std::int64_t check(std::span<Write<Key, Value>* const> writes) = 0;
  virtual void release(std::int64_t bytes) noexcept = 0;
  // A key has become live, or is about to. Before its version is stamped, so before the entry can be closed.
  virtual void add(EntryType& entry) noexcept = 0;
  // Frees some of what the guard's thread has left behind, where there is too much of it.
  virtual void work_off(EpochGuard& guard) noexcept = 0;
  // What the slot's counters say is live has changed. By its holder, before keep_limit.
  virtual void settle(EpochDomain::Slot& slot) noexcept = 0;
  // After a commit, outside of any guard and when its snapshot is gone: evicts what is too much, but nothing that the
  // commit has brought in, and frees what it has left behind.
  virtual void keep_limit(const LimitedCommit& commit) noexcept = 0;

  // What is remembered of keys that are gone.
  virtual std::size_t policy_bytes() const noexcept = 0;

  AccessClock accesses;
};

// The limit around one commit: kept when this goes out of scope. Declare it before the guard of the commit.
template <class Key, class Value>
class KeepLimit {
 public:
  explicit KeepLimit(MemoryLimiter<Key, Value>* limiter) noexcept : limiter_(limiter) {}  // null: there is no limit
  KeepLimit(const KeepLimit&) = delete;
  KeepLimit& operator=(const KeepLimit&) = delete;
  ~KeepLimit() {
    if (limiter_ == nullptr) return;
    release();
    if (commit_.cts != 0) limiter_->keep_limit(commit_);
  }

  // See MemoryLimiter::check; before each attempt.
  void check(std::span<Write<Key, Value>* const> writes) {
    if (limiter_ == nullptr) return;
    release();
    set_aside_ = limiter_->check(writes);
  }
  // The commit is decided; inside its guard.
  void committed(EpochGuard& guard, Cts cts, std::size_t writes) noexcept {
    if (limiter_ == nullptr) return;
    commit_ = {cts, writes, !guard.slot().work.empty(), guard.slot().patience == k_just_failed};
  }

 private:
  void release() noexcept {
    if (set_aside_ != 0) limiter_->release(std::exchange(set_aside_, 0));
  }

  MemoryLimiter<Key, Value>* const limiter_;
  std::int64_t set_aside_ = 0;
  LimitedCommit commit_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

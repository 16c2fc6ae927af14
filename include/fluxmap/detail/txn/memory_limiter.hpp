// What a database with a memory limit does around its commits, as the rest of the engine sees it. · layer: txn
#pragma once

#include <fluxmap/detail/index/entry.hpp>
#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/upkeep/access_clock.hpp>
#include <fluxmap/detail/upkeep/reclaim.hpp>

#include <cstddef>
#include <span>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class Key, class Value>
struct Write;

// Thread safety: all calls.
template <class Key, class Value>
class MemoryLimiter : public LeavingObserver<Key, Value> {
 public:
  using EntryType = Entry<Key, Value>;

  explicit MemoryLimiter(const Clock& clock, bool counts_all) : accesses(clock, counts_all) {}
  virtual ~MemoryLimiter() = default;

  // Before a commit: throws errc::memory_limit where it cannot be allowed.
  virtual void check(std::span<Write<Key, Value>* const> writes) = 0;
  // A key has become live, or is about to. Before its version is stamped, so before the entry can be closed.
  virtual void add(EntryType& entry) noexcept = 0;
  // Frees some of what the guard's thread has left behind, where there is too much of it.
  virtual void work_off(EpochGuard& guard) noexcept = 0;
  // What the slot's counters say is live has changed. By its holder, before keep_limit.
  virtual void settle(EpochDomain::Slot& slot) noexcept = 0;
  // After a commit, outside of any guard: evicts what is too much.
  virtual void keep_limit() noexcept = 0;

  // What is remembered of keys that are gone.
  virtual std::size_t policy_bytes() const noexcept = 0;

  AccessClock accesses;
};

// Keeps the limit when it goes out of scope, if it is due. Declare it before the guard of the commit.
template <class Key, class Value>
struct KeepLimit {
  MemoryLimiter<Key, Value>* limiter;  // null: there is no limit
  bool due = true;
  ~KeepLimit() {
    if (due && limiter != nullptr) limiter->keep_limit();
  }
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

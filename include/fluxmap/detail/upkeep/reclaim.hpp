// What is done with one entry that commits have left something to be freed in. · layer: upkeep
//
// An entry leaves the index when nothing stands in its chain but a stamped tombstone, or nothing at all (an aborted
// insert): whatever a snapshot may see there, it sees none. Its chain is closed first: head -> closed() by CAS. After
// that no commit can land on it; whoever meets it helps to unlink it and looks again.
#pragma once

#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/index/prune.hpp>
#include <fluxmap/detail/index/skiplist.hpp>
#include <fluxmap/detail/index/snapshot_registry.hpp>
#include <fluxmap/detail/index/work_list.hpp>
#include <fluxmap/detail/platform/mark.hpp>
#include <fluxmap/stats.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Is told of every entry that leaves the index, while it is still good.
template <class Key, class Value>
class LeavingObserver {
 public:
  LeavingObserver() = default;
  LeavingObserver(const LeavingObserver&) = delete;
  LeavingObserver& operator=(const LeavingObserver&) = delete;

  virtual void forget(Entry<Key, Value>& entry) noexcept = 0;

 protected:
  ~LeavingObserver() = default;
};

// Thread safety: all calls, inside an epoch guard, by whoever holds the entry's token (see WorkList).
template <class Key, class Value, class Compare>
class Reclaimer {
 public:
  using EntryType = Entry<Key, Value>;
  using Index = SkipList<Key, Value, Compare>;
  using Observer = LeavingObserver<Key, Value>;

  Reclaimer(Index& index, TimingWheel& timers, Observer* observer) noexcept
      : index_(index), timers_(timers), observer_(observer) {}

  // Prunes the chain, looking at `limit` versions that stay at most, and takes the entry out of the index if it is
  // dead. True: something is left to be done, and the token is still the caller's. False: the token has been given
  // back, or is gone with the entry. Call guard.reserve(k_room) before, where what is retired must not be leaked for
  // want of memory.
  bool process(EpochGuard& guard, EntryType& entry, const SnapshotView& view, VacuumReport& report,
               std::size_t limit = std::numeric_limits<std::size_t>::max()) noexcept {
    const Pruned pruned = prune(guard, entry, view, timers_, limit);
    report.versions += pruned.versions;
    Version<Value>* head = entry.load_head();
    if (may_close(head)) {
      schedule_point(Point::vacuum_close);
      // acq_rel: closed after what made the chain dead; an inserter that reads closed() starts over. [P2] acquire where
      // it fails: what has been put on the chain meanwhile is looked at below.
      if (entry.head.compare_exchange_strong(head, EntryType::closed(), std::memory_order_acq_rel,
                                             std::memory_order_acquire)) {
        close(guard, entry, head, report);
        return false;  // the token is never given back: nobody can queue the entry again
      }
      reach(Mark::vacuum_lost_to_commit);
    }
    return pruned.rest || keeps_token(guard, entry, head);
  }
  static constexpr std::size_t k_room = 8;  // what process() retires, but for the versions of a long chain

 private:
  // Gives the token of an entry, whose head was just read, back if there is nothing to be done for it. False: given
  // back.
  static bool keeps_token(EpochGuard& guard, EntryType& entry, const Version<Value>* head) noexcept {
    if (is_dead_weight(head)) return true;
    WorkList<EntryType>::release_token(entry);
    schedule_point(Point::vacuum_released);
    // A commit that found the token taken while we were at it relies on us to look once more (see WorkList).
    if (is_dead_weight(entry.load_head()) && WorkList<EntryType>::acquire(entry)) {
      reach(Mark::vacuum_looked_again);
      WorkList<EntryType>::push(guard, entry);
    }
    return false;
  }

  // True if nobody can find a value in the chain, at whatever snapshot.
  static bool may_close(const Version<Value>* head) noexcept {
    if (head == nullptr) return true;  // an aborted insert; its creator's token came to us, so it is done with it
    if (head == EntryType::closed()) return false;
    const Stamp stamp = head->stamp();
    return !stamp.is_tagged() && stamp.is_tombstone() &&
           head->older.load(std::memory_order_acquire) == nullptr;  // [P7]
  }

  // True if there is something that may be freed later: a tombstone, an empty chain, more than one version, or a
  // pending version, which may be aborted yet and leave an empty chain.
  static bool is_dead_weight(const Version<Value>* head) noexcept {
    if (head == EntryType::closed()) return false;
    if (head == nullptr || head->stamp().is_tagged() || head->is_tombstone()) return true;
    return head->older.load(std::memory_order_acquire) != nullptr;  // [P7]
  }

  void close(EpochGuard& guard, EntryType& entry, Version<Value>* tombstone, VacuumReport& report) noexcept {
    schedule_point(Point::vacuum_closed);
    Counters& counters = guard.counters();
    std::size_t bytes = entry.bytes();
    if (observer_ != nullptr) observer_->forget(entry);
    if (tombstone != nullptr) {
      bytes += tombstone->bytes();
      ++report.versions;
      counters.versions.add(-1);
      counters.vacuumed_versions.add(1);
      retire_version<Key>(guard, *tombstone, timers_);
    } else {
      reach(Mark::vacuum_freed_empty);
    }
    ++report.entries;
    counters.bytes.add(-static_cast<std::int64_t>(bytes));
    counters.entries.add(-1);
    counters.vacuumed_entries.add(1);
    try {
      index_.unlink(guard, entry);
    } catch (...) {  // a comparator: the entry is marked, so whoever passes takes it out. It must not be queued again
    }
  }

  Index& index_;
  TimingWheel& timers_;
  Observer* const observer_;  // null: nobody
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

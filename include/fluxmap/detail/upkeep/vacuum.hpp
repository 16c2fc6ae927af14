// Vacuum: frees what committers could not free at once. · layer: upkeep
//
// Works off the lists of entries that commits have left (never a walk of the map), in steps of bounded length, so that
// whoever drives it can let others run in between.
//
// An entry leaves the index when its newest version is a stamped tombstone that every snapshot sees, or when its chain
// is empty (an aborted insert). Its chain is closed first: head -> closed() by CAS. After that no commit can land on
// it; whoever meets it helps to unlink it and looks again.
#pragma once

#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/index/prune.hpp>
#include <fluxmap/detail/index/skiplist.hpp>
#include <fluxmap/detail/index/snapshot_registry.hpp>
#include <fluxmap/detail/index/work_list.hpp>
#include <fluxmap/stats.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// One vacuum, driven by step(). Holds tokens of the entries it has taken: run it to its end or destroy it, which gives
// the rest back. Not thread-safe; any number of vacuums may run at once.
template <class Key, class Value, class Compare>
class Vacuum {
 public:
  using EntryType = Entry<Key, Value>;
  using Index = SkipList<Key, Value, Compare>;

  Vacuum(Index& index, EpochDomain& epochs, SnapshotRegistry& snapshots) noexcept
      : index_(index), epochs_(epochs), snapshots_(snapshots) {}
  Vacuum(const Vacuum&) = delete;
  Vacuum& operator=(const Vacuum&) = delete;
  ~Vacuum() {
    if (next_ == nullptr) return;
    EpochGuard guard(epochs_);
    while (next_ != nullptr) WorkList<EntryType>::push(guard, *pop());
  }

  // Takes all lists as they are now. `published` as of now.
  void start(Cts published) {
    snapshots_.refresh(view_, published);
    epochs_.for_each_slot([&](EpochDomain::Slot& slot) {
      EntryType* entry = WorkList<EntryType>::take(slot);
      while (entry != nullptr) {
        EntryType* const next = entry->work_next;
        entry->work_next = next_;
        next_ = entry;
        entry = next;
      }
    });
  }

  // Deals with up to `count` entries. False: there are none left, and what was retired has been freed as far as the
  // guards in use allow.
  bool step(std::size_t count, VacuumReport& report) {
    {
      EpochGuard guard(epochs_);
      for (; count > 0 && next_ != nullptr; --count) {
        guard.reserve(8);
        process(guard, *pop(), report);
      }
    }
    if (next_ != nullptr) return true;
    for (int round = 0; round < 3; ++round) epochs_.collect_idle();  // two advances make everything ripe
    return false;
  }

 private:
  EntryType* pop() noexcept { return std::exchange(next_, next_->work_next); }

  void process(EpochGuard& guard, EntryType& entry, VacuumReport& report) {
    const Pruned pruned = prune(guard, entry, view_);
    report.versions += pruned.versions;
    report.bytes += pruned.bytes;
    Version<Value>* head = entry.load_head();
    if (may_close(head)) {
      schedule_point(Point::vacuum_close);
      // acq_rel: closed after what made the chain dead; an inserter that reads closed() starts over.
      if (entry.head.compare_exchange_strong(head, EntryType::closed(), std::memory_order_acq_rel,
                                             std::memory_order_relaxed)) {
        close(guard, entry, head, report);
        return;  // the token is never given back: nobody can queue the entry again
      }
    }
    if (pruned.rest || is_dead_weight(entry)) {
      ++report.kept;
      WorkList<EntryType>::push(guard, entry);
      return;
    }
    WorkList<EntryType>::release_token(entry);
    schedule_point(Point::vacuum_released);
    // A commit that found the token taken while we were at it relies on us to look once more (see WorkList).
    if (is_dead_weight(entry) && WorkList<EntryType>::acquire(entry)) WorkList<EntryType>::push(guard, entry);
  }

  // True if the chain can be closed as far as this view knows.
  bool may_close(const Version<Value>* head) const noexcept {
    if (head == nullptr) return true;  // an aborted insert; its creator's token came to us, so it is done with it
    if (head == EntryType::closed()) return false;
    const Stamp stamp = head->stamp();
    return !stamp.is_tagged() && stamp.is_tombstone() && stamp.cts() <= view_.oldest() &&
           head->older.load(std::memory_order_acquire) == nullptr;  // [P7]
  }

  // True if there is something that a later vacuum may free: a tombstone, an empty chain, more than one version, or a
  // pending version, which may be aborted yet and leave an empty chain.
  static bool is_dead_weight(const EntryType& entry) noexcept {
    const Version<Value>* const head = entry.load_head();
    if (head == EntryType::closed()) return false;
    if (head == nullptr || head->stamp().is_tagged() || head->is_tombstone()) return true;
    return head->older.load(std::memory_order_acquire) != nullptr;  // [P7]
  }

  void close(EpochGuard& guard, EntryType& entry, Version<Value>* tombstone, VacuumReport& report) {
    schedule_point(Point::vacuum_closed);
    Counters& counters = guard.counters();
    std::size_t bytes = entry.bytes();
    if (tombstone != nullptr) {
      bytes += version_bytes(*tombstone);
      ++report.versions;
      counters.versions.add(-1);
      counters.vacuumed_versions.add(1);
      guard.retire(tombstone, &EntryType::free_version);
    }
    ++report.entries;
    report.bytes += bytes;
    counters.bytes.add(-static_cast<std::int64_t>(bytes));
    counters.entries.add(-1);
    counters.vacuumed_entries.add(1);
    index_.unlink(guard, entry);
  }

  Index& index_;
  EpochDomain& epochs_;
  SnapshotRegistry& snapshots_;
  SnapshotView view_;
  EntryType* next_ = nullptr;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

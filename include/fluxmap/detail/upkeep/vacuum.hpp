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
#include <fluxmap/detail/platform/prefetch.hpp>
#include <fluxmap/stats.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <span>
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

  using Closing = std::function<void(EntryType&)>;

  // `closing` is told of every entry that leaves the index, while it is still good; may be empty, must not throw.
  Vacuum(Index& index, EpochDomain& epochs, SnapshotRegistry& snapshots, TimingWheel& timers, Closing closing = {})
      : index_(index), epochs_(epochs), snapshots_(snapshots), timers_(timers), closing_(std::move(closing)) {}
  Vacuum(const Vacuum&) = delete;
  Vacuum& operator=(const Vacuum&) = delete;
  ~Vacuum() {
    if (work_.empty()) return;
    EpochGuard guard(epochs_);
    while (!work_.empty()) WorkList<EntryType>::push(guard, *pop());
  }

  // Takes all lists as they are now, but for those of calls under way. `published` as of now.
  void start(Cts published) {
    snapshots_.refresh(view_, published);
    epochs_.for_each_idle_slot([&](EpochDomain::Slot& slot) {
      std::vector<void*> list = WorkList<EntryType>::take(slot);
      if (list.empty()) return;
      try {
        work_.insert(work_.end(), list.begin(), list.end());
      } catch (...) {  // no memory: the next time
        slot.work = std::move(list);
      }
    });
  }

  // Deals with up to `count` entries. False: there are none left, and what was retired has been freed as far as the
  // guards in use allow.
  bool step(std::size_t count, VacuumReport& report) {
    {
      EpochGuard guard(epochs_);
      const Bytes bytes(guard, report);
      for (; count > 0 && !work_.empty(); --count) {
        guard.reserve(8);
        EntryType& entry = *pop();
        if (!process(guard, entry, view_, report)) continue;
        ++report.kept;
        WorkList<EntryType>::push(guard, entry);
      }
    }
    if (!work_.empty()) return true;
    for (int round = 0; round < 3; ++round) epochs_.collect_idle();  // two advances make everything ripe
    return false;
  }

  // Prunes about as many of the entries that the guard's thread has put on its list as it has just written, and closes
  // nothing: for writers, after each commit. `fresh`: the view has just been brought up to date, so all that is on the
  // list now gets its turn, once; what snapshots of the moment hold up gets another one. What is left after that is for
  // others. Does not throw.
  //
  // The list is: [0, tidied) had their turn; [tidied, tidy_end) wait for it; the rest came after the view.
  static void tidy(EpochGuard& guard, const SnapshotView& view, TimingWheel& timers, bool fresh,
                   std::size_t written) noexcept {
    EpochDomain::Slot& slot = guard.slot();
    const std::size_t listed = slot.work.size();  // work_off takes from the list as well
    slot.tidy_end = fresh ? listed : std::min(slot.tidy_end, listed);
    slot.tidied = std::min(slot.tidied, slot.tidy_end);
    for (std::size_t done = 0; done <= written && slot.tidied < slot.tidy_end; done += k_tidy_group) {
      tidy_group(guard, view, timers);
    }
  }

  // Deals with up to `count` entries of the guard's own list, as far as `view` allows: for writers that clean up behind
  // themselves. Does not throw: what fails is left for the next time.
  void work_off(EpochGuard& guard, const SnapshotView& view, std::size_t count, VacuumReport& report) noexcept {
    std::vector<void*>& list = guard.slot().work;
    const Bytes bytes(guard, report);
    std::size_t& at = guard.slot().work_at;
    for (; count > 0 && !list.empty(); --count) {
      if (at >= list.size()) at = 0;
      auto& entry = *static_cast<EntryType*>(list[at]);
      list[at] = list.back();  // it may be pushed anew by process()
      list.pop_back();
      bool kept = true;
      try {
        guard.reserve(8);
        kept = process(guard, entry, view, report);
      } catch (...) {  // a comparator, or no memory
      }
      if (!kept) continue;
      ++report.kept;
      WorkList<EntryType>::push(guard, entry);
      ++at;  // the others first
    }
  }

 private:
  static constexpr std::size_t k_tidy_group = 8;     // fetched side by side
  static constexpr std::size_t k_tidy_versions = 8;  // survivors of a chain that tidy looks at
  static constexpr Cts k_young = 64;                 // commits

  // Some of those that wait; see tidy.
  static void tidy_group(EpochGuard& guard, const SnapshotView& view, TimingWheel& timers) noexcept {
    EpochDomain::Slot& slot = guard.slot();
    std::vector<void*>& list = slot.work;
    const std::size_t begin = slot.tidied;
    const std::size_t size = std::min(k_tidy_group, slot.tidy_end - begin);
    std::array<EntryType*, k_tidy_group> group;
    for (std::size_t i = 0; i < size; ++i) group[i] = static_cast<EntryType*>(list[begin + i]);
    look_ahead(std::span(group).first(size));

    std::array<EntryType*, k_tidy_group> leave;  // this part of the list: to its end, or altogether (null)
    std::size_t leaving = 0;
    for (std::size_t i = 0; i < size; ++i) {
      EntryType& entry = *group[i];
      const bool kept = prune(guard, entry, view, timers, k_tidy_versions).rest || keeps_token(guard, entry);
      if (kept && !is_young(entry, view)) {
        list[slot.tidied++] = &entry;
      } else {
        leave[leaving++] = kept ? &entry : nullptr;
      }
    }
    // Holes are left at [tidied, begin + size): filled, from the last one, with the last that waits.
    for (std::size_t hole = begin + size, i = 0; i < leaving; ++i) {
      list[--hole] = list[--slot.tidy_end];
      list[slot.tidy_end] = leave[i] != nullptr ? leave[i] : list.back();
      if (leave[i] == nullptr) list.pop_back();
    }
  }

  // What prune will read of the chains, fetched side by side.
  static void look_ahead(std::span<EntryType* const> group) noexcept {
    for (const EntryType* entry : group) prefetch(entry);
    for (const EntryType* entry : group) prefetch(entry->load_head());
    for (const EntryType* entry : group) {
      const Version<Value>* const head = entry->load_head();
      if (head != nullptr && head != EntryType::closed())
        prefetch(head->older.load(std::memory_order_acquire));  // [P7]
    }
  }

  // True if the newest version is about as new as the view: snapshots that hold up what it covers are probably those of
  // commits under way, the caller's among them, and soon gone.
  static bool is_young(const EntryType& entry, const SnapshotView& view) noexcept {
    const Version<Value>* const head = entry.load_head();
    if (head == nullptr || head == EntryType::closed()) return false;
    const Stamp stamp = head->stamp();
    return stamp.is_tagged() || stamp.cts() + k_young > view.floor;
  }

  // Adds what is freed while it lives to a report.
  class Bytes {
   public:
    Bytes(EpochGuard& guard, VacuumReport& report) noexcept
        : counters_(guard.counters()), report_(report), before_(now()) {}
    Bytes(const Bytes&) = delete;
    Bytes& operator=(const Bytes&) = delete;
    ~Bytes() {
      if (now() < before_) report_.bytes += static_cast<std::uint64_t>(before_ - now());
    }

   private:
    std::int64_t now() const noexcept { return counters_.bytes.get() + counters_.index_bytes.get(); }
    const Counters& counters_;
    VacuumReport& report_;
    const std::int64_t before_;
  };

  EntryType* pop() noexcept {
    auto* const entry = static_cast<EntryType*>(work_.back());
    work_.pop_back();
    return entry;
  }

  // True: something is left to be done, and the token is still the caller's.
  bool process(EpochGuard& guard, EntryType& entry, const SnapshotView& view, VacuumReport& report) {
    const Pruned pruned = prune(guard, entry, view, timers_);
    report.versions += pruned.versions;
    Version<Value>* head = entry.load_head();
    if (may_close(head, view)) {
      schedule_point(Point::vacuum_close);
      // acq_rel: closed after what made the chain dead; an inserter that reads closed() starts over.
      if (entry.head.compare_exchange_strong(head, EntryType::closed(), std::memory_order_acq_rel,
                                             std::memory_order_relaxed)) {
        close(guard, entry, head, report);
        return false;  // the token is never given back: nobody can queue the entry again
      }
    }
    return pruned.rest || keeps_token(guard, entry);
  }

  // Gives the token of an entry back if there is nothing to be done for it. False: given back.
  static bool keeps_token(EpochGuard& guard, EntryType& entry) {
    if (is_dead_weight(entry)) return true;
    WorkList<EntryType>::release_token(entry);
    schedule_point(Point::vacuum_released);
    // A commit that found the token taken while we were at it relies on us to look once more (see WorkList).
    if (is_dead_weight(entry) && WorkList<EntryType>::acquire(entry)) WorkList<EntryType>::push(guard, entry);
    return false;
  }

  // True if the chain can be closed as far as the view knows.
  static bool may_close(const Version<Value>* head, const SnapshotView& view) noexcept {
    if (head == nullptr) return true;  // an aborted insert; its creator's token came to us, so it is done with it
    if (head == EntryType::closed()) return false;
    const Stamp stamp = head->stamp();
    return !stamp.is_tagged() && stamp.is_tombstone() && stamp.cts() <= view.oldest() &&
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
    if (closing_) closing_(entry);
    if (tombstone != nullptr) {
      bytes += tombstone->bytes();
      ++report.versions;
      counters.versions.add(-1);
      counters.vacuumed_versions.add(1);
      retire_version<Key>(guard, *tombstone, timers_);
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
  EpochDomain& epochs_;
  SnapshotRegistry& snapshots_;
  TimingWheel& timers_;
  const Closing closing_;
  SnapshotView view_;
  std::vector<void*> work_;  // entries, with their tokens
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

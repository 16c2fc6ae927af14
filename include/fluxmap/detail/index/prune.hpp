// Interval pruning (Steam, Böttcher et al. 2019; SAP HANA, Lee et al. 2016): unlinks the versions that no snapshot can
// see, wherever in the chain they stand, so that a chain is not longer than the snapshots in use, however old the
// oldest is. · layer: index
//
// A version that was current during [c, c') is dead when c' <= published and no registered snapshot lies inside.
// "c' <= published" also keeps the evidence that validation needs: what an undecided commit has read or will compare
// has no published successor.
// Only stamped versions go: the thread that stamps a version touches it for the last time when it does.
// The newest committed version is never removed, so whoever holds the latch above it can rely on its `older`.
#pragma once

#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/index/snapshot_registry.hpp>
#include <fluxmap/detail/index/visibility.hpp>
#include <fluxmap/detail/platform/mark.hpp>

#include <limits>

namespace fluxmap::inline FLUXMAP_ABI::detail {

struct Pruned {
  std::uint64_t versions = 0;
  std::uint64_t bytes = 0;
  bool rest = false;  // versions below the newest one are left
};

// Retires a version that has been taken out of its chain.
template <class Key, class Value>
void retire_version(EpochGuard& guard, Version<Value>& version, TimingWheel& timers) noexcept {
  if (version.flags().expires()) timers.remove(version.timer());
  guard.retire(&version, &Entry<Key, Value>::free_version, version.bytes());
}

// Unlinks and retires dead versions of one chain. Looks at `limit` surviving versions at most, so that a committer does
// not pay for thousands of old snapshots. Does nothing where another thread is at it.
template <class Key, class Value>
Pruned prune(EpochGuard& guard, Entry<Key, Value>& entry, const SnapshotView& view, TimingWheel& timers,
             std::size_t limit = std::numeric_limits<std::size_t>::max()) noexcept {
  using EntryType = Entry<Key, Value>;
  Pruned result;
  schedule_point(Point::prune);
  // acquire: the `older` links as the last pruner left them; pairs with the release below.
  if ((entry.flags.fetch_or(EntryType::k_pruning, std::memory_order_acquire) & EntryType::k_pruning) != 0) {
    reach(Mark::prune_met_another);
    result.rest = true;
    return result;
  }
  Version<Value>* newer = entry.load_head();
  Cts until = 0;
  while (newer != nullptr && newer != EntryType::closed() && !is_committed(*newer, until)) {
    newer = newer->older.load(std::memory_order_acquire);  // a pending or aborted head; pairs with [P2]
  }
  if (newer == EntryType::closed()) newer = nullptr;
  while (newer != nullptr) {
    Version<Value>* const version = newer->older.load(std::memory_order_acquire);  // [P7]
    if (version == nullptr) break;
    const Stamp stamp = version->stamp();
    if (!stamp.is_tagged() && view.dead(stamp.cts(), until)) {
      schedule_point(Point::prune);
      // [P7] release: pairs with the acquire loads of `older` by readers. A reader on `version` goes on from there.
      newer->older.store(version->older.load(std::memory_order_acquire), std::memory_order_release);
      ++result.versions;
      result.bytes += version->bytes();
      retire_version<Key>(guard, *version, timers);
      continue;
    }
    result.rest = true;
    if (limit-- == 0 || !is_committed(*version, until)) break;
    newer = version;
  }
  entry.flags.fetch_and(static_cast<std::uint8_t>(~EntryType::k_pruning), std::memory_order_release);
  guard.counters().versions.add(-static_cast<std::int64_t>(result.versions));
  guard.counters().bytes.add(-static_cast<std::int64_t>(result.bytes));
  guard.counters().vacuumed_versions.add(static_cast<std::int64_t>(result.versions));
  return result;
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

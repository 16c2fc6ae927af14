// The end of a commit: its versions are stamped, counted, and what they stand on is pruned. · layer: txn
//
// By the committer itself, or by the log's thread where nobody may see a commit before it is on the disk.
#pragma once

#include <fluxmap/detail/platform/prefetch.hpp>
#include <fluxmap/detail/storage/logged_commit.hpp>
#include <fluxmap/detail/txn/store.hpp>
#include <fluxmap/detail/txn/write_set.hpp>

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// One version that a commit has installed.
template <class Key, class Value>
struct Installed {
  Entry<Key, Value>* entry;
  Version<Value>* version;
  bool created;            // the commit linked the entry, and holds its k_queued token
  bool over_any;           // the version stands on another one,
  bool over_live;          //   which is a value
  std::size_t over_bytes;  //   that weighs so much; where there is a memory limit
};

// Requires published >= cts.
template <class Key, class Value, class Compare>
class Publisher {
 public:
  using StoreType = Store<Key, Value, Compare>;
  using EntryType = Entry<Key, Value>;
  using InstalledType = Installed<Key, Value>;

  Publisher(StoreType& store, EpochGuard& guard, Cts cts) noexcept : store_(store), guard_(guard), cts_(cts) {
    guard_.counters().commits.add(1);
  }

  void stamp(const InstalledType& installed) noexcept {
    Version<Value>& version = *installed.version;
    const std::uint64_t flags = version.flags().bits() & ~Stamp::k_tagged;
    const bool tombstone = version.is_tombstone();
    Counters& counters = guard_.counters();
    counters.keys.add((tombstone ? 0 : 1) - (installed.over_live ? 1 : 0));
    counters.versions.add(1);
    counters.bytes.add(static_cast<std::int64_t>(version.bytes()));
    if (Stamp(flags).expires()) start_timer(installed);
    if (store_.limiter != nullptr && !tombstone) {
      if (!installed.over_live) store_.limiter->add(*installed.entry);
      store_.limiter->accesses.touch(guard_.slot(), installed.entry->access);
    }
    guard_.slot().garbage += installed.over_bytes + (tombstone ? sizeof(EntryType) : 0);
    hand_to_vacuum(installed, tombstone);  // before the stamp: see WorkList
    // [P8] release: pairs with Version::stamp(). From here on the version may be pruned by others.
    version.stamp_bits.store(Stamp::stamped(cts_, flags).bits(), std::memory_order_release);
  }

  // After all are stamped. `of`: the InstalledType of each write.
  //
  // What a commit has just covered is dead only in a view that was made after it, so most of the pruning is done after
  // the view was refreshed, for all commits before that (Tidy). Only what stands below that is looked at here: a key
  // that is written again and again must not pile up versions in between.
  template <class Writes, class Of>
  void prune_below(const Writes& writes, Of of) noexcept {
    const auto [view, fresh] = store_.amortised_view(guard_);
    if (view == nullptr) return;
    for (const auto& write : writes) {
      const InstalledType& one = of(write);
      if (one.over_any) look_below(*one.version);
    }
    for (const auto& write : writes) {
      const InstalledType& one = of(write);
      if (one.over_any && has_more_below(*one.version)) {
        prune(guard_, *one.entry, *view, store_.timers, k_prune_limit);
      }
    }
    store_.tidy(guard_, *view).after_commit(fresh, writes.size());
    if (store_.limiter != nullptr) store_.limiter->work_off(guard_);
  }

 private:
  // Before the stamp too: the version may be pruned, and its timer taken out, from then on.
  void start_timer(const InstalledType& installed) noexcept {
    const bool first = store_.timers.add(installed.version->timer(), installed.entry);
    if (first && store_.expirer != nullptr) store_.expirer->wake();
  }

  void hand_to_vacuum(const InstalledType& installed, bool tombstone) noexcept {
    EntryType& entry = *installed.entry;
    if (!tombstone && !installed.over_any) {
      if (!installed.created) return;
      WorkList<EntryType>::release_token(entry);
      // A commit on top of ours that found the token taken relies on us to look once more.
      const bool covered = entry.head.load(std::memory_order_acquire) != installed.version;  // [P2]
      if (covered && WorkList<EntryType>::acquire(entry)) WorkList<EntryType>::push(guard_, entry);
    } else if (installed.created || WorkList<EntryType>::acquire(entry)) {
      WorkList<EntryType>::push(guard_, entry);
    }
  }

  // Below the version that ours covers, which the commit has read: a look at its link is free.
  static bool has_more_below(const Version<Value>& version) noexcept {
    const Version<Value>* const covered = version.older.load(std::memory_order_acquire);     // [P7]
    return covered != nullptr && covered->older.load(std::memory_order_acquire) != nullptr;  // [P7]
  }

  // Fetches the second version below ours; the first was fetched when ours was put on the chain.
  static void look_below(const Version<Value>& version) noexcept {
    const Version<Value>* const covered = version.older.load(std::memory_order_acquire);  // [P7]
    if (covered == nullptr) return;
    const Version<Value>* const below = covered->older.load(std::memory_order_acquire);  // [P7]
    if (below != nullptr) prefetch(below->older.load(std::memory_order_acquire));        // [P7]
  }

  static constexpr std::size_t k_prune_limit = 8;  // survivors a committer looks at; vacuum has no limit

  StoreType& store_;
  EpochGuard& guard_;
  const Cts cts_;
};

// A commit on its way through the log, with what is to be stamped.
template <class Key, class Value, class Compare>
struct TypedLoggedCommit final : LoggedCommit {
  explicit TypedLoggedCommit(Store<Key, Value, Compare>& of) noexcept : store(of) {}

  void publish(EpochGuard& guard) noexcept override {
    Publisher<Key, Value, Compare> publisher(store, guard, cts.load(std::memory_order_relaxed));  // came with the push
    for (const Installed<Key, Value>& one : installed) publisher.stamp(one);
    publisher.prune_below(installed, [](const auto& one) -> const auto& { return one; });
  }

  Store<Key, Value, Compare>& store;
  std::vector<Installed<Key, Value>> installed;  // level full only
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

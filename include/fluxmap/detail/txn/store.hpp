// The engine's parts together: what a transaction works on. · layer: txn
//
// The members are declared so that they are destroyed in the right order: first what was retired, then the index.
#pragma once

#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/index/prune.hpp>
#include <fluxmap/detail/index/skiplist.hpp>
#include <fluxmap/detail/index/snapshot_registry.hpp>
#include <fluxmap/detail/index/work_list.hpp>
#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/detail/platform/deadline.hpp>
#include <fluxmap/detail/platform/mutex.hpp>
#include <fluxmap/detail/platform/trim_heap.hpp>
#include <fluxmap/detail/storage/log.hpp>
#include <fluxmap/detail/txn/commit_ring.hpp>
#include <fluxmap/detail/txn/memory_limiter.hpp>
#include <fluxmap/detail/txn/reservation.hpp>
#include <fluxmap/detail/txn/write_set.hpp>
#include <fluxmap/detail/upkeep/expirer.hpp>
#include <fluxmap/detail/upkeep/reclaim.hpp>
#include <fluxmap/detail/upkeep/tidy.hpp>
#include <fluxmap/detail/upkeep/vacuum.hpp>
#include <fluxmap/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// The ring as the log sees it.
class RingOrder final : public CommitOrder {
 public:
  explicit RingOrder(CommitRing& ring) noexcept : ring_(ring) {}
  Cts decided() const noexcept override { return ring_.decided(); }
  void set_durable(Cts cts) noexcept override { ring_.set_durable(cts); }

 private:
  CommitRing& ring_;
};

template <class Key, class Value, class Compare>
class Store {
 public:
  using EntryType = Entry<Key, Value>;
  using VersionType = Version<Value>;
  using Index = SkipList<Key, Value, Compare>;

  Store(Compare compare, double skiplist_p, std::size_t ring_size = CommitRing::k_default_size)
      : index(std::move(compare), skiplist_p), ring(ring_size) {}
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  Index index;
  EpochDomain epochs;
  TimingWheel timers;  // of the versions that expire, which outlive it
  // Held by whoever removes what has expired, from before its timers leave the wheel until it is gone and weighed: who
  // finds none due under it finds none in anybody else's hands. No latch is held while waiting for it.
  Mutex expiring;
  SnapshotRegistry snapshots;
  CommitRing ring;
  Reservations<Key, Value, Compare> reservations;

  // With a log: set before the store is shared.
  RingOrder order{ring};
  std::unique_ptr<Log> log;
  // Appends what the log keeps of these writes, ascending by key. May throw what a codec of the user's throws.
  void (*encode_redo)(std::span<Write<Key, Value>* const> writes, std::vector<std::byte>& redo) = nullptr;

  // Time to live. Set before the store is shared.
  std::shared_ptr<const Clock> clock = std::make_shared<SystemClock>();
  std::chrono::microseconds time_to_live{0};  // of what is written without a time of its own; 0: for ever
  Now now() const noexcept { return Now(*clock); }

  // With a memory limit: set before the store is shared.
  std::unique_ptr<MemoryLimiter<Key, Value>> limiter;

  EntryShape shape_for(const VersionType& version) const noexcept {
    return {.tracked = limiter != nullptr, .expires = version.flags().expires()};
  }
  // What keys, values, versions, the index and the eviction policy take, in bytes. O(threads).
  std::uint64_t bytes() const noexcept {
    std::int64_t sum = 0;
    epochs.for_each_slot(
        [&](const EpochDomain::Slot& slot) { sum += slot.counters.bytes.get() + slot.counters.index_bytes.get(); });
    // The slots are read one after another: what moves between them may be missed, or seen twice.
    return static_cast<std::uint64_t>(std::max<std::int64_t>(sum, 0)) +
           (limiter != nullptr ? limiter->policy_bytes() : 0);
  }
  HeapTrimmer trimmer;

  Reclaimer<Key, Value, Compare> reclaimer() noexcept { return {index, timers, limiter.get()}; }
  // A vacuum of this store, to be driven by the caller.
  Vacuum<Key, Value, Compare> vacuum() { return {reclaimer(), epochs, snapshots}; }
  // What a writer cleans up behind itself.
  Tidy<Key, Value, Compare> tidy(EpochGuard& guard, const SnapshotView& view) noexcept {
    return {reclaimer(), guard, view};
  }

  // A walk has met so many entries without a value for it.
  static void note_passed(EpochGuard& guard, std::size_t entries) noexcept { guard.slot().passed += entries; }
  // A committer whose walks have met many of them takes twice as many off the lists, others' lists too, so that the
  // same walk again is shorter: what it costs is in proportion to the walks. In vain, where snapshots hold them up; so
  // after that it waits, longer each time, before it tries again.
  void help(EpochGuard& guard) noexcept {
    EpochDomain::Slot& slot = guard.slot();
    if (slot.passed < k_much_passed) return;
    const std::size_t passed = std::exchange(slot.passed, 0);
    if (slot.help_pause > 0) {
      --slot.help_pause;
      return;
    }
    const SnapshotView* const view = fresh_view(guard);
    if (view == nullptr) return;
    if (slot.work.size() < passed) WorkList<EntryType>::gather(epochs, slot.work, EpochDomain::Busy::leave_alone);
    VacuumReport report;
    tidy(guard, *view).work_off(2 * passed, report);
    slot.help_backoff = report.entries > 0 ? 0 : std::min(2 * slot.help_backoff + 1, k_longest_pause);
    slot.help_pause = slot.help_backoff;
  }

  // True if readers must not see a commit before it is on the disk.
  bool publishes_durable() const noexcept { return log != nullptr && log->level() == LogLevel::full; }
  // The newest state that a read-write transaction may begin from. After a failure of the log it could never commit, so
  // it is shown no more than what readers see.
  Cts newest() const noexcept { return log != nullptr && log->failed() ? ring.published() : ring.decided(); }

  // Throws errc::closed once the database has been closed.
  void check_open() const {
    // Relaxed: closing does not order anything by this flag; whoever waits for close() is ordered by that.
    if (closed_.load(std::memory_order_relaxed)) throw_error(errc::closed);
  }
  bool is_closed() const noexcept { return closed_.load(std::memory_order_relaxed); }  // as above
  void close() noexcept { closed_.store(true, std::memory_order_relaxed); }            // as above

  Cts published() const noexcept { return ring.published(); }

  // The guard's view of the registered snapshots, brought up to date every so many calls: a stale one is only more
  // careful (SnapshotRegistry I1), and scanning the registry for each commit would make commits pay for open
  // transactions. Amortised O(1).
  // Without memory for it the view may be null: then nothing is known to be dead.
  struct AmortisedView {
    const SnapshotView* view;
    bool fresh;
  };
  AmortisedView amortised_view(EpochGuard& guard) noexcept {
    EpochDomain::Slot& slot = guard.slot();
    const auto* view = static_cast<SnapshotView*>(slot.snapshot_view.get());
    if (view != nullptr && slot.scratch_commits++ < k_view_commits + snapshots.capacity() / 4) return {view, false};
    return {fresh_view(guard), true};
  }
  // The same, brought up to date now.
  const SnapshotView* fresh_view(EpochGuard& guard) noexcept {
    EpochDomain::Slot& slot = guard.slot();
    auto* view = static_cast<SnapshotView*>(slot.snapshot_view.get());
    try {
      if (view == nullptr) {
        slot.snapshot_view = std::make_shared<SnapshotView>();
        view = static_cast<SnapshotView*>(slot.snapshot_view.get());
      }
      slot.scratch_commits = 0;
      snapshots.refresh(*view, published());
    } catch (...) {
    }
    return view;
  }

 private:
  static constexpr std::uint64_t k_view_commits = 16;
  static constexpr std::size_t k_much_passed = 64;  // entries
  static constexpr unsigned k_longest_pause = 64;   // commits that would have helped

  Atomic<bool> closed_{false};

 public:
  std::unique_ptr<Expirer> expirer;  // last: its thread uses the rest. Set before the store is shared
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

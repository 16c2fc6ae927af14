// Vacuum: frees what writers have left behind and could not free themselves (see tidy.hpp). · layer: upkeep
//
// Works off the lists of entries that commits have left (never a walk of the map), in steps of bounded length, so that
// whoever drives it can let others run in between. A thread that is inside a call when its list is asked for hands it
// over when the call ends: at once, or for the next vacuum.
#pragma once

#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/index/snapshot_registry.hpp>
#include <fluxmap/detail/index/work_list.hpp>
#include <fluxmap/detail/platform/spin_wait.hpp>
#include <fluxmap/detail/upkeep/reclaim.hpp>
#include <fluxmap/stats.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// One vacuum, driven by step(). Holds tokens of the entries it has taken: run it to its end or destroy it, which gives
// the rest back. Not thread-safe; any number of vacuums may run at once.
template <class Key, class Value, class Compare>
class Vacuum {
 public:
  using EntryType = Entry<Key, Value>;
  using ReclaimerType = Reclaimer<Key, Value, Compare>;

  Vacuum(ReclaimerType reclaimer, EpochDomain& epochs, SnapshotRegistry& snapshots)
      : reclaimer_(reclaimer), epochs_(epochs), snapshots_(snapshots) {}
  Vacuum(const Vacuum&) = delete;
  Vacuum& operator=(const Vacuum&) = delete;
  ~Vacuum() {
    if (work_.empty()) return;
    EpochGuard guard(epochs_);
    while (!work_.empty()) WorkList<EntryType>::push(guard, *pop());
  }

  // Takes all lists as they are now, and asks for those of calls under way. `published` as of now.
  void start(Cts published) {
    snapshots_.refresh(view_, published);
    waits_ = WorkList<EntryType>::gather(epochs_, work_, EpochDomain::Busy::ask);
  }

  // Deals with up to `count` entries. False: there are none left, and what was retired has been freed as far as the
  // guards in use allow.
  bool step(std::size_t count, VacuumReport& report) {
    {
      EpochGuard guard(epochs_);
      const std::int64_t before = weight(guard);
      for (; count > 0 && !work_.empty(); --count) {
        guard.reserve(ReclaimerType::k_room);
        EntryType& entry = *pop();
        if (!reclaimer_.process(guard, entry, view_, report)) continue;
        ++report.kept;
        WorkList<EntryType>::push(guard, entry);
      }
      if (weight(guard) < before) report.bytes += static_cast<std::uint64_t>(before - weight(guard));
    }
    if (work_.empty() && waits_) get_more();
    if (!work_.empty()) return true;
    for (int round = 0; round < 3; ++round) epochs_.collect_idle();  // two advances make everything ripe
    return false;
  }

 private:
  // Once: a thread that runs ends its call in less than this. The list of one that does not comes some time, and is
  // there for the next vacuum.
  void get_more() noexcept {
    SpinWait wait(Point::vacuum_wait);
    for (int i = 0; i < k_patience; ++i) wait.step();
    WorkList<EntryType>::gather(epochs_, work_, EpochDomain::Busy::wait_for);
    waits_ = false;
  }
  static constexpr int k_patience = 5;  // steps that only pause: about 2 us

  static std::int64_t weight(const EpochGuard& guard) noexcept {
    return guard.counters().bytes.get() + guard.counters().index_bytes.get();
  }

  EntryType* pop() noexcept {
    auto* const entry = static_cast<EntryType*>(work_.back());
    work_.pop_back();
    return entry;
  }

  ReclaimerType reclaimer_;
  EpochDomain& epochs_;
  SnapshotRegistry& snapshots_;
  SnapshotView view_;
  std::vector<void*> work_;  // entries, with their tokens
  bool waits_ = false;       // some lists were asked for and have not come yet
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

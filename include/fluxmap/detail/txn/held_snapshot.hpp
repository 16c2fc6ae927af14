// A snapshot for those who walk the index without being a transaction. · layer: txn
#pragma once

#include <fluxmap/detail/index/snapshot_registry.hpp>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Registers a snapshot of what is published, for as long as it lives.
template <class StoreType>
struct HeldSnapshot {
  explicit HeldSnapshot(StoreType& of)
      : store(of), slot(of.snapshots.claim()), cts(of.snapshots.enter(slot, [&] { return of.published(); })) {}
  HeldSnapshot(const HeldSnapshot&) = delete;
  HeldSnapshot& operator=(const HeldSnapshot&) = delete;
  ~HeldSnapshot() { store.snapshots.release(slot); }
  StoreType& store;
  SnapshotRegistry::Slot& slot;
  const Cts cts;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// Expiry: values whose time has passed are removed, by commits like any other. · layer: txn
//
// Reads do not depend on it: they look at the deadlines themselves. It frees the memory, and lets the log know.
#pragma once

#include <fluxmap/detail/txn/autocommit.hpp>
#include <fluxmap/detail/txn/store.hpp>

#include <array>
#include <cstddef>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Removes some of what has expired. False: that was all. Throws what a commit throws; what was not removed then is
// taken up with the next write of its key only, and stays hidden from reads.
template <class Key, class Value, class Compare>
bool expire_some(Store<Key, Value, Compare>& store) {
  using EntryType = Entry<Key, Value>;
  EpochGuard guard(store.epochs);  // before the timers are taken: their versions may be retired at any time after that
  std::array<Timer*, 64> due;
  bool more = false;
  const std::size_t count = store.timers.take_due(store.now().get(), due, more);
  for (std::size_t i = 0; i < count; ++i) {
    auto& entry = *static_cast<EntryType*>(due[i]->entry);
    const Found<Value> found = newest_committed(entry);
    // Another version may have taken its place, with a deadline, and a timer, of its own.
    if (found.version == nullptr || !found.version->flags().expires()) continue;
    if (&found.version->timer() != due[i]) continue;
    if (bury(store, guard, entry, *found.version)) guard.counters().expirations.add(1);
  }
  return more;
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// Expiry: values whose time has passed are removed, by commits like any other. · layer: txn
//
// Reads do not depend on it: they look at the deadlines themselves. It frees the memory, and lets the log know.
#pragma once

#include <fluxmap/detail/txn/autocommit.hpp>
#include <fluxmap/detail/txn/store.hpp>

#include <array>
#include <cstddef>
#include <mutex>
#include <span>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Removes some of what has expired. False: that was all. Throws what a commit throws; what was not removed then is
// taken up with the next write of its key only, and stays hidden from reads. The caller holds `expiring`.
template <class Key, class Value, class Compare>
bool expire_some(Store<Key, Value, Compare>& store) {
  using EntryType = Entry<Key, Value>;
  EpochGuard guard(store.epochs);  // before the timers are taken: their versions may be retired at any time after that
  std::array<Timer*, 64> due;
  bool more = false;
  const std::size_t count = store.timers.take_due(store.now().get(), due, more);
  schedule_point(Point::expiring);
  bool removed = false;
  for (Timer* const timer : std::span(due).first(count)) {
    auto& entry = *static_cast<EntryType*>(timer->entry);
    const Found<Value> newest = newest_committed(entry);
    // Another version may have taken its place, with a deadline, and a timer, of its own.
    if (newest.version == nullptr || !newest.version->flags().expires()) continue;
    if (&newest.version->timer() != timer) continue;
    removed = true;
    if (bury(store, guard, entry, *newest.version)) guard.counters().expirations.add(1);
  }
  if (removed && store.expirer != nullptr) store.expirer->finish_later();
  return more;
}

// The same where something is due. False: nothing is, nor in anybody else's hands.
template <class Key, class Value, class Compare>
bool expire_due(Store<Key, Value, Compare>& store) {
  const std::lock_guard lock(store.expiring);
  return store.timers.next() <= store.now().get() && expire_some(store);
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

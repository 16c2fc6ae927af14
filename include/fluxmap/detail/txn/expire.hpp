// Expiry: values whose time has passed are removed, by commits like any other. · layer: txn
//
// Reads do not depend on it: they look at the deadlines themselves. It frees the memory, and lets the log know.
#pragma once

#include <fluxmap/detail/txn/autocommit.hpp>
#include <fluxmap/detail/txn/memory_limiter.hpp>
#include <fluxmap/detail/txn/store.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

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
  struct Expired {
    EntryType* entry;
    Version<Value>* version;
    std::int64_t bytes;
  };
  std::array<Expired, due.size()> expired;
  std::size_t found = 0;
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    auto& entry = *static_cast<EntryType*>(due[i]->entry);
    const Found<Value> newest = newest_committed(entry);
    // Another version may have taken its place, with a deadline, and a timer, of its own.
    if (newest.version == nullptr || !newest.version->flags().expires()) continue;
    if (&newest.version->timer() != due[i]) continue;
    const std::size_t weight = store.limiter != nullptr ? entry.bytes() + newest.version->bytes() : 0;
    expired[found++] = {&entry, newest.version, static_cast<std::int64_t>(weight)};
    bytes += expired[found - 1].bytes;
  }
  // Out of the wheel, and not removed yet: nothing that lives need go for these meanwhile.
  Leaving<Key, Value> leaving(store.limiter.get(), bytes);
  for (const Expired& one : std::span(expired).first(found)) {
    if (bury(store, guard, *one.entry, *one.version)) guard.counters().expirations.add(1);
    leaving.done(one.bytes);
  }
  if (found > 0 && store.expirer != nullptr) store.expirer->finish_later();
  return more;
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

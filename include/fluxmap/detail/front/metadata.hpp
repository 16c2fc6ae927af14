// What is known of each key, besides its value. · layer: front
#pragma once

#include <fluxmap/detail/txn/held_snapshot.hpp>
#include <fluxmap/detail/txn/store.hpp>
#include <fluxmap/options.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class Key, class Value, class Compare, class F>
void scan_metadata(Store<Key, Value, Compare>& store, F& f) {
  constexpr std::size_t k_stretch = 256;  // live entries inside one guard
  const HeldSnapshot snapshot(store);
  const Now now = store.now();
  Entry<Key, Value>* last = nullptr;
  for (bool more = true; more;) {
    EpochGuard guard(store.epochs);
    // Between two guards the snapshot keeps `last`, whose version it sees, in the index.
    Entry<Key, Value>* entry = last == nullptr ? store.index.first() : store.index.next(*last);
    std::size_t live = 0;
    for (; entry != nullptr && live < k_stretch; entry = store.index.next(*entry)) {
      const Found<Value> found = visible_at(*entry, snapshot.cts);
      if (!found.live(now)) continue;
      KeyMetadata<Key> metadata{entry->key, entry->bytes() + found.version->bytes(), {}, 0};
      if (entry->is_tracked()) {
        const std::uint32_t word = entry->access.load(std::memory_order_relaxed);  // see AccessClock
        metadata.last_access = store.limiter->accesses.time_of(AccessClock::tick_of(word));
        metadata.access_count = AccessClock::count_of(word);
      }
      f(static_cast<const KeyMetadata<Key>&>(metadata));
      last = entry;
      ++live;
    }
    more = entry != nullptr;
  }
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// The index: a lock-free skiplist of entries (Fraser 2004; Herlihy, Lev, Shavit 2007). · layer: index
//
// Keys are inline, towers have probability p, links of level 0 alone decide membership. Entries are never moved and
// never hold values: values live in version chains, so this file knows nothing of transactions.
//
// Invariants (with those of Entry)
//   I1  A search never takes an entry whose link is marked as its predecessor. So each predecessor was in the list at
//       some moment of the search, and an entry that was linked before the search began is not missed.
//   I2  A link is changed only by CAS from an unmarked value; so nothing is linked behind an entry that is leaving.
//   I3  An entry is unlinked once per level at which it was linked; Entry::links counts them.
// Thread safety: all calls, inside an epoch guard. Complexity: expected O(log n) comparisons for a search.
// Comparators may throw: out of every call, with nothing changed (a tower may stay lower than drawn).
#pragma once

#include <fluxmap/detail/index/entry.hpp>
#include <fluxmap/detail/index/epoch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class Key, class Value, class Compare>
class SkipList {
 public:
  using EntryType = Entry<Key, Value>;
  static constexpr unsigned k_max_height = 24;  // at p = 1/4 far beyond what memory holds, at p = 3/4 about 1000 entries
                                                // per top-level link: slower, never wrong
  SkipList(Compare compare, double probability)
      : compare_(std::move(compare)), threshold_(static_cast<std::uint32_t>(std::ldexp(probability, 32))) {
    for (std::atomic<Link>& link : head_links_) link.store(0, std::memory_order_relaxed);  // private still
  }
  SkipList(const SkipList&) = delete;
  SkipList& operator=(const SkipList&) = delete;

  // Destroys all entries and their versions. Nothing may use the index any more, and all that was retired must have
  // been freed (EpochDomain::drain) before.
  ~SkipList() {
    // An entry that is leaving may still be linked on some levels and not on others, if a comparator threw while it was
    // being unlinked: look on all of them.
    std::vector<EntryType*> leaving;
    for (unsigned level = k_max_height; level-- > 0;) {
      for (EntryType* entry = load(head(), level); entry != nullptr; entry = load(*entry, level)) {
        if (Tower::is_marked(entry->link(level).load(std::memory_order_acquire))) leaving.push_back(entry);  // [L1]
      }
    }
    std::sort(leaving.begin(), leaving.end(), std::less<>());
    leaving.erase(std::unique(leaving.begin(), leaving.end()), leaving.end());
    for (EntryType* entry = load(head(), 0); entry != nullptr;) {
      EntryType* const next = load(*entry, 0);
      if (!Tower::is_marked(entry->level0.load(std::memory_order_acquire))) destroy(entry);  // [L1]
      entry = next;
    }
    for (EntryType* entry : leaving) destroy(entry);
  }

  const Compare& compare() const noexcept { return compare_; }

  // The first entry whose key is not less than `key`, dead or alive; null at the end.
  template <class K>
  EntryType* lower_bound(const K& key) const {
    const Tower* before = &head();
    EntryType* bound = nullptr;  // known to be not less than key: levels often share their successor
    EntryType* at = nullptr;
    for (unsigned level = top_level(); level-- > 0;) {
      schedule_point(Point::find_level);
      at = load(*before, level);
      while (at != nullptr && at != bound) {
        if (!compare_(at->key, key)) {
          bound = at;
          break;
        }
        // [L1] acquire: the entry behind the link; pairs with the CAS that links it.
        const Link next = at->link(level).load(std::memory_order_acquire);
        if (!Tower::is_marked(next)) before = at;  // an entry that is leaving is not a predecessor (I1)
        at = EntryType::from(next);
      }
    }
    schedule_point(Point::find_step);
    // Whether the bound is leaving was not looked at so far: most bounds are only passed by.
    return skip_leaving(at);
  }

  // The entry with this key; null: none is linked.
  template <class K>
  EntryType* find(const K& key) const {
    EntryType* const entry = lower_bound(key);
    return entry != nullptr && !compare_(key, entry->key) ? entry : nullptr;
  }

  EntryType* first() const { return skip_leaving(load(head(), 0)); }
  // The entry after this one. `entry` must be linked, or have been when the caller's guard began.
  static EntryType* next(const EntryType& entry) { return skip_leaving(load(entry, 0)); }

  // Finds the entry with this key or links the one that `make(height)` returns. Returns {entry, true} for a new one.
  // `make` is called at most once; `discard(entry)` takes back an entry that lost against another with the same key.
  template <class K, class Make, class Discard>
  std::pair<EntryType*, bool> find_or_link(EpochGuard& guard, const K& key, Make&& make, Discard&& discard) {
    Place place;
    if (EntryType* found = locate(guard, key, place)) return {found, false};
    EntryType* const entry = make(draw_height(guard));
    for (;;) {  // lock-free: a failed CAS means that another thread has linked or unlinked here
      entry->level0.store(as_link(place.after[0]), std::memory_order_relaxed);  // private still
      for (unsigned level = 1; level < entry->height; ++level) {
        entry->link(level).store(as_link(place.after[level]), std::memory_order_relaxed);  // private still
      }
      entry->links.store(2, std::memory_order_relaxed);  // level 0 and the builder; private still
      schedule_point(Point::link);
      Link expected = as_link(place.after[0]);
      // [L1] release: publishes the entry and its chain; pairs with the acquire loads of links.
      if (place.before[0]->level0.compare_exchange_strong(expected, entry->as_link(), std::memory_order_acq_rel,
                                                          std::memory_order_relaxed)) {
        break;  // relaxed on failure: locate reads again
      }
      EntryType* found = nullptr;
      try {
        found = locate(guard, entry->key, place);  // not `key`: make may have moved it into the entry
      } catch (...) {
        discard(entry);
        throw;
      }
      if (found != nullptr) {
        discard(entry);
        return {found, false};
      }
    }
    build_tower(guard, *entry, place);
    drop_link(guard, *entry);
    return {entry, true};
  }

  // Takes an entry with a closed chain out of the index. Any thread may help; the last one to unlink retires it.
  void unlink(EpochGuard& guard, EntryType& entry) {
    for (unsigned level = entry.height; level-- > 0;) {
      schedule_point(Point::mark_level);
      // acq_rel: after the closing of the chain, and what was linked behind it stays reachable through it (I2).
      entry.link(level).fetch_or(1, std::memory_order_acq_rel);
    }
    sweep(guard, entry.key);
  }

 private:
  static void destroy(EntryType* entry) noexcept {
    auto* version = entry->load_head();
    while (version != nullptr && version != EntryType::closed()) {
      std::exchange(version, version->older.load(std::memory_order_acquire))->destroy();  // [P7]
    }
    EntryType::destroy(entry);
  }

  struct Place {
    std::array<Tower*, k_max_height> before;
    std::array<EntryType*, k_max_height> after;
  };

  Tower& head() noexcept { return *reinterpret_cast<Tower*>(&head_links_[k_max_height - 1]); }
  const Tower& head() const noexcept { return *reinterpret_cast<const Tower*>(&head_links_[k_max_height - 1]); }

  static Link as_link(const EntryType* entry) noexcept { return reinterpret_cast<Link>(entry); }
  static EntryType* load(const Tower& tower, unsigned level) noexcept {
    return EntryType::from(tower.link(level).load(std::memory_order_acquire));  // [L1]
  }
  static EntryType* skip_leaving(EntryType* entry) noexcept {
    while (entry != nullptr) {
      const Link next = entry->level0.load(std::memory_order_acquire);  // [L1]
      if (!Tower::is_marked(next)) break;
      entry = EntryType::from(next);
    }
    return entry;
  }

  unsigned top_level() const noexcept {
    return top_.load(std::memory_order_relaxed);  // a hint: a search from too low is slower, not wrong
  }

  unsigned draw_height(EpochGuard& guard) noexcept {
    unsigned height = 1;
    std::uint64_t& state = guard.slot().random;
    while (height < k_max_height) {  // xorshift64 (Marsaglia 2003): one draw a level
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      if (static_cast<std::uint32_t>(state >> 32) >= threshold_) break;
      ++height;
    }
    unsigned top = top_.load(std::memory_order_relaxed);  // a hint, see top_level()
    while (top < height && !top_.compare_exchange_weak(top, height, std::memory_order_relaxed)) {
    }
    return height;
  }

  // Fills in the predecessor and successor of `key` on every level and unlinks the leaving entries it meets. Returns
  // the linked entry with this key, if there is one.
  template <class K>
  EntryType* locate(EpochGuard& guard, const K& key, Place& place) {
    bool restart = true;
    while (restart) {  // lock-free: a restart means that another thread has changed a link here
      restart = false;
      Tower* before = &head();
      EntryType* bound = nullptr;
      for (unsigned level = k_max_height; level-- > 0 && !restart;) {
        if (level >= top_level()) {
          place.before[level] = before;
          place.after[level] = load(*before, level);  // null, or an entry that has just raised the top
          if (place.after[level] == nullptr) continue;
        }
        schedule_point(Point::find_level);
        EntryType* at = load(*before, level);
        while (at != nullptr) {
          const Link next = at->link(level).load(std::memory_order_acquire);  // [L1]
          if (Tower::is_marked(next)) {
            if (!unlink_after(guard, *before, level, *at, next)) {
              restart = true;
              break;
            }
            at = EntryType::from(next);
            continue;
          }
          if (at == bound || !compare_(at->key, key)) {
            bound = at;
            break;
          }
          before = at;
          at = EntryType::from(next);
        }
        place.before[level] = before;
        place.after[level] = at;
      }
    }
    schedule_point(Point::find_step);
    EntryType* const found = place.after[0];
    return found != nullptr && !compare_(key, found->key) ? found : nullptr;
  }

  // Unlinks the leaving entries with this key on every level. locate() will not do: an entry that was linked anew for the
  // same key may stand before the leaving one on a higher level, and locate() stops at it.
  template <class K>
  void sweep(EpochGuard& guard, const K& key) {
    bool restart = true;
    while (restart) {  // lock-free: a restart means that another thread has changed a link here
      restart = false;
      Tower* start = &head();  // the last entry before the key: where the next level begins
      for (unsigned level = k_max_height; level-- > 0 && !restart;) {
        Tower* before = start;
        EntryType* at = load(*before, level);
        while (at != nullptr) {
          const Link next = at->link(level).load(std::memory_order_acquire);  // [L1]
          if (Tower::is_marked(next)) {
            if (!unlink_after(guard, *before, level, *at, next)) {
              restart = true;
              break;
            }
          } else if (compare_(at->key, key)) {
            start = before = at;
          } else if (!compare_(key, at->key)) {
            before = at;
          } else {
            break;
          }
          at = EntryType::from(next);
        }
      }
    }
  }

  // Unlinks `leaving`, which follows `before` on this level. False: the link has changed, search again.
  bool unlink_after(EpochGuard& guard, Tower& before, unsigned level, EntryType& leaving, Link next) {
    schedule_point(Point::unlink);
    Link expected = leaving.as_link();  // unmarked: fails if `before` is leaving too
    // acq_rel: what follows stays published; the entry behind `next` was read with acquire.
    if (!before.link(level).compare_exchange_strong(expected, next & ~Link{1}, std::memory_order_acq_rel,
                                                    std::memory_order_relaxed)) {
      return false;  // relaxed: read again by the caller
    }
    drop_link(guard, leaving);
    return true;
  }

  // Links a new entry above level 0. A failure of the comparator, or the entry's leaving meanwhile, ends it early: the
  // tower is an index, not the truth.
  void build_tower(EpochGuard& guard, EntryType& entry, Place& place) noexcept {
    for (unsigned level = 1; level < entry.height; ++level) {
      for (;;) {  // lock-free, as above
        Link own = entry.link(level).load(std::memory_order_acquire);  // [L1]
        if (Tower::is_marked(own)) return;
        const Link after = as_link(place.after[level]);
        if (own != after && !entry.link(level).compare_exchange_strong(own, after, std::memory_order_acq_rel,
                                                                       std::memory_order_relaxed)) {
          return;  // only a mark can have come in between
        }
        entry.links.fetch_add(1, std::memory_order_relaxed);  // we hold the builder's count: it cannot reach 0
        schedule_point(Point::link_tower);
        Link expected = after;
        const bool linked = place.before[level]->link(level).compare_exchange_strong(
            expected, entry.as_link(), std::memory_order_seq_cst, std::memory_order_relaxed);  // [L1] release
        if (!linked) entry.links.fetch_sub(1, std::memory_order_relaxed);  // as above
        const bool leaving = Tower::is_marked(entry.link(level).load(std::memory_order_seq_cst));
        if (linked && !leaving) break;
        try {
          // Unlinks what we have just linked, if it was marked before; else finds the new place.
          if (locate(guard, entry.key, place) != &entry || leaving) return;
        } catch (...) {
          return;
        }
      }
    }
  }

  static void drop_link(EpochGuard& guard, EntryType& entry) {
    // acq_rel: whoever takes it to 0 comes after every use of the links by the others.
    if (entry.links.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      guard.retire(&entry, &EntryType::free_entry);
    }
  }

  Compare compare_;
  const std::uint32_t threshold_;  // a level is added while a 32-bit draw is below it
  std::atomic<unsigned> top_{1};
  // The head tower, level k_max_height - 1 first, so that link(level) works as it does for an entry.
  std::array<std::atomic<Link>, k_max_height> head_links_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

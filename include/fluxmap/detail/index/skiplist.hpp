// The index: a lock-free sorted list of entries (Harris 2001) under a packed express lane. · layer: index
//
// The list alone decides which keys exist. The express lane finds a place in it with a handful of cache misses (see
// there, and docs/adr/001-express-lane.md for why it replaces towers of pointers). Entries are never moved and never
// hold values: values live in version chains, so this file knows nothing of transactions.
//
// Invariants (with those of Entry and ExpressLane)
//   I1  A search starts at an entry that was unmarked at some moment of the search. So that entry was in the list then,
//       and an entry that was linked before the search began is not missed.
//   I2  A link is changed only by CAS from an unmarked value; so nothing is linked behind an entry that is leaving.
//   I3  Each thing that leads to an entry holds one of its links; the last to let go retires it.
// Thread safety: all calls, inside an epoch guard. Complexity: expected O(log n + 1/p) comparisons for a search.
// Comparators may throw: out of every call, with nothing changed.
#pragma once

#include <fluxmap/detail/index/entry.hpp>
#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/index/express_lane.hpp>
#include <fluxmap/detail/platform/mark.hpp>
#include <fluxmap/detail/platform/prefetch.hpp>
#include <fluxmap/detail/platform/random.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class Key, class Value, class Compare>
class SkipList {
 public:
  using EntryType = Entry<Key, Value>;

  // `probability`: how likely an entry joins the express lane.
  SkipList(Compare compare, double probability)
      : compare_(std::move(compare)),
        threshold_(static_cast<std::uint32_t>(std::ldexp(probability, 32))),
        lane_(compare_) {}
  SkipList(const SkipList&) = delete;
  SkipList& operator=(const SkipList&) = delete;

  // Destroys all entries and their versions. Nothing may use the index any more, and all that was retired must have
  // been freed (EpochDomain::drain) before.
  ~SkipList() {
    // What is leaving may have been taken out of the list and not of the lane, or be a cell's low for good.
    std::vector<EntryType*> leaving;
    const auto collect = [&](EntryType& entry) {
      if (entry.is_leaving()) leaving.push_back(&entry);
    };
    lane_.cells().for_each_cell([&](EntryType* low, const auto& block) {
      if (low != nullptr) collect(*low);
      for (std::size_t i = 0; i < block.size(); ++i) collect(*block.item(i));
    });
    for (EntryType* entry = follow(head_); entry != nullptr; entry = follow(*entry)) collect(*entry);
    std::sort(leaving.begin(), leaving.end(), std::less<>());
    leaving.erase(std::unique(leaving.begin(), leaving.end()), leaving.end());
    for (EntryType* entry = follow(head_); entry != nullptr;) {
      EntryType* const next = follow(*entry);
      if (!entry->is_leaving()) destroy(entry);
      entry = next;
    }
    for (EntryType* entry : leaving) destroy(entry);
  }

  const Compare& compare() const noexcept { return compare_; }

  // The first entry whose key is not less than `key`, not leaving when it was met; null at the end.
  // `ahead`: about how many entries from there on will be walked over; see look_ahead.
  template <class K>
  EntryType* lower_bound(const K& key, std::size_t ahead = 0) const {
    const auto start = lane_.find(key);
    if (ahead > 0) look_ahead(start, ahead);
    EntryType* at = start.equal;
    if (at == nullptr) {
      at = follow(start.before != nullptr ? static_cast<const ListNode&>(*start.before) : head_);
      while (at != nullptr && compare_(at->key, key)) {
        schedule_point(Point::find_step);
        at = follow(*at);
      }
    }
    schedule_point(Point::find_step);
    return skip_leaving(at);
  }

  // The entry with this key; null: none is linked.
  template <class K>
  EntryType* find(const K& key) const {
    EntryType* const entry = lower_bound(key);
    return entry != nullptr && !compare_(key, entry->key) ? entry : nullptr;
  }

  EntryType* first() const { return skip_leaving(follow(head_)); }
  // The entry after this one. `entry` must be linked, or have been when the caller's guard began.
  static EntryType* next(const EntryType& entry) { return skip_leaving(follow(entry)); }

  // Has the memory of about so many entries from `key` on fetched, because a scan will walk over them.
  template <class K>
  void look_ahead(const K& key, std::size_t count) const {
    look_ahead(lane_.find(key), count);
  }

  // Finds the entry with this key or links the one that make() returns. Returns {entry, true} for a new one.
  // `make` is called at most once; `discard(entry)` takes back an entry that lost against another with the same key.
  template <class K, class Make, class Discard>
  std::pair<EntryType*, bool> find_or_link(EpochGuard& guard, const K& key, Make&& make, Discard&& discard) {
    Place place = locate(guard, key);
    if (place.found) return {place.after, false};
    EntryType* const entry = make();
    for (;;) {  // lock-free: a failed CAS means that another thread has linked or unlinked here
      const Link after = place.after != nullptr ? place.after->as_link() : 0;
      entry->next.store(after, std::memory_order_relaxed);  // private still
      entry->links.store(2, std::memory_order_relaxed);     // the list and ourselves; private still
      schedule_point(Point::link);
      Link expected = after;
      // [L1] release: publishes the entry and its chain; pairs with the acquire loads of links.
      if (place.before->next.compare_exchange_strong(expected, entry->as_link(), std::memory_order_acq_rel,
                                                     std::memory_order_relaxed)) {
        break;  // relaxed on failure: locate reads again
      }
      reach(Mark::list_link_lost);
      try {
        place = locate(guard, entry->key);  // not `key`: make may have moved it into the entry
      } catch (...) {
        discard(entry);
        throw;
      }
      if (place.found) {
        discard(entry);
        return {place.after, false};
      }
    }
    const bool joins = joins_lane(guard);
    if (joins || place.steps > k_long_walk) {  // a long walk mends a gap that skipped updates have left
      if (!joins) reach(Mark::list_gap_mended);
      try {
        lane_.insert(guard, *entry);
      } catch (...) {  // no memory, or a comparator: the entry is linked, and the lane is only a hint
      }
    }
    EntryType::drop_link(guard, *entry);  // ourselves
    return {entry, true};
  }

  // Fills an empty index that is not shared yet, in ascending order. O(1) for each entry.
  class Loader {
   public:
    explicit Loader(SkipList& list) : list_(list), last_(&list.head_) {}
    Loader(const Loader&) = delete;
    Loader& operator=(const Loader&) = delete;

    // Links a private entry, whose key must be greater than the last one's. Throws std::bad_alloc, having done nothing.
    void add(EpochGuard& guard, EntryType& entry) {
      if (list_.joins_lane(guard)) lane_.push_back(&entry);
      // Nobody else is here: relaxed, and published with the database.
      entry.links.store(1, std::memory_order_relaxed);
      last_->next.store(entry.as_link(), std::memory_order_relaxed);
      last_ = &entry;
    }
    void finish(EpochGuard& guard) { list_.lane_.build(guard, lane_); }

   private:
    SkipList& list_;
    ListNode* last_;
    std::vector<EntryType*> lane_;
  };

  // Takes an entry with a closed chain out of the index. Any thread may help; the last link's holder retires it.
  void unlink(EpochGuard& guard, EntryType& entry) {
    // seq_cst: before the lane is searched, against ExpressLane::insert. After the closing of the chain; what was
    // linked behind it stays reachable through it (I2).
    entry.next.fetch_or(1, std::memory_order_seq_cst);
    schedule_point(Point::unlink_marked);
    static_cast<void>(locate(guard, entry.key));
    lane_.erase(guard, entry);
  }

  const LaneCells<Key, Value, Compare>& lane() const noexcept { return lane_.cells(); }  // for tests

 private:
  struct Place {
    ListNode* before;
    EntryType* after;
    bool found;      // `after` has the key
    unsigned steps;  // walked from where the lane had led
  };
  static constexpr unsigned k_long_walk = 32;
  static constexpr std::size_t k_look_ahead = 64;  // entries of the lane, at most
  static constexpr int k_steps_ahead = 3;

  static void destroy(EntryType* entry) noexcept {
    auto* version = entry->load_head();
    while (version != nullptr && version != EntryType::closed()) {
      std::exchange(version, version->older.load(std::memory_order_acquire))->destroy();  // [P7]
    }
    EntryType::destroy(entry);
  }

  static EntryType* follow(const ListNode& node) noexcept {
    return EntryType::from(node.next.load(std::memory_order_acquire));  // [L1]
  }
  static EntryType* skip_leaving(EntryType* entry) noexcept {
    while (entry != nullptr) {
      const Link next = entry->next.load(std::memory_order_acquire);  // [L1]
      if (!ListNode::is_marked(next)) break;
      entry = EntryType::from(next);
    }
    return entry;
  }

  // A walk waits for one entry after the other, because each tells where the next one is. The lane tells of many at
  // once; from each of them as many steps are gone at the same time as there usually are to the next one in the lane.
  void look_ahead(const typename LaneCells<Key, Value, Compare>::Start& start, std::size_t count) const noexcept {
    std::array<const EntryType*, k_look_ahead> room;
    const std::size_t in_lane = std::min(room.size(), (count * threshold_ >> 32) + 1);
    const std::span some(room.data(), LaneCells<Key, Value, Compare>::some_from(start, std::span(room).first(in_lane)));
    for (const EntryType* entry : some) prefetch(entry);
    std::size_t walking = 0;
    for (const EntryType* entry : some) {
      prefetch(entry->head.load(std::memory_order_relaxed));          // not looked at
      const Link next = entry->next.load(std::memory_order_acquire);  // [L1]
      // What stands behind an entry that has left the list may be gone, see I1. (A comparator that has thrown may have
      // left such an entry in the lane for good.)
      if (!ListNode::is_marked(next) && next != 0) prefetch(room[walking++] = EntryType::from(next));
    }
    for (int step = 1; step < k_steps_ahead; ++step) {
      for (const EntryType*& entry : std::span(room).first(walking)) {
        prefetch(entry->head.load(std::memory_order_relaxed));  // not looked at
        if (const EntryType* const next = follow(*entry)) prefetch(entry = next);
      }
    }
  }

  bool joins_lane(EpochGuard& guard) noexcept {
    return static_cast<std::uint32_t>(next_random(guard.slot().random) >> 32) < threshold_;
  }

  // Finds the predecessor and successor of `key` and unlinks the leaving entries between them.
  template <class K>
  Place locate(EpochGuard& guard, const K& key) {
    for (;;) {  // lock-free: a restart means that another thread has changed a link here
      const auto start = lane_.find(key);
      schedule_point(Point::find_step);
      if (start.equal != nullptr) return {nullptr, start.equal, true, 0};
      Place place{start.before != nullptr ? static_cast<ListNode*>(start.before) : &head_, nullptr, false, 0};
      if (walk(guard, key, place)) return place;
      reach(Mark::list_walk_lost);
    }
  }

  template <class K>
  bool walk(EpochGuard& guard, const K& key, Place& place) {
    Link at = place.before->next.load(std::memory_order_acquire);  // [L1]
    if (ListNode::is_marked(at)) return false;                     // it has just begun to leave
    for (;; ++place.steps) {
      place.after = EntryType::from(at);
      if (place.after == nullptr) return true;
      schedule_point(Point::find_step);
      const Link next = place.after->next.load(std::memory_order_acquire);  // [L1]
      if (ListNode::is_marked(next)) {
        Link expected = place.after->as_link();  // unmarked: fails if `before` is leaving too
        // acq_rel: what follows stays published; the entry behind `next` was read with acquire.
        if (!place.before->next.compare_exchange_strong(expected, next & ~Link{1}, std::memory_order_acq_rel,
                                                        std::memory_order_relaxed)) {
          return false;  // relaxed: read again by the caller
        }
        schedule_point(Point::unlinked);
        EntryType::drop_link(guard, *place.after);
        at = next & ~Link{1};
        continue;
      }
      if (!compare_(place.after->key, key)) {
        place.found = !compare_(key, place.after->key);
        return true;
      }
      place.before = place.after;
      at = next;
    }
  }

  Compare compare_;
  const std::uint32_t threshold_;  // an entry joins the lane when a 32-bit draw is below it
  ListNode head_;
  ExpressLane<Key, Value, Compare> lane_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

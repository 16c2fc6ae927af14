// Which version of an entry a reader sees: the only place where that rule is written. · layer: index
//
// All functions must be called inside an epoch guard; none of them waits.
#pragma once

#include <fluxmap/detail/index/entry.hpp>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// What a reader found. A tombstone, a value whose time has passed, and nothing at all are told apart only where it
// matters (tests, statistics).
template <class Value>
struct Found {
  Version<Value>* version = nullptr;  // null: no version at all
  Cts cts = 0;                        // the version's timestamp; 0 with null
  Cts newer = 0;                      // timestamp of the newest committed version that the snapshot does not see

  bool is_value() const noexcept { return version != nullptr && !version->is_tombstone(); }  // expired or not
  bool live(const Now& now) const noexcept { return version != nullptr && version->is_live(now); }
};

// True if `version` belongs to a commit; `cts` is then its timestamp.
template <class Value>
bool is_committed(const Version<Value>& version, Cts& cts) noexcept {
  const Stamp stamp = version.stamp();
  if (stamp.is_tagged()) return stamp.record()->committed(cts);
  cts = stamp.cts();
  return true;
}

// Goes to the version below this one, which did not count when the caller asked. In between it may have been published,
// and what stood below pruned away: nobody has registered a snapshot for who reads the newest. So the link is read
// first, and the version asked once more. True: it counts by now, and `version` is still it.
template <class Value, class Counts>
bool counts_or_step_down(Version<Value>*& version, Counts&& counts) noexcept {
  if (counts(*version)) return true;
  schedule_point(Point::read_older);
  // [P7] acquire: whoever has pruned here had seen the version published, and so does our second look.
  Version<Value>* const below = version->older.load(std::memory_order_acquire);
  if (counts(*version)) return true;
  version = below;
  return false;
}

// visible_at from `version` on, which was read from the chain.
template <class Value>
Found<Value> visible_from(Version<Value>* version, Cts snapshot) noexcept {
  Found<Value> found;
  Cts cts = 0;
  const auto committed = [&cts](const Version<Value>& one) { return is_committed(one, cts); };
  while (version != nullptr) {
    if (!counts_or_step_down(version, committed)) continue;
    if (cts <= snapshot) {
      found.version = version;
      found.cts = cts;
      return found;
    }
    if (found.newer == 0) found.newer = cts;
    schedule_point(Point::read_older);
    version = version->older.load(std::memory_order_acquire);  // pairs with [P7]
  }
  return found;
}

// The newest version at or before `snapshot`. Whatever is undecided has a timestamp above every snapshot handed out,
// so it can be stepped over without a wait.
template <class Key, class Value>
Found<Value> visible_at(const Entry<Key, Value>& entry, Cts snapshot) noexcept {
  Version<Value>* const head = entry.load_head();
  if (head == nullptr || head == Entry<Key, Value>::closed()) return {};  // closed: a tombstone that all see was here
  const Stamp stamp = head->stamp();
  if (!stamp.is_tagged() && stamp.cts() <= snapshot) return {head, stamp.cts(), 0};  // nearly always; to be inlined
  return visible_from(head, snapshot);
}

// The newest committed version, which may not be published yet: for a read that a commit follows at once.
template <class Key, class Value>
Found<Value> newest_committed(const Entry<Key, Value>& entry) noexcept {
  return visible_at(entry, ~Cts{0});
}

// The newest published version, for a read that is a transaction of its own. `published()` is asked only when the head
// is not stamped yet: in the common case nothing shared but the entry itself is read.
template <class Key, class Value, class Published>
Found<Value> newest_published(const Entry<Key, Value>& entry, Published&& published) noexcept {
  Found<Value> found;
  Version<Value>* version = entry.load_head();
  if (version == Entry<Key, Value>::closed()) return found;
  Cts cts = 0;
  const auto is_published = [&](const Version<Value>& one) {
    const Stamp stamp = one.stamp();
    if (stamp.is_tagged()) return stamp.record()->committed(cts) && cts <= published();
    cts = stamp.cts();
    return true;
  };
  while (version != nullptr) {
    if (!counts_or_step_down(version, is_published)) continue;
    found.version = version;
    found.cts = cts;
    return found;
  }
  return found;
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// What a read-write transaction has read: private to it, so that reading writes nothing shared. · layer: txn
//
// A live version is remembered by its entry: the registered snapshot keeps both. A key that was absent has no entry, or
// one that vacuum may take away, so the key itself is remembered. A scan is remembered as the range it was asked for
// and what it found there, in order; validation walks the range again and compares.
#pragma once

#include <fluxmap/detail/index/entry.hpp>
#include <fluxmap/detail/index/key_order.hpp>

#include <concepts>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class Key, class Value>
struct Write;

// How a range ends.
enum class RangeKind : unsigned char {
  half_open,  // before `last`
  prefix,     // with the last key that begins with `first`
  through,    // with `last`
  from,       // with the last key of all
  none,       // at once: it is empty
};

template <class Key, class Value>
struct RangeRead {
  // One key that the scan met: a live version in the database, or a key that the transaction had written itself, whose
  // database version it did not look at.
  struct Seen {
    Entry<Key, Value>* entry = nullptr;  // null: own write
    Version<Value>* version = nullptr;
    const Write<Key, Value>* own = nullptr;  // kept by the write set until the transaction ends
  };

  std::optional<Key> first;  // null: from the first key of all
  std::optional<Key> last;   // half_open and through; else null
  RangeKind kind = RangeKind::half_open;
  bool finished = false;  // walked to its end; else only up to the last key seen
  std::vector<Seen> seen;
  bool after = false;  // it begins behind `first`
  // Where the walk began, if not at the beginning: ranges that were read before cover what is left out.
  std::optional<Key> start{};

  // Not before its beginning.
  template <class Compare>
  bool has_begun(const Compare& compare, const Key& key) const {
    return !first || (after ? compare(*first, key) : !compare(key, *first));
  }
  // Before its end, given that it has begun.
  template <class Compare>
  bool contains(const Compare& compare, const Key& key) const {
    if (kind == RangeKind::half_open) return compare(key, *last);
    if (kind == RangeKind::through) return !compare(*last, key);
    if (kind == RangeKind::from) return true;
    if constexpr (!std::is_void_v<text_char_t<Key>>) {
      using View = std::basic_string_view<text_char_t<Key>>;
      return kind == RangeKind::prefix && View(key).starts_with(View(*first));
    } else {
      return false;  // prefix scans of such keys do not compile
    }
  }

  // The first entry of an index that may be in it. `ahead`: see SkipList::lower_bound.
  template <class Index>
  Entry<Key, Value>* first_in(const Index& index, std::size_t ahead = 0) const {
    if (start) return index.lower_bound(*start, ahead);
    if (!first) return index.first();
    Entry<Key, Value>* entry = index.lower_bound(*first, ahead);
    if (after) {
      while (entry != nullptr && !index.compare()(*first, entry->key)) entry = index.next(*entry);
    }
    return entry;
  }
};

template <class Key, class Value>
struct ReadSet {
  struct Point {
    Entry<Key, Value>* entry;
    Version<Value>* version;
  };

  std::vector<Point> points;
  std::vector<Key> absent;
  std::deque<RangeRead<Key, Value>> ranges;  // a deque: streams keep pointers to theirs

  bool empty() const noexcept { return points.empty() && absent.empty() && ranges.empty(); }
  // Keys read. O(ranges).
  std::size_t size() const noexcept {
    std::size_t size = points.size() + absent.size();
    for (const auto& range : ranges) size += 1 + range.seen.size();
    return size;
  }
  void clear() noexcept {
    points.clear();
    absent.clear();
    ranges.clear();
  }

  // Remembers a live version, unless it is among the last few anyway.
  void add(Entry<Key, Value>* entry, Version<Value>* version) {
    std::size_t looked = 0;
    for (auto at = points.rbegin(); at != points.rend() && looked < k_recent; ++at, ++looked) {
      if (at->entry == entry) return;  // same snapshot, same version: refresh keeps all of them current
    }
    points.push_back({entry, version});
  }

  // The entry of a key read not long ago; null: look it up.
  template <class Compare>
  Entry<Key, Value>* recent_entry(const Compare& compare, const Key& key) const {
    std::size_t looked = 0;
    for (auto at = points.rbegin(); at != points.rend() && looked < k_recent; ++at, ++looked) {
      if (!compare(key, at->entry->key) && !compare(at->entry->key, key)) return at->entry;
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t k_recent = 8;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

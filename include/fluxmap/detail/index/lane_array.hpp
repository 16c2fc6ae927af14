// An array of the express lane: pointers in the order of their keys, each with the prefix of its key. · layer: index
#pragma once

#include <fluxmap/detail/platform/heap_bytes.hpp>
#include <fluxmap/detail/platform/prefetch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Immutable once published. One allocation: the count, the prefixes, the pointers.
template <class Item>
class LaneArray {
 public:
  struct Delete {
    void operator()(LaneArray* array) const noexcept {
      array->~LaneArray();
      ::operator delete(array);
    }
  };
  using Ptr = std::unique_ptr<LaneArray, Delete>;

  // To be filled with set() before anybody else sees it.
  static Ptr allocate(std::size_t size) {
    static_assert(sizeof(std::uint64_t) == sizeof(LaneArray) && alignof(Item*) <= alignof(std::uint64_t));
    void* const memory = ::operator new(sizeof(LaneArray) + size * k_pair);
    return Ptr(::new (memory) LaneArray(size));
  }
  static Ptr with(const LaneArray& other, std::size_t place, Item& item, std::uint64_t prefix) {
    Ptr array = allocate(other.size() + 1);
    array->copy(other, 0, place, 0);
    array->set(place, item, prefix);
    array->copy(other, place, other.size(), place + 1);
    return array;
  }
  static Ptr without(const LaneArray& other, std::size_t place) {
    Ptr array = allocate(other.size() - 1);
    array->copy(other, 0, place, 0);
    array->copy(other, place + 1, other.size(), place);
    return array;
  }
  static Ptr part(const LaneArray& other, std::size_t from, std::size_t to) {
    Ptr array = allocate(to - from);
    array->copy(other, from, to, 0);
    return array;
  }
  static Ptr joined(const LaneArray& left, const LaneArray& right) {
    Ptr array = allocate(left.size() + right.size());
    array->copy(left, 0, left.size(), 0);
    array->copy(right, 0, right.size(), left.size());
    return array;
  }
  void set(std::size_t at, Item& item, std::uint64_t prefix) noexcept {
    prefixes()[at] = prefix;
    items()[at] = &item;
  }
  void copy(const LaneArray& other, std::size_t from, std::size_t to, std::size_t at) noexcept {
    std::copy(other.prefixes() + from, other.prefixes() + to, prefixes() + at);
    std::copy(other.items() + from, other.items() + to, items() + at);
  }

  std::size_t size() const noexcept { return size_; }
  // Of the allocation; nothing while it is empty, so that an empty database weighs nothing.
  std::int64_t bytes() const noexcept {
    return size_ == 0 ? 0 : static_cast<std::int64_t>(heap_bytes(sizeof(LaneArray) + size_ * k_pair));
  }
  std::uint64_t prefix(std::size_t at) const noexcept { return prefixes()[at]; }
  Item* item(std::size_t at) const noexcept { return items()[at]; }

  // How many prefixes are less than this one, or not greater. For an array that is read by every search, and so in the
  // cache: one element of each cache line, then one line, all compared without a branch that could be mispredicted.
  std::size_t hot_less(std::uint64_t prefix) const noexcept {
    return hot_count([prefix](std::uint64_t other) { return other < prefix; });
  }
  std::size_t hot_not_greater(std::uint64_t prefix) const noexcept {
    return hot_count([prefix](std::uint64_t other) { return other <= prefix; });
  }
  // The same for one that is probably not in the cache: all of its lines are asked for at once, and by branches, which
  // the processor follows ahead of the data, so that what comes after the search is on its way too.
  std::size_t cold_less(std::uint64_t prefix) const noexcept {
    return cold_count([prefix](std::uint64_t other) { return other < prefix; });
  }
  std::size_t cold_not_greater(std::uint64_t prefix) const noexcept {
    return cold_count([prefix](std::uint64_t other) { return other <= prefix; });
  }

 private:
  static constexpr std::size_t k_pair = sizeof(std::uint64_t) + sizeof(Item*);

  explicit LaneArray(std::size_t size) noexcept : size_(size) {}
  std::uint64_t* prefixes() const noexcept {
    return reinterpret_cast<std::uint64_t*>(const_cast<LaneArray*>(this) + 1);
  }
  Item** items() const noexcept { return reinterpret_cast<Item**>(prefixes() + size_); }

  template <class Before>
  std::size_t hot_count(Before before) const noexcept {
    const std::uint64_t* from = prefixes();
    std::size_t size = size_;
    for (; size > k_flat; size -= size / 2) from += size / 2 & -static_cast<std::size_t>(before(from[size / 2 - 1]));
    std::size_t lines = 0, rest = 0;
    for (std::size_t at = k_line - 1; at < size; at += k_line) lines += before(from[at]) ? std::size_t{1} : 0;
    from += k_line * lines;
    size = std::min(size - k_line * lines, k_line);
    for (std::size_t at = 0; at < size; ++at) rest += before(from[at]) ? std::size_t{1} : 0;
    return static_cast<std::size_t>(from - prefixes()) + rest;
  }
  template <class Before>
  std::size_t cold_count(Before before) const noexcept {
    const std::uint64_t* const begin = prefixes();
    for (std::size_t at = 0; at < k_asked_for; at += k_line) prefetch(begin + at);
    std::size_t from = 0;
    for (std::size_t size = size_; size > 0;) {
      const std::size_t half = size / 2;
      if (before(begin[from + half])) {
        from += half + 1;
        size -= half + 1;
      } else {
        size = half;
      }
    }
    return from;
  }

  static constexpr std::size_t k_line = 64 / sizeof(std::uint64_t);
  static constexpr std::size_t k_flat = 16 * k_line;  // up to here the elements of all lines are compared
  // Of a block, before its size is known: what it usually has. Nothing happens where there is no such memory.
  static constexpr std::size_t k_asked_for = 12 * k_line;

  std::size_t size_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

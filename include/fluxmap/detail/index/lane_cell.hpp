// A cell of the express lane, and how keys compare with what the lane holds. · layer: index
#pragma once

#include <fluxmap/detail/index/key_prefix.hpp>
#include <fluxmap/detail/index/lane_array.hpp>
#include <fluxmap/detail/platform/atomic.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Covers the keys from `low` on, up to the low of the next live cell. [X1] and [X3] as in express_lane.hpp.
template <class EntryType>
struct LaneCell {
  using Block = LaneArray<EntryType>;

  static constexpr std::uintptr_t k_frozen = 1, k_dead = 2, k_tags = 3;

  Atomic<std::uintptr_t> block{0};  // Block* | k_frozen | k_dead
  Atomic<LaneCell*> right{nullptr};
  EntryType* low = nullptr;  // null for the first cell, which covers the smallest keys
  std::uint64_t low_prefix = 0;
  Atomic<bool> left_over{false};     // an entry that is leaving could not be erased while the block was frozen
  Atomic<std::uint32_t> changes{0};  // of the directory's segment that begins here; see LaneCells::note_change

  static std::uintptr_t as_bits(const Block* block) noexcept { return reinterpret_cast<std::uintptr_t>(block); }
  static Block* block_of(std::uintptr_t bits) noexcept { return reinterpret_cast<Block*>(bits & ~k_tags); }
  static bool is_frozen(std::uintptr_t bits) noexcept { return (bits & k_frozen) != 0; }
  static bool is_dead(std::uintptr_t bits) noexcept { return (bits & k_dead) != 0; }

  bool is_dead() const noexcept { return is_dead(block.load(std::memory_order_acquire)); }  // [X1]; then for good
};

// Compares what the lane holds with a key, by the prefixes as far as they go. Thread safety: all calls.
template <class EntryType, class Prefix, class Compare>
class LaneOrder {
 public:
  using Cell = LaneCell<EntryType>;

  explicit LaneOrder(const Compare& compare) noexcept : compare_(compare) {}

  // entry < key.
  template <class K>
  bool less(const EntryType* entry, std::uint64_t entry_prefix, const K& key, std::uint64_t prefix) const {
    if constexpr (Prefix::template k_has<K>) {
      if (Prefix::k_exact || entry_prefix != prefix) return entry_prefix < prefix;
    }
    return compare_(entry->key, key);
  }
  // The same key, given !(entry < key).
  template <class K>
  bool equals(const EntryType& entry, std::uint64_t entry_prefix, const K& key, std::uint64_t prefix) const {
    if constexpr (Prefix::template k_has<K>) {
      if (Prefix::k_exact || entry_prefix != prefix) return entry_prefix == prefix;
    }
    return !compare_(key, entry.key);
  }
  // The cell begins after `key`.
  template <class K>
  bool is_after(const Cell& cell, const K& key, std::uint64_t prefix) const {
    if (cell.low == nullptr) return false;
    if constexpr (Prefix::template k_has<K>) {
      if (Prefix::k_exact || cell.low_prefix != prefix) return prefix < cell.low_prefix;
    }
    return compare_(key, cell.low->key);
  }

  // The number of entries of a block that are less than the key.
  template <class K>
  std::size_t place_in(const LaneArray<EntryType>& block, const K& key, std::uint64_t prefix) const {
    if constexpr (k_exact<K>) return block.cold_less(prefix);
    std::pair<std::size_t, std::size_t> ties{0, block.size()};  // where the prefixes do not tell
    if constexpr (Prefix::template k_has<K>) {
      ties.first = block.cold_less(prefix);
      const bool any = ties.first < block.size() && block.prefix(ties.first) == prefix;
      ties.second = any ? block.cold_not_greater(prefix) : ties.first;
    }
    return bisect(ties, [&](std::size_t at) { return compare_(block.item(at)->key, key); });
  }
  // The last element of an array that does not begin after the key; the first one never does. `cell_of` gives the cell
  // that an element begins with.
  template <class Item, class K, class CellOf>
  std::size_t last_not_after(const LaneArray<Item>& array, const K& key, std::uint64_t prefix, CellOf cell_of) const {
    if constexpr (k_exact<K>) return array.hot_not_greater(prefix) - 1;  // the first cell's prefix is 0
    std::pair<std::size_t, std::size_t> ties{0, array.size()};
    if constexpr (Prefix::template k_has<K>) ties = {array.hot_less(prefix), array.hot_not_greater(prefix)};
    return bisect(ties, [&](std::size_t at) { return !is_after(cell_of(at), key, prefix); }) - 1;
  }

 private:
  template <class K>
  static constexpr bool k_exact = Prefix::k_exact && Prefix::template k_has<K>;

  // The first place between these from which on before(place) is false.
  template <class Before>
  static std::size_t bisect(std::pair<std::size_t, std::size_t> range, Before before) {
    auto [from, to] = range;
    while (from < to) {
      const std::size_t middle = from + (to - from) / 2;
      if (before(middle)) {
        from = middle + 1;
      } else {
        to = middle;
      }
    }
    return from;
  }

  const Compare& compare_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// A cell of the express lane, the directory of the cells, and how a key finds its place in them. · layer: index
#pragma once

#include <fluxmap/detail/index/key_prefix.hpp>
#include <fluxmap/detail/index/lane_block.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Covers the keys from `low` on, up to the low of the next live cell. [X1] and [X3] as in express_lane.hpp.
template <class EntryType, class Prefix>
struct LaneCell {
  using Block = LaneBlock<EntryType, Prefix>;

  static constexpr std::uintptr_t k_frozen = 1, k_dead = 2, k_tags = 3;

  std::atomic<std::uintptr_t> block{0};  // Block* | k_frozen | k_dead
  std::atomic<LaneCell*> right{nullptr};
  EntryType* low = nullptr;  // null for the first cell, which covers the smallest keys
  std::uint64_t low_prefix = 0;
  std::atomic<bool> left_over{false};  // an entry that is leaving could not be erased while the block was frozen

  static std::uintptr_t as_bits(const Block* block) noexcept { return reinterpret_cast<std::uintptr_t>(block); }
  static Block* block_of(std::uintptr_t bits) noexcept { return reinterpret_cast<Block*>(bits & ~k_tags); }
  static bool is_frozen(std::uintptr_t bits) noexcept { return (bits & k_frozen) != 0; }
  static bool is_dead(std::uintptr_t bits) noexcept { return (bits & k_dead) != 0; }

  bool is_dead() const noexcept { return is_dead(block.load(std::memory_order_acquire)); }  // [X1]; then for good
};

template <class EntryType, class Prefix>
struct LaneDirectory {
  std::vector<std::uint64_t> prefixes;  // of the cells' lows
  std::vector<LaneCell<EntryType, Prefix>*> cells;
};

// Compares entries with a key, by the prefixes as far as they go. Thread safety: all calls.
template <class EntryType, class Prefix, class Compare>
class LaneOrder {
 public:
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
  bool is_after(const LaneCell<EntryType, Prefix>& cell, const K& key, std::uint64_t prefix) const {
    if (cell.low == nullptr) return false;
    if constexpr (Prefix::template k_has<K>) {
      if (Prefix::k_exact || cell.low_prefix != prefix) return prefix < cell.low_prefix;
    }
    return compare_(key, cell.low->key);
  }

  // The number of entries of a block that are less than the key.
  template <class K>
  std::size_t place_in(const LaneBlock<EntryType, Prefix>& block, const K& key, std::uint64_t prefix) const {
    std::size_t from = 0;
    for (std::size_t size = block.size(); size > 0;) {
      const std::size_t half = size / 2;
      const bool right = less(block.entry(from + half), block.prefix(from + half), key, prefix);
      from = right ? from + half + 1 : from;
      size = right ? size - half - 1 : half;
    }
    return from;
  }
  // The last cell of the directory that does not begin after the key.
  template <class K>
  std::size_t place_in(const LaneDirectory<EntryType, Prefix>& top, const K& key, std::uint64_t prefix) const {
    std::size_t from = 1;  // the first cell begins nowhere
    for (std::size_t size = top.cells.size() - 1; size > 0;) {
      const std::size_t half = size / 2;
      bool right = false;
      if (Prefix::template k_has<K> && (Prefix::k_exact || top.prefixes[from + half] != prefix)) {
        right = top.prefixes[from + half] <= prefix;
      } else {
        right = !is_after(*top.cells[from + half], key, prefix);
      }
      from = right ? from + half + 1 : from;
      size = right ? size - half - 1 : half;
    }
    return from - 1;
  }

 private:
  const Compare& compare_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

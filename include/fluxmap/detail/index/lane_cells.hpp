// The cells of the express lane: how they hang together, and how a key finds its place in them. See express_lane.hpp,
// whose invariants these are. · layer: index
#pragma once

#include <fluxmap/detail/index/entry.hpp>
#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/index/key_prefix.hpp>
#include <fluxmap/detail/index/lane_array.hpp>
#include <fluxmap/detail/index/lane_cell.hpp>
#include <fluxmap/detail/index/lane_directory.hpp>
#include <fluxmap/detail/platform/heap_bytes.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Thread safety: all calls, inside an epoch guard.
template <class Key, class Value, class Compare>
class LaneCells {
 public:
  using EntryType = Entry<Key, Value>;
  using Prefix = KeyPrefix<Key, Compare>;
  using Block = LaneArray<EntryType>;
  using BlockPtr = typename Block::Ptr;
  using Cell = LaneCell<EntryType>;

  // 2 KiB: a copy costs as much as two cache misses. Schedule tests have few keys, and are to see splits.
  static constexpr std::uint32_t k_capacity = FLUXMAP_SCHEDULE != 0 ? 3 : 128;
  static constexpr auto k_cell_bytes = static_cast<std::int64_t>(heap_bytes(sizeof(Cell)) + sizeof(std::uint64_t) +
                                                                 sizeof(Cell*));  // and in the directory

  explicit LaneCells(const Compare& compare) : order(compare), directory_(first, order) {
    first.block.store(Cell::as_bits(Block::allocate(0).release()), std::memory_order_relaxed);  // private still
  }
  LaneCells(const LaneCells&) = delete;
  LaneCells& operator=(const LaneCells&) = delete;

  // Nothing may use the lane any more. Links are not given back: the list is destroyed next, with all its entries.
  ~LaneCells() {
    for (Cell* cell = &first; cell != nullptr;) {
      Cell* const right = cell->right.load(std::memory_order_acquire);                        // destructor
      typename Block::Delete()(Cell::block_of(cell->block.load(std::memory_order_acquire)));  // destructor
      if (cell != &first) delete cell;
      cell = right;
    }
  }

  // f(low, block) for every cell, from left to right; the first has no low. For the destructor of the list, and tests.
  template <class F>
  void for_each_cell(F&& f) const {
    for (const Cell* cell = &first; cell != nullptr; cell = cell->right.load(std::memory_order_acquire)) {  // [X3]
      f(cell->low, *Cell::block_of(cell->block.load(std::memory_order_acquire)));                           // [X1]
    }
  }
  // What the lane adds to Counters::index_bytes, counted anew; while no other thread is here.
  std::int64_t bytes() const {
    std::int64_t sum = -k_cell_bytes;  // the first cell is not counted
    for (const Cell* cell = &first; cell != nullptr; cell = cell->right.load(std::memory_order_acquire)) {  // [X3]
      const std::uintptr_t bits = cell->block.load(std::memory_order_acquire);                              // [X1]
      sum += Cell::block_of(bits)->bytes() + (Cell::is_dead(bits) ? 0 : k_cell_bytes);
    }
    return sum;
  }

  // What a search starts from.
  struct Start {
    EntryType* before = nullptr;  // its key is less than the one asked for; null: start at the list's head
    EntryType* equal = nullptr;   // has the key; null: not in the lane
    // Where the key's place in the lane is, for some_from.
    const Cell* cell = nullptr;
    const Block* block = nullptr;
    std::size_t at = 0;
  };

  // Finds the nearest entry before `key`. Both results were linked and not leaving at some moment of this call.
  template <class K>
  Start find(const K& key) const {
    const std::uint64_t prefix = Prefix::of(key);
    auto place = directory_.find(key, prefix);
    const Cell* stop = place.next();
    Start start;
    for (;;) {
      // The cells from here that may hold the key's place, the last ones only: more than a few are there only for a
      // moment.
      std::array<const Cell*, k_chain> chain;
      std::size_t length = 0;
      for (const Cell* cell = place.cell(); cell != nullptr && cell != stop && !order.is_after(*cell, key, prefix);
           cell = cell->right.load(std::memory_order_acquire)) {  // [X3]
        chain[length++ % k_chain] = cell;
      }
      for (std::size_t tried = 0; tried < std::min(length, k_chain); ++tried) {
        const Cell& cell = *chain[(length - 1 - tried) % k_chain];
        const Block& block = *Cell::block_of(cell.block.load(std::memory_order_acquire));  // [X1]
        const std::size_t at = order.place_in(block, key, prefix);
        if (start.cell == nullptr) {
          start.cell = &cell;
          start.block = &block;
          start.at = at;
          if (at < block.size() && order.equals(*block.item(at), block.prefix(at), key, prefix) &&
              !block.item(at)->is_leaving()) {
            start.equal = block.item(at);
            return start;
          }
        }
        for (std::size_t i = at; i-- > 0;) {
          if (block.item(i)->is_leaving()) continue;
          start.before = block.item(i);
          return start;
        }
      }
      stop = place.cell();
      if (!place.back()) return start;
    }
  }

  // Copies entries of the lane from a place that find() has found on, in order; they may be leaving. Returns how many.
  // In the same guard.
  static std::size_t some_from(const Start& start, std::span<const EntryType*> some) noexcept {
    const Cell* cell = start.cell;
    const Block* block = start.block;
    std::size_t at = start.at, count = 0;
    while (cell != nullptr) {
      for (; at < block->size() && count < some.size(); ++at) some[count++] = block->item(at);
      if (count == some.size() || (cell = cell->right.load(std::memory_order_acquire)) == nullptr) break;  // [X3]
      block = Cell::block_of(cell->block.load(std::memory_order_acquire));                                 // [X1]
      at = 0;
    }
    return count;
  }

  // The live cell that has the key's place (I4), as it was at some moment of this call.
  Cell& place_of(const Key& key, std::uint64_t prefix) {
    auto place = directory_.find(key, prefix);
    const Cell* stop = place.next();
    for (;;) {
      Cell* found = nullptr;
      for (Cell* cell = place.cell(); cell != nullptr && cell != stop && !order.is_after(*cell, key, prefix);
           cell = cell->right.load(std::memory_order_acquire)) {  // [X3]
        if (!cell->is_dead()) found = cell;
      }
      if (found != nullptr) return *found;
      stop = place.cell();
      if (!place.back()) return first;
    }
  }

  // After the block of a cell was loaded: true if the key's place is further right (I4).
  bool must_move_right(const Cell& cell, const Key& key, std::uint64_t prefix) const {
    for (const Cell* right = cell.right.load(std::memory_order_acquire);
         right != nullptr && !order.is_after(*right, key, prefix);
         right = right->right.load(std::memory_order_acquire)) {  // [X3]
      if (!right->is_dead()) return true;
    }
    return false;
  }

  // Fills cells that are empty and not shared yet with these entries, ascending by key. O(n).
  void build(EpochGuard& guard, const std::vector<EntryType*>& entries) {
    constexpr std::size_t k_fill = (k_capacity * 3 + 3) / 4;
    std::vector<Cell*> cells{&first};
    // Nobody else is here: all stores are relaxed, and published with the database.
    for (std::size_t from = 0; from < entries.size(); from += k_fill) {
      const std::size_t size = std::min(k_fill, entries.size() - from);
      BlockPtr block = Block::allocate(size);
      for (std::size_t i = 0; i < size; ++i) {
        EntryType& entry = *entries[from + i];
        block->set(i, entry, Prefix::of(entry.key));
      }
      if (from > 0) {
        auto right = std::make_unique<Cell>();
        right->low = block->item(0);
        right->low_prefix = block->prefix(0);
        cells.push_back(right.get());
        right->low->links.fetch_add(1, std::memory_order_relaxed);
        cells[cells.size() - 2]->right.store(right.release(), std::memory_order_relaxed);
      }
      for (std::size_t i = 0; i < size; ++i) block->item(i)->links.fetch_add(1, std::memory_order_relaxed);
      count(guard, block->bytes() + (from > 0 ? k_cell_bytes : 0));
      Block* const before =
          Cell::block_of(cells.back()->block.exchange(Cell::as_bits(block.release()), std::memory_order_relaxed));
      if (before != nullptr) typename Block::Delete()(before);
    }
    directory_.build(cells);
  }

  static void count(EpochGuard& guard, std::int64_t bytes) noexcept { guard.counters().index_bytes.add(bytes); }
  static void free_block(void* block) noexcept { typename Block::Delete()(static_cast<Block*>(block)); }

  // This cell has come, or is dead.
  void note_change(EpochGuard& guard, const Cell& cell) noexcept { directory_.note_change(guard, cell); }

 private:
  static constexpr std::size_t k_chain = 8;

 public:
  const LaneOrder<EntryType, Prefix, Compare> order;
  Cell first;  // covers the smallest keys, and never dies

 private:
  LaneDirectory<EntryType, Prefix, Compare> directory_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

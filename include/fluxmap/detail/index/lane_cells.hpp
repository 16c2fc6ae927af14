// The cells of the express lane: how they hang together, and how a key finds its place in them. See express_lane.hpp,
// whose invariants these are. · layer: index
#pragma once

#include <fluxmap/detail/index/entry.hpp>
#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/index/key_prefix.hpp>
#include <fluxmap/detail/index/lane_block.hpp>
#include <fluxmap/detail/index/lane_cell.hpp>
#include <fluxmap/detail/platform/heap_bytes.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Thread safety: all calls, inside an epoch guard.
template <class Key, class Value, class Compare>
class LaneCells {
 public:
  using EntryType = Entry<Key, Value>;
  using Prefix = KeyPrefix<Key, Compare>;
  using Block = LaneBlock<EntryType, Prefix>;
  using BlockPtr = typename Block::Ptr;
  using Cell = LaneCell<EntryType, Prefix>;

  // 2 KiB: a copy costs as much as two cache misses. Schedule tests have few keys, and are to see splits.
  static constexpr std::uint32_t k_capacity = FLUXMAP_SCHEDULE != 0 ? 3 : 128;
  static constexpr auto k_cell_bytes =
      static_cast<std::int64_t>(heap_bytes(sizeof(Cell)) + sizeof(std::uint64_t) + sizeof(Cell*));  // and in the Top

  explicit LaneCells(const Compare& compare) : order(compare), top_(new Top{{0}, {&first}}) {
    first.block.store(Cell::as_bits(Block::empty().release()), std::memory_order_relaxed);  // private still
  }
  LaneCells(const LaneCells&) = delete;
  LaneCells& operator=(const LaneCells&) = delete;

  // Nothing may use the lane any more. Links are not given back: the list is destroyed next, with all its entries.
  ~LaneCells() {
    delete top_.load(std::memory_order_acquire);  // destructor
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
  };

  // Finds the nearest entry before `key`. Both results were linked and not leaving at some moment of this call.
  template <class K>
  Start find(const K& key) const {
    const std::uint64_t prefix = Prefix::of(key);
    const Top& top = *top_.load(std::memory_order_acquire);  // [X2]
    const Cell* stop = nullptr;
    for (std::size_t at = order.place_in(top, key, prefix);; --at) {
      // The cells from here that may hold the place, the last ones only: more than a few are there only for a moment.
      std::array<const Cell*, k_chain> chain;
      std::size_t length = 0;
      for (const Cell* cell = top.cells[at]; cell != nullptr && cell != stop && !order.is_after(*cell, key, prefix);
           cell = cell->right.load(std::memory_order_acquire)) {  // [X3]
        chain[length++ % k_chain] = cell;
      }
      for (std::size_t tried = 0; tried < std::min(length, k_chain); ++tried) {
        const Cell& cell = *chain[(length - 1 - tried) % k_chain];
        const Block& block = *Cell::block_of(cell.block.load(std::memory_order_acquire));  // [X1]
        const std::size_t place = order.place_in(block, key, prefix);
        if (place < block.size() && tried == 0 && order.equals(*block.entry(place), block.prefix(place), key, prefix) &&
            !block.entry(place)->is_leaving()) {
          return {nullptr, block.entry(place)};
        }
        for (std::size_t i = place; i-- > 0;) {
          if (!block.entry(i)->is_leaving()) return {block.entry(i), nullptr};
        }
      }
      if (at == 0) return {};
      stop = top.cells[at];
    }
  }

  // The live cell that has the key's place (I4), as it was at some moment of this call.
  Cell& place_of(const Key& key, std::uint64_t prefix) {
    const Top& top = *top_.load(std::memory_order_acquire);  // [X2]
    for (std::size_t at = order.place_in(top, key, prefix);; --at) {
      Cell* found = nullptr;
      for (Cell* cell = top.cells[at]; cell != nullptr && !order.is_after(*cell, key, prefix);
           cell = cell->right.load(std::memory_order_acquire)) {  // [X3]
        if (!cell->is_dead()) found = cell;
      }
      if (found != nullptr || at == 0) return found != nullptr ? *found : first;
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
    auto top = std::make_unique<Top>(Top{{0}, {&first}});
    Cell* cell = &first;
    // Nobody else is here: all stores are relaxed, and published with the database.
    for (std::size_t from = 0; from < entries.size(); from += k_fill) {
      BlockPtr block = Block::of(entries, from, std::min(from + k_fill, entries.size()));
      if (from > 0) {
        auto right = std::make_unique<Cell>();
        right->low = block->entry(0);
        right->low_prefix = block->prefix(0);
        top->cells.push_back(right.get());
        top->prefixes.push_back(right->low_prefix);
        right->low->links.fetch_add(1, std::memory_order_relaxed);
        Cell* const left = std::exchange(cell, right.get());
        left->right.store(right.release(), std::memory_order_relaxed);
      }
      for (std::size_t i = 0; i < block->size(); ++i) {
        block->entry(i)->links.fetch_add(1, std::memory_order_relaxed);
      }
      count(guard, block->bytes() + (from > 0 ? k_cell_bytes : 0));
      Block* const before =
          Cell::block_of(cell->block.exchange(Cell::as_bits(block.release()), std::memory_order_relaxed));
      if (before != nullptr) typename Block::Delete()(before);
    }
    delete top_.exchange(top.release(), std::memory_order_relaxed);
  }

  static void count(EpochGuard& guard, std::int64_t bytes) noexcept { guard.counters().index_bytes.add(bytes); }
  static void free_block(void* block) noexcept { typename Block::Delete()(static_cast<Block*>(block)); }

  // A cell more, or a dead one. Lists them anew when there are many.
  void note_change(EpochGuard& guard) noexcept {
    const std::size_t cells = top_.load(std::memory_order_acquire)->cells.size();  // [X2]
    // Relaxed: a count that only says when it is worth the while.
    if (changes_.fetch_add(1, std::memory_order_relaxed) + 1 < std::max<std::size_t>(8, cells / 8)) return;
    // acquire: the chain as the last builder left it; pairs with the release below. Taken: somebody else is at it.
    if (building_.exchange(true, std::memory_order_acquire)) return;
    try {
      rebuild(guard);
    } catch (...) {  // no memory: searches walk a little further
    }
    building_.store(false, std::memory_order_release);
  }

 private:
  using Top = LaneDirectory<EntryType, Prefix>;
  static constexpr std::size_t k_chain = 8;

  // Lists the live cells anew and takes the dead ones out. One thread at a time. O(cells), amortised O(1) per change.
  void rebuild(EpochGuard& guard) {
    changes_.store(0, std::memory_order_relaxed);  // see note_change
    auto fresh = std::make_unique<Top>();
    Top* const old = top_.load(std::memory_order_acquire);  // [X2]
    fresh->cells.reserve(old->cells.size() + 64);
    fresh->prefixes.reserve(old->cells.size() + 64);
    std::vector<Cell*> dead;
    Cell* last = &first;
    fresh->cells.push_back(last);
    fresh->prefixes.push_back(0);
    for (Cell* cell = last->right.load(std::memory_order_acquire); cell != nullptr;) {  // [X3]
      if (cell->is_dead()) {
        dead.reserve(dead.size() + 1);
        Cell* expected = cell;
        Cell* const after = cell->right.load(std::memory_order_acquire);  // [X3]
        // acq_rel as in split. Fails when `last` has been split meanwhile: go on from there.
        if (last->right.compare_exchange_strong(expected, after, std::memory_order_acq_rel,
                                                std::memory_order_acquire)) {
          dead.push_back(cell);
          cell = after;
        } else {
          cell = expected;
        }
        continue;
      }
      fresh->cells.push_back(cell);
      fresh->prefixes.push_back(cell->low_prefix);
      last = cell;
      cell = cell->right.load(std::memory_order_acquire);  // [X3]
    }
    // [X2] release: the directory's content; pairs with the acquire loads of top_.
    top_.store(fresh.release(), std::memory_order_release);
    guard.retire(old, [](void* top) noexcept { delete static_cast<Top*>(top); });
    for (Cell* cell : dead) {
      guard.retire(Cell::block_of(cell->block.load(std::memory_order_acquire)), &free_block);  // [X1]
      EntryType::drop_link(guard, *cell->low);
      guard.retire(cell, [](void* gone) noexcept { delete static_cast<Cell*>(gone); });
    }
  }

 public:
  const LaneOrder<EntryType, Prefix, Compare> order;
  Cell first;  // covers the smallest keys, and never dies

 private:
  alignas(64) std::atomic<Top*> top_;
  alignas(64) std::atomic<std::size_t> changes_{0};
  std::atomic<bool> building_{false};
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

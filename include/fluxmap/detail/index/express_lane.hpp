// The express lane: packed, sorted copies of some of the list's links, to find a place in the list with few cache
// misses. · layer: index
//
// A skiplist's upper levels, as arrays (after B-skiplist, Luo et al. 2025, and Jiffy, Kobus et al. 2021): each entry
// joins with probability p. Cells cover consecutive key ranges; each holds one immutable block of (key prefix, entry)
// pairs, replaced as a whole by CAS. A directory of immutable arrays lists the cells.
//
//     directory   [ prefix cell | prefix cell | … ]            in two levels, see lane_directory.hpp
//                       |              |
//     cells         low …  ──right──> low …  ──right──> …      last live cell with low <= key has the key's place
//                       |
//     block         [ prefix prefix … | entry entry … ]        immutable; at most Cells::k_capacity
//
// The lane is a hint. The list alone says which keys exist, so an entry may be missing here (slower, never wrong), and
// no thread ever waits for another one: an update that meets a frozen block is skipped.
//
// Invariants
//   I1  An entry in a block holds one of its links (Entry::links), given back by whoever publishes the first block
//       without it; a cell holds one of its `low`. So pointers found here are valid inside a guard.
//   I2  A frozen block is changed only by the thread that froze it, to split it or to merge it with its right
//       neighbour's, frozen too. While two blocks hold the same entries both are frozen, so none of these links is
//       given back.
//   I3  A dead cell (empty and frozen for good) is never split or merged. Only the thread that rebuilds the directory
//       takes cells out of the `right` chain.
//   I4  An entry's place is a function of its key: the last live cell whose low is not greater. Cells are linked before
//       the left half of a split is published, so whoever sees that half sees its right neighbour too; and the left
//       cell has all entries of a merge before the right one dies.
// Thread safety: all calls, inside an epoch guard.
#pragma once

#include <fluxmap/detail/index/entry.hpp>
#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/index/lane_cells.hpp>
#include <fluxmap/detail/platform/mark.hpp>
#include <fluxmap/detail/platform/spin_wait.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class Key, class Value, class Compare>
class ExpressLane {
 public:
  using Cells = LaneCells<Key, Value, Compare>;
  using EntryType = typename Cells::EntryType;

  explicit ExpressLane(const Compare& compare) : cells_(compare) {}

  // Finds the nearest entry before `key`; see LaneCells.
  template <class K>
  typename Cells::Start find(const K& key) const {
    return cells_.find(key);
  }
  // For the list, to fill a lane that is empty and not shared yet, and to destroy what it holds.
  void build(EpochGuard& guard, const std::vector<EntryType*>& entries) { cells_.build(guard, entries); }
  const Cells& cells() const noexcept { return cells_; }

  // Adds a linked entry, which must not be in the lane. The caller holds a link of it. May do nothing.
  void insert(EpochGuard& guard, EntryType& entry) {
    const std::uint64_t prefix = Prefix::of(entry.key);
    SpinWait wait(Point::lane_wait);
    for (int attempt = 0; attempt < k_attempts; ++attempt) {
      Cell& cell = cells_.place_of(entry.key, prefix);
      std::uintptr_t bits = cell.block.load(std::memory_order_acquire);  // [X1]
      if (Cell::is_frozen(bits)) {
        reach(Mark::lane_met_frozen);
        wait.step();
        continue;
      }
      if (cells_.must_move_right(cell, entry.key, prefix)) continue;
      const Block& block = *Cell::block_of(bits);
      const std::size_t place = cells_.order.place_in(block, entry.key, prefix);
      BlockPtr next = Block::with(block, place, entry, prefix);
      SplitParts parts(*next, next->size() > Cells::k_capacity ? middle_of(*next) : 0);
      // We hold a link of the entry, so it cannot be at 0 here; and nothing is ordered by this count going up.
      entry.links.fetch_add(1, std::memory_order_relaxed);
      if (parts.left != nullptr ? split(guard, cell, bits, parts) : replace(guard, cell, bits, next)) {
        // If vacuum has marked the entry in the meantime it may have looked here before we came.
        if (entry.is_leaving()) erase(guard, entry);
        return;
      }
      entry.links.fetch_sub(1, std::memory_order_relaxed);  // as above
    }
    reach(Mark::lane_gave_up);
  }

  // Takes an entry that is leaving out of the lane. Where the block is frozen that is left to the thread that froze it.
  void erase(EpochGuard& guard, EntryType& entry) {
    const std::uint64_t prefix = Prefix::of(entry.key);
    for (;;) {  // lock-free: a round is lost to another thread's update of the same block
      Cell& cell = cells_.place_of(entry.key, prefix);
      std::uintptr_t bits = cell.block.load(std::memory_order_seq_cst);  // [X1]; after the mark, see replace()
      if (Cell::is_dead(bits) || cells_.must_move_right(cell, entry.key, prefix)) continue;
      const Block& block = *Cell::block_of(bits);
      std::size_t place = cells_.order.place_in(block, entry.key, prefix);
      while (place < block.size() && block.item(place) != &entry &&
             cells_.order.equals(*block.item(place), block.prefix(place), entry.key, prefix)) {
        ++place;  // a newer entry with the same key
      }
      if (place == block.size() || block.item(place) != &entry) return;
      if (Cell::is_frozen(bits)) {
        // seq_cst: if the same block is frozen still, whoever thaws it sees what we leave to it; see thaw().
        cell.left_over.store(true, std::memory_order_seq_cst);
        if (cell.block.load(std::memory_order_seq_cst) == bits) {
          reach(Mark::lane_left_over);
          return;
        }
        continue;
      }
      BlockPtr next = Block::without(block, place);
      const bool dies = next->size() == 0 && &cell != &cells_.first;
      if (!replace(guard, cell, bits, next, dies ? Cell::k_frozen | Cell::k_dead : 0)) continue;
      EntryType::drop_link(guard, entry);
      if (dies) {
        reach(Mark::lane_died);
        Cells::count(guard, -Cells::k_cell_bytes);
        cells_.note_change(guard, cell);
      } else if (cell.right.load(std::memory_order_acquire) != nullptr && block.size() - 1 <= k_sparse) {  // [X3]
        merge(guard, cell);
      }
      return;
    }
  }

 private:
  using Prefix = typename Cells::Prefix;
  using Block = typename Cells::Block;
  using BlockPtr = typename Cells::BlockPtr;
  using Cell = typename Cells::Cell;

  // All that a split needs, made before the cell is frozen: after that nothing may fail.
  struct SplitParts {
    BlockPtr left, right_block;
    std::unique_ptr<Cell> right;

    SplitParts(const Block& full, std::size_t middle) {
      if (middle == 0) return;
      left = Block::part(full, 0, middle);
      right_block = Block::part(full, middle, full.size());
      right = std::make_unique<Cell>();
      right->low = right_block->item(0);
      right->low_prefix = right_block->prefix(0);
      right->block.store(Cell::as_bits(right_block.get()) | Cell::k_frozen,
                         std::memory_order_relaxed);  // private still
    }
  };

  static constexpr std::size_t k_sparse =
      std::max<std::size_t>(1, Cells::k_capacity / 8);  // looks for a neighbour to merge
  static constexpr std::size_t k_typical_block = 1536;  // bytes
  static constexpr int k_attempts = 16;

  // Publishes a new block. On failure `next` stays the caller's.
  bool replace(EpochGuard& guard, Cell& cell, std::uintptr_t bits, BlockPtr& next, std::uintptr_t tags = 0) {
    schedule_point(Point::lane_replace);
    // [X1] release: the new block's content; pairs with the acquire loads of `block`. seq_cst: before insert() looks
    // whether the entry is leaving, against erase() by whoever has marked it.
    if (!cell.block.compare_exchange_strong(bits, Cell::as_bits(next.get()) | tags, std::memory_order_seq_cst,
                                            std::memory_order_relaxed)) {
      return false;
    }
    Cells::count(guard, next->bytes() - Cell::block_of(bits)->bytes());
    static_cast<void>(next.release());
    guard.retire(Cell::block_of(bits), &Cells::free_block, k_typical_block);
    return true;
  }

  // A cell in our hands (I2). An erase that finds it frozen leaves its entry to us.
  struct Frozen {
    Cell* cell = nullptr;
    bool left_over = false;  // an erase may have left something to us or to the one before us
    explicit operator bool() const noexcept { return cell != nullptr; }
  };
  static Frozen freeze(Cell& cell, std::uintptr_t bits) noexcept {
    // acq_rel: from here on the cell is ours.
    if (!cell.block.compare_exchange_strong(bits, bits | Cell::k_frozen, std::memory_order_acq_rel,
                                            std::memory_order_relaxed)) {
      return {};
    }
    schedule_point(Point::lane_frozen);
    // seq_cst: an erase that set it before us and then found the cell frozen relies on us; see erase().
    return {&cell, cell.left_over.exchange(false, std::memory_order_seq_cst)};
  }
  // Lets go of the cell with these bits. True: some of what was in it has to be swept.
  static bool thaw(const Frozen& frozen, std::uintptr_t bits) noexcept {
    // [X1] release: the block's content. seq_cst: before we look at left_over, see erase().
    frozen.cell->block.store(bits, std::memory_order_seq_cst);
    return frozen.left_over || frozen.cell->left_over.load(std::memory_order_seq_cst);
  }
  // Erases the leaving entries of a block that we have published; they may have moved on with later blocks.
  void sweep(EpochGuard& guard, const Block& block) noexcept {
    for (std::size_t i = 0; i < block.size(); ++i) {
      try {
        if (!block.item(i)->is_leaving()) continue;
        reach(Mark::lane_swept);
        erase(guard, *block.item(i));
      } catch (...) {  // no memory, or a comparator: it stays, as a hint that nobody takes
      }
    }
  }

  // Publishes `parts`, which are the cell's block with an entry more, as two cells.
  bool split(EpochGuard& guard, Cell& cell, std::uintptr_t bits, SplitParts& parts) noexcept {
    const Frozen frozen = freeze(cell, bits);
    if (!frozen) return false;
    reach(Mark::lane_split);
    Block* const old = Cell::block_of(bits);
    const Block* const left_block = parts.left.release();
    const Block* const right_block = parts.right_block.release();
    Cell* const right = parts.right.release();
    // The low is in the frozen block, whose link keeps it above 0, or is the new entry, which the caller holds.
    right->low->links.fetch_add(1, std::memory_order_relaxed);
    Cell* after = cell.right.load(std::memory_order_acquire);  // [X3]
    do {
      right->right.store(after, std::memory_order_relaxed);  // private still
      // [X3] acq_rel: the new cell's content; pairs with the acquire loads of `right`. Fails only when the directory's
      // builder has just taken a dead cell out.
    } while (!cell.right.compare_exchange_weak(after, right, std::memory_order_acq_rel, std::memory_order_acquire));
    schedule_point(Point::lane_linked);
    Cells::count(guard, left_block->bytes() + right_block->bytes() - old->bytes() + Cells::k_cell_bytes);
    // After the link, see I4; and the right half thaws only when the left one has let go of it (I2).
    const bool sweep_left = thaw(frozen, Cell::as_bits(left_block));
    const bool sweep_right = thaw({right}, Cell::as_bits(right_block));
    guard.retire(old, &Cells::free_block, k_typical_block);
    if (sweep_left) sweep(guard, *left_block);
    if (sweep_left || sweep_right) sweep(guard, *right_block);
    cells_.note_change(guard, *right);
    return true;
  }

  // Where to split; never between entries with the same key, of which all but one have left: I4. 0: nowhere.
  std::size_t middle_of(const Block& block) const {
    const auto differ = [&](std::size_t at) {
      return cells_.order.less(block.item(at - 1), block.prefix(at - 1), block.item(at)->key, block.prefix(at));
    };
    const std::size_t middle = block.size() / 2;
    for (std::size_t at = middle; at < block.size(); ++at) {
      if (differ(at)) return at;
    }
    for (std::size_t at = middle; at-- > 1;) {
      if (differ(at)) return at;
    }
    return 0;
  }

  // Takes the entries of the next live cell over, if both have few; without memory for it nothing happens. Cells that
  // lose most of their entries, but never the last, would otherwise be as many as there ever were. Where keys go in
  // ascending order a full neighbour must be left alone: it will die next, and a cell that took it over would stand
  // before a long row of dead ones.
  void merge(EpochGuard& guard, Cell& cell) noexcept {
    const std::uintptr_t bits = cell.block.load(std::memory_order_acquire);  // [X1] first: what splits it changes it
    Cell* right = cell.right.load(std::memory_order_acquire);                // [X3]
    while (right != nullptr && right->is_dead()) right = right->right.load(std::memory_order_acquire);  // [X3]
    if (right == nullptr) return;
    const std::uintptr_t right_bits = right->block.load(std::memory_order_acquire);  // [X1]
    if (Cell::is_frozen(bits) || Cell::is_frozen(right_bits)) return;
    Block* const old = Cell::block_of(bits);
    Block* const right_old = Cell::block_of(right_bits);
    if (old->size() > k_sparse || right_old->size() > k_sparse) return;
    BlockPtr both, none;
    try {
      both = Block::joined(*old, *right_old);
      none = Block::allocate(0);
    } catch (const std::bad_alloc&) {
      return;
    }
    const Frozen frozen = freeze(cell, bits);
    if (!frozen) return;
    const Frozen right_frozen = freeze(*right, right_bits);
    if (!right_frozen) {
      if (thaw(frozen, bits)) sweep(guard, *old);
      return;
    }
    reach(Mark::lane_merged);
    const Block* const merged = both.release();
    Cells::count(guard, merged->bytes() - old->bytes() - right_old->bytes() - Cells::k_cell_bytes);
    // [X1] release, in this order (I4): who finds the right cell dead finds its entries in the left one. That thaws
    // only when the right one has let go of them (I2).
    cell.block.store(Cell::as_bits(merged) | Cell::k_frozen, std::memory_order_release);
    schedule_point(Point::lane_linked);
    const bool sweep_right = thaw(right_frozen, Cell::as_bits(none.release()) | Cell::k_frozen | Cell::k_dead);
    schedule_point(Point::lane_linked);
    const bool sweep_left = thaw(frozen, Cell::as_bits(merged));
    guard.retire(old, &Cells::free_block, k_typical_block);
    guard.retire(right_old, &Cells::free_block, k_typical_block);
    if (sweep_left || sweep_right) sweep(guard, *merged);
    cells_.note_change(guard, *right);
  }

  Cells cells_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

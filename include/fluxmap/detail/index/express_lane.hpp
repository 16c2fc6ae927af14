// The express lane: packed, sorted copies of some of the list's links, to find a place in the list with few cache
// misses. · layer: index
//
// A skiplist's upper levels, as arrays (after B-skiplist, Luo et al. 2025, and Jiffy, Kobus et al. 2021): each entry
// joins with probability p. Cells cover consecutive key ranges; each holds one immutable block of (key prefix, entry)
// pairs, replaced as a whole by CAS. A directory, also immutable, lists the cells.
//
//     directory   [ prefix cell | prefix cell | … ]            rebuilt when 1/8 of the cells are new or dead
//                       |              |
//     cells         low …  ──right──> low …  ──right──> …      last live cell with low <= key has the key's place
//                       |
//     block         [ prefix prefix … | entry entry … ]        immutable; at most k_capacity
//
// The lane is a hint. The list alone says which keys exist, so an entry may be missing here (slower, never wrong), and
// no thread ever waits for another one: an update that meets a frozen block is skipped.
//
// Invariants
//   I1  An entry in a block holds one of its links (Entry::links), given back by whoever publishes the first block
//       without it; a cell holds one of its `low`. So pointers found here are valid inside a guard.
//   I2  A frozen block is changed only by the thread that froze it, to split it. While two blocks hold the same entries
//       both are frozen, so none of these links is given back.
//   I3  A dead cell (empty and frozen for good) is never split. Only the thread that rebuilds the directory takes cells
//       out of the `right` chain.
//   I4  An entry's place is a function of its key: the last live cell whose low is not greater. Cells are linked before
//       the left half of a split is published, so whoever sees that half sees its right neighbour too.
// Thread safety: all calls, inside an epoch guard.
#pragma once

#include <fluxmap/detail/index/entry.hpp>
#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/index/key_prefix.hpp>
#include <fluxmap/detail/index/lane_block.hpp>
#include <fluxmap/detail/platform/spin_wait.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class Key, class Value, class Compare>
class ExpressLane {
 public:
  using EntryType = Entry<Key, Value>;
  using Prefix = KeyPrefix<Key, Compare>;
  // 2 KiB: a copy costs as much as two cache misses. Schedule tests have few keys, and are to see splits.
  static constexpr std::uint32_t k_capacity = FLUXMAP_SCHEDULE != 0 ? 3 : 128;

  explicit ExpressLane(const Compare& compare) : compare_(compare), top_(new Top{{0}, {&first_}}) {
    first_.block.store(as_bits(Block::empty().release()), std::memory_order_relaxed);  // private still
  }
  ExpressLane(const ExpressLane&) = delete;
  ExpressLane& operator=(const ExpressLane&) = delete;

  // Nothing may use the lane any more. Links are not given back: the list is destroyed next, with all its entries.
  ~ExpressLane() {
    delete top_.load(std::memory_order_acquire);  // destructor
    for (Cell* cell = &first_; cell != nullptr;) {
      Cell* const right = cell->right.load(std::memory_order_acquire);                  // destructor
      typename Block::Delete()(block_of(cell->block.load(std::memory_order_acquire)));  // destructor
      if (cell != &first_) delete cell;
      cell = right;
    }
  }

  // f(EntryType&) for every entry in the lane and every low of a cell, some more than once; for the destructor.
  template <class F>
  void for_each(F&& f) const {
    for (const Cell* cell = &first_; cell != nullptr; cell = cell->right.load(std::memory_order_acquire)) {  // [X3]
      if (cell->low != nullptr) f(*cell->low);
      const Block& block = *block_of(cell->block.load(std::memory_order_acquire));  // [X1]
      for (std::size_t i = 0; i < block.size(); ++i) f(*block.entry(i));
    }
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
    for (std::size_t at = place_in(top, key, prefix);; --at) {
      // The cells from here that may hold the place, the last ones only: more than a few are there only for a moment.
      std::array<const Cell*, k_chain> chain;
      std::size_t length = 0;
      for (const Cell* cell = top.cells[at]; cell != nullptr && cell != stop && !is_after(*cell, key, prefix);
           cell = cell->right.load(std::memory_order_acquire)) {  // [X3]
        chain[length++ % k_chain] = cell;
      }
      for (std::size_t tried = 0; tried < std::min(length, k_chain); ++tried) {
        const Cell& cell = *chain[(length - 1 - tried) % k_chain];
        const Block& block = *block_of(cell.block.load(std::memory_order_acquire));  // [X1]
        const std::size_t place = place_in(block, key, prefix);
        if (place < block.size() && tried == 0 && equals(*block.entry(place), block.prefix(place), key, prefix) &&
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

  // Adds a linked entry, which must not be in the lane. The caller holds a link of it. May do nothing.
  void insert(EpochGuard& guard, EntryType& entry) {
    const std::uint64_t prefix = Prefix::of(entry.key);
    SpinWait wait(Point::lane_wait);
    for (int attempt = 0; attempt < k_attempts; ++attempt) {
      Cell& cell = place_of(entry.key, prefix);
      std::uintptr_t bits = cell.block.load(std::memory_order_acquire);  // [X1]
      if (is_frozen(bits)) {
        wait.step();
        continue;
      }
      if (must_move_right(cell, entry.key, prefix)) continue;
      const Block& block = *block_of(bits);
      const std::size_t place = place_in(block, entry.key, prefix);
      BlockPtr next = Block::with(block, place, entry, prefix);
      SplitParts parts(next->size() > k_capacity ? next.get() : nullptr);
      // We hold a link of the entry, so it cannot be at 0 here; and nothing is ordered by this count going up.
      entry.links.fetch_add(1, std::memory_order_relaxed);
      if (parts.left != nullptr ? split(guard, cell, bits, parts) : replace(guard, cell, bits, next)) {
        // If vacuum has marked the entry in the meantime it may have looked here before we came.
        if (entry.is_leaving()) erase(guard, entry);
        return;
      }
      entry.links.fetch_sub(1, std::memory_order_relaxed);  // as above
    }
  }

  // Fills a lane that is empty and not shared yet with these entries, ascending by key. O(n).
  void build(EpochGuard& guard, const std::vector<EntryType*>& entries) {
    constexpr std::size_t k_fill = (k_capacity * 3 + 3) / 4;
    auto top = std::make_unique<Top>(Top{{0}, {&first_}});
    Cell* cell = &first_;
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
      Block* const before = block_of(cell->block.exchange(as_bits(block.release()), std::memory_order_relaxed));
      if (before != nullptr) typename Block::Delete()(before);
    }
    delete top_.exchange(top.release(), std::memory_order_relaxed);
  }

  // Takes an entry that is leaving out of the lane. Where the block is being split that is left to the splitting
  // thread.
  void erase(EpochGuard& guard, EntryType& entry) {
    const std::uint64_t prefix = Prefix::of(entry.key);
    for (;;) {  // lock-free: a round is lost to another thread's update of the same block
      Cell& cell = place_of(entry.key, prefix);
      std::uintptr_t bits = cell.block.load(std::memory_order_acquire);  // [X1]
      if (must_move_right(cell, entry.key, prefix)) continue;
      const Block& block = *block_of(bits);
      std::size_t place = place_in(block, entry.key, prefix);
      while (place < block.size() && block.entry(place) != &entry &&
             equals(*block.entry(place), block.prefix(place), entry.key, prefix)) {
        ++place;  // a newer entry with the same key
      }
      if (place == block.size() || block.entry(place) != &entry) return;
      if (is_frozen(bits)) {
        // seq_cst: either we see the block thawed, or the thread that thaws it sees what we leave to it; see split().
        cell.left_over.store(true, std::memory_order_seq_cst);
        if (is_frozen(cell.block.load(std::memory_order_seq_cst))) return;
        continue;
      }
      BlockPtr next = Block::without(block, place);
      const bool dies = next->size() == 0 && &cell != &first_;
      if (!replace(guard, cell, bits, next, dies ? k_frozen | k_dead : 0)) continue;
      drop_link(guard, entry);
      if (!dies) return;
      count(guard, -k_cell_bytes);
      note_change(guard);
      return;
    }
  }

 private:
  using Block = LaneBlock<EntryType, Prefix>;
  using BlockPtr = typename Block::Ptr;

  // Covers the keys from `low` on, up to the low of the next live cell.
  struct Cell {
    std::atomic<std::uintptr_t> block{0};  // Block* | k_frozen | k_dead
    std::atomic<Cell*> right{nullptr};
    EntryType* low = nullptr;  // null for the first cell, which covers the smallest keys
    std::uint64_t low_prefix = 0;
    std::atomic<bool> left_over{false};  // an entry that is leaving could not be erased while the block was frozen
  };

  // All that a split needs, made before the cell is frozen: after that nothing may fail.
  struct SplitParts {
    BlockPtr left, right_block;
    std::unique_ptr<Cell> right;

    explicit SplitParts(const Block* full) {
      if (full == nullptr) return;
      const std::size_t middle = full->size() / 2;
      left = Block::part(*full, 0, middle);
      right_block = Block::part(*full, middle, full->size());
      right = std::make_unique<Cell>();
      right->low = right_block->entry(0);
      right->low_prefix = right_block->prefix(0);
      right->block.store(as_bits(right_block.get()) | k_frozen, std::memory_order_relaxed);  // private still
    }
  };

  struct Top {
    std::vector<std::uint64_t> prefixes;  // of the cells' lows
    std::vector<Cell*> cells;             // the first is first_
  };

  static constexpr std::uintptr_t k_frozen = 1, k_dead = 2, k_tags = 3;
  static constexpr auto k_cell_bytes =
      static_cast<std::int64_t>(heap_bytes(sizeof(Cell)) + sizeof(std::uint64_t) + sizeof(Cell*));  // and in the Top
  static constexpr std::size_t k_chain = 8;
  static constexpr std::size_t k_typical_block = 1536;  // bytes
  static constexpr int k_attempts = 16;

  static std::uintptr_t as_bits(const Block* block) noexcept { return reinterpret_cast<std::uintptr_t>(block); }
  static Block* block_of(std::uintptr_t bits) noexcept { return reinterpret_cast<Block*>(bits & ~k_tags); }
  static bool is_frozen(std::uintptr_t bits) noexcept { return (bits & k_frozen) != 0; }
  static bool is_dead(const Cell& cell) noexcept {
    return (cell.block.load(std::memory_order_acquire) & k_dead) != 0;  // [X1]; once dead, dead for good
  }

  // entry < key, by the prefixes as far as they go.
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
  std::size_t place_in(const Block& block, const K& key, std::uint64_t prefix) const {
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
  std::size_t place_in(const Top& top, const K& key, std::uint64_t prefix) const {
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

  // The live cell that has the key's place (I4), as it was at some moment of this call.
  Cell& place_of(const Key& key, std::uint64_t prefix) {
    const Top& top = *top_.load(std::memory_order_acquire);  // [X2]
    for (std::size_t at = place_in(top, key, prefix);; --at) {
      Cell* found = nullptr;
      for (Cell* cell = top.cells[at]; cell != nullptr && !is_after(*cell, key, prefix);
           cell = cell->right.load(std::memory_order_acquire)) {  // [X3]
        if (!is_dead(*cell)) found = cell;
      }
      if (found != nullptr || at == 0) return found != nullptr ? *found : first_;
    }
  }

  // After the block of a cell was loaded: true if the key's place is further right (I4).
  bool must_move_right(const Cell& cell, const Key& key, std::uint64_t prefix) const {
    for (const Cell* right = cell.right.load(std::memory_order_acquire);
         right != nullptr && !is_after(*right, key, prefix);
         right = right->right.load(std::memory_order_acquire)) {  // [X3]
      if (!is_dead(*right)) return true;
    }
    return false;
  }

  static void count(EpochGuard& guard, std::int64_t bytes) noexcept { guard.counters().index_bytes.add(bytes); }

  // Publishes a new block. On failure `next` stays the caller's.
  bool replace(EpochGuard& guard, Cell& cell, std::uintptr_t bits, BlockPtr& next, std::uintptr_t tags = 0) {
    schedule_point(Point::lane_replace);
    // [X1] acq_rel: the new block's content; pairs with the acquire loads of `block`.
    if (!cell.block.compare_exchange_strong(bits, as_bits(next.get()) | tags, std::memory_order_acq_rel,
                                            std::memory_order_relaxed)) {
      return false;
    }
    count(guard, next->bytes() - block_of(bits)->bytes());
    static_cast<void>(next.release());
    guard.retire(block_of(bits), &free_block, k_typical_block);
    return true;
  }

  // Publishes `parts`, which are the cell's block with an entry more, as two cells.
  bool split(EpochGuard& guard, Cell& cell, std::uintptr_t bits, SplitParts& parts) noexcept {
    Block* const old = block_of(bits);
    // acq_rel: from here on the cell is ours (I2).
    if (!cell.block.compare_exchange_strong(bits, bits | k_frozen, std::memory_order_acq_rel,
                                            std::memory_order_relaxed)) {
      return false;
    }
    schedule_point(Point::lane_frozen);
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
    count(guard, parts.left->bytes() + parts.right_block->bytes() - old->bytes() + k_cell_bytes);
    // [X1] release: after the link, see I4; and the right half thaws only when the left one has let go of it (I2).
    // seq_cst: before we look at left_over, see erase().
    cell.block.store(as_bits(parts.left.release()), std::memory_order_seq_cst);
    right->block.store(as_bits(parts.right_block.release()), std::memory_order_seq_cst);
    guard.retire(old, &free_block, k_typical_block);
    erase_left_over(guard, cell);
    erase_left_over(guard, *right);
    note_change(guard);
    return true;
  }

  void erase_left_over(EpochGuard& guard, Cell& cell) noexcept {
    if (!cell.left_over.load(std::memory_order_seq_cst)) return;
    cell.left_over.store(false, std::memory_order_seq_cst);  // before the block is read: a later erase sees it thawed
    const Block& block = *block_of(cell.block.load(std::memory_order_acquire));  // [X1]
    for (std::size_t i = 0; i < block.size(); ++i) {
      try {
        if (block.entry(i)->is_leaving()) erase(guard, *block.entry(i));
      } catch (...) {  // no memory, or a comparator: it stays, as a hint that nobody takes
      }
    }
  }

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

  // Lists the live cells anew and takes the dead ones out. One thread at a time. O(cells), amortised O(1) per change.
  void rebuild(EpochGuard& guard) {
    changes_.store(0, std::memory_order_relaxed);  // see note_change
    auto fresh = std::make_unique<Top>();
    Top* const old = top_.load(std::memory_order_acquire);  // [X2]
    fresh->cells.reserve(old->cells.size() + 64);
    fresh->prefixes.reserve(old->cells.size() + 64);
    std::vector<Cell*> dead;
    Cell* last = &first_;
    fresh->cells.push_back(last);
    fresh->prefixes.push_back(0);
    for (Cell* cell = last->right.load(std::memory_order_acquire); cell != nullptr;) {  // [X3]
      if (is_dead(*cell)) {
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
      guard.retire(block_of(cell->block.load(std::memory_order_acquire)), &free_block);  // [X1]
      drop_link(guard, *cell->low);
      guard.retire(cell, [](void* gone) noexcept { delete static_cast<Cell*>(gone); });
    }
  }

  static void free_block(void* block) noexcept { typename Block::Delete()(static_cast<Block*>(block)); }
  static void drop_link(EpochGuard& guard, EntryType& entry) noexcept { EntryType::drop_link(guard, entry); }

  const Compare& compare_;
  Cell first_;
  alignas(64) std::atomic<Top*> top_;
  alignas(64) std::atomic<std::size_t> changes_{0};
  std::atomic<bool> building_{false};
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

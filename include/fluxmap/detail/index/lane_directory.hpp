// The directory of the express lane's cells: where a search begins. · layer: index
//
//     top        [ prefix segment | prefix segment | … ]
//                        |
//     segment    [ prefix cell | prefix cell | … ]      up to k_most cells each
//
// Both are immutable arrays. A cell that is new is reached by walking from the one on its left; a cell that is dead is
// walked over. After k_changes of them in one segment that segment is listed anew, so a walk stays short wherever keys
// come and go, and a rebuild costs O(k_most + number of segments), however many cells there are.
//
// Invariants
//   I1  The cells of the directory are in the chain, dead ones too: only the rebuilder takes cells out of both, one
//       thread at a time.
//   I2  The first cell of the first segment is the first cell of all, which never dies.
// Thread safety: all calls, inside an epoch guard. [X2] and [X3] as in express_lane.hpp.
#pragma once

#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/index/lane_array.hpp>
#include <fluxmap/detail/index/lane_cell.hpp>
#include <fluxmap/detail/platform/atomic.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class EntryType, class Prefix, class Compare>
class LaneDirectory {
 public:
  using Cell = LaneCell<EntryType>;
  using Order = LaneOrder<EntryType, Prefix, Compare>;
  using Segment = LaneArray<Cell>;
  using Top = LaneArray<Segment>;

  LaneDirectory(Cell& first, const Order& order) : order_(order) { publish_first(list_in_segments({&first})); }
  LaneDirectory(const LaneDirectory&) = delete;
  LaneDirectory& operator=(const LaneDirectory&) = delete;
  ~LaneDirectory() { free_all(top_.load(std::memory_order_acquire)); }  // destructor

  // A cell of the directory as it was at one moment.
  class Place {
   public:
    Cell* cell() const noexcept { return segment_->item(at_); }
    // The next cell of the directory; null: none.
    const Cell* next() const noexcept {
      if (at_ + 1 < segment_->size()) return segment_->item(at_ + 1);
      return number_ + 1 < top_->size() ? top_->item(number_ + 1)->item(0) : nullptr;
    }
    // Moves to the one before. False: there is none.
    bool back() noexcept {
      if (at_ == 0) {
        if (number_ == 0) return false;
        segment_ = top_->item(--number_);
        at_ = segment_->size();
      }
      --at_;
      return true;
    }

   private:
    friend class LaneDirectory;
    const Top* top_;
    const Segment* segment_;
    std::size_t number_;  // of the segment
    std::size_t at_;
  };

  // The last cell of the directory that does not begin after the key. O(log cells).
  template <class K>
  Place find(const K& key, std::uint64_t prefix) const {
    Place place;
    place.top_ = top_.load(std::memory_order_acquire);  // [X2]
    place.number_ = segment_of(*place.top_, key, prefix);
    const Segment& segment = *(place.segment_ = place.top_->item(place.number_));
    place.at_ = order_.last_not_after(segment, key, prefix, [&](std::size_t at) -> Cell& { return *segment.item(at); });
    return place;
  }

  // This cell is new in the chain, or dead. May list its segment anew.
  void note_change(EpochGuard& guard, const Cell& changed) noexcept {
    try {
      if (!count(changed)) return;
      // acquire: the chain as the last rebuilder left it; pairs with the release below. Taken: somebody else is at it,
      // and the next change comes round again.
      if (rebuilding_.exchange(true, std::memory_order_acquire)) return;
      struct Release {
        Atomic<bool>& taken;
        ~Release() { taken.store(false, std::memory_order_release); }
      } release{rebuilding_};
      rebuild(guard, changed);
    } catch (...) {  // no memory, or a comparator: searches walk a little further
    }
  }

  // Lists these cells, all there are, while nobody else is here.
  void build(const std::vector<Cell*>& cells) { publish_first(list_in_segments(cells)); }

 private:
  // Schedule tests have few cells, and are to see rebuilds.
  static constexpr std::size_t k_most = FLUXMAP_SCHEDULE != 0 ? 3 : 128;
  static constexpr std::size_t k_sparse =
      std::max<std::size_t>(1, k_most / 8);  // a segment that is listed with its left neighbour
  static constexpr std::uint32_t k_changes = FLUXMAP_SCHEDULE != 0 ? 2 : 8;

  template <class K>
  std::size_t segment_of(const Top& top, const K& key, std::uint64_t prefix) const {
    return order_.last_not_after(top, key, prefix, [&](std::size_t at) -> Cell& { return *top.item(at)->item(0); });
  }
  std::size_t segment_of(const Top& top, const Cell& cell) const {
    return segment_of(top, cell.low->key, cell.low_prefix);
  }

  // True if there have been enough changes around the cell.
  bool count(const Cell& changed) {
    const Top& top = *top_.load(std::memory_order_acquire);  // [X2]
    Cell& head = *top.item(segment_of(top, changed))->item(0);
    return head.changes.fetch_add(1, std::memory_order_relaxed) + 1 >= k_changes;  // relaxed: only says when
  }

  // Arrays for these cells, in order.
  static std::vector<typename Segment::Ptr> list_in_segments(const std::vector<Cell*>& cells) {
    const std::size_t count = cells.size() <= k_most ? 1 : (cells.size() * 4 + 3 * k_most - 1) / (3 * k_most);
    std::vector<typename Segment::Ptr> segments;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t from = cells.size() * i / count, to = cells.size() * (i + 1) / count;
      typename Segment::Ptr segment = Segment::allocate(to - from);
      for (std::size_t at = from; at < to; ++at) segment->set(at - from, *cells[at], cells[at]->low_prefix);
      segments.push_back(std::move(segment));
    }
    return segments;
  }

  void rebuild(EpochGuard& guard, const Cell& changed) {
    Top* const old = top_.load(std::memory_order_acquire);  // [X2]
    std::size_t begin = segment_of(*old, changed);
    const std::size_t end = begin + 1;
    if (old->item(begin)->item(0)->changes.load(std::memory_order_relaxed) < k_changes) return;  // done meanwhile
    // To take a cell out its left neighbour must be known, so the first one must be alive; see I2.
    while (begin > 0 && (old->item(begin)->size() <= k_sparse || old->item(begin)->item(0)->is_dead())) --begin;
    Cell* const first = old->item(begin)->item(0);
    const Cell* const stop = end < old->size() ? old->item(end)->item(0) : nullptr;

    // First all that may fail.
    std::vector<Cell*> live{first}, dead;
    for (Cell* cell = next(*first); cell != stop; cell = next(*cell)) (cell->is_dead() ? dead : live).push_back(cell);
    std::vector<typename Segment::Ptr> segments = list_in_segments(live);
    typename Top::Ptr top = Top::allocate(old->size() - (end - begin) + segments.size());
    top->copy(*old, 0, begin, 0);
    top->copy(*old, end, old->size(), begin + segments.size());
    for (std::size_t i = 0; i < segments.size(); ++i) {
      Cell& head = *segments[i]->item(0);
      head.changes.store(0, std::memory_order_relaxed);  // as in count()
      top->set(begin + i, *segments[i].release(), head.low_prefix);
    }
    const std::size_t top_bytes = static_cast<std::size_t>(old->bytes());
    // [X2] release: the arrays' content; pairs with the acquire loads of top_.
    top_.store(top.release(), std::memory_order_release);
    for (std::size_t i = begin; i < end; ++i) guard.retire(old->item(i), &free_array<Segment>, k_most);
    guard.retire(old, &free_array<Top>, top_bytes);
    take_out(guard, *first, dead);
  }

  // Takes cells out of the chain that are dead and no longer in the directory. They follow `first`, in this order.
  void take_out(EpochGuard& guard, Cell& first, const std::vector<Cell*>& dead) noexcept {
    Cell* last = &first;
    for (Cell* const cell : dead) {
      for (;;) {  // passes every cell between `first` and the last dead one once
        Cell* at = next(*last);
        if (at != cell) {
          last = at;
          continue;
        }
        // acq_rel: what stands behind the cell was linked before. Fails when `last` has been split meanwhile.
        if (last->right.compare_exchange_strong(at, next(*cell), std::memory_order_acq_rel,
                                                std::memory_order_relaxed)) {
          break;
        }
      }
      // Nobody changes a dead cell, so what it holds is final.
      guard.retire(Cell::block_of(cell->block.load(std::memory_order_acquire)), &free_array<LaneArray<EntryType>>);
      EntryType::drop_link(guard, *cell->low);
      guard.retire(cell, [](void* gone) noexcept { delete static_cast<Cell*>(gone); });
    }
  }

  static Cell* next(const Cell& cell) noexcept { return cell.right.load(std::memory_order_acquire); }  // [X3]
  template <class Array>
  static void free_array(void* array) noexcept {
    typename Array::Delete()(static_cast<Array*>(array));
  }

  // While nobody else is here: relaxed, and published with the database.
  void publish_first(std::vector<typename Segment::Ptr> segments) {
    typename Top::Ptr top = Top::allocate(segments.size());
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const std::uint64_t prefix = segments[i]->prefix(0);
      top->set(i, *segments[i].release(), prefix);
    }
    free_all(top_.exchange(top.release(), std::memory_order_relaxed));
  }
  static void free_all(Top* top) noexcept {
    if (top == nullptr) return;
    for (std::size_t i = 0; i < top->size(); ++i) typename Segment::Delete()(top->item(i));
    typename Top::Delete()(top);
  }

  const Order& order_;
  alignas(64) Atomic<Top*> top_{nullptr};
  Atomic<bool> rebuilding_{false};
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

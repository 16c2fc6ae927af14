// The registered snapshots: what protects versions across a suspension. · layer: index
//
// A slot belongs to a transaction, stream or scan, never to a thread. Registering is claim, store, check:
//   the registrant stores S in its slot, then reads the floor, and starts over with a newer S if S < floor;
//   the pruner raises the floor to the published mark, then reads all slots.
// Both pairs are seq_cst, so either the registrant sees the floor or the pruner sees the slot (Dekker). Hence
//   I1  every snapshot in use is in the pruner's view or is >= the view's floor, for ever after that view was made.
// A view may therefore be kept and used again: it only becomes more careful than it need be.
// Thread safety: all calls; a Registration belongs to one owner at a time.
#pragma once

#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/detail/platform/mark.hpp>
#include <fluxmap/detail/platform/schedule_point.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

using Cts = std::uint64_t;  // commit timestamp: 1, 2, 3, …; 0 is the empty database

// What a pruner knows of the snapshots in use.
struct SnapshotView {
  Cts floor = 0;            // every snapshot that is not listed is >= floor
  std::vector<Cts> listed;  // ascending; may hold some that have ended meanwhile

  // True if no snapshot can see a version that was current from `from` until just before `until`.
  bool dead(Cts from, Cts until) const noexcept {
    if (until > floor) return false;
    if (listed.empty() || listed.back() < from) return true;     // nearly always: what is new, beside old snapshots
    if (from <= listed.front()) return until <= listed.front();  // what was there before the first of them
    const auto at = std::lower_bound(listed.begin(), listed.end(), from);
    return at == listed.end() || *at >= until;
  }
  // The oldest snapshot that may be in use.
  Cts oldest() const noexcept { return listed.empty() ? floor : std::min(floor, listed.front()); }
};

class SnapshotRegistry {
  struct Block;

 public:
  class Slot {
   public:
    Cts snapshot() const noexcept { return value_.load(std::memory_order_relaxed); }  // the owner reads its own store

   private:
    friend class SnapshotRegistry;
    static constexpr Cts k_idle = ~Cts{0};
    alignas(64) Atomic<Cts> value_{k_idle};  // written by the slot's owner, read by pruners
    Block* home_ = nullptr;                  // set once, by the block's constructor
    std::uint64_t bit_ = 0;                  // likewise
  };

  SnapshotRegistry() = default;
  SnapshotRegistry(const SnapshotRegistry&) = delete;
  SnapshotRegistry& operator=(const SnapshotRegistry&) = delete;
  ~SnapshotRegistry() {
    Block* block = first_.next.load(std::memory_order_acquire);  // destructor: nobody else is here
    while (block != nullptr) delete std::exchange(block, block->next.load(std::memory_order_acquire));
  }

  // Takes a slot for a new owner. The search starts where a slot was found or freed last, so that thousands of open
  // transactions do not slow it down. Lock-free; allocates when all are taken.
  Slot& claim() {
    Block* block =
        hint_.load(std::memory_order_acquire);  // pairs with the release stores of hint_: the block's content
    for (Block* start = block;;) {
      std::uint64_t taken = block->taken.load(std::memory_order_relaxed);  // a guess, checked by the CAS
      while (taken != ~std::uint64_t{0}) {
        const auto bit = static_cast<unsigned>(std::countr_one(taken));
        // [S3] acquire: pairs with release() of the previous owner.
        if (block->taken.compare_exchange_weak(taken, taken | (std::uint64_t{1} << bit), std::memory_order_acquire,
                                               std::memory_order_relaxed)) {
          if (block != start) hint_.store(block, std::memory_order_release);
          return block->slots[bit];
        }
      }
      Block* next = block->next.load(std::memory_order_acquire);  // pairs with [S4]
      block = next != nullptr ? next : &first_;
      if (block == start) block = append(*last_of(*start));
    }
  }

  // Gives a slot back; it is withdrawn first.
  void release(Slot& slot) noexcept {
    withdraw(slot);
    Block* block = slot.home_;
    // [S3] release: our use of the slot comes before the next owner's.
    block->taken.fetch_and(~slot.bit_, std::memory_order_release);
    if (hint_.load(std::memory_order_relaxed) != block) {  // relaxed: spares a write of a shared line, no more
      hint_.store(block, std::memory_order_release);
    }
  }

  // Registers the snapshot that `published()` gives in `slot`, and returns it. `published` must never go back.
  template <class Published>
  Cts enter(Slot& slot, Published&& published) {
    for (;;) {  // bounded in practice: each round needs another commit and another view meanwhile
      const Cts snapshot = published();
      if (move(slot, snapshot)) return snapshot;
      reach(Mark::snapshot_passed);
    }
  }

  // Stores `snapshot` in a slot in use or idle. False: the floor has passed it; what it sees may be gone.
  bool move(Slot& slot, Cts snapshot) {
    schedule_point(Point::snapshot_loaded);
    slot.value_.store(snapshot, std::memory_order_seq_cst);  // [S1] before the read of floor_, against [S2]
    schedule_point(Point::snapshot_stored);
    return snapshot >= floor_.load(std::memory_order_seq_cst);
  }

  // The slot holds no snapshot any more, but stays its owner's.
  void withdraw(Slot& slot) noexcept {
    // release: the owner's reads of versions come before a pruner that sees the slot idle; pairs with [S2].
    slot.value_.store(Slot::k_idle, std::memory_order_release);
  }

  // Brings `view` up to date. `published` must have been read by the caller before. O(slots ever used at once).
  void refresh(SnapshotView& view, Cts published) {
    view.floor = 0;  // nothing is dead, should an allocation fail below
    view.listed.clear();
    view.listed.reserve(capacity_.load(std::memory_order_relaxed) + k_block_slots);  // a guess: growing is allowed
    Cts floor = floor_.load(std::memory_order_seq_cst);
    while (floor < published && !floor_.compare_exchange_weak(floor, published, std::memory_order_seq_cst)) {
    }  // bounded: floor_ only grows
    schedule_point(Point::view_floor);
    for_each([&](Cts snapshot) { view.listed.push_back(snapshot); });
    if (!std::is_sorted(view.listed.begin(), view.listed.end())) std::sort(view.listed.begin(), view.listed.end());
    view.listed.erase(std::unique(view.listed.begin(), view.listed.end()), view.listed.end());
    view.floor = published;
  }

  // Slots there are: a measure of what a refresh costs.
  std::size_t capacity() const noexcept { return capacity_.load(std::memory_order_relaxed); }  // a measure only

  // f(Cts) for every registered snapshot.
  template <class F>
  void for_each(F&& f) const {
    for (const Block* block = &first_; block != nullptr; block = block->next.load(std::memory_order_acquire)) {  // [S4]
      for (const Slot& slot : block->slots) {
        const Cts snapshot = slot.value_.load(std::memory_order_seq_cst);  // [S2] after the store of floor_
        if (snapshot != Slot::k_idle) f(snapshot);
      }
    }
  }

 private:
  static constexpr std::size_t k_block_slots = 64;  // one bit each in `taken`
  struct Block {
    Atomic<std::uint64_t> taken{0};
    Atomic<Block*> next{nullptr};
    std::array<Slot, k_block_slots> slots;

    Block() {
      for (std::size_t i = 0; i < k_block_slots; ++i) {
        slots[i].home_ = this;
        slots[i].bit_ = std::uint64_t{1} << i;
      }
    }
  };

  static Block* last_of(Block& block) noexcept {
    Block* last = &block;
    while (Block* next = last->next.load(std::memory_order_acquire)) last = next;  // [S4]
    return last;
  }

  Block* append(Block& last) {
    auto fresh = std::make_unique<Block>();
    Block* next = nullptr;
    // [S4] release: publishes the block; pairs with the acquire loads of `next`.
    if (last.next.compare_exchange_strong(next, fresh.get(), std::memory_order_acq_rel, std::memory_order_acquire)) {
      reach(Mark::snapshot_slots_added);
      capacity_.fetch_add(k_block_slots, std::memory_order_relaxed);  // a measure only
      return fresh.release();
    }
    return next;
  }

  alignas(64) Atomic<Cts> floor_{0};  // raised by pruners, read by registrants
  alignas(64) Atomic<Block*> hint_{&first_};
  Atomic<std::size_t> capacity_{k_block_slots};
  Block first_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

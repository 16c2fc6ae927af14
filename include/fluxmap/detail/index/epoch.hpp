// Epoch-based reclamation (Fraser 2004), with slots that are claimed per call instead of registered per thread.
// · layer: index
//
// An EpochGuard protects one synchronous call: whatever it reached through the index or a chain stays allocated until
// it ends. Entering writes one cache line that the thread has usually to itself and nothing that is shared.
//
// Invariants
//   I1  A held slot whose stored epoch is e implies global epoch <= e + 1. (enter() re-reads the global epoch after the
//       store, both seq_cst: an advance that did not see the store comes after that re-read, and the next one sees it.)
//   I2  A bag is sealed with an epoch r read by an RMW on the global epoch after everything in it was unlinked, so a
//       guard that enters at an epoch > r cannot reach anything in it: its acquire load of the epoch reads from the
//       release sequence that the sealing RMW is part of.
//   I3  Hence a bag sealed at r may be freed when the global epoch is >= r + 2.
// Thread safety: everything here may be called by any thread; an EpochGuard belongs to the thread that made it.
// Guards nest (each takes a slot of its own). They must not live across a suspension: see assert_no_epoch_guard.
#pragma once

#include <fluxmap/detail/index/hand_over.hpp>
#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/detail/platform/counters.hpp>
#include <fluxmap/detail/platform/mark.hpp>
#include <fluxmap/detail/platform/random.hpp>
#include <fluxmap/detail/platform/schedule_point.hpp>

#include <boost/assert.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Something to be freed once no guard can reach it. `free` must not throw.
struct Retired {
  void* object;
  void (*free)(void*) noexcept;
};

// What the calling thread remembers between guards: which slot was its own last time (for any database; it is only a
// hint), and how many guards it holds. Its address tells threads apart.
struct ThreadEpochState {
  std::uint32_t slot_hint = ~std::uint32_t{0};
  std::uint32_t guards_held = 0;
};
inline constinit thread_local ThreadEpochState thread_epoch_state{};

// Suspending inside a guard would stall reclamation and resume on another thread; the front asserts that it never does.
inline void assert_no_epoch_guard() noexcept {
  BOOST_ASSERT_MSG(thread_epoch_state.guards_held == 0, "an epoch guard is held at a suspension point");
}

class EpochDomain {
 public:
  // One guard's place. Everything but the atomics belongs to the current holder.
  struct alignas(128) Slot {
    Atomic<std::uint64_t> epoch{k_free};  // written by the claimant and the holder, read by advance()
    Atomic<const void*> owner{nullptr};   // the thread that used it last; a hint against sharing of lines
    Atomic<bool> asked{false};            // vacuum wants what the holder has left behind; see hand_over
    std::uint64_t random = 0;             // state of next_random; not 0
    std::uint64_t scratch_commits = 0;    // commits since the holder's view of the snapshots was refreshed
    Counters counters;
    std::vector<void*> work;                    // see WorkList
    std::size_t work_at = 0;                    // where in it work_off goes on; see Tidy
    std::size_t tidied = 0, tidy_end = 0;       // the part of it that waits for its turn; likewise
    std::size_t garbage = 0;                    // bytes that the holder's commits have made useless; see MemoryLimit
    std::int64_t settled_bytes = 0;             // what the limit has been told of
    unsigned patience = 0;                      // commits until work that could not be done is tried again
    std::size_t passed = 0;                     // entries without a value that walks have met; see help() of Store
    std::uint64_t pauses = 0;                   // see pause_for_others
    unsigned help_pause = 0, help_backoff = 0;  // commits that do not help, now and after the next try in vain
    std::uint32_t accesses = 0;                 // since this slot moved the access clock; see AccessClock
    std::shared_ptr<void> snapshot_view;        // see SnapshotView: the holder's copy of the registered snapshots

   private:
    friend class EpochDomain;
    friend class EpochGuard;
    struct Bag {
      std::uint64_t epoch;
      std::vector<Retired> items;
    };
    std::vector<Retired> open_;
    std::size_t open_bytes_ = 0;  // what is in open_, as far as it was said
    std::vector<Bag> sealed_;
  };

  EpochDomain() {
    for (std::uint32_t i = 0; i < k_block_slots; ++i) first_.slots[i].random = mix_bits(i + 1);
  }
  EpochDomain(const EpochDomain&) = delete;
  EpochDomain& operator=(const EpochDomain&) = delete;

  // No guard may be held any more. Frees all that was retired.
  ~EpochDomain() {
    drain();
    Block* block = first_.next.load(std::memory_order_acquire);  // destructor: ordered by whoever runs it
    while (block != nullptr) delete std::exchange(block, block->next.load(std::memory_order_acquire));
  }

  // Frees all that was retired, whatever its epoch. No guard may be held; nothing retired may still be reachable.
  void drain() noexcept {
    bool again = true;
    while (again) {  // freeing a user's value may retire more, if its destructor calls back
      again = false;
      for_each_slot([&](Slot& slot) {
        std::vector<Slot::Bag> sealed = std::exchange(slot.sealed_, {});
        std::vector<Retired> open = std::exchange(slot.open_, {});
        again = again || !sealed.empty() || !open.empty();
        for (Slot::Bag& bag : sealed) free_all(bag.items);
        free_all(open);
      });
    }
  }

  // Calls f(Slot&) for every slot, held or not: f may read the counters.
  template <class F>
  void for_each_slot(F&& f) {
    for (Block* block = &first_; block != nullptr;
         block = block->next.load(std::memory_order_acquire)) {  // pairs with [E4]
      for (Slot& slot : block->slots) f(slot);
    }
  }
  template <class F>
  void for_each_slot(F&& f) const {
    const_cast<EpochDomain*>(this)->for_each_slot([&](const Slot& slot) { f(slot); });
  }

 private:
  friend class EpochGuard;
  static constexpr std::uint64_t k_free = 0;
  static constexpr std::uint32_t k_block_slots = 32;
  static constexpr std::size_t k_bag_size = 64;  // retired objects per bag: amortises the scan of the slots
  static constexpr std::size_t k_bag_bytes = std::size_t{64} << 10;  // or so much memory that would wait for the rest

  static constexpr std::size_t k_many_bags = 128;  // of one slot: what a thread retires while another waits for a turn

  struct Block {
    std::array<Slot, k_block_slots> slots;
    Atomic<Block*> next{nullptr};
  };

  Slot* enter() {
    schedule_point(Point::epoch_enter);
    ThreadEpochState& thread = thread_epoch_state;
    if (thread.slot_hint < k_block_slots) {
      Slot& slot = first_.slots[thread.slot_hint];
      // Relaxed: `owner` is a hint; the claim below is what gives the slot.
      if (slot.owner.load(std::memory_order_relaxed) == &thread && claim(slot)) return &slot;
    }
    return enter_slow(thread);
  }

  // Looks for a slot that no other thread calls its own, then for any free one, then makes more.
  Slot* enter_slow(ThreadEpochState& thread) {
    // Shifted before it is mixed: g++ would fold its first addition into the relocation of the thread-local address.
    const auto start =
        static_cast<std::uint32_t>(mix_bits(reinterpret_cast<std::uintptr_t>(&thread) >> 4) % k_block_slots);
    for (std::uint32_t i = 0; i < k_block_slots; ++i) {
      const std::uint32_t at = (start + i) % k_block_slots;
      Slot& slot = first_.slots[at];
      const void* owner = slot.owner.load(std::memory_order_relaxed);  // a hint, see enter()
      if ((owner == nullptr || owner == &thread) && claim(slot)) {
        slot.owner.store(&thread, std::memory_order_relaxed);  // a hint, see enter()
        if (thread.guards_held == 0) thread.slot_hint = at;
        return &slot;
      }
    }
    for (Block* block = &first_;; block = next_block(*block)) {
      for (std::uint32_t i = 0; i < k_block_slots; ++i) {
        Slot& slot = block->slots[(start + i) % k_block_slots];
        if (!claim(slot)) continue;
        if (block == &first_ && thread.guards_held == 0) {       // take it over: its owner may be long gone
          slot.owner.store(&thread, std::memory_order_relaxed);  // a hint, see enter()
          thread.slot_hint = (start + i) % k_block_slots;
        }
        return &slot;
      }
    }
  }

  Block* next_block(Block& block) {
    Block* next = block.next.load(std::memory_order_acquire);  // pairs with [E4]
    if (next != nullptr) return next;
    auto fresh = std::make_unique<Block>();
    for (Slot& slot : fresh->slots) slot.random = mix_bits(reinterpret_cast<std::uintptr_t>(&slot));
    // [E4] release: publishes the block's slots; pairs with the acquire loads of `next`.
    if (block.next.compare_exchange_strong(next, fresh.get(), std::memory_order_acq_rel, std::memory_order_acquire)) {
      reach(Mark::epoch_slots_added);
      return fresh.release();
    }
    return next;
  }

  // Takes a free slot for the calling thread and publishes its epoch (I1).
  bool claim(Slot& slot) noexcept {
    std::uint64_t expected = k_free;
    std::uint64_t epoch = global_.load(std::memory_order_acquire);  // re-read below; acquire for I2
    schedule_point(Point::epoch_loaded);
    // [E1] seq_cst: the store half is ordered before the re-read of global_ below, against [E2]'s scan (I1). Its
    // acquire half pairs with [E3]: the previous holder's bags and counters are ours.
    if (!slot.epoch.compare_exchange_strong(expected, epoch, std::memory_order_seq_cst, std::memory_order_relaxed)) {
      return false;  // relaxed: nothing was read
    }
    // Bounded in practice: each round needs the global epoch to have advanced meanwhile.
    for (std::uint64_t now; (now = global_.load(std::memory_order_seq_cst)) != epoch; epoch = now) {
      slot.epoch.store(now, std::memory_order_seq_cst);
    }
    return true;
  }

  void leave(Slot& slot) noexcept {
    if (slot.asked.load(std::memory_order_relaxed)) hand_over(slot);  // a request; what is handed over has [W3]
    const bool sealed = slot.open_.size() >= k_bag_size || slot.open_bytes_ >= k_bag_bytes;
    if (sealed) {
      try {
        seal_and_collect(slot);
      } catch (...) {  // out of memory for the book-keeping: what was retired stays where it is until the next time
      }
    }
    const std::size_t waiting = slot.sealed_.size();
    const bool much = sealed && waiting > k_many_bags && thread_epoch_state.guards_held == 0;
    if (much) ++slot.pauses;
    // [E3] release: all that the guard's holder did comes before the slot is free; pairs with [E1] and [E2].
    slot.epoch.store(k_free, std::memory_order_release);
    if (much) pause_for_others(waiting);
  }

  // Somebody has been inside a guard for as long as all this was retired: without a processor, most likely, because
  // there is more to run than there are processors. Whoever fills bags meanwhile sleeps a little for each, outside of
  // any guard: the other one gets a processor, and memory grows slowly if it does not (it may be stopped in a
  // debugger).
  [[gnu::noinline]] static void pause_for_others(std::size_t waiting) noexcept {
    reach(Mark::epoch_pause);
    constexpr std::chrono::microseconds k_step{50}, k_longest{1000};
    const auto time = k_step * static_cast<std::chrono::microseconds::rep>(waiting / k_many_bags);
    std::this_thread::sleep_for(std::min<std::chrono::microseconds>(time, k_longest));
  }

  // By the slot's holder: its work list goes to vacuum, and what it has retired is freed as far as it may be.
  [[gnu::noinline]] void hand_over(Slot& slot) noexcept {  // once for each vacuum: kept out of every guard's end
    slot.asked.store(false, std::memory_order_relaxed);    // see leave()
    reach(Mark::epoch_list_handed_over);
    handed_over.give(slot.work);
    if (slot.work.empty()) slot.tidied = slot.tidy_end = 0;
    try {
      seal_and_collect(slot);
    } catch (...) {  // as in leave()
    }
  }

  // Moves the global epoch on if every held slot has seen it. O(slots).
  void advance() noexcept {
    std::uint64_t epoch = global_.load(std::memory_order_seq_cst);
    bool all_seen = true;
    for_each_slot([&](Slot& slot) {
      const std::uint64_t held = slot.epoch.load(std::memory_order_seq_cst);  // [E2] against [E1], see I1
      all_seen = all_seen && (held == k_free || held == epoch);
    });
    if (all_seen) global_.compare_exchange_strong(epoch, epoch + 1, std::memory_order_seq_cst);
  }

  void seal_and_collect(Slot& slot) {
    if (!slot.open_.empty()) {
      // acq_rel RMW: see I2.
      const std::uint64_t epoch = global_.fetch_add(0, std::memory_order_acq_rel);
      slot.sealed_.push_back({epoch, std::exchange(slot.open_, {})});
      slot.open_bytes_ = 0;
      slot.open_.reserve(k_bag_size);
    }
    advance();
    const std::uint64_t now = global_.load(std::memory_order_acquire);  // an old value only frees less
    std::size_t ripe = 0;
    while (ripe < slot.sealed_.size() && slot.sealed_[ripe].epoch + 2 <= now) ++ripe;
    if (ripe == 0) return;
    // Moved out first: freeing may run a user's destructor, which may use the database and another slot.
    std::vector<Slot::Bag> due(std::make_move_iterator(slot.sealed_.begin()),
                               std::make_move_iterator(slot.sealed_.begin() + static_cast<std::ptrdiff_t>(ripe)));
    slot.sealed_.erase(slot.sealed_.begin(), slot.sealed_.begin() + static_cast<std::ptrdiff_t>(ripe));
    for (Slot::Bag& bag : due) free_all(bag.items);
  }

  static void free_all(std::vector<Retired>& items) noexcept {
    for (const Retired& item : items) item.free(item.object);
  }

  Atomic<std::uint64_t> global_{1};
  Block first_;

 public:
  HandOver handed_over;  // the work lists of those who were asked

  // What is done about slots that are not free.
  enum class Busy {
    leave_alone,
    ask,       // their holders hand over what they have when their guards end: a load and a branch for them
    wait_for,  // only those that were asked count, and the others are passed over
  };
  // Calls f(Slot&) for every slot that is free just now, as its holder. f must be short and not throw. True: holders
  // of other slots are asked, and have not answered yet.
  template <class F>
  bool for_each_idle_slot(F&& f, Busy busy = Busy::leave_alone) {
    bool asked = false;
    for_each_slot([&](Slot& slot) {
      // Relaxed, all of `asked`: a request; what is handed over has [W3].
      if (busy == Busy::wait_for && !slot.asked.load(std::memory_order_relaxed)) return;
      if (slot.epoch.load(std::memory_order_relaxed) != k_free || !claim(slot)) {  // relaxed: a hint before claim
        if (busy != Busy::leave_alone) slot.asked.store(asked = true, std::memory_order_relaxed);
        return;
      }
      if (busy != Busy::leave_alone) slot.asked.store(false, std::memory_order_relaxed);
      f(slot);
      slot.epoch.store(k_free, std::memory_order_release);  // [E3]
    });
    return asked;
  }
  // Seals, advances and frees for every slot that is free just now: what idle threads have left behind.
  void collect_idle() {
    for_each_idle_slot([&](Slot& slot) {
      try {
        seal_and_collect(slot);
      } catch (...) {  // out of memory for the book-keeping, as in leave()
      }
    });
  }
};

// See the head of this file. Neither copyable nor movable; make it only in functions that are not coroutines.
class EpochGuard {
 public:
  explicit EpochGuard(EpochDomain& domain) : domain_(domain), slot_(*domain.enter()) {
    ++thread_epoch_state.guards_held;
  }
  EpochGuard(const EpochGuard&) = delete;
  EpochGuard& operator=(const EpochGuard&) = delete;
  ~EpochGuard() {
    --thread_epoch_state.guards_held;
    domain_.leave(slot_);
  }

  EpochDomain::Slot& slot() const noexcept { return slot_; }
  Counters& counters() const noexcept { return slot_.counters; }

  // Makes room so that the next `count` calls of retire cannot fail.
  void reserve(std::size_t count) {
    std::vector<Retired>& open = slot_.open_;
    if (open.capacity() - open.size() < count) open.reserve(std::max(open.size() + count, 2 * open.capacity()));
  }

  // Frees `object` by `free` once no guard that can reach it is left. It must be unreachable for new guards.
  // `bytes`: what waits with it, where that may be much.
  // Without memory for the note the object is leaked: the one answer that is never wrong.
  void retire(void* object, void (*free)(void*) noexcept, std::size_t bytes = 0) noexcept {
    try {
      slot_.open_.push_back({object, free});
      slot_.open_bytes_ += bytes;
    } catch (...) {
    }
  }

 private:
  EpochDomain& domain_;
  EpochDomain::Slot& slot_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// The commit ring: timestamps, decisions, and what has been published. · layer: txn
//
//   next_cts    the last timestamp drawn (one fetch_add per writing commit)
//   slot[c]     claimed by the commit that drew c, until it is decided
//   decided     the largest V such that every cts <= V is decided
//   durable     the largest V such that every commit <= V is on disk; unlimited without a log
//   published   min(decided, durable): what a new read-only snapshot sees
//
//   status of a slot   63        2 | 1 0
//                      +-----------+-----------------------------------------------+
//                      |    cts    | 0 unused · 1 claimed · 2 done (decided, or a hole) |
//                      +-----------+-----------------------------------------------+
// The timestamp in the status tells the laps apart, so a slot needs no clearing and a late CAS cannot hit a later lap.
//
// Invariants
//   I1  decided never passes an undecided timestamp, so a snapshot <= decided has no holes that fill later.
//   I2  `record` of a slot is valid while its status is (c, claimed): the record's owner retires it only after done.
//   I3  No thread can stop the ring: an unclaimed slot may be skipped, and a stalled record aborted, by any waiter.
// Thread safety: all calls, inside an epoch guard.
#pragma once

#include <fluxmap/detail/index/version.hpp>
#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/detail/platform/mark.hpp>
#include <fluxmap/detail/platform/spin_wait.hpp>

#include <boost/assert.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Turns an undecided commit into an aborted one. True if this call did it.
inline bool abort_stalled(CommitRecord& record) noexcept {
  CommitState state = record.state.load(std::memory_order_acquire);  // a guess, checked by the CAS
  while (state == CommitState::active || state == CommitState::committing) {
    // [P5] acq_rel: a decision like the owner's own.
    if (record.state.compare_exchange_weak(state, CommitState::aborted, std::memory_order_acq_rel,
                                           std::memory_order_acquire)) {
      return true;
    }
  }
  return false;
}

// Watches one record for progress while waiting for it: a long validation moves `progress` on, a descheduled thread
// does not.
class RecordWait {
 public:
  RecordWait(CommitRecord& record, Point where) noexcept : record_(record), wait_(where) {}

  // One step; aborts the record when it has stalled.
  void step() {
    wait_.step();
    const std::uint32_t progress = record_.progress.load(std::memory_order_relaxed);  // a sign of life, orders nothing
    if (progress != seen_) {
      seen_ = progress;
      wait_.progressed();
    } else if (wait_.stalled() && abort_stalled(record_)) {
      reach(Mark::record_aborted);
    }
  }

 private:
  CommitRecord& record_;
  SpinWait wait_;
  std::uint32_t seen_ = 0;
};

class CommitRing {
 public:
  static constexpr std::size_t k_default_size = std::size_t{1} << 12;

  // `size` is a power of two, and at least four times the number of threads that may commit at once.
  explicit CommitRing(std::size_t size = k_default_size) : mask_(size - 1), slots_(std::make_unique<Slot[]>(size)) {
    BOOST_ASSERT(size >= 4 && (size & mask_) == 0);
  }
  CommitRing(const CommitRing&) = delete;
  CommitRing& operator=(const CommitRing&) = delete;

  // What a read-write transaction may read: decided, though perhaps not on disk yet.
  Cts decided() const noexcept {
    // [P6] the commits up to it, with their versions. seq_cst for the log's sleep (Log [G4]).
    return decided_.load(std::memory_order_seq_cst);
  }
  // What anybody else may read.
  Cts published() const noexcept {
    const Cts durable = durable_.load(std::memory_order_acquire);  // pairs with set_durable
    const Cts decided_now = decided();
    return decided_now < durable ? decided_now : durable;
  }
  // With a log that must be synced before anything is seen: called by its writer, never backwards.
  void set_durable(Cts cts) noexcept { durable_.store(cts, std::memory_order_release); }

  // Goes on after `cts`, which recovery has found last. Before anything else is done with the ring.
  void start_after(Cts cts) noexcept {
    next_cts_.store(cts, std::memory_order_relaxed);  // private still
    decided_.store(cts, std::memory_order_relaxed);   // as above
  }

  // Commit step 3, for a record whose state is committing already: draws a timestamp, claims its slot, publishes the
  // timestamp in the record. Waits while the ring is full, which takes more threads than slots.
  Cts take(CommitRecord& record) {
    for (;;) {  // a round is lost only to a waiter that found us stalled
      wait_for_room();
      // [P3] seq_cst: after the store of `committing` (design: state before cts), and after our pending versions were
      // installed. A committer with a larger cts reads from this RMW's modification order, so it sees both.
      const Cts cts = next_cts_.fetch_add(1, std::memory_order_seq_cst) + 1;
      schedule_point(Point::cts_taken);
      Slot& slot = slots_[cts & mask_];
      record.slot_cts.store(cts, std::memory_order_relaxed);               // published with the pointer to it
      slot.record.store(&record, std::memory_order_release);               // pairs with record_of: slot_cts
      std::uint64_t status = slot.status.load(std::memory_order_relaxed);  // checked by the CAS
      // [P4] release: the slot's record; pairs with the acquire load in advance().
      if (status >> 2 < cts && slot.status.compare_exchange_strong(status, claimed(cts), std::memory_order_acq_rel,
                                                                   std::memory_order_relaxed)) {
        schedule_point(Point::cts_claimed);
        // [P9] release: from now on validators compare with it; pairs with their acquire loads of cts.
        record.cts.store(cts, std::memory_order_release);
        schedule_point(Point::cts_published);
        return cts;
      }
      reach(Mark::ring_claim_lost);
    }
  }

  // Commit step 6: the record of this timestamp is decided. Its owner calls it, once.
  void mark_done(Cts cts) noexcept {
    Slot& slot = slots_[cts & mask_];
    std::uint64_t status = claimed(cts);
    // acq_rel: after the decision; pairs with the acquire load in advance(). A helper may have been here before.
    slot.status.compare_exchange_strong(status, done(cts), std::memory_order_acq_rel, std::memory_order_relaxed);
    schedule_point(Point::ring_marked);
  }

  // Moves `decided` over every decided slot that follows it. Any thread helps.
  void advance() noexcept {
    Cts last = decided_.load(std::memory_order_acquire);  // [P6]
    while (is_decided(last + 1)) {
      // [P6] seq_cst: everything that was done by the commits up to last + 1 comes before; pairs with the loads of
      // decided_. seq_cst rather than release, so that a snapshot's store-then-check never sees it go back.
      if (decided_.compare_exchange_weak(last, last + 1, std::memory_order_seq_cst, std::memory_order_acquire)) ++last;
    }
  }

  // Waits until everything up to `cts`, which was drawn, is decided, helping. What stalls is skipped or aborted (I3).
  void wait_decided(Cts cts) {
    advance();
    for (Cts last = decided(); last < cts; last = decided()) {
      wait_for(last + 1);
      advance();
    }
  }

 private:
  struct Slot {
    Atomic<std::uint64_t> status{0};
    Atomic<CommitRecord*> record{nullptr};
  };
  static constexpr std::uint64_t k_claimed = 1, k_done = 2;

  static constexpr std::uint64_t claimed(Cts cts) noexcept { return (cts << 2) | k_claimed; }
  static constexpr std::uint64_t done(Cts cts) noexcept { return (cts << 2) | k_done; }

  // The record that claimed `cts`; null if the slot has moved on meanwhile (I2). A thread that slept between its
  // fetch_add and its store of `record` for a whole lap may have put its own record over the right one: slot_cts tells.
  // (That record is safe to look at: its owner retires it after that store, and the commit that holds the slot now is
  // inside a guard older than that.)
  CommitRecord* record_of(const Slot& slot, Cts cts) const noexcept {
    CommitRecord* const record = slot.record.load(std::memory_order_acquire);  // before the second look at the status
    if (slot.status.load(std::memory_order_acquire) != claimed(cts)) return nullptr;
    return record->slot_cts.load(std::memory_order_relaxed) == cts ? record : nullptr;  // came with the pointer
  }

  bool is_decided(Cts cts) noexcept {
    Slot& slot = slots_[cts & mask_];
    std::uint64_t status = slot.status.load(std::memory_order_acquire);  // [P4]
    if (status == done(cts)) return true;
    if (status != claimed(cts)) return false;
    CommitRecord* const record = record_of(slot, cts);
    if (record == nullptr) return slot.status.load(std::memory_order_acquire) == done(cts);  // [P4]
    const CommitState state = record->state.load(std::memory_order_acquire);                 // [P5]
    if (state != CommitState::committed && state != CommitState::aborted) return false;
    // Decided, but its owner has not come round to say so. acq_rel as in mark_done.
    if (slot.status.compare_exchange_strong(status, done(cts), std::memory_order_acq_rel, std::memory_order_relaxed)) {
      reach(Mark::ring_owner_helped);
    }
    return true;
  }

  // Waits until `cts`, the first undecided one, is decided; after the bound decides it as a hole. It must have been
  // drawn: a hole in the future would let `decided` run ahead of next_cts.
  void wait_for(Cts cts) {
    Slot& slot = slots_[cts & mask_];
    SpinWait wait(Point::publish_wait);
    for (std::uint32_t seen = 0; !is_decided(cts) && decided() < cts;) {
      wait.step();
      std::uint64_t status = slot.status.load(std::memory_order_acquire);  // [P4]
      CommitRecord* const record = status == claimed(cts) ? record_of(slot, cts) : nullptr;
      if (record != nullptr) {
        const std::uint32_t progress = record->progress.load(std::memory_order_relaxed);  // a sign of life
        if (progress != seen) {
          seen = progress;
          wait.progressed();
        }
      }
      if (!wait.stalled()) continue;
      if (record != nullptr) {
        if (abort_stalled(*record)) reach(Mark::record_aborted);
      } else if (status >> 2 < cts) {
        // Drawn but not claimed: a hole. Its owner's claim fails and draws again. acq_rel as in mark_done.
        slot.status.compare_exchange_strong(status, done(cts), std::memory_order_acq_rel, std::memory_order_relaxed);
        reach(Mark::ring_hole_skipped);
      }
    }
  }

  void wait_for_room() {
    for (;;) {
      // In this order: what is decided was drawn before, so the difference is never negative. Relaxed: an estimate;
      // half of the ring is left for those that pass it at the same moment.
      const Cts last = decided();
      if (next_cts_.load(std::memory_order_relaxed) - last < (mask_ + 1) / 2) return;
      reach(Mark::ring_was_full);
      schedule_wait(Point::ring_wait);
      wait_for(last + 1);
      advance();
    }
  }

  alignas(128) Atomic<Cts> next_cts_{0};
  alignas(128) Atomic<Cts> decided_{0};
  alignas(128) Atomic<Cts> durable_{std::numeric_limits<Cts>::max()};
  const std::size_t mask_;
  std::unique_ptr<Slot[]> slots_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

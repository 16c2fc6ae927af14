// A transaction's side of the guard against starvation: what it has announced, and when it does so. · layer: txn
#pragma once

#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/detail/txn/read_set.hpp>
#include <fluxmap/detail/txn/reservation.hpp>
#include <fluxmap/detail/txn/store.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Whether the long transactions of one handle have met conflicts of late. Then the next ones do not wait for a failure
// of their own before they announce. Thread-safe; a guess, orders nothing.
class ConflictMemory {
 public:
  void remember() noexcept { left_.store(k_transactions, std::memory_order_relaxed); }
  // True for so many transactions after the last conflict.
  bool use_up() noexcept {
    const unsigned left = left_.load(std::memory_order_relaxed);
    if (left > 0) left_.store(left - 1, std::memory_order_relaxed);
    return left > 0;
  }

 private:
  static constexpr unsigned k_transactions = 16;
  Atomic<unsigned> left_{0};
};

// One transaction's announcement, over all its attempts; taken back when it has committed, or ends. What fails here
// fails silently: the transaction goes on unannounced.
template <class Key, class Value, class Compare>
class Announcement {
 public:
  // A transaction that has read so many keys is long.
  static constexpr std::size_t k_long = 32;

  explicit Announcement(Store<Key, Value, Compare>& store) noexcept : store_(store) {}
  Announcement(const Announcement&) = delete;
  Announcement& operator=(const Announcement&) = delete;
  ~Announcement() {
    withdraw();
    if (user_ != nullptr) *user_ = nullptr;
  }

  // The attempt under way keeps a pointer to this in `user` (null: none does). Cleared by whichever ends first.
  void attach(Announcement** user) noexcept { user_ = user; }

  // From now on an attempt announces by itself when it turns out to be long.
  void expect_conflicts() noexcept { early_ = true; }

  // An attempt has read one more point.
  void on_read(EpochGuard& guard, const Entry<Key, Value>& entry, const ReadSet<Key, Value>& reads) noexcept {
    if (mine_ != nullptr) {
      mine_->entries.add(&entry);
    } else if (early_ && reads.points.size() == k_long) {
      early_ = false;  // once is enough: the retries have their own rule
      try {
        keep(guard, store_.reservations.announce_early(guard, number(), reads));
      } catch (const std::bad_alloc&) {
      }
    }
  }

  // Announces anew what a failed attempt had read. `expected` is how long the next attempt should take. False: another
  // transaction's announcement stands.
  bool announce(ReadSet<Key, Value>&& reads, std::chrono::nanoseconds expected) noexcept {
    try {
      EpochGuard guard(store_.epochs);
      auto* const fresh =
          store_.reservations.announce(guard, store_.index.compare(), number(), std::move(reads), expected, mine_);
      if (fresh == nullptr) return false;
      withdraw();  // the one before
      keep(guard, fresh);
      return true;
    } catch (...) {  // no memory, or a comparator
      return false;
    }
  }

  // So that nobody steps aside any longer.
  void withdraw() noexcept {
    if (mine_ == nullptr) return;
    EpochGuard guard(store_.epochs);
    store_.reservations.withdraw(guard, std::exchange(mine_, nullptr));
  }

  // By which others tell whose announcement it is; 0: nothing has been announced yet.
  std::uint64_t owner() const noexcept { return owner_; }

 private:
  std::uint64_t number() noexcept {
    if (owner_ == 0) owner_ = store_.reservations.new_owner();
    return owner_;
  }
  void keep(EpochGuard& guard, Reservation<Key, Value>* mine) noexcept {
    mine_ = mine;
    if (mine_ != nullptr) guard.counters().reservations.add(1);
  }

  Store<Key, Value, Compare>& store_;
  Reservation<Key, Value>* mine_ = nullptr;
  Announcement** user_ = nullptr;
  std::uint64_t owner_ = 0;
  bool early_ = false;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// The guard against starvation of long writers. · layer: txn
//
// A transaction that has lost much work to conflicts announces what it has read. A commit that would overwrite any of
// that steps aside: it gives up its latches and waits, for a bounded time, until the announcer has committed.
// (Cicada, Lim et al. 2017, reserves rows after repeated aborts to the same end.) One announcement at a time.
#pragma once

#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/detail/txn/read_set.hpp>
#include <fluxmap/detail/txn/write_set.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// A set of addresses that its owner adds to while others look into it: open addressing, linear probing, no removal.
// What is looked up while it is added may be missed.
class AddressSet {
 public:
  // Has room for `count`, and for k_spare more at least.
  explicit AddressSet(std::size_t count)
      : mask_(std::bit_ceil(2 * (count + k_spare)) - 1), slots_(std::make_unique<Atomic<const void*>[]>(mask_ + 1)) {}

  // Its owner only. What does not fit is left out.
  void add(const void* address) noexcept {
    if (count_ > mask_ / 4 * 3) return;
    std::size_t at = place(address);
    for (;; at = (at + 1) & mask_) {                                        // bounded: a quarter of the slots is empty
      const void* const here = slots_[at].load(std::memory_order_relaxed);  // we are the only writer
      if (here == address) return;
      if (here == nullptr) break;
    }
    ++count_;
    slots_[at].store(address, std::memory_order_relaxed);  // an address to compare with: nothing is reached through it
  }
  bool contains(const void* address) const noexcept {
    for (std::size_t at = place(address);; at = (at + 1) & mask_) {
      const void* const here = slots_[at].load(std::memory_order_relaxed);  // likewise
      if (here == address) return true;
      if (here == nullptr) return false;
    }
  }

 private:
  static constexpr std::size_t k_spare = 256;

  // Fibonacci hashing (Knuth, vol. 3, 6.4).
  std::size_t place(const void* address) const noexcept {
    return static_cast<std::size_t>((reinterpret_cast<std::uintptr_t>(address) * 0x9e3779b97f4a7c15U) >> 32) & mask_;
  }

  const std::size_t mask_;
  std::size_t count_ = 0;
  const std::unique_ptr<Atomic<const void*>[]> slots_;
};

// Entries are compared as addresses only: one that has been freed and used anew can delay a commit, nothing else.
template <class Key, class Value>
struct Reservation {
  // Of the points of `reads`.
  Reservation(const ReadSet<Key, Value>& reads, std::uint64_t of, std::chrono::steady_clock::time_point deadline)
      : entries(reads.size()), owner(of), until(deadline) {
    for (const auto& point : reads.points) entries.add(point.entry);
  }

  AddressSet entries;         // of the points read, and of what the ranges saw
  ReadSet<Key, Value> rest;   // absent keys and ranges
  const std::uint64_t owner;  // the announcing transaction, the same for all its attempts; see Reservations::new_owner
  const std::chrono::steady_clock::time_point until;  // commits do not step aside any longer than this
};

template <class Key, class Value, class Compare>
class Reservations {
 public:
  using ReservationType = Reservation<Key, Value>;
  using Clock = std::chrono::steady_clock;

  Reservations() = default;
  Reservations(const Reservations&) = delete;
  Reservations& operator=(const Reservations&) = delete;
  ~Reservations() { delete current_.load(std::memory_order_acquire); }  // destructor: nobody else is here

  // Cheap: one load of a line that is hardly ever written.
  bool any() const noexcept { return current_.load(std::memory_order_relaxed) != nullptr; }  // a hint, see blocks()

  // A number for a transaction that is going to announce; from 1.
  std::uint64_t new_owner() noexcept { return owners_.fetch_add(1, std::memory_order_relaxed) + 1; }  // a name only

  // Announces `reads` for an attempt that should take about as long as `expected`, instead of `mine` if that is not
  // null. Null: another transaction's announcement stands; try again after the next failure. `mine` is still to be
  // withdrawn.
  ReservationType* announce(EpochGuard&, const Compare& compare, std::uint64_t owner, ReadSet<Key, Value>&& reads,
                            std::chrono::nanoseconds expected, ReservationType* mine) {
    ReservationType* const current = current_.load(std::memory_order_acquire);  // [R1]
    if (current != mine && !is_over(current)) return nullptr;
    const auto bound = std::clamp<std::chrono::nanoseconds>(4 * expected, k_least, k_most);
    auto fresh = std::make_unique<ReservationType>(reads, owner, Clock::now() + bound);
    if (reads.ranges.size() > k_ranges) {
      reads.ranges.erase(reads.ranges.begin() + static_cast<std::ptrdiff_t>(k_ranges), reads.ranges.end());
    }
    for (const auto& range : reads.ranges) {
      for (const auto& seen : range.seen) {
        if (seen.entry != nullptr) fresh->entries.add(seen.entry);
      }
    }
    std::sort(reads.absent.begin(), reads.absent.end(), std::cref(compare));
    reads.points.clear();
    fresh->rest = std::move(reads);
    return publish(current, std::move(fresh));
  }

  // Announces the points read so far by an attempt that goes on, and adds to them as it reads. For a short time: it may
  // be suspended in between.
  ReservationType* announce_early(EpochGuard&, std::uint64_t owner, const ReadSet<Key, Value>& reads) {
    ReservationType* const current = current_.load(std::memory_order_acquire);  // [R1]
    if (!is_over(current)) return nullptr;
    return publish(current, std::make_unique<ReservationType>(reads, owner, Clock::now() + k_early));
  }

  // Takes the caller's announcement back, unless another one has taken its place after it was over.
  void withdraw(EpochGuard& guard, ReservationType* mine) noexcept {
    ReservationType* current = mine;
    // Relaxed: null tells nobody anything, and who has read `mine` before is inside a guard.
    current_.compare_exchange_strong(current, nullptr, std::memory_order_relaxed);
    guard.retire(mine, [](void* object) noexcept { delete static_cast<ReservationType*>(object); });
  }

  // True if writing this key (whose entry is known) should wait for an announcement of another transaction than
  // `owner`. O(log of the absent keys + ranges). Inside an epoch guard.
  bool blocks(const Compare& compare, const Write<Key, Value>& write, std::uint64_t owner) const {
    const ReservationType* const other = current_.load(std::memory_order_acquire);  // [R1]
    if (other == nullptr || other->owner == owner) return false;
    return has_read(compare, *other, *write.entry) && !is_over(other);
  }

  // Whose announcement stands and has not run out; 0: nobody's. Inside an epoch guard.
  std::uint64_t standing() const noexcept {
    const ReservationType* const other = current_.load(std::memory_order_acquire);  // [R1]
    return is_over(other) ? 0 : other->owner;
  }

 private:
  static bool is_over(const ReservationType* announcement) noexcept {
    return announcement == nullptr || Clock::now() >= announcement->until;
  }

  static bool has_read(const Compare& compare, const ReservationType& other, const Entry<Key, Value>& entry) {
    if (other.entries.contains(&entry)) return true;
    const Key& key = entry.key;
    const auto& absent = other.rest.absent;
    if (std::binary_search(absent.begin(), absent.end(), key, std::cref(compare))) return true;
    return std::any_of(other.rest.ranges.begin(), other.rest.ranges.end(), [&](const auto& range) {
      return range.has_begun(compare, key) && range.contains(compare, key);
    });
  }

  // `current` is over, or the caller's own: its owner frees it, now or when it comes round.
  ReservationType* publish(ReservationType* current, std::unique_ptr<ReservationType> fresh) noexcept {
    // [R1] release: the announcement's content; pairs with the acquire loads of current_.
    if (!current_.compare_exchange_strong(current, fresh.get(), std::memory_order_acq_rel, std::memory_order_relaxed)) {
      return nullptr;  // relaxed: we do not look at the other one
    }
    return fresh.release();
  }

  static constexpr std::size_t k_ranges = 64;  // of one transaction; a commit looks at each
  // How long others step aside at most: long enough for a scheduler's mishap, short enough for a user's patience.
  static constexpr std::chrono::milliseconds k_least{50};
  static constexpr std::chrono::milliseconds k_most{2000};
  static constexpr std::chrono::milliseconds k_early{1};  // well above what a thousand reads take

  alignas(128) Atomic<ReservationType*> current_{nullptr};
  Atomic<std::uint64_t> owners_{0};
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

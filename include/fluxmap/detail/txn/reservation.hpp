// The guard against starvation of long writers. · layer: txn
//
// A transaction that has failed a few times announces what it read in its last attempt. A commit that would overwrite
// any of that steps aside: it gives up its latches and waits, for a bounded time, until the announcer has committed.
// (Cicada, Lim et al. 2017, reserves rows after repeated aborts to the same end.) One announcement at a time.
#pragma once

#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/txn/read_set.hpp>
#include <fluxmap/detail/txn/write_set.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Entries are compared as addresses only: one that has been freed and used anew can delay a commit, nothing else.
template <class Key, class Value>
struct Reservation {
  ReadSet<Key, Value> reads;
  std::vector<const Entry<Key, Value>*> entries;  // of reads.points and of what the ranges saw, sorted
  std::chrono::steady_clock::time_point until;    // commits do not step aside any longer than this
};

template <class Key, class Value, class Compare>
class Reservations {
 public:
  using ReservationType = Reservation<Key, Value>;

  Reservations() = default;
  Reservations(const Reservations&) = delete;
  Reservations& operator=(const Reservations&) = delete;
  ~Reservations() { delete current_.load(std::memory_order_acquire); }  // destructor: nobody else is here

  // Cheap: one load of a line that is hardly ever written.
  bool any() const noexcept { return current_.load(std::memory_order_relaxed) != nullptr; }  // a hint, see blocks()

  // Announces `reads` for an attempt that should take about as long as `expected`. Null: another transaction has
  // announced and not finished; try again after the next failure.
  ReservationType* announce(ReadSet<Key, Value>&& reads, std::chrono::nanoseconds expected) {
    auto fresh = std::make_unique<ReservationType>();
    fresh->reads = std::move(reads);
    for (const auto& point : fresh->reads.points) fresh->entries.push_back(point.entry);
    for (const auto& range : fresh->reads.ranges) {
      for (const auto& seen : range.seen) {
        if (seen.entry != nullptr) fresh->entries.push_back(seen.entry);
      }
    }
    std::sort(fresh->entries.begin(), fresh->entries.end(), std::less<>());
    fresh->until =
        std::chrono::steady_clock::now() + std::clamp<std::chrono::nanoseconds>(4 * expected, k_least, k_most);
    ReservationType* none = nullptr;
    // [R1] release: the announcement's content; pairs with blocks().
    if (!current_.compare_exchange_strong(none, fresh.get(), std::memory_order_acq_rel, std::memory_order_relaxed)) {
      return nullptr;  // relaxed: we do not look at the other one
    }
    return fresh.release();
  }

  // Takes the caller's announcement back.
  void withdraw(EpochGuard& guard, ReservationType* mine) noexcept {
    current_.store(nullptr,
                   std::memory_order_release);  // only its owner clears it, and only its owner may announce anew
    guard.retire(mine, [](void* object) noexcept { delete static_cast<ReservationType*>(object); });
  }

  // True if writing this key (whose entry is known) should wait for somebody else's announcement.
  bool blocks(const Compare& compare, const Write<Key, Value>& write, const ReservationType* mine) const {
    const ReservationType* const other = current_.load(std::memory_order_acquire);  // [R1]
    if (other == nullptr || other == mine) return false;
    if (std::binary_search(other->entries.begin(), other->entries.end(), write.entry, std::less<>())) return true;
    const Key& key = write.entry->key;
    for (const Key& absent : other->reads.absent) {
      if (!compare(absent, key) && !compare(key, absent)) return true;
    }
    for (const auto& range : other->reads.ranges) {
      if (!compare(key, range.first) && range.contains(compare, key)) return true;
    }
    return false;
  }

  // True while somebody else's announcement stands and has not run out. Inside an epoch guard.
  bool stands(const ReservationType* mine) const noexcept {
    const ReservationType* const other = current_.load(std::memory_order_acquire);  // [R1]
    return other != nullptr && other != mine && std::chrono::steady_clock::now() < other->until;
  }

 private:
  // How long others step aside at most: long enough for a scheduler's mishap, short enough for a user's patience.
  static constexpr std::chrono::milliseconds k_least{50};
  static constexpr std::chrono::milliseconds k_most{2000};

  alignas(128) std::atomic<ReservationType*> current_{nullptr};
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// Eviction of the least frequently used key. · layer: upkeep
//
// A list for each count (Shah, Mitra and Matani 2010), the greater counts in steps of a sixteenth. As in RecencyList a
// key moves to the list of its count only when its turn comes, so counting needs no lock.
#pragma once

#include <fluxmap/detail/upkeep/eviction_policy.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace fluxmap::inline FLUXMAP_ABI::detail {

class LfuPolicy final : public EvictionPolicy {
 public:
  void add(Tracking& key, std::uint64_t /*hash*/, const Moment& /*now*/) override {
    file(key);
    key.set_place(1);
    newest_ = &key;
    ++size_;
  }
  void remove(Tracking& key) noexcept override {
    if (key.place() == 0) return;
    key.hook.unlink();
    taken(key);
  }
  Tracking* victim(const Moment& /*now*/) noexcept override {
    Tracking* const newest = newest_;
    if (newest != nullptr) newest->hook.unlink();  // it has had no time to be used
    Tracking* key = take_lowest();
    if (key == nullptr) {
      key = newest;
    } else if (newest != nullptr) {
      file(*newest);
    }
    if (key != nullptr) taken(*key);
    return key;
  }
  std::size_t size() const noexcept override { return size_; }

 private:
  static constexpr std::size_t k_exact = 256, k_parts = 16, k_lists = k_exact + k_parts * 24;

  static std::size_t list_of(const Tracking& key) noexcept {
    const std::uint32_t count = AccessClock::count_of(key.access().load(std::memory_order_relaxed));  // see there
    if (count < k_exact) return count;
    const auto power = static_cast<std::size_t>(std::bit_width(count)) - 9;  // 256..511: 0
    return k_exact + k_parts * power + ((count >> (power + 4)) - k_parts);
  }
  void file(Tracking& key) noexcept {
    const std::size_t list = list_of(key);
    lists_[list].push_back(key);
    lowest_ = std::min(lowest_, list);
  }
  void taken(Tracking& key) noexcept {
    key.set_place(0);
    if (newest_ == &key) newest_ = nullptr;
    --size_;
  }

  Tracking* take_lowest() noexcept {
    Tracking* best = nullptr;
    for (unsigned budget = k_budget;;) {
      while (lowest_ + 1 < k_lists && lists_[lowest_].empty()) ++lowest_;
      if (lists_[lowest_].empty()) return nullptr;
      Tracking* key = &lists_[lowest_].front();
      const bool used_since = list_of(*key) > lowest_;
      if (used_since && budget-- > 0) {
        key->hook.unlink();
        file(*key);
        if (best == nullptr || list_of(*key) < list_of(*best)) best = key;
        continue;
      }
      if (used_since && best != nullptr) key = best;
      key->hook.unlink();
      return key;
    }
  }

  std::array<TrackingList, k_lists> lists_;
  std::size_t lowest_ = 0;  // no list before this one holds a key
  Tracking* newest_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

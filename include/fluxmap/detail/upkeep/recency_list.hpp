// Keys in the order of their last access, put in order only as far as eviction looks. · layer: upkeep
//
// A ring of lists, one for each of the last 512 ticks of the access clock. A key stays in the list of the tick that it
// was filed under, whatever is read; when its turn to be evicted comes and it was used since, it moves to the list of
// its last access (second chance, but to where it belongs). Each move is paid for by an access, so the cost is O(1).
// When a tick leaves the ring its list becomes the older part of the next one.
// Not thread-safe: the policy's lock.
#pragma once

#include <fluxmap/detail/index/tracking.hpp>
#include <fluxmap/detail/upkeep/access_clock.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

class RecencyList {
 public:
  RecencyList() = default;
  RecencyList(const RecencyList&) = delete;
  RecencyList& operator=(const RecencyList&) = delete;
  ~RecencyList() = default;  // lets go of the keys, which must be there still

  // Files a key under the tick of its last access.
  void add(Tracking& key) noexcept {
    const std::uint32_t tick = last_access(key);
    list_of(tick).push_back(key);
    if (is_before(tick, lowest_)) lowest_ = tick;
  }

  // Time has moved on.
  void turn_to(std::uint32_t now) noexcept {
    if (!is_before(newest_, now)) return;
    const std::uint32_t ahead = now - newest_;
    for (std::uint32_t i = 0; i < ahead && i < k_lists; ++i) {
      ++newest_;
      TrackingList& leaving = list_of(newest_);  // of the tick that is a whole ring older
      TrackingList& oldest = list_of(newest_ + 1);
      oldest.splice(oldest.begin(), leaving);
    }
    if (newest_ != now) {  // all keys are in one list by now
      TrackingList all;
      all.swap(list_of(newest_ + 1));
      newest_ = now;
      list_of(newest_ + 1).swap(all);
    }
    if (is_before(lowest_, newest_ + 1 - k_lists)) lowest_ = newest_ + 1 - k_lists;
  }

  // Takes out the key that was used least recently; null: there is none. Where very many were used since they were
  // filed only `budget` of them are looked at, and the oldest of those is taken.
  Tracking* take_oldest(unsigned budget) noexcept {
    Tracking* best = nullptr;
    std::uint32_t best_tick = 0;
    for (;;) {
      while (lowest_ != newest_ && list_of(lowest_).empty()) ++lowest_;
      TrackingList& list = list_of(lowest_);
      if (list.empty()) return nullptr;
      Tracking& key = list.front();
      const std::uint32_t tick = last_access(key);
      if (!is_before(lowest_, tick)) return take(key);
      if (budget-- == 0 && best != nullptr) return take(*best);
      key.hook.unlink();
      list_of(tick).push_back(key);
      if (best == nullptr || is_before(tick, best_tick)) {
        best = &key;
        best_tick = tick;
      }
    }
  }

 private:
  static constexpr std::uint32_t k_lists = 512;

  static bool is_before(std::uint32_t a, std::uint32_t b) noexcept { return static_cast<std::int32_t>(a - b) < 0; }
  static Tracking* take(Tracking& key) noexcept {
    key.hook.unlink();
    return &key;
  }
  TrackingList& list_of(std::uint32_t tick) noexcept { return lists_[tick % k_lists]; }
  // The tick of the last access, within the ring; what was used after the last turn_to counts as used then.
  std::uint32_t last_access(const Tracking& key) const noexcept {
    const std::uint32_t word = key.access().load(std::memory_order_relaxed);  // see AccessClock
    const std::int32_t age = AccessClock::later(newest_, AccessClock::tick_of(word));
    if (age < -static_cast<std::int32_t>(k_lists))
      return newest_ + 1 - k_lists;  // so long ago that its tick has wrapped
    return newest_ - std::min(static_cast<std::uint32_t>(std::max(age, 0)), k_lists - 1);
  }

  std::array<TrackingList, k_lists> lists_;
  std::uint32_t newest_ = 1;
  std::uint32_t lowest_ = 1;  // no list before this one holds a key
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

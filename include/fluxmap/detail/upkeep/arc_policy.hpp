// Adaptive replacement (Megiddo and Modha, FAST 2003). · layer: upkeep
//
//   T1  keys used once since they came in     B1  hashes of keys that were evicted from T1
//   T2  keys used more often                  B2  … and from T2
// A key that comes in and is found in B1 says that T1 should have been longer, one in B2 that T2 should; `target_` is
// how long T1 ought to be. The cache's size is the number of keys that fit just now.
// A hit moves nothing: a key in T1 that was used again moves to T2 when its turn comes. How many of those there are is
// known from the count of first hits, so T1's length is judged as if they had moved at once.
#pragma once

#include <fluxmap/detail/upkeep/eviction_policy.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Hashes of keys that were evicted, in the order in which they were, in two lists. 32 bits of a hash are kept: among
// ten million ghosts one key in four hundred is taken for one of them, which misleads nobody for long.
class GhostLists {
 public:
  enum class Which : unsigned char { none, recent, frequent };  // B1, B2

  std::size_t size(Which which) const noexcept { return list_of(which).live; }

  // Takes a hash out; says where it was.
  Which take(std::uint64_t hash) noexcept {
    const auto at = where_.find(short_of(hash));
    if (at == where_.end()) return Which::none;
    const Which which = (at->second & k_frequent) != 0 ? Which::frequent : Which::recent;
    List& list = list_of(which);
    list.hashes[(at->second & ~k_frequent) - list.first] = k_gone;
    --list.live;
    where_.erase(at);
    return which;
  }
  void push(Which which, std::uint64_t hash) {
    take(hash);
    List& list = list_of(which);
    const auto number = static_cast<std::uint32_t>(list.first + list.hashes.size());
    if (number >= k_frequent - 1) return start_again(which);
    list.hashes.push_back(short_of(hash));
    try {
      where_.emplace(short_of(hash), number | (which == Which::frequent ? k_frequent : 0));
    } catch (...) {
      list.hashes.pop_back();
      throw;
    }
    ++list.live;
    while (list.hashes.size() > 2 * list.live + 1024) pop_front(list);  // places of those that were taken out
  }
  void pop_oldest(Which which) noexcept {
    List& list = list_of(which);
    for (const std::size_t live = list.live; list.live == live;) pop_front(list);
  }
  // Forgets all of them, and gives their memory back.
  void clear() noexcept {
    for (List* list : {&recent_, &frequent_}) {
      list->hashes.clear();
      list->first = 0;
      list->live = 0;
    }
    where_ = Places();  // not {}: that is an empty list of elements, which leaves the map its memory
  }
  std::size_t bytes() const noexcept { return where_.bucket_count() * k_map_bytes + hashes() * sizeof(std::uint32_t); }

 private:
  struct List {
    std::deque<std::uint32_t> hashes;
    std::uint32_t first = 0;  // the number of the first
    std::size_t live = 0;
  };
  static constexpr std::uint32_t k_gone = 0, k_frequent = std::uint32_t{1} << 31;
  static constexpr std::size_t k_map_bytes = 9;  // two numbers, and a byte of the map's own

  static std::uint32_t short_of(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash >> 32) | 1U; }

  std::size_t hashes() const noexcept { return recent_.hashes.size() + frequent_.hashes.size(); }
  List& list_of(Which which) noexcept { return which == Which::recent ? recent_ : frequent_; }
  const List& list_of(Which which) const noexcept { return which == Which::recent ? recent_ : frequent_; }

  void pop_front(List& list) noexcept {
    const std::uint32_t hash = list.hashes.front();
    list.hashes.pop_front();
    ++list.first;
    if (hash == k_gone) return;
    where_.erase(hash);
    --list.live;
  }
  // The numbers have run out, after two thousand million evictions.
  void start_again(Which which) noexcept {
    List& list = list_of(which);
    while (!list.hashes.empty()) pop_front(list);
    list.first = 0;
  }

  List recent_, frequent_;
  using Places = boost::unordered_flat_map<std::uint32_t, std::uint32_t>;
  Places where_;  // the number in its list, and which
};

class ArcPolicy final : public EvictionPolicy {
  using Which = GhostLists::Which;

 public:
  void add(Tracking& key, std::uint64_t hash, const Moment& now) override {
    const double recent = static_cast<double>(ghosts_.size(Which::recent));
    const double frequent = static_cast<double>(ghosts_.size(Which::frequent));
    const Which ghost = ghosts_.take(hash);
    const double capacity = static_cast<double>(size() + 1);
    if (ghost == Which::recent) target_ = std::min(capacity, target_ + std::max(1.0, frequent / recent));
    if (ghost == Which::frequent) target_ = std::max(0.0, target_ - std::max(1.0, recent / frequent));
    from_frequent_ = ghost == Which::frequent;
    if (ghost == Which::none) {
      once_.push_back(key);
      key.set_place(k_once);
      ++once_size_;
    } else {
      key.access().store(AccessClock::word_of(now.tick, 2),
                         std::memory_order_relaxed);  // see there; it was used before
      add_often(key, now);
    }
    newest_ = &key;
    trim();
  }
  void remove(Tracking& key) noexcept override {
    if (key.place() == 0) return;
    key.hook.unlink();
    taken(key);
  }
  Tracking* victim(const Moment& now) noexcept override {
    // Hits that have not moved their keys yet; a striped count may be a little behind.
    const std::uint64_t hits = now.first_hits > moved_ ? now.first_hits - moved_ : 0;
    // The key that came in last is not in the cache yet, as the paper tells it.
    Tracking* const newest = newest_ != nullptr && newest_->place() == k_once ? newest_ : nullptr;
    if (newest != nullptr) newest->hook.unlink();
    const std::size_t once = once_size_ - (newest != nullptr ? 1 : 0);
    const double length = static_cast<double>(once - std::min<std::uint64_t>(hits, once));
    const bool too_long = length > target_ || (from_frequent_ && length >= target_ && length >= 1.0);
    from_frequent_ = false;
    Tracking* key = too_long ? take_once(now) : nullptr;
    chosen_from_ = Which::recent;
    if (key == nullptr) {
      often_.turn_to(now.tick);
      key = often_.take_oldest(k_budget);
      if (key != nullptr) chosen_from_ = Which::frequent;
    }
    if (key == nullptr) key = take_once(now);
    if (newest != nullptr) {
      if (key == nullptr) {
        key = newest;
      } else {
        once_.push_back(*newest);
      }
    }
    if (key != nullptr) taken(*key);
    return key;
  }
  void evicted(std::uint64_t hash) override {
    ghosts_.push(chosen_from_, hash);
    trim();
  }
  // Where it was, and no ghost: it has not been away.
  void put_back(Tracking& key, std::uint64_t /*hash*/, const Moment& now) noexcept override {
    if (used_again(key)) return add_often(key, now);
    once_.push_back(key);
    key.set_place(k_once);
    ++once_size_;
  }
  void forget_the_past() noexcept override { ghosts_.clear(); }

  std::size_t size() const noexcept override { return once_size_ + often_size_; }
  std::size_t bytes() const noexcept override { return ghosts_.bytes(); }

 private:
  static constexpr std::uint32_t k_once = 1, k_often = 2;

  static bool used_again(const Tracking& key) noexcept {
    return AccessClock::count_of(key.access().load(std::memory_order_relaxed)) > 1;  // see there
  }
  void add_often(Tracking& key, const Moment& now) noexcept {
    often_.turn_to(now.tick);
    often_.add(key);
    key.set_place(k_often);
    ++often_size_;
  }
  void taken(Tracking& key) noexcept {
    if (key.place() == k_once) {
      --once_size_;
      if (used_again(key)) ++moved_;
    } else {
      --often_size_;
    }
    key.set_place(0);
    if (newest_ == &key) newest_ = nullptr;
  }
  // The oldest key of T1 that was not used again; null: none was met.
  Tracking* take_once(const Moment& now) noexcept {
    for (unsigned budget = k_budget; budget > 0 && !once_.empty(); --budget) {
      Tracking& key = once_.front();
      key.hook.unlink();
      if (!used_again(key)) return &key;
      --once_size_;
      ++moved_;
      add_often(key, now);
    }
    return nullptr;
  }
  void trim() noexcept {
    const std::size_t capacity = size();
    while (ghosts_.size(Which::recent) > 0 && once_size_ + ghosts_.size(Which::recent) > capacity) {
      ghosts_.pop_oldest(Which::recent);
    }
    while (ghosts_.size(Which::frequent) > 0 &&
           ghosts_.size(Which::recent) + ghosts_.size(Which::frequent) > capacity) {
      ghosts_.pop_oldest(Which::frequent);
    }
  }

  TrackingList once_;
  RecencyList often_;
  GhostLists ghosts_;
  std::size_t once_size_ = 0, often_size_ = 0;
  std::uint64_t moved_ = 0;  // first hits that are accounted for
  double target_ = 0.0;
  bool from_frequent_ = false;  // the last key that came in was found in B2
  Which chosen_from_ = Which::recent;
  Tracking* newest_ = nullptr;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

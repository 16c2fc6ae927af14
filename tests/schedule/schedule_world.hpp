// One schedule of a schedule test: a store, the history of what was done to it, and the bodies that are to be run.
//
// Values are made unique, value = tag * 2^20 + amount, so that what was read names the write it came from; the engine
// needs no accessor for the version behind a value.
#pragma once

#include "schedule/schedule_support.hpp"

#include <fluxmap/detail/txn/autocommit.hpp>
#include <fluxmap/detail/txn/txn_state.hpp>
#include <fluxmap/detail/upkeep/vacuum.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_test {

namespace engine = fluxmap::detail;
using Key = std::int64_t;
using Amount = std::int64_t;
using Store = engine::Store<Key, std::int64_t, std::less<>>;
using Point = engine::Point;

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};
inline void expect(bool holds, const std::string& what) {
  if (!holds) throw Failure(what);
}

inline constexpr std::int64_t k_tag_unit = std::int64_t{1} << 20;
inline constexpr std::size_t k_most_tags = 4096;
inline Amount amount_of(std::int64_t value) { return value & (k_tag_unit - 1); }
inline std::uint64_t tag_of(std::int64_t value) { return static_cast<std::uint64_t>(value / k_tag_unit); }

// A rest that a body takes at one of its schedule points: it counts as waiting for `length` turns, so everybody else
// comes first. Short ones open a window in the protocol, long ones make waiters take it for stalled, and one without
// end (until all others have ended) shows that nobody depends on it.
inline constexpr unsigned k_without_end = ~0U;
struct Nap {
  std::size_t body = 0;
  unsigned point = 0;
  unsigned occurrence = 0;
  unsigned length = 1;
};

// What the hook knows of the calling thread.
struct ThreadProbe {
  std::vector<Nap> naps;
  const Store* store = nullptr;
  const std::atomic<std::size_t>* running = nullptr;
  const Key* single_key = nullptr;  // of a SingleWrite under way: its timestamp is caught at its decision
  engine::Cts single_cts = 0;
  bool inside = false;
};
inline thread_local ThreadProbe thread_probe;

// At the point `decided` the newest version of the key is the caller's own: it holds the latch.
inline void catch_single_cts(ThreadProbe& probe) {
  probe.inside = true;
  const auto* entry = probe.store->index.find(*probe.single_key);
  expect(entry != nullptr, "a decided write has no entry");
  const auto* head = entry->load_head();
  expect(head != nullptr && head != std::remove_pointer_t<decltype(entry)>::closed(), "a decided write has no version");
  expect(head->stamp().is_tagged(), "a decided write is stamped before it is published");
  probe.single_cts = head->stamp().record()->cts.load();
  probe.inside = false;
}

inline void hook(unsigned point, bool waiting) {
  ThreadProbe& probe = thread_probe;
  if (probe.inside) return;
  if (point == static_cast<unsigned>(Point::decided) && probe.single_key != nullptr) catch_single_cts(probe);
  reached_point(point, waiting);
  if (waiting) return;
  for (Nap& nap : probe.naps) {
    if (nap.point != point || nap.length == 0 || nap.occurrence-- != 0) continue;
    while (nap.length > 0 && probe.running->load() > 1) {
      if (nap.length != k_without_end) --nap.length;
      reached_point(point, true);
    }
    nap.length = 0;
  }
}

struct WorldOptions {
  std::size_t ring_size = 64;
  double lane_p = 0.5;                 // many entries in the express lane, though there are few of them
  std::uint64_t expected_steps = 150;  // about what a run takes; see PctOptions
  std::uint64_t max_steps = 30'000;
  bool stalls = true;  // some rests are long enough to pass for a stalled thread
};

class Actor;

class World {
 public:
  explicit World(std::uint64_t seed) : random(seed), seed_(seed), tag_owner_(k_most_tags) {}

  // Makes the store. To be called first, by the scenario.
  void open(WorldOptions options = {}) {
    options_ = options;
    store_ = std::make_unique<Store>(std::less<>(), options.lane_p, options.ring_size);
    std::uint64_t slot_seed = random();
    // Everything random in the engine: which entries join the express lane.
    store_->epochs.for_each_slot(
        [&](engine::EpochDomain::Slot& slot) { slot.random = ++slot_seed * 0x9e3779b97f4a7c15; });
  }

  Store& store() { return *store_; }
  std::uint64_t seed() const { return seed_; }
  const WorldOptions& options() const { return options_; }

  void body(std::function<void(Actor&)> function) { bodies_.push_back(std::move(function)); }
  // To be checked when all bodies have ended; on the main thread, with an actor of its own.
  void after(std::function<void(Actor&)> function) { after_.push_back(std::move(function)); }

  std::vector<std::function<void(Actor&)>> take_bodies() { return std::exchange(bodies_, {}); }
  std::vector<std::function<void(Actor&)>> take_after() { return std::exchange(after_, {}); }

  std::int64_t make_value(Amount amount, std::uint64_t owner) {
    const std::uint64_t tag = next_tag_.fetch_add(1) + 1;
    expect(tag < k_most_tags, "a scenario writes too much");
    tag_owner_[tag] = owner;
    return static_cast<std::int64_t>(tag) * k_tag_unit + amount;
  }
  // The transaction that made a value; 0: none did.
  std::uint64_t owner_of(std::uint64_t tag) const { return tag < k_most_tags ? tag_owner_[tag] : 0; }

  SplitMix random;  // of the scenario's own choices
  HistoryRecorder history;
  engine::Cts newest_published = 0;  // as the invariant has seen it

  // Tombstones as the invariant has seen them: the database's own among them are in no body's history. Kept where
  // `removes_by_itself` is set; `may_remove` is then asked whether a version was to be removed.
  using Removal = std::pair<Key, engine::Cts>;
  struct Removed {
    std::uint64_t tag;  // of the value below; 0: there was none
    bool allowed;
  };
  bool removes_by_itself = false;
  std::function<bool(const engine::Version<std::int64_t>&)> may_remove;
  std::map<Removal, Removed> removals;

  std::atomic<std::size_t> running{0};  // bodies that have not ended

 private:
  std::uint64_t seed_;
  WorldOptions options_;
  std::vector<std::uint64_t> tag_owner_;
  std::atomic<std::uint64_t> next_tag_{0};
  std::vector<std::function<void(Actor&)>> bodies_, after_;
  std::unique_ptr<Store> store_;
};

}  // namespace fluxmap_test

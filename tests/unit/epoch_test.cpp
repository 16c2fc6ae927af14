// Epochs and the registry of snapshots: what protects memory within a call, and across a suspension.
#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/index/snapshot_registry.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace {

using fluxmap::detail::Cts;
using fluxmap::detail::EpochDomain;
using fluxmap::detail::EpochGuard;
using fluxmap::detail::SnapshotRegistry;
using fluxmap::detail::SnapshotView;

// Something to retire; counts those alive.
struct Thing {
  static constexpr std::uint64_t k_alive = 0x600d600d600d600dULL;
  std::atomic<std::uint64_t> canary{k_alive};
  Thing() { ++alive; }
  ~Thing() {
    canary = 0;
    --alive;
  }
  static void free(void* object) noexcept { delete static_cast<Thing*>(object); }
  inline static std::atomic<int> alive{0};
};

void retire_one(EpochDomain& epochs) {
  EpochGuard guard(epochs);
  guard.retire(new Thing, &Thing::free);
}
void collect(EpochDomain& epochs) {
  for (int i = 0; i < 4; ++i) epochs.collect_idle();
}

struct Owner {  // whose destruction retires another thing
  EpochDomain* epochs;
  static void free(void* object) noexcept {
    auto* const owner = static_cast<Owner*>(object);
    retire_one(*owner->epochs);
    delete owner;
  }
};

}  // namespace

TEST_CASE("what_is_retired_is_freed_once_no_older_guard_is_left") {
  EpochDomain epochs;
  {
    EpochGuard older(epochs);
    retire_one(epochs);
    collect(epochs);
    CHECK(Thing::alive == 1);
  }
  {
    EpochGuard younger(epochs);
    collect(epochs);  // a guard that came later may delay it, but not for ever
  }
  collect(epochs);
  CHECK(Thing::alive == 0);
}

TEST_CASE("the_guard_that_retires_something_may_still_use_it") {
  EpochDomain epochs;
  {
    EpochGuard guard(epochs);
    auto* const thing = new Thing;
    guard.retire(thing, &Thing::free);
    for (int i = 0; i < 500; ++i) retire_one(epochs);
    collect(epochs);
    CHECK(thing->canary == Thing::k_alive);
  }
  collect(epochs);
  CHECK(Thing::alive == 0);
}

TEST_CASE("memory_is_given_back_without_anybody_asking") {
  EpochDomain epochs;
  int most = 0;
  for (int i = 0; i < 10'000; ++i) {
    retire_one(epochs);
    most = std::max(most, Thing::alive.load());
  }
  CHECK(most <= 4 * 64);  // a few bags of 64
}

TEST_CASE("who_retires_much_pauses_for_a_thread_that_keeps_it") {
  EpochDomain epochs;
  const auto pauses = [&] {
    std::uint64_t sum = 0;
    epochs.for_each_slot([&](const EpochDomain::Slot& slot) { sum += slot.pauses; });
    return sum;
  };
  for (int i = 0; i < 100'000; ++i) retire_one(epochs);
  CHECK(pauses() == 0);
  {
    EpochGuard stopped(epochs);
    std::thread([&] {
      for (int i = 0; i < 40'000; ++i) retire_one(epochs);
    }).join();
    CHECK(pauses() > 450);  // a bag holds 64,
    CHECK(pauses() < 550);  // and the first 128 of them are nothing to worry about
    const std::uint64_t before = pauses();
    for (int i = 0; i < 40'000; ++i) retire_one(epochs);  // it would wait for itself
    CHECK(pauses() == before);
    CHECK(Thing::alive >= 80'000);
  }
  collect(epochs);
  CHECK(Thing::alive == 0);
}

TEST_CASE("all_that_was_retired_is_freed_with_the_domain") {
  {
    EpochDomain epochs;
    for (int i = 0; i < 100; ++i) retire_one(epochs);
    EpochGuard guard(epochs);
    guard.retire(new Owner{&epochs}, &Owner::free);
  }
  CHECK(Thing::alive == 0);
}

TEST_CASE("there_may_be_more_guards_than_slots_in_a_block") {
  EpochDomain epochs;
  std::vector<std::unique_ptr<EpochGuard>> guards;
  std::set<EpochDomain::Slot*> slots;
  for (int i = 0; i < 100; ++i) {
    guards.push_back(std::make_unique<EpochGuard>(epochs));
    slots.insert(&guards.back()->slot());
    guards.back()->counters().keys.add(i);
  }
  CHECK(slots.size() == 100);
  CHECK(fluxmap::detail::thread_epoch_state.guards_held == 100);
  guards.clear();
  CHECK(fluxmap::detail::thread_epoch_state.guards_held == 0);
  std::int64_t sum = 0;
  epochs.for_each_slot([&](EpochDomain::Slot& slot) { sum += slot.counters.keys.get(); });
  CHECK(sum == 99 * 100 / 2);
}

TEST_CASE("a_thread_gets_the_slot_back_that_it_used_last") {
  EpochDomain epochs;
  EpochDomain::Slot* first = nullptr;
  {
    EpochGuard guard(epochs);
    first = &guard.slot();
  }
  for (int i = 0; i < 10; ++i) {
    EpochGuard guard(epochs);
    CHECK(&guard.slot() == first);
  }
}

TEST_CASE("readers_never_meet_freed_memory", "[trap-08]") {
  EpochDomain epochs;
  std::atomic<Thing*> shared{new Thing};
  std::atomic<bool> intact{true};
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 2; ++writer) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        EpochGuard guard(epochs);
        guard.retire(shared.exchange(new Thing), &Thing::free);
      }
    });
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        EpochGuard guard(epochs);
        const Thing* const thing = shared.load();
        if (i % 64 == 0) std::this_thread::yield();
        if (thing->canary != Thing::k_alive) intact = false;
      }
    });
  }
  for (std::thread& one : threads) one.join();
  CHECK(intact);
  collect(epochs);
  CHECK(Thing::alive == 1);
  delete shared.load();
}

TEST_CASE("a_snapshot_in_use_is_listed_and_one_that_ended_is_not") {
  SnapshotRegistry registry;
  SnapshotRegistry::Slot& slot = registry.claim();
  SnapshotRegistry::Slot& other = registry.claim();
  CHECK(registry.enter(slot, [] { return Cts{5}; }) == 5);
  CHECK(registry.enter(other, [] { return Cts{5}; }) == 5);
  SnapshotView view;
  registry.refresh(view, 9);
  CHECK(view.floor == 9);
  CHECK(view.listed == std::vector<Cts>{5});
  CHECK(view.oldest() == 5);
  registry.withdraw(slot);
  registry.refresh(view, 9);
  CHECK(view.listed == std::vector<Cts>{5});
  registry.release(other);
  registry.release(slot);
  CHECK(view.listed == std::vector<Cts>{5});  // an old view is only more careful
  registry.refresh(view, 9);
  CHECK(view.listed.empty());
  CHECK(view.oldest() == 9);
}

TEST_CASE("a_snapshot_cannot_be_registered_below_the_floor", "[trap-09]") {
  SnapshotRegistry registry;
  SnapshotRegistry::Slot& slot = registry.claim();
  SnapshotView view;
  registry.refresh(view, 10);
  CHECK_FALSE(registry.move(slot, 9));
  CHECK(registry.move(slot, 10));
  // Who has read the mark just before the floor moved starts over with a newer one.
  Cts published = 9;
  int asked = 0;
  CHECK(registry.enter(slot, [&] {
    ++asked;
    return published++;
  }) == 10);
  CHECK(asked == 2);
  registry.refresh(view, 7);  // the floor never goes back
  CHECK_FALSE(registry.move(slot, 8));
}

TEST_CASE("a_version_is_dead_when_no_snapshot_in_use_lies_in_its_life") {
  const SnapshotView view{.floor = 20, .listed = {5, 10}};
  CHECK(view.dead(1, 5));
  CHECK_FALSE(view.dead(1, 6));
  CHECK_FALSE(view.dead(5, 6));
  CHECK(view.dead(6, 10));
  CHECK_FALSE(view.dead(10, 11));
  CHECK(view.dead(11, 20));
  CHECK_FALSE(view.dead(11, 21));  // its successor may not be published
  CHECK(view.oldest() == 5);
  CHECK(SnapshotView{.floor = 3, .listed = {4}}.oldest() == 3);
}

TEST_CASE("slots_are_distinct_and_used_again") {
  SnapshotRegistry registry;
  std::set<SnapshotRegistry::Slot*> slots;
  for (int i = 0; i < 300; ++i) slots.insert(&registry.claim());
  CHECK(slots.size() == 300);
  const std::size_t capacity = registry.capacity();
  CHECK(capacity >= 300);
  for (int round = 0; round < 5; ++round) {
    for (SnapshotRegistry::Slot* slot : slots) registry.release(*slot);
    slots.clear();
    for (int i = 0; i < 300; ++i) slots.insert(&registry.claim());
    CHECK(slots.size() == 300);
  }
  CHECK(registry.capacity() == capacity);
}

TEST_CASE("no_view_misses_a_snapshot_in_use_while_the_floor_moves", "[trap-09]") {
  SnapshotRegistry registry;
  std::atomic<Cts> published{1};
  std::array<std::atomic<Cts>, 2> in_use{};  // 0: none; a witness beside the registry
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (std::atomic<Cts>& witness : in_use) {
    threads.emplace_back([&] {
      SnapshotRegistry::Slot& slot = registry.claim();
      while (!stop) {
        witness = registry.enter(slot, [&] { return published.load(); });
        if (published.load() % 3 == 0) std::this_thread::yield();
        witness = 0;
        registry.withdraw(slot);
      }
      registry.release(slot);
    });
  }
  int missed = 0;
  SnapshotView view;
  for (int i = 0; i < 20'000; ++i) {
    std::array<Cts, 2> before{};
    for (std::size_t at = 0; at < 2; ++at) before[at] = in_use[at];
    registry.refresh(view, ++published);
    for (std::size_t at = 0; at < 2; ++at) {
      // Seen before and after: it was registered all the time, or again with the same number.
      const Cts snapshot = before[at];
      if (snapshot == 0 || in_use[at] != snapshot || snapshot >= view.floor) continue;
      if (!std::binary_search(view.listed.begin(), view.listed.end(), snapshot)) ++missed;
    }
  }
  stop = true;
  for (std::thread& one : threads) one.join();
  CHECK(missed == 0);
}

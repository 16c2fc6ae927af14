// Eviction and expiry under the seeded scheduler: keys that go by themselves while others write, remove and vacuum
// them. The step check sees each tombstone as it is decided; the own heap sees what the policy or the wheel holds too
// long.
#include "schedule/schedule_harness.hpp"

#include <fluxmap/detail/txn/expire.hpp>
#include <fluxmap/detail/txn/memory_limit.hpp>

#include <chrono>

namespace fluxmap_test {
namespace {

using Limit = engine::MemoryLimit<Key, std::int64_t, std::less<>>;

constexpr std::size_t k_room_for_two = 320, k_room_for_one = 160;  // about

// Without rests that have no end: who rests under the lock of the policy holds the others up.
void evict(World& world, WorldOptions options, std::size_t room, fluxmap::Eviction policy = fluxmap::Eviction::lru) {
  world.open(options);
  world.removes_by_itself = true;
  world.store().limiter = std::make_unique<Limit>(world.store(), room, policy);
}

// f(entry, version) for what is live, when all is quiet.
template <class F>
void for_each_live(Store& store, F&& f) {
  for (auto* entry = store.index.first(); entry != nullptr; entry = Store::Index::next(*entry)) {
    auto* const head = entry->head.load();
    if (head != nullptr && head != Store::EntryType::closed() && !head->is_tombstone()) f(*entry, *head);
  }
}

// What is live is in the policy, so all of it can be evicted; and it is no more than there is room for.
void check_policy(World& world, std::size_t room) {
  std::size_t live = 0;
  for_each_live(world.store(), [&](auto& entry, auto& version) {
    expect(entry.tracking().place() != 0, "the policy has lost a key");
    live += entry.bytes() + version.bytes();
  });
  expect(live <= room, "more is live than there is room for");
}

// Keys are evicted while they are written, removed and vacuumed.
void evict_beside_writes(World& world) {
  evict(world, {.expected_steps = 800, .stalls = false}, k_room_for_two);
  populate(world, {{1, 0}, {2, 0}});
  for (int i = 0; i < 2; ++i) {
    world.body([](Actor& me) {
      for (int round = 0; round < 2; ++round) {
        const Key key = 1 + static_cast<Key>(me.random.below(4));
        me.transact([&](Tx& tx) { tx.put(key, tx.amount(key) + 1); });
        me.transact([&](Tx& tx) { tx.remove(1 + static_cast<Key>(me.random.below(4))); });
      }
    });
  }
  world.body([](Actor& me) {
    me.vacuum();
    me.read_only([](Tx& tx) {
      const bool there = tx.get(1).has_value();
      expect(tx.scan(1, 2).size() == (there ? 1U : 0U), "a scan and a get disagree");
    });
    me.vacuum();
  });
  world.after([&world](Actor&) { check_policy(world, k_room_for_two); });
}

// There is room for one: nearly each write evicts. What is evicted or removed leaves the index at once.
void evict_nearly_all(World& world) {
  evict(world, {.expected_steps = 1000, .stalls = false}, k_room_for_one);
  for (int i = 0; i < 2; ++i) {
    world.body([i](Actor& me) {
      if (i == 0) me.rest_at(Point::stamped, static_cast<unsigned>(me.random.below(3)), 100);
      for (int round = 0; round < 3; ++round) {
        const Key key = 1 + static_cast<Key>(me.random.below(2));
        me.transact([&](Tx& tx) { tx.put(key, 1); });
        if (round < 2) me.transact([&](Tx& tx) { tx.remove(key); });
      }
    });
  }
  for (int i = 0; i < 2; ++i) {
    world.body([](Actor& me) {
      for (int round = 0; round < 4; ++round) me.vacuum();
    });
  }
  world.after([&world](Actor&) { check_policy(world, k_room_for_one); });
}

// Two write at once what there is room for once: what one of them has written stays.
void evict_one_of_two(World& world) {
  evict(world, {.expected_steps = 400, .stalls = false}, k_room_for_one);
  for (Key key = 1; key <= 2; ++key) {
    world.body([key](Actor& me) {
      me.rest_at(Point::stamped, 0, static_cast<unsigned>(me.random.below(20)));
      me.rest_at(Point::latch_before_cas, 0, static_cast<unsigned>(me.random.below(20)));  // of the eviction
      me.transact([&](Tx& tx) { tx.put(key, 1); });
    });
  }
  world.after([&world](Actor&) {
    check_policy(world, k_room_for_one);
    std::size_t live = 0;
    for_each_live(world.store(), [&](auto&, auto&) { ++live; });
    expect(live == 1, "each has evicted the other");
  });
}

// What is to be evicted is written meanwhile: it stays, and can be evicted later.
void evict_what_is_overwritten(World& world) {
  evict(world, {.expected_steps = 600, .stalls = false}, k_room_for_one);
  populate(world, {{1, 0}});
  world.body([](Actor& me) {
    const auto occurrence = static_cast<unsigned>(me.random.below(3));
    me.rest_at(Point::latch_before_cas, occurrence, 20 + static_cast<unsigned>(me.random.below(60)));
    for (int round = 0; round < 3; ++round) me.transact([&](Tx& tx) { tx.put(2, 1); });
  });
  world.body([](Actor& me) {
    for (int round = 0; round < 4; ++round) me.transact([&](Tx& tx) { tx.put(1, 1); });
  });
  world.after([&world](Actor&) { check_policy(world, k_room_for_one); });
}

// A transaction of two keys where there is room for little more, and the policy may choose any: both stay until
// somebody else writes.
void evict_others_only(World& world) {
  evict(world, {.expected_steps = 800, .stalls = false}, k_room_for_two, fluxmap::Eviction::random);
  populate(world, {{1, 0}, {2, 0}});
  world.body([](Actor& me) {
    for (int round = 0; round < 4; ++round) {
      const Key key = 1 + static_cast<Key>(me.random.below(4));
      me.transact([&](Tx& tx) {
        tx.put(key, 1);
        tx.put(key + 1, 1);
      });
      me.read_only([&](Tx& tx) { expect(tx.get(key) && tx.get(key + 1), "a commit has evicted what it has written"); });
    }
  });
  world.body([](Actor& me) {
    for (int round = 0; round < 4; ++round) {
      me.vacuum();
      me.read_only([](Tx& tx) { static_cast<void>(tx.scan(1, 6)); });
    }
  });
  world.after([&world](Actor&) { check_policy(world, k_room_for_two); });
}

// Time passes only where a scenario says so.
std::shared_ptr<fluxmap::ManualClock> use_manual_clock(World& world) {
  auto clock = std::make_shared<fluxmap::ManualClock>(fluxmap::Clock::time_point(std::chrono::hours(1000)));
  Store& store = world.store();
  store.clock = clock;
  store.timers.start(store.now().get());
  world.removes_by_itself = true;
  world.may_remove = [clock](const engine::Version<std::int64_t>& version) {
    return version.deadline() <= engine::as_deadline(clock->now());
  };
  return clock;
}

// What has expired is in the hands of one thread, out of the wheel and not removed yet, when another one finds that
// there is too much: nothing that lives goes for it.
void expired_in_hand(World& world) {
  constexpr std::size_t k_room = 312;  // for two of them, not for all three
  world.open({.expected_steps = 200, .stalls = false});
  const auto clock = use_manual_clock(world);
  Store& store = world.store();
  store.limiter = std::make_unique<Limit>(store, k_room, fluxmap::Eviction::lru);
  populate(world, {{1, 0}});
  store.time_to_live = std::chrono::milliseconds(4);
  populate(world, {{2, 0}});
  store.time_to_live = {};
  clock->advance(std::chrono::milliseconds(8));
  world.body([](Actor& me) {
    me.rest_at(Point::expiring, 0, 1 + static_cast<unsigned>(me.random.below(30)));
    while (engine::expire_due(me.world().store())) me.pause();
  });
  world.body([](Actor& me) { me.transact([](Tx& tx) { tx.put(3, 1); }); });
  world.after([&world](Actor&) {
    check_policy(world, k_room);
    std::size_t live = 0;
    for_each_live(world.store(), [&](auto&, auto&) { ++live; });
    expect(live == 2, "a living key has gone for one that had expired");
  });
}

// Values expire while they are overwritten. Blind writes only: what a read sees depends on the clock, which the
// history knows nothing of.
void expire_beside_writes(World& world) {
  world.open({.expected_steps = 1000, .stalls = false});
  const auto clock = use_manual_clock(world);
  Store& store = world.store();
  store.time_to_live = std::chrono::milliseconds(4);
  populate(world, {{1, 0}, {2, 0}});
  for (int i = 0; i < 2; ++i) {
    world.body([](Actor& me) {
      for (int round = 0; round < 3; ++round) {
        me.transact([&](Tx& tx) { tx.put(1 + static_cast<Key>(me.random.below(2)), 1); });
      }
    });
  }
  for (int i = 0; i < 2; ++i) {
    world.body([clock](Actor& me) {
      for (int round = 0; round < 3; ++round) {
        clock->advance(std::chrono::milliseconds(2));
        while (engine::expire_due(me.world().store())) me.pause();
        me.vacuum();
      }
    });
  }
  world.after([&store](Actor&) {
    for_each_live(store, [](auto&, auto& version) { expect(version.timer().is_linked(), "a value will not expire"); });
  });
}

}  // namespace
}  // namespace fluxmap_test

int main(int argc, char** argv) {
  using namespace fluxmap_test;
  const std::vector<Point> leaving = {Point::latch_before_cas, Point::decided,       Point::published,
                                      Point::stamped,          Point::prune,         Point::read_head,
                                      Point::vacuum_close,     Point::vacuum_closed, Point::unlink_marked};
  return run_scenarios("schedule_eviction_test",
                       {{"evict_beside_writes", evict_beside_writes, 1000, leaving},
                        {"evict_nearly_all", evict_nearly_all, 1000, leaving},
                        {"evict_one_of_two", evict_one_of_two, 1000, leaving},
                        {"evict_what_is_overwritten", evict_what_is_overwritten, 1000, leaving},
                        {"evict_others_only", evict_others_only, 1000, leaving},
                        {"expired_in_hand", expired_in_hand, 1000, leaving},
                        {"expire_beside_writes", expire_beside_writes, 1000, leaving}},
                       argc, argv);
}

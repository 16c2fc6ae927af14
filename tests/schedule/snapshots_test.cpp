// Snapshots and pruning under the seeded scheduler: what a registered snapshot sees stays, whatever else is freed.
#include "schedule/schedule_harness.hpp"

namespace fluxmap_test {
namespace {

// Old readers read the same values throughout, while overwriters prune between them.
void old_readers(World& world) {
  world.open({.expected_steps = 500});
  populate(world, {{1, 0}, {2, 0}});
  for (int i = 0; i < 2; ++i) {
    world.body([](Actor& me) {
      for (int round = 0; round < 2; ++round) {
        me.read_only([&](Tx& tx) {
          const auto one = tx.get(1);
          me.pause();
          const auto two = tx.get(2);
          const auto all = tx.scan(0, 5);
          expect(tx.get(1) == one && tx.get(2) == two, "a snapshot has changed");
          expect(all.size() == std::size_t{one.has_value()} + std::size_t{two.has_value()}, "a scan and gets disagree");
        });
      }
    });
  }
  world.body([](Actor& me) {
    for (int round = 1; round <= 3; ++round) {
      me.transact([&](Tx& tx) {
        tx.put(1, round);
        if (round == 2) {
          tx.remove(2);
        } else {
          tx.put(2, round);
        }
      });
    }
  });
  world.body([](Actor& me) {
    me.put(1, 9);
    me.vacuum();
    me.update(2, [](auto) { return std::optional<Amount>(); });
    me.vacuum();
  });
}

// A snapshot is chosen, then stored, then compared with the floor; overwriters raise the floor and prune at each step.
void registration(World& world) {
  world.open({.expected_steps = 300});
  populate(world, {{1, 0}});
  world.body([](Actor& me) {
    for (int round = 0; round < 2; ++round) {
      me.read_only([](Tx& tx) { expect(tx.get(1).has_value(), "a key has no version for its snapshot"); });
      me.transact([](Tx& tx) { expect(tx.get(1).has_value(), "a key has no version for its snapshot"); });
    }
  });
  world.body([](Actor& me) {
    for (int round = 0; round < 3; ++round) me.put(1, round);
  });
  world.body([](Actor& me) {
    for (int round = 0; round < 2; ++round) {
      me.vacuum();
      me.update(1, [](auto old) { return std::optional(old.value() + 1); });
    }
  });
}

// The same for a transaction that moves its snapshot; what it reads after that must still be there.
void moving(World& world) {
  world.open({.expected_steps = 600});
  populate(world, {{1, 1}, {2, 2}, {3, 3}});
  for (int i = 0; i < 2; ++i) {
    world.body([](Actor& me) {
      me.transact([&](Tx& tx) {
        for (const Key key : {1, 2, 3, 2, 1}) {
          expect(tx.get(key).has_value(), "a key has no version for its snapshot");
          me.pause();
        }
        expect(tx.scan(1, 4).size() == 3, "a key has no version for its snapshot");
        if (me.random.below(2) == 0) tx.put(4, tx.amount(3));
      });
    });
  }
  world.body([](Actor& me) {
    for (const Key key : {3, 2, 3}) me.put(key, 7);
    me.vacuum();
    me.put(3, 8);
  });
  world.body([](Actor& me) {
    for (int round = 0; round < 2; ++round) {
      me.put(2, 7);
      me.vacuum();
    }
  });
}

// A reader whose snapshot has moved once and cannot move again goes on at the new one. What it sees there began after
// its old snapshot and was overwritten since: only the new registration keeps it.
void moved_and_stuck(World& world) {
  world.open({.expected_steps = 200, .stalls = false});
  populate(world, {{1, 0}, {2, 0}, {3, 0}});
  const auto stage = std::make_shared<std::atomic<int>>(0);
  world.body([stage](Actor& me) {
    me.transact([&](Tx& tx) {
      tx.get(1);
      stage->store(std::max(stage->load(), 1));
      me.await(*stage, 2);
      tx.get(2);
      stage->store(std::max(stage->load(), 3));
      me.await(*stage, 4);
      tx.get(3);
      tx.get(1);
      tx.scan(1, 4);
    });
  });
  world.body([stage](Actor& me) {
    me.await(*stage, 1);
    me.put(3, 1);
    me.put(2, 1);
    stage->store(2);
    me.await(*stage, 3);
    me.put(1, 2);
    me.put(3, 2);
    me.vacuum();
    stage->store(4);
    me.vacuum();
  });
  world.body([](Actor& me) {
    me.vacuum();
    me.put(2, 5);
    me.vacuum();
  });
}

// Commits above an undecided one: what they overwrite is evidence that its validation needs (design, trap 14).
void evidence(World& world) {
  world.open({.expected_steps = 450});
  populate(world, {{1, 0}, {2, 0}});
  world.body([](Actor& me) {
    me.transact([](Tx& tx) { tx.put(2, tx.amount(1) + 1); });
    me.transact([](Tx& tx) { tx.put(2, tx.amount(1) + 1); });
  });
  for (int i = 0; i < 2; ++i) {
    world.body([](Actor& me) {
      me.put(1, 1);
      me.transact([](Tx& tx) { tx.put(1, tx.amount(2) + 2); });
      me.put(1, 3);
    });
  }
  world.body([](Actor& me) {
    me.read_only([](Tx& tx) { tx.get(1), tx.get(2), tx.get(1); });
    me.vacuum();
    me.vacuum();
  });
}

// A read of the newest sees what is published and nothing newer: a snapshot that is taken after it must not see less,
// though what was committed last may wait for a smaller timestamp.
void get_then_snapshot(World& world) {
  world.open({.expected_steps = 250});
  populate(world, {{1, 0}, {2, 0}});
  world.body([](Actor& me) {
    for (int round = 0; round < 2; ++round) me.transact([](Tx& tx) { tx.put(2, tx.amount(2) + 1); });
  });
  world.body([](Actor& me) {
    for (int amount = 1; amount <= 3; ++amount) me.put(1, amount);
  });
  world.body([](Actor& me) {
    for (int round = 0; round < 4; ++round) {
      const Amount seen = me.get(1).value_or(0);
      me.read_only([&](Tx& tx) { expect(tx.amount(1) >= seen, "a snapshot does not see what a get saw before it"); });
    }
  });
}

// A read of the newest is not registered: what stands below a pending version may be pruned as soon as that is
// published.
void get_while_pruned(World& world) {
  world.open({.expected_steps = 150});
  populate(world, {{1, 0}});
  world.body([](Actor& me) {
    for (int amount = 1; amount <= 3; ++amount) me.put(1, amount);
  });
  world.body([](Actor& me) {
    for (int round = 0; round < 2; ++round) me.vacuum();
  });
  for (int i = 0; i < 2; ++i) {
    world.body([](Actor& me) {
      for (int round = 0; round < 3; ++round) expect(me.get(1).has_value(), "a key that was always there is absent");
    });
  }
}

// Long chains: a reader steps from version to version while others unlink and free them.
void long_chains(World& world) {
  world.open({.expected_steps = 500});
  populate(world, {{1, 0}});
  world.body([](Actor& me) {
    me.read_only([&](Tx& tx) {
      const auto first = tx.get(1);
      for (int round = 0; round < 4; ++round) {
        me.pause();
        expect(tx.get(1) == first, "a snapshot has changed");
      }
    });
  });
  world.body([](Actor& me) {
    me.read_only([&](Tx& tx) {
      const auto first = tx.get(1);
      me.pause();
      me.read_only([&](Tx& later) {
        const auto second = later.get(1);
        expect(tx.get(1) == first && later.get(1) == second, "a snapshot has changed");
      });
    });
    me.get(1);
  });
  world.body([](Actor& me) {
    for (int round = 1; round <= 6; ++round) me.put(1, round);
  });
  world.body([](Actor& me) {
    for (int round = 0; round < 4; ++round) me.vacuum();
  });
}

}  // namespace
}  // namespace fluxmap_test

int main(int argc, char** argv) {
  using namespace fluxmap_test;
  const std::vector<Point> points = {Point::snapshot_loaded, Point::snapshot_stored, Point::view_floor, Point::prune,
                                     Point::read_head,       Point::read_older,      Point::refresh,    Point::stamped,
                                     Point::decided,         Point::validate_read,   Point::validated,  Point::latched,
                                     Point::epoch_loaded,    Point::ring_marked};
  const std::vector<Point> gets = {Point::cts_claimed, Point::cts_published, Point::validated, Point::decided,
                                   Point::ring_marked, Point::read_head,     Point::read_older};
  return run_scenarios("schedule_snapshots_test",
                       {{"old_readers", old_readers, 1500, points},
                        {"registration", registration, 3000, points},
                        {"moving", moving, 1500, points},
                        {"moved_and_stuck", moved_and_stuck, 500, points},
                        {"evidence", evidence, 2000, points},
                        {"get_then_snapshot", get_then_snapshot, 1500, gets},
                        {"get_while_pruned", get_while_pruned, 700, gets},
                        {"long_chains", long_chains, 1500, points}},
                       argc, argv);
}

// Serializability of point reads and writes under the seeded scheduler: the classic anomalies, refresh and savepoints.
#include "schedule/schedule_harness.hpp"

namespace fluxmap_test {
namespace {

// Each of two transactions reads both keys and takes from one of them what only one may take.
void write_skew(World& world) {
  world.open({.expected_steps = 80});
  populate(world, {{1, 1}, {2, 1}});
  for (const Key mine : {1, 2}) {
    world.body([mine](Actor& me) {
      me.transact([&](Tx& tx) {
        if (tx.amount(1) + tx.amount(2) >= 2) tx.put(mine, 0);
      });
    });
  }
  world.after([](Actor& me) { expect(me.get(1).value() + me.get(2).value() == 1, "both have taken"); });
}

// The same ring of three, on keys that are absent at first.
void write_skew_of_absent_keys(World& world) {
  world.open({.expected_steps = 90});
  for (const Key mine : {1, 2, 3}) {
    world.body([mine](Actor& me) {
      me.transact([&](Tx& tx) {
        if (!tx.get(mine % 3 + 1)) tx.put(mine, 1);
      });
    });
  }
}

void lost_update(World& world) {
  world.open({.expected_steps = 250});
  populate(world, {{1, 0}});
  for (int i = 0; i < 3; ++i) {
    world.body([](Actor& me) {
      for (int round = 0; round < 2; ++round) me.transact([](Tx& tx) { tx.put(1, tx.amount(1) + 1); });
    });
  }
  world.after([](Actor& me) { expect(me.get(1) == 6, "an update was lost"); });
}

// Transactions and single-key updates count the same counter.
void counter(World& world) {
  world.open({.expected_steps = 200});
  world.body([](Actor& me) {
    for (int round = 0; round < 2; ++round) me.transact([](Tx& tx) { tx.put(1, tx.amount(1) + 1); });
  });
  for (int i = 0; i < 2; ++i) {
    world.body([](Actor& me) {
      for (int round = 0; round < 2; ++round) me.update(1, [](auto old) { return std::optional(old.value_or(0) + 1); });
    });
  }
  world.after([](Actor& me) { expect(me.get(1) == 6, "an update was lost"); });
}

// Money moves between three hot keys; a reader must always see all of it.
void transfers(World& world) {
  world.open({.expected_steps = 400});
  populate(world, {{1, 10}, {2, 10}, {3, 10}});
  for (int i = 0; i < 3; ++i) {
    world.body([](Actor& me) {
      for (int round = 0; round < 2; ++round) {
        const Key from = 1 + static_cast<Key>(me.random.below(3));
        const Key to = 1 + (from + static_cast<Key>(me.random.below(2))) % 3;
        me.transact([&](Tx& tx) {
          const Amount all = tx.amount(from);
          tx.put(to, tx.amount(to) + 1);
          tx.put(from, all - 1);
        });
      }
    });
  }
  world.body([](Actor& me) {
    for (int round = 0; round < 2; ++round) {
      me.read_only([](Tx& tx) { expect(tx.amount(1) + tx.amount(2) + tx.amount(3) == 30, "the sum is wrong"); });
    }
  });
  world.after([](Actor& me) { expect(*me.get(1) + *me.get(2) + *me.get(3) == 30, "money was made or lost"); });
}

// Blind writes of the same keys, put in opposite order; all of one transaction must win on every key.
void blind_writes(World& world) {
  world.open({.expected_steps = 150});
  if (world.random.below(2) == 0) populate(world, {{1, 9}, {2, 9}, {3, 9}});
  for (int i = 0; i < 3; ++i) {
    world.body([i](Actor& me) {
      me.transact([&](Tx& tx) {
        for (int at = 0; at < 3; ++at) tx.put(1 + (i % 2 == 0 ? at : 2 - at), i);
      });
      if (i == 2) me.put(2, i);
    });
  }
  world.after([](Actor& me) { expect(*me.get(1) == *me.get(3), "two blind writers have mixed"); });
}

// PostgreSQL's bug of 2020: an upsert that inserts must not miss a reader who saw the key absent.
void upsert_beside_absent_read(World& world) {
  world.open({.expected_steps = 160});
  world.body([](Actor& me) {
    me.transact([](Tx& tx) { tx.put(1, tx.amount(1) + 1); });
    me.transact([](Tx& tx) { tx.put(2, tx.amount(1)); });
  });
  world.body([](Actor& me) {
    me.transact([](Tx& tx) {
      const bool absent = !tx.get(1) && !tx.get(2);
      tx.put(3, absent ? 1 : 2);
    });
  });
  world.body([](Actor& me) {
    me.update(1, [](auto old) { return std::optional(old.value_or(0) + 1); });
    me.transact([](Tx& tx) { tx.remove(3); });
  });
}

// Fekete's read-only anomaly: two writers that are serializable until a reader looks at the moment between them.
void read_only_anomaly(World& world) {
  world.open({.expected_steps = 110});
  populate(world, {{1, 0}, {2, 0}});
  world.body([](Actor& me) { me.transact([](Tx& tx) { tx.put(2, tx.amount(2) + 20); }); });
  world.body([](Actor& me) {
    me.transact([](Tx& tx) {
      const Amount sum = tx.amount(1) + tx.amount(2);
      tx.put(1, sum >= 10 ? tx.amount(1) + 1 : 100);
    });
  });
  world.body([](Actor& me) {
    me.read_only([](Tx& tx) { tx.amount(1), tx.amount(2); });
    me.transact([](Tx& tx) { tx.amount(2), tx.amount(1); });  // the same of a transaction that could have written
  });
}

// A write with a larger timestamp is no conflict, whether it is decided or not.
void needless_conflict(World& world) {
  world.open({.expected_steps = 60, .stalls = false});
  populate(world, {{1, 0}});  // timestamp 1; then come the two transactions and the put between them
  const auto writer = std::make_shared<engine::Cts>(0);
  const auto conflict = std::make_shared<bool>(false);
  world.body([=](Actor& me) {
    *conflict = !me.attempt([&](Tx& tx) {
      tx.put(9, tx.amount(1));
      me.put(5, 1);  // so that there is something to validate
    });
  });
  world.body([=](Actor& me) { *writer = me.transact([](Tx& tx) { tx.put(1, 5); }).cts; });
  world.after(
      [=](Actor&) { expect(!*conflict || *writer != 4, "a transaction has failed for a write that came after it"); });
}

// Reads on both sides of overwriters: the snapshot has to move, or the transaction to fail.
void refresh(World& world) {
  world.open({.expected_steps = 500});
  populate(world, {{1, 1}, {2, 2}, {3, 3}, {4, 4}});
  for (int i = 0; i < 2; ++i) {
    world.body([i](Actor& me) {
      me.transact([&](Tx& tx) {
        const Amount sum = tx.amount(1) + tx.amount(2);
        me.pause();
        tx.put(5 + i, sum + tx.amount(3) + tx.amount(4));
        if (me.random.below(2) == 0) tx.get(6 - i);
      });
    });
  }
  world.body([](Actor& me) {
    me.put(4, 5);
    me.put(3, 4);
    me.transact([](Tx& tx) {
      tx.put(1, 3);
      tx.put(4, 6);
    });
    me.put(2, 7);
  });
  world.body([](Actor& me) {
    me.vacuum();
    me.read_only([](Tx& tx) { tx.amount(4), tx.amount(1); });
    me.vacuum();
  });
}

// What was read before a savepoint was rolled back still counts (design, trap 11), whatever was written does not.
void savepoints(World& world) {
  world.open({.expected_steps = 200});
  populate(world, {{1, 1}, {2, 1}});
  for (const Key mine : {1, 2}) {
    world.body([mine](Actor& me) {
      me.transact([&](Tx& tx) {
        const auto savepoint = tx.savepoint();
        const Amount sum = tx.amount(1) + tx.amount(2);
        tx.put(3, 99);
        tx.scan(2, 5);
        tx.roll_back_to(savepoint);
        if (sum >= 2) tx.put(mine, 0);
        tx.put(mine + 10, 1);
      });
    });
  }
  world.body([](Actor& me) { me.put(4, 1); });
  world.after([](Actor& me) {
    expect(me.get(1).value() + me.get(2).value() == 1, "a read was forgotten with its savepoint");
    expect(!me.get(3), "a write was not forgotten with its savepoint");
  });
}

// Anything, on few keys.
void random_mix(World& world) {
  world.open({.ring_size = 16, .expected_steps = 650});
  populate(world, {{1, 1}, {2, 1}, {3, 1}});
  for (int i = 0; i < 3; ++i) {
    world.body([](Actor& me) {
      for (int round = 0; round < 3; ++round) {
        const bool write = me.random.below(4) != 0;
        const std::uint64_t program = me.random();
        const auto work = [&](Tx& tx) {
          SplitMix random(program);
          for (int op = 0; op < 4; ++op) {
            const Key key = 1 + static_cast<Key>(random.below(4));
            const auto what = random.below(write ? 6 : 3);
            if (what < 2) tx.get(key);
            if (what == 2) tx.scan(key, key + 2, 1 + random.below(3));
            if (what == 3 || what == 4) tx.put(key, 1);
            if (what == 5) tx.remove(key);
          }
        };
        if (write) {
          me.transact(work);
        } else {
          me.read_only(work);
        }
      }
    });
  }
  world.body([](Actor& me) {
    me.vacuum();
    me.get(1), me.get(2);
    me.vacuum();
  });
}

}  // namespace
}  // namespace fluxmap_test

int main(int argc, char** argv) {
  using namespace fluxmap_test;
  const std::vector<Point> commit = {Point::latched,   Point::committing,    Point::cts_taken, Point::cts_claimed,
                                     Point::validated, Point::validate_read, Point::decided,   Point::ring_marked,
                                     Point::published, Point::stamped};
  return run_scenarios("schedule_anomalies_test",
                       {{"write_skew", write_skew, 2500, commit},
                        {"write_skew_of_absent_keys", write_skew_of_absent_keys, 1500, commit},
                        {"lost_update", lost_update, 1000, commit},
                        {"counter", counter, 1500, commit},
                        {"transfers", transfers, 1500, commit},
                        {"blind_writes", blind_writes, 1500, commit},
                        {"upsert_beside_absent_read", upsert_beside_absent_read, 1500, commit},
                        {"read_only_anomaly", read_only_anomaly, 1500, commit},
                        {"needless_conflict", needless_conflict, 1500, commit},
                        {"refresh", refresh, 1500, {Point::refresh, Point::snapshot_loaded, Point::snapshot_stored}},
                        {"savepoints", savepoints, 1000, commit},
                        {"random_mix", random_mix, 1000, commit}},
                       argc, argv);
}

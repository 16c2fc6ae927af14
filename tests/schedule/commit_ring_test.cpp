// The ring under the seeded scheduler: decisions, publication, stalled committers, holes, laps, reservations.
#include "schedule/schedule_harness.hpp"

namespace fluxmap_test {
namespace {

constexpr Key k_tally = 100;

// Every body counts what it has committed in one key: a commit that is taken for stalled and comes back must count
// once.
void stalled_committers(World& world) {
  world.open({.expected_steps = 350});
  populate(world, {{k_tally, 0}});
  for (int i = 0; i < 3; ++i) {
    world.body([i](Actor& me) {
      me.transact([&](Tx& tx) {
        tx.put(i, 1);
        tx.put(3 - i, 2);
        tx.put(k_tally, tx.amount(k_tally) + 1);
      });
      me.update(k_tally, [](auto old) { return std::optional(old.value() + 1); });
      me.put(7, i);
    });
  }
  world.after([](Actor& me) { expect(me.get(k_tally) == 6, "a commit was lost or done twice"); });
}

// A committer stalls between drawing its timestamp and claiming the slot; the ring goes on without it, for more than a
// lap. What it does when it wakes up must not be below what readers have seen meanwhile.
void holes(World& world) {
  world.open({.ring_size = 16, .expected_steps = 500});
  populate(world, {{1, 0}, {2, 0}});
  world.body([](Actor& me) {
    for (int round = 0; round < 2; ++round) me.transact([](Tx& tx) { tx.put(1, tx.amount(1) + 1); });
  });
  world.body([](Actor& me) {
    for (int round = 1; round <= 20; ++round) {
      me.put(2, round);
      if (round % 5 == 0) me.read_only([](Tx& tx) { tx.get(1), tx.get(3); });
    }
  });
  world.body([](Actor& me) {
    for (int round = 1; round <= 3; ++round) {
      me.put(3, round);
      me.read_only([](Tx& tx) { tx.get(2), tx.get(1); });
      me.get(1);
    }
  });
  world.after([](Actor& me) {
    expect(me.get(1) == 2 && me.get(2) == 20 && me.get(3) == 3, "a commit was lost or done twice");
  });
}

// Two wait for a timestamp whose owner sleeps. One of them makes it a hole and commits for a lap, until it has the same
// slot; then the other one wakes up and must not make a hole of that.
void late_waiter(World& world) {
  world.open({.ring_size = 16, .expected_steps = 900, .stalls = false});
  const auto stage = std::make_shared<std::atomic<int>>(0);
  const auto lap = static_cast<unsigned>(13 + world.random.below(4));
  world.body([stage](Actor& me) {
    me.rest_at(Point::cts_taken, 0, 150);
    stage->store(1);
    me.put(1, 1);
  });
  world.body([stage](Actor& me) {
    me.await(*stage, 1);
    me.put(2, 1);
    me.put(2, 2);
    me.read_only([](Tx& tx) { tx.get(3), tx.get(1); });
  });
  world.body([stage, lap](Actor& me) {
    me.await(*stage, 1);
    me.rest_at(Point::cts_claimed, lap, 100);
    for (int round = 0; round < 18; ++round) me.put(3, round);
  });
}

// More commits than slots, by as many threads as the ring allows for.
void laps(World& world) {
  world.open({.ring_size = 16, .expected_steps = 950});
  for (int i = 0; i < 4; ++i) {
    world.body([i](Actor& me) {
      for (int round = 0; round < 10; ++round) {
        if (round % 4 == i) {
          me.transact([&](Tx& tx) { tx.put(i, tx.amount(3 - i)); });
        } else {
          me.put(round % 3, round);
        }
      }
    });
  }
}

// Each commit is visible, when acknowledged, to any read that begins then, on any thread (design, trap 3).
void read_your_commit(World& world) {
  world.open({.expected_steps = 170});
  const auto acknowledged = std::make_shared<std::array<std::atomic<Amount>, 2>>();
  for (int i = 0; i < 2; ++i) {
    world.body([i, acknowledged](Actor& me) {
      for (Amount round = 1; round <= 2; ++round) {
        if (round == 1) {
          me.put(i, round);
        } else {
          me.transact([&](Tx& tx) {
            tx.put(i, round);
            tx.put(5, round);
          });
        }
        (*acknowledged)[static_cast<std::size_t>(i)].store(round);
        expect(me.get(i) == round, "a thread does not see its own commit");
      }
    });
  }
  world.body([acknowledged](Actor& me) {
    for (int round = 0; round < 3; ++round) {
      const Amount least = (*acknowledged)[0].load();
      const Amount other = (*acknowledged)[1].load();
      expect(me.get(0).value_or(0) >= least, "an acknowledged commit is not seen");
      me.read_only([&](Tx& tx) {
        expect(tx.amount(0) >= least && tx.amount(1) >= other, "an acknowledged commit is not in a snapshot");
      });
    }
  });
}

// Time does not run backwards between single reads, and from a single read to a snapshot (design, trap 4).
void monotonic_reads(World& world) {
  world.open({.expected_steps = 270});
  populate(world, {{1, 0}, {2, 0}, {3, 0}});
  world.body([](Actor& me) {
    for (Amount round = 1; round <= 3; ++round) me.put(1, round);
  });
  world.body([](Actor& me) { me.transact([](Tx& tx) { tx.put(2, tx.amount(1)); }); });
  for (int i = 0; i < 2; ++i) {
    world.body([](Actor& me) {
      Amount seen = 0;
      for (int round = 0; round < 2; ++round) {
        const Amount single = me.get(1).value();
        expect(single >= seen, "a read has gone back");
        me.read_only([&](Tx& tx) {
          seen = tx.amount(1);
          expect(seen >= single, "a snapshot is older than a read before it");
        });
        me.transact([&](Tx& tx) { expect(tx.amount(1) >= seen, "a snapshot is older than a read before it"); });
      }
      me.update(3, [](auto) { return std::optional<Amount>(); });  // of one body it only reads: what it has seen
      expect(!me.get(3), "a removal has been taken back");         // must be published
      me.read_only([&](Tx& tx) { expect(!tx.get(3), "a removal has been taken back"); });
    });
  }
}

// A long reader of many keys that writes one, among short writers: with an announcement it gets through.
void reservation(World& world) {
  world.open({.expected_steps = 400});
  populate(world, {{1, 0}, {2, 0}, {3, 0}});
  world.body([](Actor& me) {
    const auto work = [](Tx& tx) {
      for (const Key key : {1, 2, 3, 4}) tx.get(key);
      tx.scan(5, 8);
      tx.put(9, 1);
    };
    engine::ReadSet<Key, std::int64_t> reads;
    if (me.attempt(work, nullptr, &reads)) return;
    auto& reservations = me.world().store().reservations;
    auto* const mine = [&] {
      engine::EpochGuard guard(me.world().store().epochs);
      return reservations.announce(guard, me.world().store().index.compare(), reservations.new_owner(),
                                   std::move(reads), std::chrono::seconds(1), nullptr);
    }();
    expect(mine != nullptr, "there is another announcement");
    // The commits under way when it was announced may still be in the way, one per body and latch.
    unsigned attempts = 1;
    while (!me.attempt(work, mine)) expect(++attempts <= 4, "an announcement does not help");
    engine::EpochGuard guard(me.world().store().epochs);
    reservations.withdraw(guard, mine);
  });
  for (int i = 0; i < 2; ++i) {
    world.body([i](Actor& me) {
      for (int round = 0; round < 5; ++round) {
        me.put(1 + static_cast<Key>(me.random.below(7)), round);
        if (round == 2) me.transact([&](Tx& tx) { tx.put(3 + i, tx.amount(6) + 1); });
      }
    });
  }
}

}  // namespace
}  // namespace fluxmap_test

int main(int argc, char** argv) {
  using namespace fluxmap_test;
  const std::vector<Point> points = {Point::latched,     Point::committing,      Point::cts_taken,
                                     Point::cts_claimed, Point::cts_published,   Point::validated,
                                     Point::decided,     Point::ring_marked,     Point::published,
                                     Point::abort_pop,   Point::latch_before_cas};
  return run_scenarios("schedule_commit_ring_test",
                       {{"stalled_committers", stalled_committers, 2000, points},
                        {"holes", holes, 1500, {Point::cts_taken, Point::cts_claimed, Point::committing}},
                        {"late_waiter", late_waiter, 500, points},
                        {"laps", laps, 500, points},
                        {"read_your_commit", read_your_commit, 2000, points},
                        {"monotonic_reads", monotonic_reads, 2000, points},
                        {"reservation", reservation, 1000, points}},
                       argc, argv);
}

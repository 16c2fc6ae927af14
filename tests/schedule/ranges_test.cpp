// Scans under the seeded scheduler: phantoms by insertion and removal, early ends, own writes in the range.
#include "schedule/schedule_harness.hpp"

namespace fluxmap_test {
namespace {

using Items = std::vector<std::pair<Key, Amount>>;

Amount sum_of(const Items& items) {
  Amount sum = 0;
  for (const auto& [key, amount] : items) sum += amount;
  return sum;
}

// Each counts the keys of the range and inserts one more while there is room for a single one.
void phantom_insert(World& world) {
  world.open({.expected_steps = 100});
  if (world.random.below(2) == 0) populate(world, {{5, 0}});
  for (const Key mine : {2, 7}) {
    world.body([mine](Actor& me) {
      me.transact([&](Tx& tx) {
        if (tx.scan(0, 10).size() <= 1) tx.put(mine, 0);
        if (mine == 7) tx.get(3);
      });
    });
  }
  world.body([](Actor& me) { me.put(3, 0); });
}

// The range must not become empty: each removes a key only if it sees another one.
void phantom_remove(World& world) {
  world.open({.expected_steps = 260});
  populate(world, {{3, 0}, {6, 0}, {20, 0}});
  for (const Key mine : {3, 6}) {
    world.body([mine](Actor& me) {
      me.transact([&](Tx& tx) {
        if (tx.scan(0, 10).size() >= 2) tx.remove(mine);
      });
    });
  }
  world.body([](Actor& me) {
    me.vacuum();
    me.vacuum();
  });
  world.after([](Actor& me) { expect(me.get(3).has_value() || me.get(6).has_value(), "both keys were removed"); });
}

// One removes a key of the range and puts another one elsewhere, so the count stays; who sums up must see neither half.
void moved_keys(World& world) {
  world.open({.expected_steps = 400});
  populate(world, {{1, 4}, {5, 4}, {9, 4}});
  for (int i = 0; i < 2; ++i) {
    world.body([i](Actor& me) {
      me.transact([&](Tx& tx) {
        const Items items = tx.scan(0, 12);
        const auto& [key, amount] = items[me.random.below(items.size())];
        tx.remove(key);
        Key to = static_cast<Key>(me.random.below(12));
        tx.put(to, amount + tx.amount(to));
        if (i == 1) tx.scan(0, 12);
      });
    });
  }
  world.body([](Actor& me) {
    me.read_only([](Tx& tx) { expect(sum_of(tx.scan(0, 12)) == 12, "the sum of a scan is wrong"); });
    Amount sum = 0;
    if (me.attempt([&](Tx& tx) { sum = sum_of(tx.scan(0, 12)); })) expect(sum == 12, "the sum of a scan is wrong");
  });
  world.body([](Actor& me) {
    me.vacuum();
    me.vacuum();
  });
  world.after(
      [](Actor& me) { me.transact([](Tx& tx) { expect(sum_of(tx.scan(0, 12)) == 12, "a moved key was lost"); }); });
}

// Takes the first free numbers: a scan that ends early depends on nothing behind its end, but on every gap before it.
void early_end(World& world) {
  world.open({.expected_steps = 280});
  populate(world, {{4, 0}, {6, 0}});
  for (int i = 0; i < 2; ++i) {
    world.body([i](Actor& me) {
      me.transact([&](Tx& tx) {
        const Items items = tx.scan(1, 10, 1 + me.random.below(2));
        tx.put(20 + i, items.empty() ? 0 : items.back().first);
        if (me.random.below(2) == 0) tx.put(items.empty() ? 9 : items.front().first - 1, 0);
      });
    });
  }
  world.body([](Actor& me) {
    me.transact([](Tx& tx) { tx.remove(4); });
    me.put(2, 0);
    me.update(6, [](auto) { return std::optional<Amount>(); });
  });
  world.body([](Actor& me) {
    me.vacuum();
    me.transact([](Tx& tx) {
      if (tx.scan(20, 22, 1).empty()) tx.put(8, 0);
    });
  });
}

// Own writes hide what the database holds under their keys, and only that.
void own_writes(World& world) {
  world.open({.expected_steps = 550});
  populate(world, {{2, 1}, {4, 1}, {6, 1}});
  for (int i = 0; i < 2; ++i) {
    world.body([i](Actor& me) {
      me.transact([&](Tx& tx) {
        tx.put(3, 5);
        tx.put(4, 5);
        const bool removes = tx.get(6) && i == 0;
        if (removes) tx.remove(6);
        const Items items = tx.scan(0, 10, ~std::size_t{0}, [&](Key key) {
          if (key == 4) tx.put(5 + i, 7);  // behind the cursor for one, in front of it for the other
        });
        tx.put(30 + i, sum_of(items));
        if (i == 1) expect(tx.scan(3, 5).size() == 2, "a scan has lost own writes");
      });
    });
  }
  world.body([](Actor& me) {
    me.put(4, 2);
    me.put(8, 1);
    me.update(2, [](auto old) { return std::optional(old.value_or(0) + 1); });
    me.transact([](Tx& tx) {
      tx.remove(4);
      tx.put(1, 1);
    });
  });
  world.body([](Actor& me) { me.vacuum(); });
}

// The validator meets, in order, keys that another transaction has inserted, removed or both.
void queue(World& world) {
  world.open({.ring_size = 16, .expected_steps = 550});
  populate(world, {{10, 1}, {11, 1}});
  for (int i = 0; i < 2; ++i) {
    world.body([](Actor& me) {
      for (int round = 0; round < 2; ++round) {
        me.transact([](Tx& tx) {  // pop the first job
          const Items items = tx.scan(0, 100, 1);
          if (items.empty()) return;
          tx.remove(items[0].first);
          tx.put(200, tx.amount(200) + 1);
        });
      }
    });
  }
  world.body([](Actor& me) {
    for (int round = 0; round < 2; ++round) {
      me.transact([](Tx& tx) {  // push behind the last job
        const Items items = tx.scan(0, 100);
        tx.put(items.empty() ? 10 : items.back().first + 1, 1);
      });
    }
  });
  world.body([](Actor& me) {
    me.vacuum();
    me.vacuum();
  });
  world.after([](Actor& me) {
    me.read_only([](Tx& tx) {
      const auto left = static_cast<Amount>(tx.scan(0, 100).size());
      expect(tx.amount(200) + left == 4, "a job was done twice or lost");
    });
  });
}

}  // namespace
}  // namespace fluxmap_test

int main(int argc, char** argv) {
  using namespace fluxmap_test;
  const std::vector<Point> commit = {Point::latched,   Point::committing,    Point::cts_claimed,
                                     Point::validated, Point::validate_read, Point::decided,
                                     Point::stamped,   Point::link,          Point::vacuum_closed};
  return run_scenarios("schedule_ranges_test",
                       {{"phantom_insert", phantom_insert, 2000, commit},
                        {"phantom_remove", phantom_remove, 1500, commit},
                        {"moved_keys", moved_keys, 1500, commit},
                        {"early_end", early_end, 2000, commit},
                        {"own_writes", own_writes, 1000, commit},
                        {"queue", queue, 1000, commit}},
                       argc, argv);
}

// Entries that come and go under the seeded scheduler: inserts of one key by several, aborted inserts, removal beside
// insertion and vacuum, the express lane. The step check sees a key that is in the index twice, the end check a lost
// one.
#include "schedule/schedule_harness.hpp"

namespace fluxmap_test {
namespace {

std::optional<Amount> plus_one(std::optional<Amount> old) { return old.value_or(0) + 1; }
std::optional<Amount> none(std::optional<Amount>) { return std::nullopt; }

// Two entries of one key must be impossible.
void insert_at_once(World& world) {
  world.open({.expected_steps = 130});
  if (world.random.below(2) == 0) populate(world, {{1, 0}, {9, 0}});
  for (int i = 0; i < 3; ++i) {
    world.body([i](Actor& me) {
      if (i == 0) {
        me.transact([](Tx& tx) { tx.put(5, 1); });
      } else {
        me.update(5, plus_one);
      }
      me.get(5);
      if (i == 2) me.transact([](Tx& tx) { tx.put(4, tx.amount(5)); });
    });
  }
}

// Inserts that are aborted leave an entry without a version behind: absent, for everyone (design, trap 6).
void aborted_insert(World& world) {
  world.open({.expected_steps = 300});
  populate(world, {{1, 0}});
  for (int i = 0; i < 2; ++i) {
    world.body([i](Actor& me) {
      me.transact([&](Tx& tx) {
        const Amount before = tx.amount(1);
        tx.put(2 + static_cast<Key>(me.random.below(2)), before);
        tx.put(1, before + 1);
      });
      if (i == 0) me.get(2);
    });
  }
  world.body([](Actor& me) {
    me.transact([](Tx& tx) {
      if (!tx.get(2)) tx.put(3, 7);
    });
    me.vacuum();
  });
  world.body([](Actor& me) {
    me.vacuum();
    me.put(2, 3);
  });
}

// A key is removed and inserted again while two vacuums take its entry away.
void remove_and_insert(World& world) {
  world.open({.expected_steps = 500});
  populate(world, {{1, 0}, {2, 0}, {3, 0}});
  world.body([](Actor& me) {
    for (int round = 0; round < 2; ++round) {
      me.update(2, none);
      me.put(2, 1);
    }
  });
  world.body([](Actor& me) {
    me.transact([](Tx& tx) { tx.remove(2); });
    me.transact([](Tx& tx) {
      if (!tx.get(2)) tx.put(2, tx.amount(1) + 1);
    });
  });
  for (int i = 0; i < 2; ++i) {
    world.body([](Actor& me) {
      me.vacuum();
      me.get(2);
      me.vacuum();
    });
  }
}

// A read-modify-write stands on a version; the key is removed and its entry taken away before the write comes.
void update_of_removed(World& world) {
  world.open({.expected_steps = 300});
  populate(world, {{1, 5}});
  world.body([](Actor& me) { me.update(1, plus_one); });
  world.body([](Actor& me) {
    me.update(1, none);
    me.vacuum();
    if (me.random.below(2) == 0) me.update(1, plus_one);
  });
  world.body([](Actor& me) {
    me.vacuum();
    me.vacuum();
  });
}

// Transactions read a key that disappears and comes back; what they remember of it must not mislead them.
void read_beside_vacuum(World& world) {
  world.open({.expected_steps = 500});
  populate(world, {{1, 0}, {2, 0}});
  world.body([](Actor& me) {
    me.transact([](Tx& tx) { tx.remove(1); });
    me.transact([](Tx& tx) { tx.put(1, 3); });
    me.transact([](Tx& tx) { tx.remove(1); });
  });
  world.body([](Actor& me) {
    for (int round = 0; round < 2; ++round) {
      me.transact([](Tx& tx) {
        const bool there = tx.get(1).has_value();
        tx.put(2, tx.amount(2) + 1);
        expect(tx.get(1).has_value() == there, "a read was not repeatable");
        if (there) tx.put(1, 4);
      });
    }
  });
  world.body([](Actor& me) {
    for (int round = 0; round < 3; ++round) me.vacuum();
  });
  world.body([](Actor& me) {
    me.read_only([](Tx& tx) {
      const bool there = tx.get(1).has_value();
      tx.get(2);
      expect(tx.get(1).has_value() == there, "a read was not repeatable");
      expect(tx.scan(0, 5).size() == (there ? 2U : 1U), "a scan and a get disagree");
    });
  });
}

// A read meets a version that is newer than its snapshot. Before it has moved the snapshot forward, the key is removed,
// its entry leaves the index, and it comes back in another one: there is no moment at which the read may say "absent".
void back_in_another_entry(World& world) {
  world.open({.expected_steps = 300, .stalls = false});
  populate(world, {{1, 0}});
  const auto stage = std::make_shared<std::atomic<int>>(0);
  const bool scanned = world.random.below(2) == 0;
  world.body([stage, scanned](Actor& me) {
    me.rest_at(Point::refresh, 0, k_without_end);
    me.transact([&](Tx& tx) {
      stage->fetch_add(1);
      me.await(*stage, 2);
      const bool there = scanned ? !tx.scan(2, 3).empty() : tx.get(2).has_value();
      if (!there) tx.put(1, 7);
    });
  });
  world.body([stage](Actor& me) {
    me.await(*stage, 1);
    me.put(2, 1);
    stage->fetch_add(1);
    me.update(2, none);
    me.vacuum();
    me.put(2, 2);
  });
}

// Keys leave and come back while searches pass; all of them are in the express lane, or most.
void passing_searches(World& world) {
  world.open({.lane_p = 0.7, .expected_steps = 800});
  populate(world, {{1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 0}});
  for (int i = 0; i < 2; ++i) {
    world.body([i](Actor& me) {
      for (int round = 0; round < 2; ++round) {
        const Key key = 2 + static_cast<Key>(me.random.below(3));
        me.update(key, none);
        if (i == 0) me.vacuum();
        me.put(key, 1);
        expect(me.get(i == 0 ? 1 : 5).has_value(), "a key was not found");
      }
    });
  }
  for (int i = 0; i < 2; ++i) {
    world.body([](Actor& me) {
      me.vacuum();
      me.read_only([](Tx& tx) { tx.scan(0, 9); });
      me.vacuum();
    });
  }
}

// Cells of the express lane are split, die and are taken out of the directory, while keys come, go and are looked for.
void cells(World& world) {
  world.open({.lane_p = 0.99, .expected_steps = 900});
  populate(world, {{0, 0}, {10, 0}, {20, 0}, {30, 0}, {40, 0}, {50, 0}, {60, 0}, {70, 0}, {80, 0}, {90, 0}});
  world.body([](Actor& me) {
    const Key around = 10 * static_cast<Key>(me.random.below(9));
    for (Key key = around + 1; key < around + 6; ++key) me.put(key, 1);
    for (Key key = 10; key < 80; key += 10)
      expect(me.get(key == 40 || key == 50 ? 0 : key).has_value(), "a key is lost");
  });
  world.body([](Actor& me) {
    me.transact([](Tx& tx) {
      tx.remove(40);
      tx.remove(50);
    });
    me.vacuum();
    me.put(50, 1);
    for (const Key key : {5, 15, 45, 46}) me.put(key, 2);
  });
  world.body([](Actor& me) {
    me.vacuum();
    me.put(55, 1);
    me.update(55, none);
    me.vacuum();
    me.read_only([](Tx& tx) { expect(tx.scan(0, 100).size() >= 8, "a key is lost"); });
  });
}

// Cells lose most of their entries and are merged, two at a time and beside splits.
void sparse_cells(World& world) {
  world.open({.lane_p = 0.99, .expected_steps = 900});
  populate(world, {{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 0}, {6, 0}, {7, 0}, {8, 0}, {9, 0}, {10, 0}, {11, 0}});
  for (const Key first : {1, 2}) {
    world.body([first](Actor& me) {
      for (Key key = first; key < 12; key += 3) {
        me.update(key, none);
        me.vacuum();
      }
      for (const Key key : {0, 3, 6, 9}) expect(me.get(key).has_value(), "a key is lost");
    });
  }
  world.body([](Actor& me) {
    for (int round = 0; round < 3; ++round) {
      const Key key = 20 + static_cast<Key>(me.random.below(3));
      me.put(key, 1);
      me.put(4 + static_cast<Key>(me.random.below(4)), 2);
      me.update(key, none);
      me.vacuum();
    }
  });
}

// One key, removed and inserted as often as possible: marking, unlinking and linking of its entries race.
void one_key(World& world) {
  world.open({.lane_p = 0.8, .expected_steps = 700});
  if (world.random.below(2) == 0) populate(world, {{5, 0}});
  for (int i = 0; i < 2; ++i) {
    world.body([](Actor& me) {
      for (int round = 0; round < 2; ++round) {
        me.put(5, 1);
        me.update(5, none);
        me.vacuum();
      }
    });
  }
  world.body([](Actor& me) {
    me.vacuum();
    me.vacuum();
  });
}

// Entries are queued for vacuum once, whoever leaves something to free, and none is forgotten: see check_end.
void work_list(World& world) {
  world.open({.expected_steps = 350});
  for (int i = 0; i < 3; ++i) {
    world.body([i](Actor& me) {
      const Key key = 1 + static_cast<Key>(me.random.below(2));
      if (i == 0) me.transact([&](Tx& tx) { tx.put(key, 1); });
      if (i == 1) me.update(key, none);
      me.put(3 - key, 2);
      if (i == 2) me.update(key, none);
    });
  }
  world.body([](Actor& me) {
    for (int round = 0; round < 3; ++round) me.vacuum();
  });
}

// Vacuums ask for the list of a thread that is inside a call: it is handed over once, and nothing of it is forgotten.
// What the reader sees keeps it from being empty.
void list_of_a_busy_thread(World& world) {
  world.open({.expected_steps = 500, .stalls = false});
  populate(world, {{1, 0}, {2, 0}, {3, 0}, {4, 0}});
  const auto stage = std::make_shared<std::atomic<int>>(0);
  world.body([stage](Actor& me) {
    me.read_only([&](Tx& tx) {
      tx.get(1);
      stage->store(1);
      me.await(*stage, 2);
    });
  });
  for (const Key first : {1, 3}) {
    world.body([stage, first](Actor& me) {
      me.await(*stage, 1);
      me.update(first, none);
      me.update(first + 1, none);
      me.rest_at(Point::read_head, static_cast<unsigned>(me.random.below(4)), 3);
      me.put(5, 1);
      stage->store(2);
      me.update(5, none);
    });
  }
  for (int i = 0; i < 2; ++i) {
    world.body([stage](Actor& me) {
      me.await(*stage, 1);
      for (int round = 0; round < 3; ++round) me.vacuum();
    });
  }
}

// A commit finds the token of an entry with a vacuum that has just seen nothing to do there. The reader keeps the
// writer from doing vacuum's work.
void token_hand_over(World& world) {
  world.open({.expected_steps = 150, .stalls = false});
  populate(world, {{1, 0}});
  const auto stage = std::make_shared<std::atomic<int>>(0);
  const auto rest = static_cast<unsigned>(world.random.below(6));
  world.body([stage](Actor& me) {
    me.read_only([&](Tx& tx) {
      tx.get(1);
      stage->store(1);
      me.await(*stage, 2);
    });
    stage->store(3);
  });
  world.body([stage, rest](Actor& me) {
    me.await(*stage, 1);
    me.put(1, 1);
    stage->store(2);
    me.await(*stage, 3);
    me.rest_at(Point::read_head, rest, 2);
    me.vacuum();
  });
  world.body([stage](Actor& me) {
    me.await(*stage, 3);
    me.update(1, me.random.below(2) == 0 ? none : plus_one);
  });
}

}  // namespace
}  // namespace fluxmap_test

int main(int argc, char** argv) {
  using namespace fluxmap_test;
  const std::vector<Point> leaving = {
      Point::vacuum_close, Point::vacuum_closed, Point::unlink_marked, Point::unlinked,         Point::link,
      Point::lane_replace, Point::lane_frozen,   Point::lane_linked,   Point::find_step,        Point::read_head,
      Point::abort_pop,    Point::decided,       Point::published,     Point::latch_before_cas, Point::vacuum_released,
      Point::list_given,   Point::vacuum_wait};
  return run_scenarios("schedule_entries_test",
                       {{"insert_at_once", insert_at_once, 2000, leaving},
                        {"aborted_insert", aborted_insert, 1500, leaving},
                        {"remove_and_insert", remove_and_insert, 1500, leaving},
                        {"update_of_removed", update_of_removed, 1500, leaving},
                        {"read_beside_vacuum", read_beside_vacuum, 1500, leaving},
                        {"back_in_another_entry", back_in_another_entry, 1000, leaving},
                        {"passing_searches", passing_searches, 1500, leaving},
                        {"cells", cells, 800, leaving},
                        {"sparse_cells", sparse_cells, 800, leaving},
                        {"one_key", one_key, 1500, leaving},
                        {"work_list", work_list, 1500, leaving},
                        {"list_of_a_busy_thread", list_of_a_busy_thread, 1000, leaving},
                        {"token_hand_over", token_hand_over, 1000, leaving}},
                       argc, argv);
}

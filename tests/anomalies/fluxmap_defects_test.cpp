// Regressions: defects that an earlier store of this name (in another language) had in memory, each turned into the
// promise it broke. First those that a fixed timing shows, in every interleaving; then those that need threads.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/interleaving.hpp"
#include "support/interleaving_steps.hpp"
#include "support/race.hpp"
#include "support/seed.hpp"

namespace {

using namespace fluxmap_test;
using namespace fluxmap_test::interleaving;

// A read of a key whose overwriter had committed before left no trace, so the reader's own write went through.
TEST_CASE("write_skew_is_impossible_when_the_read_follows_the_overwriting_commit", "[defects]") {
  for (const bool first_reads_more : {false, true}) {
    Scenario scenario{
        .name = first_reads_more ? "sequential skew, s1 has read before" : "sequential skew",
        .initial = {{"x", 1}, {"y", 1}, {"z", 1}},
        .sessions = {{.name = "s1", .steps = {begin("b1"), read("r1", "x"), write("w1", "y", 0), commit("c1")}},
                     {.name = "s2", .steps = {begin("b2"), read("r2", "y"), write("w2", "x", 0), commit("c2")}}},
        .most_conflicts = 1};
    if (first_reads_more) scenario.sessions[0].steps[0] = read("b1", "z");
    // s1 sees s2's commit and comes after it.
    CHECK(run_fixed(scenario, "b1 b2 r2 w2 c2 r1 w1 c1") == Outcomes{committed, committed});
    CHECK(run_fixed(scenario, "b1 b2 r1 r2 w2 c2 w1 c1") == Outcomes{conflicted, committed});
    check_every(scenario);
  }
}

TEST_CASE("an_absent_key_that_was_read_is_tracked", "[defects][trap-10]") {
  using Look = std::function<void(View&, const Key&)>;
  const std::vector<std::pair<std::string, Look>> looks{
      {"get", [](View& v, const Key& key) { v.get(key); }},
      {"contains", [](View& v, const Key& key) { v.contains(key); }},
      {"remove", [](View& v, const Key& key) { v.remove(key); }},
      {"range of one", [](View& v, const Key& key) { v.range(key, just_after(key)); }},
      {"first of a range", [](View& v, const Key& key) { v.first_in(key, key + '~'); }},
  };
  for (const auto& [name, look] : looks) {
    const auto looks_at = [one = look](const Key& key) { return [one, key](View& v) { one(v, key); }; };
    const Scenario scenario{
        .name = "absent key, " + name,
        .initial = {{"m", 1}},
        .once_there = {"a"},
        .sessions = {{.name = "s1", .steps = {step("r1", looks_at("a")), write("w1", "b", 1), commit("c1")}},
                     {.name = "s2", .steps = {step("r2", looks_at("b")), write("w2", "a", 1), commit("c2")}}},
        .most_conflicts = 1,
        .overlap_must_conflict = true};
    CHECK(run_fixed(scenario, "r1 r2 w1 w2 c1 c2") == Outcomes{committed, conflicted});
    CHECK(check_every(scenario).without_conflict == 2 * database_variants().size());
  }
}

TEST_CASE("a_removal_inside_a_scanned_range_is_a_phantom", "[defects][trap-10]") {
  const Step count = step("r1", [](View& v) { v.local[0] = static_cast<Value>(v.prefix("t/").size()); });
  const Step note = step("w1", [](View& v) { v.insert("count", v.local[0]); });
  for (const Key removed : {"t/1", "t/2", "t/3"}) {
    const Scenario scenario{
        .name = "phantom by removal of " + removed,
        .initial = {{"count", 0}, {"t/1", 1}, {"t/2", 1}, {"t/3", 1}},
        .sessions = {{.name = "s1", .steps = {count, note, commit("c1")}},
                     {.name = "s2", .steps = {read("r2", "count"), remove("w2", removed), commit("c2")}},
                     {.name = "s3", .steps = {scan("r3", "t/"), read("q3", "count"), commit("c3")}, .read_only = true}},
        .most_conflicts = 1,
        .never_conflict = {"s3"}};
    CHECK(run_fixed(scenario, "r1 r2 w1 w2 c1 c2") == Outcomes{committed, conflicted});
    CHECK(run_fixed(scenario, "r1 r2 w1 w2 c2 c1") == Outcomes{conflicted, committed});
    check_every(scenario);
  }
}

TEST_CASE("readers_that_wrote_nothing_are_not_aborted_when_overwritten", "[defects]") {
  const auto undecided = [](std::string name) {  // writes, and takes it back
    return step(std::move(name), [](View& v) {
      const Savepoint here = v.savepoint();
      v.insert("x", 7);
      v.insert("z", 7);
      v.remove("z");
      v.rollback_to(here);
    });
  };
  const Scenario scenario{
      .name = "overwritten readers",
      .initial = {{"x", 1}, {"y", 1}},
      .sessions = {{.name = "read-only", .steps = {read("r1", "x"), scan("q1", ""), commit("c1")}, .read_only = true},
                   {.name = "wrote nothing", .steps = {scan("r2", ""), undecided("u2"), commit("c2")}},
                   {.name = "writer", .steps = {write("w3", "x", 2), remove("d3", "y"), commit("c3")}}},
      .most_conflicts = 0};
  CHECK(run_fixed(scenario, "r1 r2 w3 d3 c3 q1 u2 c1 c2") == Outcomes{committed, committed, committed});
  check_every(scenario);
}

TEST_CASE("a_scan_under_way_sees_one_state", "[defects][trap-10]") {
  const Step open = step("o1", [](View& v) { v.open("t/", prefix_end("t/")); });
  const auto next = [](std::string name) {
    return step(std::move(name), [](View& v) {
      if (const auto row = v.next()) v.local[0] += row->second;
    });
  };
  for (const bool read_only : {true, false}) {
    Scenario scenario{
        .name = read_only ? "scan under way, read-only" : "scan under way",
        .initial = {{"t/1", 1}, {"t/3", 10}},
        .once_there = {"t/0", "t/2", "t/4"},
        .sessions =
            {{.name = "s1", .steps = {open, next("n1"), next("n2"), next("n3"), commit("c1")}, .read_only = read_only},
             {.name = "s2", .steps = {read("r2", "sum"), write("w2", "t/2", 100), remove("d2", "t/3"), commit("c2")}},
             {.name = "s3", .steps = {write("w3", "t/4", 1000), commit("c3")}}},
        .never_conflict = {"s3"},
        .scans_keep_their_snapshot = true};
    if (!read_only) {
      auto& steps = scenario.sessions[0].steps;
      steps.insert(steps.end() - 1, step("w1", [](View& v) { v.insert("sum", v.local[0]); }));
    }
    check_every(scenario);
  }
}

// Both committers checked first and announced themselves afterwards, so both went through.
TEST_CASE("write_skew_is_impossible_when_both_commit_at_once", "[defects][trap-02]") {
  const unsigned rounds = 1500 * stress_factor();
  for (const bool absent : {false, true}) {
    // Round r: session i reads the keys of all and writes its own.
    for (const unsigned sessions : {2U, 3U}) {
      Racetrack track(sessions);
      if (!absent) track.fill("x", sessions * rounds);
      std::atomic<unsigned> none{0}, several{0};
      std::vector<std::atomic<unsigned>> winners(rounds);
      track.race(rounds, [&](Racer& racer, unsigned round) {
        auto transaction = racer.handle().begin();
        for (unsigned i = 0; i < sessions; ++i) transaction.get(row("x", round * sessions + i));
        transaction.insert(row("x", round * sessions + racer.index()), 1);
        racer.line_up();
        if (racer.commits(transaction)) winners[round].fetch_add(1);
        racer.line_up();
        none += racer.index() == 0 && winners[round] == 0;
        several += racer.index() == 0 && winners[round] > 1;
      });
      INFO("sessions: " << sessions << ", absent keys: " << absent);
      CHECK(none == 0);
      CHECK(several == 0);
    }
  }
}

TEST_CASE("phantoms_are_impossible_when_both_commit_at_once", "[defects][trap-10]") {
  const unsigned rounds = 1000 * stress_factor();
  Racetrack track(2);
  std::atomic<unsigned> none{0}, both{0};
  std::vector<std::atomic<unsigned>> winners(rounds);
  track.race(rounds, [&](Racer& racer, unsigned round) {
    const Key table = row("t", round);
    auto transaction = racer.handle().begin();
    const auto seen = transaction.prefix_scan(table + '/');
    transaction.insert(row(table, racer.index()), static_cast<Value>(seen.size()));
    racer.line_up();
    if (racer.commits(transaction)) winners[round].fetch_add(1);
    racer.line_up();
    none += racer.index() == 0 && winners[round] == 0;
    both += racer.index() == 0 && winners[round] > 1;
  });
  CHECK(none == 0);
  CHECK(both == 0);
}

TEST_CASE("a_circle_of_reads_and_writes_is_broken_when_all_commit_at_once", "[defects][trap-02]") {
  // Session i reads key i and writes key i + 1: all cannot come before their successor.
  const unsigned rounds = 1000 * stress_factor();
  const unsigned sessions = 3;
  Racetrack track(sessions);
  track.fill("x", sessions * rounds);
  std::atomic<unsigned> none{0}, all{0};
  std::vector<std::atomic<unsigned>> winners(rounds);
  track.race(rounds, [&](Racer& racer, unsigned round) {
    auto transaction = racer.handle().begin();
    transaction.get(row("x", round * sessions + racer.index()));
    transaction.insert(row("x", round * sessions + (racer.index() + 1) % sessions), 1);
    racer.line_up();
    if (racer.commits(transaction)) winners[round].fetch_add(1);
    racer.line_up();
    none += racer.index() == 0 && winners[round] == 0;
    all += racer.index() == 0 && winners[round] == sessions;
  });
  CHECK(none == 0);
  CHECK(all == 0);
}

TEST_CASE("one_of_many_inserts_of_an_absent_key_wins", "[defects][trap-05][trap-16]") {
  const unsigned rounds = 1000 * stress_factor();
  Racetrack track(3);
  std::atomic<unsigned> wrong{0};
  std::vector<std::atomic<unsigned>> winners(rounds);
  track.race(rounds, [&](Racer& racer, unsigned round) {
    const Key key = row("x", round);
    racer.line_up();
    if (racer.run(racer.handle().insert_if_absent(key, racer.index()))) winners[round].fetch_add(1);
    const auto seen = racer.handle().get(key);
    racer.line_up();
    wrong += !seen || racer.handle().get(key) != seen || winners[round] != 1;
  });
  CHECK(wrong == 0);
  CHECK(track.database().size() == rounds);
}

// A transaction that was numbered before it was listed as active was missing from the snapshots taken in between, and
// became visible in them when it committed.
TEST_CASE("a_transaction_whose_begin_races_with_commits_sees_one_state", "[defects][trap-01]") {
  const unsigned rounds = 4000 * stress_factor();
  Racetrack track(4);
  track.fill("x", 2);
  std::atomic<unsigned> reading{2}, wrong{0}, conflicts_at_commit{0};
  track.race(1, [&](Racer& racer, unsigned) {
    auto handle = racer.handle();
    if (racer.index() < 2) {  // writers
      for (Value i = 1; reading.load() > 0; ++i) {
        auto transaction = handle.begin();
        transaction.insert(row("x", 0), i * 2 + racer.index());
        transaction.insert(row("x", 1), i * 2 + racer.index());
        if (!racer.commits(transaction)) ++wrong;  // blind writes never conflict
      }
      return;
    }
    for (unsigned round = 0; round < rounds; ++round) {
      const bool read_only = round % 2 == 0;
      auto transaction = handle.begin({.read_only = read_only});
      try {
        const Value first = translated([&] { return *transaction.get(row("x", 0)); });
        if (round % 8 < 2) std::this_thread::yield();  // leave commits that were under way the time to end
        const Value second = translated([&] { return *transaction.get(row("x", 1)); });
        const Value again = translated([&] { return *transaction.get(row("x", 0)); });
        const Rows both = translated([&] { return transaction.range(Key(), k_end); });
        wrong +=
            first != second || first != again || both.size() != 2 || both[0].second != first || both[1].second != first;
        conflicts_at_commit += !racer.commits(transaction);
      } catch (const Conflict&) {
        wrong += read_only;  // one that could write may learn that its first read was overwritten
      }
    }
    --reading;
  });
  CHECK(wrong == 0);
  CHECK(conflicts_at_commit == 0);
}

TEST_CASE("no_reader_sees_a_torn_commit_or_time_running_backwards", "[defects][trap-01][trap-03][trap-04]") {
  const unsigned rounds = 2000 * stress_factor();
  const unsigned keys = 12;
  Racetrack track(4);
  track.fill("n", keys);
  std::atomic<unsigned> reading{2}, torn{0}, backwards{0};
  std::atomic<Value> acknowledged{0};
  track.race(1, [&](Racer& racer, unsigned) {
    auto handle = racer.handle();
    if (racer.index() < 2) {  // writers: all keys get the next number
      while (reading.load() > 0) {
        Value next = 0;
        racer.run(handle.transaction([&](Transaction& transaction) {
          next = *transaction.get(row("n", racer.index())) + 1;
          for (unsigned i = 0; i < keys; ++i) transaction.insert(row("n", i), next);
        }));
        Value known = acknowledged.load();
        while (known < next && !acknowledged.compare_exchange_weak(known, next)) {
        }
      }
      return;
    }
    Value newest = 0;
    const auto saw = [&](Value number) {
      backwards += number < newest;
      newest = std::max(newest, number);
    };
    const auto saw_all = [&](const Rows& rows) {
      torn += rows.size() != keys ||
              std::any_of(rows.begin(), rows.end(), [&](const Row& one) { return one.second != rows.front().second; });
      if (!rows.empty()) saw(rows.front().second);
    };
    for (unsigned round = 0; round < rounds; ++round) {
      newest = std::max(newest, acknowledged.load());  // a commit that was acknowledged, on whichever thread
      saw(handle.get(row("n", round % keys)).value_or(-1));
      auto transaction = handle.begin({.read_only = true});
      const Value number = *transaction.get(row("n", (round + 1) % keys));
      saw(number);
      if (round % 4 == 0) std::this_thread::yield();  // leave commits that were under way the time to end
      const Rows scanned = transaction.prefix_scan("n/");
      saw_all(scanned);
      torn += scanned.front().second != number || scanned != rows_of(transaction.range_stream(Key("n/"), k_end));
      torn += !racer.commits(transaction);
      saw(handle.get(row("n", (round + 2) % keys)).value_or(-1));
      saw_all(handle.range(Key("n/"), k_end));
      saw_all(rows_of(handle.prefix_scan_stream(Key("n/"))));
      Rows many;
      for (const auto& value : handle.get_many(std::vector<Key>{row("n", 0), row("n", 5), row("n", 11)})) {
        many.emplace_back(Key(), value.value_or(-1));
      }
      torn += many[0].second != many[1].second || many[0].second != many[2].second;
      saw(many[0].second);
    }
    --reading;
  });
  CHECK(torn == 0);
  CHECK(backwards == 0);
}

TEST_CASE("ten_thousand_idle_transactions_hinder_nobody", "[defects]") {
  const unsigned idle = 10'000;
  const unsigned keys = 100;
  Racetrack track(1);
  track.fill("x", keys);
  std::vector<Transaction> open;
  std::atomic<unsigned> wrong{0};
  track.race(1, [&](Racer& racer, unsigned) {
    auto handle = racer.handle();
    // Read-only ones, ones that read a key, ones that write without reading.
    for (unsigned i = 0; i < idle; ++i) {
      open.push_back(handle.begin({.read_only = i % 3 == 0}));
      const Key key = row("x", i % keys);
      if (i % 3 != 2) wrong += *open.back().get(key) != 0;
      if (i % 3 == 2) open.back().insert(row("y", i), 1);
    }
    wrong += track.database().stats().active_transactions < idle;
    for (unsigned round = 1; round <= 10; ++round) {  // the upper half of the keys is overwritten
      for (unsigned i = keys / 2; i < keys; ++i) racer.run(handle.insert(row("x", i), round));
      wrong += handle.get(row("x", keys - 1)) != Value{round} || handle.prefix_scan(Key("x/")).size() != keys;
      racer.run(track.database().vacuum());
    }
    racer.run(handle.transaction(
        [&](Transaction& transaction) { transaction.insert(row("x", 0), *transaction.get(row("x", 1))); }));
    for (unsigned i = 0; i < idle; ++i) {
      Transaction& transaction = open[i];
      const unsigned key = i % keys;
      if (i % 3 == 0)
        wrong += *transaction.get(row("x", key)) != 0 || transaction.prefix_scan(Key("x/")).size() != keys;
      if (i % 3 == 1) transaction.insert(row("y", i), 1);
      const bool overwritten = i % 3 == 1 && (key == 0 || key >= keys / 2);
      wrong += racer.commits(transaction) == overwritten;
    }
    open.clear();
    wrong += track.database().stats().active_transactions != 0;
    racer.run(track.database().vacuum());
    wrong += handle.prefix_scan(Key("x/")).size() != keys;
  });
  CHECK(wrong == 0);
}

}  // namespace

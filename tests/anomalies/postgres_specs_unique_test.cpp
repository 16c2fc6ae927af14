// The specs of PostgreSQL's isolation suite about keys that were absent when they were looked for: unique constraints
// checked by the application, gapless numbers, and upserts, in every interleaving.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/interleaving.hpp"
#include "support/interleaving_steps.hpp"

namespace {

using namespace fluxmap_test::interleaving;

const std::size_t k_serial_ones = 2 * database_variants().size();

TEST_CASE("read_write_unique", "[postgres]") {
  const Scenario scenario{
      .name = "read-write-unique",
      .once_there = {"test/42"},
      .sessions = {{.name = "s1", .steps = {scan("r1", "test/"), insert_new("w1", "test/42", 1), commit("c1")}},
                   {.name = "s2", .steps = {scan("r2", "test/"), insert_new("w2", "test/42", 2), commit("c2")}}},
      .most_conflicts = 1};
  CHECK(run_fixed(scenario, "r1 r2 w1 w2 c1 c2") == Outcomes{committed, conflicted});
  CHECK(run_fixed(scenario, "r1 w1 c1 r2 w2 c2") == Outcomes{committed, rolled_back});
  check_every(scenario);
}

TEST_CASE("read_write_unique_2", "[postgres]") {
  const Scenario scenario{
      .name = "read-write-unique-2",
      .once_there = {"test/42"},
      .sessions = {{.name = "s1", .steps = {read("r1", "test/42"), insert_new("w1", "test/42", 1), commit("c1")}},
                   {.name = "s2", .steps = {read("r2", "test/42"), insert_new("w2", "test/42", 2), commit("c2")}}},
      .most_conflicts = 1};
  CHECK(run_fixed(scenario, "r1 r2 w1 w2 c1 c2") == Outcomes{committed, conflicted});
  CHECK(run_fixed(scenario, "r1 w1 c1 r2 w2 c2") == Outcomes{committed, rolled_back});
  check_every(scenario);
}

TEST_CASE("read_write_unique_3", "[postgres][trap-16]") {
  // Looking and inserting are one step, and whoever finds the key does nothing.
  const auto insert_unique = [](std::string name, Value value) {
    return step(std::move(name), [value](View& v) { v.insert_if_absent("test/1", value); });
  };
  Scenario scenario{.name = "read-write-unique-3",
                    .sessions = {{.name = "s1", .steps = {insert_unique("rw1", 1), commit("c1")}},
                                 {.name = "s2", .steps = {insert_unique("rw2", 2), commit("c2")}}},
                    .most_conflicts = 1,
                    .invariant = [](const Contents& all) { return all.size() == 1; }};
  for (const bool removed_before : {false, true}) {
    if (removed_before) scenario.once_there = {"test/1"};
    CHECK(run_fixed(scenario, "rw1 rw2 c1 c2") == Outcomes{committed, conflicted});
    CHECK(run_fixed(scenario, "rw1 rw2 c2 c1") == Outcomes{conflicted, committed});
    CHECK(run_fixed(scenario, "rw1 c1 rw2 c2") == Outcomes{committed, committed});
    CHECK(check_every(scenario).without_conflict == k_serial_ones);
  }
}

TEST_CASE("read_write_unique_4", "[postgres]") {
  const auto next_number = [](std::string name) {
    return step(std::move(name), [](View& v) {
      const Rows invoices = v.range("invoice/2016/", "invoice/2017/");
      v.local[0] = invoices.empty() ? 1 : invoices.back().second + 1;
    });
  };
  const auto insert = [](std::string name) {
    return step(std::move(name), [](View& v) {
      const Value number = v.local[0] == 0 ? 3 : v.local[0];
      const Key key = row("invoice/2016", number);
      if (v.contains(key)) v.give_up();
      v.insert(key, number);
    });
  };
  const Scenario scenario{.name = "read-write-unique-4",
                          .initial = {{row("invoice/2016", 1), 1}, {row("invoice/2016", 2), 2}, {"invoice/2017/1", 1}},
                          .once_there = {row("invoice/2016", 3), row("invoice/2016", 4)},
                          .sessions = {{.name = "s1", .steps = {next_number("r1"), insert("w1"), commit("c1")}},
                                       {.name = "s2", .steps = {next_number("r2"), insert("w2"), commit("c2")}}},
                          .most_conflicts = 1,
                          .overlap_must_conflict = true,
                          .invariant = [](const Contents& all) { return all.count(row("invoice/2016", 3)) == 1; }};
  CHECK(run_fixed(scenario, "r1 r2 w1 w2 c1 c2") == Outcomes{committed, conflicted});
  CHECK(run_fixed(scenario, "r1 w1 w2 c1 c2") == Outcomes{committed, conflicted});  // s2 inserts without a number first
  CHECK(run_fixed(scenario, "r2 w1 w2 c1 c2") == Outcomes{committed, conflicted});  // s1 does
  CHECK(check_every(scenario).without_conflict == k_serial_ones);
}

// s1 upserts key 1 of a and writes b; s2 counts b and changes key 1 of a.
TEST_CASE("insert_conflict_serializable", "[postgres]") {
  const Step do_nothing = step("nothing1", [](View& v) { v.insert_if_absent("a/1", 99); });
  const Step update_some = step("update1", [](View& v) {
    const auto old = v.get("a/1");
    if (!old || *old > 100) v.insert("a/1", 99);
  });
  for (const Step& upsert : {do_nothing, update_some}) {
    for (const Step& change : {update("update2", "a/1", 1), remove("delete2", "a/1")}) {
      const Scenario scenario{.name = "insert-conflict-serializable, " + upsert.name + ", " + change.name,
                              .initial = {{"a/1", 0}},
                              .once_there = {"b/1"},
                              .sessions = {{.name = "s1", .steps = {upsert, write("insert1", "b/1", 10), commit("c1")}},
                                           {.name = "s2", .steps = {scan("count2", "b/"), change, commit("c2")}}},
                              .most_conflicts = 1,
                              .overlap_must_conflict = true};
      CHECK(run_fixed(scenario, upsert.name + " count2 " + change.name + " insert1 c1 c2") ==
            Outcomes{committed, conflicted});
      CHECK(run_fixed(scenario, upsert.name + " count2 " + change.name + " insert1 c2 c1") ==
            Outcomes{conflicted, committed});
      CHECK(check_every(scenario).without_conflict == k_serial_ones);
    }
  }
}

// The case PostgreSQL let through for years: each session upserts a key that is absent and reads, as absent, the key
// the other upserts.
TEST_CASE("upsert_of_an_absent_key_beside_its_reader", "[postgres][trap-16]") {
  using Upsert = std::function<void(View&, const Key&)>;
  const std::vector<std::pair<std::string, Upsert>> upserts{
      {"blind", [](View& v, const Key& key) { v.insert(key, 1); }},
      {"get, then insert", [](View& v, const Key& key) { v.insert(key, v.get(key).value_or(0) + 1); }},
      {"insert, then again", [](View& v, const Key& key) { v.insert(key, 0), v.insert(key, 1); }},
      {"insert_if_absent", [](View& v, const Key& key) { v.insert_if_absent(key, 1); }},
      {"remove, then insert", [](View& v, const Key& key) { v.remove(key), v.insert(key, 1); }},
  };
  for (const auto& [name, upsert] : upserts) {
    const auto act = [upsert = upsert](const Key& key) { return [upsert, key](View& v) { upsert(v, key); }; };
    const Scenario scenario{
        .name = "upsert of an absent key: " + name,
        .once_there = {"a", "b"},
        .sessions = {{.name = "s1", .steps = {begin("b1"), read("r1", "b"), step("w1", act("a")), commit("c1")}},
                     {.name = "s2", .steps = {begin("b2"), read("r2", "a"), step("w2", act("b")), commit("c2")}}},
        .most_conflicts = 1,
        .invariant = [](const Contents& all) { return !all.empty(); }};
    CHECK(run_fixed(scenario, "b1 b2 r1 r2 w1 w2 c1 c2") == Outcomes{committed, conflicted});
    CHECK(run_fixed(scenario, "b1 b2 r1 r2 w1 w2 c2 c1") == Outcomes{conflicted, committed});
    check_every(scenario);
  }
}

TEST_CASE("autocommit_upserts_of_an_absent_key_beside_its_reader", "[postgres][trap-16]") {
  const auto increment = [](std::string name, Key key) {
    return step(std::move(name),
                [key](View& v) { v.update(key, [](std::optional<Value> old) { return old.value_or(0) + 1; }); });
  };
  const Scenario scenario{
      .name = "autocommit upserts of an absent key",
      .once_there = {"a", "b"},
      .sessions = {{.name = "s1", .steps = {read("r1", "a"), read("q1", "b"), write("w1", "c", 1), commit("c1")}},
                   {.name = "s2",
                    .steps = {step("i2", [](View& v) { v.insert_if_absent("a", 5); })},
                    .autocommit = true},
                   {.name = "s3", .steps = {increment("u3", "a")}, .autocommit = true},
                   {.name = "s4", .steps = {remove("d4", "a")}, .autocommit = true}},
      .most_conflicts = 1};
  check_every(scenario);

  const Scenario readers{
      .name = "autocommit reads beside an upsert",
      .once_there = {"a", "b"},
      .sessions = {{.name = "s1",
                    .steps = {read("r1", "b"), insert_new("w1", "a", 1), write("v1", "b", 1), commit("c1")}},
                   {.name = "s2", .steps = {read("r2", "a")}, .autocommit = true},
                   {.name = "s3", .steps = {scan("r3", "")}, .autocommit = true},
                   {.name = "s4", .steps = {increment("u4", "b")}, .autocommit = true}},
      .most_conflicts = 1};
  check_every(readers);
}

// Keys that come and go: a version that was overwritten by an equal one has been overwritten all the same.
TEST_CASE("an_absent_key_that_came_and_went_was_overwritten", "[postgres][trap-06][trap-14]") {
  const Scenario scenario{
      .name = "came and went",
      .once_there = {"a"},
      .sessions = {{.name = "s1", .steps = {read("r1", "a"), read("q1", "b"), write("w1", "b", 1), commit("c1")}},
                   {.name = "s2", .steps = {write("w2", "a", 1), commit("c2")}},
                   {.name = "s3", .steps = {remove("d3", "a"), commit("c3")}},
                   {.name = "s4", .steps = {read("r4", "b"), write("w4", "a", 9), rollback("a4")}}},
      .most_conflicts = 2};
  check_every(scenario);
}

}  // namespace

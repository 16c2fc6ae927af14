// The specs of PostgreSQL's isolation suite about several versions of one row and writers that end badly, in every
// interleaving.
#include <string>
#include <utility>

#include "support/catch.hpp"
#include "support/interleaving.hpp"
#include "support/interleaving_steps.hpp"

namespace {

using namespace fluxmap_test::interleaving;

TEST_CASE("multiple_row_versions", "[postgres][trap-14]") {
  const Scenario scenario{
      .name = "multiple-row-versions",
      .initial = {{"t/x", 1}, {"t/y", 1}, {"t/z", 1}},
      .sessions = {{.name = "s1", .steps = {read("rx1", "t/x"), write("wz1", "t/z", 11), commit("c1")}},
                   {.name = "s2", .steps = {write("wx2", "t/x", 12), commit("c2")}},
                   {.name = "s3", .steps = {write("wx3", "t/x", 13), read("ry3", "t/y"), commit("c3")}},
                   {.name = "s4", .steps = {write("wy4", "t/y", 14), read("rz4", "t/z"), commit("c4")}}},
      .most_conflicts = 2,
      .never_conflict = {"s2"}};
  // PostgreSQL's order: s1 read x before s2 overwrote it, s3 read y before s4 overwrote it; both lose.
  CHECK(run_fixed(scenario, "rx1 wx2 c2 wx3 ry3 wy4 rz4 c4 c3 wz1 c1") ==
        Outcomes{conflicted, committed, conflicted, committed});
  CHECK(run_fixed(scenario, "rx1 wx2 c2 wx3 ry3 c3 wy4 rz4 c4 wz1 c1") ==
        Outcomes{conflicted, committed, committed, committed});
  CHECK(run_fixed(scenario, "rx1 wx2 wx3 ry3 wy4 rz4 wz1 c1 c3 c2 c4") ==
        Outcomes{committed, committed, committed, conflicted});
  check_every(scenario);
}

TEST_CASE("predicate_lock_hot_tuple", "[postgres][trap-14]") {
  // Row 7 has been overwritten before the two begin; the variants with a history do that.
  const Scenario scenario{.name = "predicate-lock-hot-tuple",
                          .initial = {{"test/05", 1}, {"test/07", 2}, {"test/11", 3}},
                          .sessions = {{.name = "s1",
                                        .steps = {begin("b1"), read_two("r1", "test/05", "test/07"),
                                                  write("w1", "test/07", 71), commit("c1")}},
                                       {.name = "s2",
                                        .steps = {begin("b2"), read_two("r2", "test/05", "test/07"),
                                                  write("w2", "test/05", 52), commit("c2")}}},
                          .most_conflicts = 1};
  CHECK(run_fixed(scenario, "b1 b2 r1 r2 w1 w2 c1 c2") == Outcomes{committed, conflicted});
  CHECK(run_fixed(scenario, "b1 b2 r1 w1 c1 r2 w2 c2") == Outcomes{committed, committed});
  check_every(scenario);
}

TEST_CASE("a_row_overwritten_between_two_readers_commits", "[postgres][trap-14]") {
  // As above, with the overwriting inside the interleaving: what s2 read must still be found overwritten when there
  // are newer versions on top.
  const Scenario scenario{
      .name = "hot tuple, overwritten twice meanwhile",
      .initial = {{"test/05", 1}, {"test/07", 2}},
      .sessions = {{.name = "s1",
                    .steps = {read_two("r1", "test/05", "test/07"), write("w1", "test/05", 51), commit("c1")}},
                   {.name = "s2", .steps = {read("r2", "test/05"), write("w2", "test/07", 72), commit("c2")}},
                   {.name = "s3", .steps = {write("w3", "test/07", 73), write("v3", "test/07", 74), commit("c3")}}},
      .most_conflicts = 1,
      .never_conflict = {"s3"}};
  CHECK(run_fixed(scenario, "r1 r2 w2 c2 w3 v3 c3 w1 c1") == Outcomes{conflicted, committed, committed});
  CHECK(run_fixed(scenario, "r2 r1 w1 c1 w3 v3 c3 w2 c2") == Outcomes{committed, conflicted, committed});
  check_every(scenario);
}

// foo and bar skew over two tables, while a third transaction adds versions that are never committed.
TEST_CASE("update_conflict_out", "[postgres][trap-06]") {
  const auto scenario_with = [](Step trouble) {
    return Scenario{
        .name = "update-conflict-out, " + trouble.name,
        .once_there = {"txn0/42", "txn1/7"},
        .sessions = {{.name = "foo",
                      .steps = {read("foo_select", "txn0/42"), write("foo_insert", "txn1/7", 1), commit("foo_commit")}},
                     {.name = "bar",
                      .steps = {write("bar_insert", "txn0/42", 2), read("bar_select", "txn1/7"), commit("bar_commit")}},
                     {.name = "trouble", .steps = {std::move(trouble), rollback("trouble_abort")}}},
        .most_conflicts = 1};
  };
  const std::string head = "foo_select bar_insert foo_insert foo_commit ";
  const std::string tail = " bar_select bar_commit trouble_abort";
  for (const Step& trouble : {update("trouble_update", "txn1/7", 3), write("trouble_write", "txn1/7", 3),
                              remove("trouble_delete", "txn1/7")}) {
    const Scenario scenario = scenario_with(trouble);
    // PostgreSQL fails bar, whose snapshot is from before foo's commit. Here bar's first read comes after it and sees
    // it: foo, then bar.
    CHECK(run_fixed(scenario, head + trouble.name + tail) == Outcomes{committed, committed, rolled_back});
    CHECK(run_fixed(scenario, "foo_select bar_insert foo_insert " + trouble.name +
                                  " bar_select foo_commit bar_commit trouble_abort") ==
          Outcomes{committed, conflicted, rolled_back});
    check_every(scenario);
  }
}

TEST_CASE("a_transaction_that_gives_up_leaves_no_trace", "[postgres][trap-06]") {
  const Step write_and_give_up = step("w2", [](View& v) {
    v.remove("t/1");
    v.insert("t/2", 2);
    v.insert("t/3", 2);
    v.give_up();
  });
  const Scenario scenario{
      .name = "giving up",
      .initial = {{"t/1", 1}},
      .once_there = {"t/3"},
      .sessions = {{.name = "s1", .steps = {scan("r1", "t/"), read("q1", "t/2"), write("w1", "t/4", 1), commit("c1")}},
                   {.name = "s2", .steps = {begin("b2"), write_and_give_up, commit("c2")}},
                   {.name = "s3", .steps = {scan("r3", "t/"), scan("q3", "t/"), commit("c3")}, .read_only = true}},
      .most_conflicts = 0};
  CHECK(run_fixed(scenario, "r1 b2 r3 w2 q1 w1 q3 c1 c2 c3") == Outcomes{committed, rolled_back, committed});
  check_every(scenario);
}

TEST_CASE("reads_of_a_rolled_back_savepoint_count", "[postgres][trap-11]") {
  const Step mark = step("m1", [](View& v) {
    v.insert("x", 100);
    v.mark = v.savepoint();
  });
  const Step look_and_write = step("r1", [](View& v) {
    v.local[0] = v.get("y").value_or(0);
    v.prefix("t/");
    v.insert("z", 1);
    v.insert("x", 101);
  });
  const Step back = step("k1", [](View& v) {
    v.rollback_to(v.mark);
    v.insert("x", v.get("x").value_or(0) + v.local[0]);  // 100 and what it saw
  });
  const Scenario scenario{
      .name = "savepoint",
      .initial = {{"x", 1}, {"y", 1}},
      .once_there = {"t/1", "z"},
      .sessions = {{.name = "s1", .steps = {mark, look_and_write, back, commit("c1")}},
                   {.name = "s2", .steps = {read_two("r2", "x", "z"), write("w2", "y", 2), commit("c2")}},
                   {.name = "s3", .steps = {read("r3", "x"), write("w3", "t/1", 2), commit("c3")}}},
      .most_conflicts = 2,
      .invariant = [](const Contents& all) { return all.count("z") == 0; }};
  CHECK(run_fixed(scenario, "m1 r1 r2 w2 k1 c1 c2") == Outcomes{committed, conflicted});
  CHECK(run_fixed(scenario, "m1 r1 r2 w2 k1 c2 c1") == Outcomes{conflicted, committed});
  check_every(scenario);
}

}  // namespace

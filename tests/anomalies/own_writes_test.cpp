// Scans and look-ups that meet the transaction's own writes, with and without savepoints, in every interleaving: what
// the transaction wrote itself hides what others commit there, and nothing else.
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/interleaving.hpp"
#include "support/interleaving_steps.hpp"

namespace {

using namespace fluxmap_test::interleaving;

Step count_into(std::string name, Key prefix, Key into) {
  return step(std::move(name),
              [prefix, into](View& v) { v.insert(into, static_cast<Value>(v.prefix(prefix).size())); });
}

TEST_CASE("a_scan_merges_own_writes_and_tracks_the_rest", "[own-writes][trap-10]") {
  // s1 has written some keys of the range that it counts: over a value, into a gap, and as a removal.
  const Step own = step("w1", [](View& v) {
    v.insert("t/1", 100);
    v.insert("t/2", 200);
    v.remove("t/3");
  });
  for (const Key other : {"t/0", "t/1", "t/2", "t/3", "t/4", "t/5"}) {
    const bool own_key = other == "t/1" || other == "t/2";
    Scenario scenario{
        .name = "own writes in a scan, other writes " + other,
        .initial = {{"t/1", 1}, {"t/3", 3}, {"t/5", 5}},
        .once_there = {"t/0", "t/2", "t/4"},
        .sessions = {
            {.name = "s1", .steps = {own, count_into("r1", "t/", "count"), commit("c1")}},
            {.name = "s2", .steps = {write("w2", other, 7), commit("c2")}},
            {.name = "s3", .steps = {read("r3", "count"), scan("q3", "t/"), commit("c3")}, .read_only = true}}};
    scenario.most_conflicts = own_key ? 0U : 1U;
    CHECK(run_fixed(scenario, "w1 r1 w2 c2 c1") == Outcomes{own_key ? committed : conflicted, committed});
    check_every(scenario);
    scenario.name = "own writes in a scan, other removes " + other;
    scenario.sessions[1].steps[0] = remove("d2", other);
    scenario.most_conflicts = k_no_limit;
    check_every(scenario);
  }
}

TEST_CASE("a_scan_over_writes_that_are_taken_back_is_tracked", "[own-writes][trap-10][trap-11]") {
  const Step own = step("w1", [](View& v) {
    v.mark = v.savepoint();
    v.insert("t/2", 200);
    v.remove("t/3");
    v.local[0] = static_cast<Value>(v.prefix("t/").size());
  });
  const Step back = step("b1", [](View& v) {
    v.rollback_to(v.mark);
    v.insert("count", v.local[0]);
  });
  const Step again = step("a1", [](View& v) { v.insert("again", static_cast<Value>(v.prefix("t/").size())); });
  for (const Key other : {"t/1", "t/2", "t/3", "t/4"}) {
    const Scenario scenario{
        .name = "scan over writes taken back, other writes " + other,
        .initial = {{"t/1", 1}, {"t/3", 3}},
        .once_there = {"t/2", "t/4"},
        .sessions = {{.name = "s1", .steps = {own, back, again, commit("c1")}},
                     {.name = "s2", .steps = {read("r2", "count"), write("w2", other, 7), commit("c2")}}},
        .most_conflicts = 1};
    check_every(scenario);
  }
}

TEST_CASE("nested_savepoints_undo_their_own_writes_only", "[own-writes][trap-11]") {
  const Step nest = step("n1", [](View& v) {
    v.insert("x", v.get("x").value_or(0) + 1);
    const Savepoint outer = v.savepoint();
    v.insert("y", v.get("y").value_or(0) + 1);
    const Savepoint inner = v.savepoint();
    v.remove("x");
    v.insert("z", 1);
    v.rollback_to(inner);
    v.insert("x", v.get("x").value_or(-100) + 1);
    v.mark = outer;
  });
  const Step back = step("b1", [](View& v) {
    v.rollback_to(v.mark);
    v.insert("w", v.get("x").value_or(-100) + v.get("y").value_or(-100) + v.get("z").value_or(1000));
  });
  const Scenario scenario{.name = "nested savepoints",
                          .initial = {{"x", 1}, {"y", 10}},
                          .once_there = {"z", "w"},
                          .sessions = {{.name = "s1", .steps = {nest, back, commit("c1")}},
                                       {.name = "s2", .steps = {add("a2", "y", 1), commit("c2")}},
                                       {.name = "s3", .steps = {add("a3", "x", 1), commit("c3")}},
                                       {.name = "s4", .steps = {write("w4", "z", 2), commit("c4")}}},
                          .most_conflicts = 3};
  Contents final;
  CHECK(run_fixed(scenario, "n1 b1 c1", &final) == Outcomes{committed});
  CHECK(final == Contents{{"x", 2}, {"y", 10}, {"w", 2 + 10 + 1000}});
  check_every(scenario);
}

// Once something it read is overwritten a transaction can only end as a reader: it goes on with the state it began on,
// and the first write that would need more is refused.
TEST_CASE("an_overwritten_reader_goes_on_but_does_not_write", "[own-writes]") {
  for (const bool writes_in_the_end : {false, true}) {
    Scenario scenario{
        .name = writes_in_the_end ? "overwritten reader writes" : "overwritten reader reads on",
        .initial = {{"x", 1}, {"y", 1}, {"t/1", 1}},
        .once_there = {"t/2"},
        .sessions = {{.name = "s1", .steps = {read("r1", "x"), scan("q1", "t/"), read("p1", "y"), commit("c1")}},
                     {.name = "s2", .steps = {write("w2", "x", 2), write("v2", "t/2", 2), commit("c2")}},
                     {.name = "s3", .steps = {write("w3", "y", 3), remove("d3", "t/1"), commit("c3")}}},
        .most_conflicts = 1,
        .never_conflict = {"s2", "s3"}};
    if (writes_in_the_end) {
      auto& steps = scenario.sessions[0].steps;
      steps.insert(steps.end() - 1, write("w1", "t/3", 3));
    } else {
      scenario.most_conflicts = 0;
    }
    CHECK(run_fixed(scenario, std::string("r1 w2 v2 c2 q1 w3 d3 c3 p1 ") + (writes_in_the_end ? "w1 c1" : "c1")) ==
          Outcomes{writes_in_the_end ? conflicted : committed, committed, committed});
    check_every(scenario);
  }
}

}  // namespace

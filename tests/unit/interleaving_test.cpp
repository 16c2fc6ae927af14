// The interleaving harness must be able to fail: stores broken in one way each are caught, a right one is not.
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/interleaving_explore.hpp"
#include "support/toy_store.hpp"

namespace {

using namespace fluxmap_test::interleaving;

Step gets(std::string name, Key key) {
  return step(std::move(name), [key](View& v) { v.local[0] += v.get(key).value_or(0); });
}
Step puts(std::string name, Key key, Value value) {
  return step(std::move(name), [key, value](View& v) { v.insert(key, value); });
}
Step scans(std::string name, Key prefix) {
  return step(std::move(name), [prefix](View& v) { v.local[0] = static_cast<Value>(v.prefix(prefix).size()); });
}
Step drops(std::string name, Key key) {
  return step(std::move(name), [key](View& v) { v.remove(key); });
}

Scenario write_skew() {
  return {.name = "write skew",
          .initial = {{"x", 1}, {"y", 1}},
          .sessions = {{.name = "s1", .steps = {gets("r1", "x"), gets("r1y", "y"), puts("w1", "x", 0), commit("c1")}},
                       {.name = "s2", .steps = {gets("r2", "x"), gets("r2y", "y"), puts("w2", "y", 0), commit("c2")}}}};
}
Scenario write_skew_on_absent_keys() {
  return {.name = "write skew on absent keys",
          .sessions = {{.name = "s1", .steps = {gets("r1", "y"), puts("w1", "x", 1), commit("c1")}},
                       {.name = "s2", .steps = {gets("r2", "x"), puts("w2", "y", 1), commit("c2")}}}};
}
Scenario lost_update() {
  const Step add = step("a", [](View& v) { v.insert("x", v.local[0] + 1); });
  return {.name = "lost update",
          .initial = {{"x", 1}},
          .sessions = {{.name = "s1", .steps = {gets("r1", "x"), add, commit("c1")}},
                       {.name = "s2", .steps = {gets("r2", "x"), add, commit("c2")}}}};
}
Scenario read_skew() {
  return {.name = "read skew",
          .initial = {{"x", 1}, {"y", 1}},
          .sessions = {{.name = "s1", .steps = {gets("r1", "x"), gets("r1y", "y"), commit("c1")}, .read_only = true},
                       {.name = "s2", .steps = {puts("w2", "x", 2), puts("w2y", "y", 2), commit("c2")}}}};
}
Scenario phantom() {
  return {.name = "phantom",
          .sessions = {{.name = "s1", .steps = {scans("r1", "t/"), puts("w1", "t/1", 1), commit("c1")}},
                       {.name = "s2", .steps = {scans("r2", "t/"), puts("w2", "t/2", 1), commit("c2")}}}};
}
Scenario phantom_by_removal() {
  return {.name = "phantom by removal",
          .initial = {{"t/1", 1}, {"t/2", 1}},
          .sessions = {{.name = "s1", .steps = {scans("r1", "t/"), drops("w1", "t/1"), commit("c1")}},
                       {.name = "s2", .steps = {scans("r2", "t/"), drops("w2", "t/2"), commit("c2")}}}};
}
Scenario dirty_read() {
  return {.name = "dirty read",
          .initial = {{"x", 1}},
          .sessions = {{.name = "s1", .steps = {puts("w1", "x", 2), rollback("a1")}},
                       {.name = "s2", .steps = {gets("r2", "x"), commit("c2")}}}};
}
Scenario blind_writes_and_readers() {
  return {.name = "blind writes and readers",
          .initial = {{"x", 1}, {"y", 1}},
          .sessions = {{.name = "s1", .steps = {puts("w1", "x", 2), puts("w1y", "y", 2), commit("c1")}},
                       {.name = "s2", .steps = {puts("w2", "x", 3), puts("w2y", "y", 3), commit("c2")}},
                       {.name = "s3", .steps = {gets("r3", "x"), commit("c3")}}}};
}
Scenario reads_before_a_savepoint() {
  return {.name = "reads of a savepoint",
          .initial = {{"x", 1}, {"y", 1}},
          .sessions = {{.name = "s1",
                        .steps = {step("s", [](View& v) { v.mark = v.savepoint(); }), gets("r1", "y"),
                                  step("b", [](View& v) { v.rollback_to(v.mark); }), puts("w1", "x", 0), commit("c1")}},
                       {.name = "s2", .steps = {gets("r2", "x"), puts("w2", "y", 0), commit("c2")}}}};
}
// s1 meets what s2 wrote only after s2's commit.
Scenario skew_in_sequence() {
  return {.name = "skew in sequence",
          .initial = {{"x", 1}, {"y", 1}},
          .sessions = {{.name = "s1", .steps = {begin("b1"), gets("r1", "x"), puts("w1", "y", 0), commit("c1")}},
                       {.name = "s2", .steps = {begin("b2"), gets("r2", "y"), puts("w2", "x", 0), commit("c2")}}}};
}
Scenario disjoint() {
  return {.name = "disjoint",
          .initial = {{"x", 1}, {"y", 1}},
          .sessions = {{.name = "s1", .steps = {gets("r1", "x"), puts("w1", "x", 0), commit("c1")}},
                       {.name = "s2", .steps = {gets("r2", "y"), puts("w2", "y", 0), commit("c2")}}},
          .most_conflicts = 0};
}
Scenario autocommit() {
  const Step increment =
      step("i", [](View& v) { v.update("x", [](std::optional<Value> old) { return old.value_or(0) + 1; }); });
  return {.name = "autocommit",
          .initial = {{"x", 1}},
          .sessions = {
              {.name = "s1", .steps = {gets("r1", "x"), puts("w1", "y", 0), commit("c1")}},
              {.name = "s2", .steps = {increment}, .autocommit = true},
              {.name = "s3", .steps = {step("a", [](View& v) { v.insert_if_absent("y", 5); })}, .autocommit = true}}};
}

std::vector<Scenario> all_scenarios() {
  return {write_skew(),
          write_skew_on_absent_keys(),
          lost_update(),
          read_skew(),
          phantom(),
          phantom_by_removal(),
          dirty_read(),
          blind_writes_and_readers(),
          reads_before_a_savepoint(),
          skew_in_sequence(),
          disjoint(),
          autocommit()};
}

bool flags(Fault fault, const Scenario& scenario) {
  const Summary summary = explore(scenario, {toy(fault)});
  return summary.wrong > 0 && !summary.complaints.empty();
}

TEST_CASE("a_right_store_is_never_flagged", "[interleaving]") {
  for (const Scenario& scenario : all_scenarios()) {
    const Summary summary = explore(scenario, {toy(Fault::none)});
    INFO(scenario.name << ": " << (summary.complaints.empty() ? "" : summary.complaints.front()));
    CHECK(summary.wrong == 0);
    CHECK(summary.without_conflict > 0);
  }
}

TEST_CASE("every_broken_store_is_flagged", "[interleaving]") {
  CHECK(flags(Fault::no_validation, lost_update()));
  CHECK(flags(Fault::no_validation, write_skew()));
  CHECK(flags(Fault::first_committer_wins, write_skew()));
  CHECK(flags(Fault::first_committer_wins, write_skew_on_absent_keys()));
  CHECK(flags(Fault::ranges_not_validated, phantom()));
  CHECK(flags(Fault::removals_not_validated, phantom_by_removal()));
  CHECK(flags(Fault::absent_not_validated, write_skew_on_absent_keys()));
  CHECK(flags(Fault::own_commit_not_validated, skew_in_sequence()));
  CHECK(flags(Fault::reads_the_latest, read_skew()));
  CHECK(flags(Fault::reads_uncommitted, dirty_read()));
  CHECK(flags(Fault::stale_snapshots, read_skew()));
  CHECK(flags(Fault::savepoint_forgets_reads, reads_before_a_savepoint()));
  CHECK(flags(Fault::conflicts_on_any_commit, disjoint()));
  CHECK(flags(Fault::conflicts_when_read_only, read_skew()));
  CHECK(flags(Fault::conflicts_when_nothing_written, blind_writes_and_readers()));
  CHECK(flags(Fault::snapshot_stays, skew_in_sequence()));
  CHECK(flags(Fault::loses_a_write, blind_writes_and_readers()));
}

TEST_CASE("snapshot_isolation_is_not_blamed_for_what_it_prevents", "[interleaving]") {
  CHECK_FALSE(flags(Fault::first_committer_wins, lost_update()));
  CHECK_FALSE(flags(Fault::first_committer_wins, read_skew()));
  CHECK_FALSE(flags(Fault::first_committer_wins, dirty_read()));
}

TEST_CASE("demands_of_a_scenario_are_checked", "[interleaving]") {
  Scenario scenario = lost_update();
  scenario.most_conflicts = 0;
  CHECK(flags(Fault::none, scenario));
  scenario = lost_update();
  scenario.never_conflict = {"s2"};
  CHECK(flags(Fault::none, scenario));
  scenario = disjoint();
  scenario.overlap_must_conflict = true;
  CHECK(flags(Fault::none, scenario));
  scenario = lost_update();
  scenario.overlap_must_conflict = true;
  CHECK_FALSE(flags(Fault::none, scenario));
  scenario.invariant = [](const Contents& contents) { return contents.at("x") < 3; };
  CHECK(flags(Fault::none, scenario));
}

TEST_CASE("all_interleavings_are_tried_once", "[interleaving]") {
  // The default limit is smaller under a sanitizer.
  CHECK(explore(lost_update(), {toy(Fault::none)}, 1000).interleavings == 20);                // 6! / (3! 3!)
  CHECK(explore(write_skew(), {toy(Fault::none)}, 1000).interleavings == 70);                 // 8! / (4! 4!)
  CHECK(explore(blind_writes_and_readers(), {toy(Fault::none)}, 1000).interleavings == 560);  // 8! / (3! 3! 2!)
}

TEST_CASE("too_many_interleavings_are_coarsened_and_sampled", "[interleaving]") {
  const Summary summary = explore(blind_writes_and_readers(), {toy(Fault::none)}, 100);
  CHECK(summary.interleavings == 90);  // 6! / (2! 2! 2!)
  CHECK(summary.sampled == 25);
  CHECK(summary.wrong == 0);
}

TEST_CASE("a_scenario_out_of_shape_is_refused", "[interleaving]") {
  Scenario scenario = lost_update();
  scenario.sessions[0].steps.pop_back();
  CHECK_THROWS_AS(explore(scenario, {toy(Fault::none)}), std::logic_error);
  CHECK_THROWS_AS(fixed_order(lost_update(), "r1 nonsense"), std::logic_error);
}

}  // namespace

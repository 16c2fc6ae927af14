// Every case of Hermitage (Martin Kleppmann's catalogue of isolation anomalies), as the fixed order of steps it is
// known by and in every other interleaving. The table of two rows is the prefix "test/"; predicates on values are
// scans.
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/interleaving.hpp"
#include "support/interleaving_steps.hpp"

namespace {

using namespace fluxmap_test::interleaving;

const Contents k_two_rows{{"test/1", 10}, {"test/2", 20}};

Step read_both(std::string name) { return read_two(std::move(name), "test/1", "test/2"); }
// Predicates on values read the whole table: what a scan returned is what the oracle compares.
Step where(std::string name) { return scan(std::move(name), "test/"); }
Step read_all(std::string name) { return scan(std::move(name), "test/"); }

TEST_CASE("G0_write_cycles_are_impossible", "[hermitage]") {
  Scenario scenario{
      .name = "G0",
      .initial = k_two_rows,
      .sessions = {{.name = "s1", .steps = {write("w11", "test/1", 11), write("w21", "test/2", 21), commit("c1")}},
                   {.name = "s2", .steps = {write("w12", "test/1", 12), write("w22", "test/2", 22), commit("c2")}},
                   {.name = "s3", .steps = {read_all("r3"), commit("c3")}, .read_only = true}},
      .most_conflicts = 0};  // blind writes never conflict: the later commit wins
  Contents final;
  CHECK(run_fixed(scenario, "w11 w12 w21 c1 w22 c2", &final) == Outcomes{committed, committed});
  CHECK(final == Contents{{"test/1", 12}, {"test/2", 22}});
  check_every(scenario);

  Scenario reading{
      .name = "G0 with updates that read",
      .initial = k_two_rows,
      .sessions = {{.name = "s1", .steps = {update("w11", "test/1", 11), update("w21", "test/2", 21), commit("c1")}},
                   {.name = "s2", .steps = {update("w12", "test/1", 12), update("w22", "test/2", 22), commit("c2")}}},
      .most_conflicts = 1};
  CHECK(run_fixed(reading, "w11 w12 w21 c1 w22 c2", &final) == Outcomes{committed, conflicted});
  CHECK(final == Contents{{"test/1", 11}, {"test/2", 21}});
  check_every(reading);
}

TEST_CASE("G1a_aborted_writes_are_never_read", "[hermitage]") {
  const Scenario scenario{.name = "G1a",
                          .initial = k_two_rows,
                          .sessions = {{.name = "s1", .steps = {write("w1", "test/1", 101), rollback("a1")}},
                                       {.name = "s2", .steps = {read_all("r2"), read_all("q2"), commit("c2")}}},
                          .most_conflicts = 0};
  Contents final;
  CHECK(run_fixed(scenario, "w1 r2 a1 q2 c2", &final) == Outcomes{rolled_back, committed});
  CHECK(final == k_two_rows);
  check_every(scenario);
}

TEST_CASE("G1b_intermediate_writes_are_never_read", "[hermitage]") {
  const Scenario scenario{
      .name = "G1b",
      .initial = k_two_rows,
      .sessions = {{.name = "s1", .steps = {write("w1", "test/1", 101), write("v1", "test/1", 11), commit("c1")}},
                   {.name = "s2", .steps = {read_all("r2"), read_all("q2"), commit("c2")}, .read_only = true}},
      .most_conflicts = 0};
  CHECK(run_fixed(scenario, "w1 r2 v1 c1 q2 c2") == Outcomes{committed, committed});
  check_every(scenario);
}

TEST_CASE("G1c_information_never_flows_in_a_circle", "[hermitage]") {
  const Scenario scenario{
      .name = "G1c",
      .initial = k_two_rows,
      .sessions = {{.name = "s1", .steps = {write("w1", "test/1", 11), read("r1", "test/2"), commit("c1")}},
                   {.name = "s2", .steps = {write("w2", "test/2", 22), read("r2", "test/1"), commit("c2")}}},
      .most_conflicts = 1};
  CHECK(run_fixed(scenario, "w1 w2 r1 r2 c1 c2") == Outcomes{committed, conflicted});
  check_every(scenario);
}

TEST_CASE("OTV_an_observed_transaction_never_vanishes", "[hermitage]") {
  for (const bool read_only : {true, false}) {
    const Scenario scenario{
        .name = read_only ? "OTV, read-only observer" : "OTV, observer that could write",
        .initial = k_two_rows,
        .sessions = {{.name = "s1", .steps = {write("w11", "test/1", 11), write("w21", "test/2", 19), commit("c1")}},
                     {.name = "s2", .steps = {write("w12", "test/1", 12), write("w22", "test/2", 18), commit("c2")}},
                     {.name = "s3",
                      .steps = {read("r31", "test/1"), read("r32", "test/2"), read("q32", "test/2"),
                                read("q31", "test/1"), commit("c3")},
                      .read_only = read_only}},
        .never_conflict = {"s1", "s2"}};
    CHECK(run_fixed(scenario, "w11 w21 w12 c1 r31 w22 r32 c2 q32 q31 c3").size() == 3);
    check_every(scenario);
  }
}

TEST_CASE("PMP_a_predicate_sees_one_state", "[hermitage]") {
  for (const bool read_only : {true, false}) {
    const Scenario scenario{
        .name = read_only ? "PMP, read-only" : "PMP",
        .initial = k_two_rows,
        .sessions = {{.name = "s1", .steps = {where("r1"), where("q1"), commit("c1")}, .read_only = read_only},
                     {.name = "s2", .steps = {write("w2", "test/3", 30), commit("c2")}}},
        .never_conflict = {"s2"}};
    const Outcomes outcomes = run_fixed(scenario, "r1 w2 c2 q1 c1");
    CHECK(outcomes[1] == committed);
    if (read_only) CHECK(outcomes[0] == committed);  // one that could write may be told at its second read
    check_every(scenario);
  }
}

TEST_CASE("PMP_write_a_write_predicate_sees_one_state", "[hermitage]") {
  const Scenario scenario{
      .name = "PMP-write",
      .initial = k_two_rows,
      .sessions = {{.name = "s1",
                    .steps = {step("u1",
                                   [](View& v) {
                                     for (const auto& [key, value] : v.prefix("test/")) v.insert(key, value + 10);
                                   }),
                              commit("c1")}},
                   {.name = "s2",
                    .steps = {read_all("r2"), remove_where("d2", "test/", 20), read_all("q2"), commit("c2")}}},
      .most_conflicts = 1};
  CHECK(run_fixed(scenario, "u1 r2 d2 c1 q2 c2") == Outcomes{committed, conflicted});
  Contents final;
  CHECK(run_fixed(scenario, "u1 d2 c1 c2", &final) == Outcomes{committed, conflicted});
  CHECK(final == Contents{{"test/1", 20}, {"test/2", 30}});
  check_every(scenario);
}

TEST_CASE("P4_no_update_is_lost", "[hermitage]") {
  const auto increment = [](std::string name) {
    return step(std::move(name), [](View& v) { v.insert("test/1", v.local[0] + 1); });
  };
  const auto look = [](std::string name) {
    return step(std::move(name), [](View& v) { v.local[0] = v.get("test/1").value_or(0); });
  };
  const Scenario two{.name = "P4",
                     .initial = k_two_rows,
                     .sessions = {{.name = "s1", .steps = {look("r1"), increment("w1"), commit("c1")}},
                                  {.name = "s2", .steps = {look("r2"), increment("w2"), commit("c2")}}},
                     .most_conflicts = 1,
                     .overlap_must_conflict = true};
  Contents final;
  CHECK(run_fixed(two, "r1 r2 w1 w2 c1 c2", &final) == Outcomes{committed, conflicted});
  CHECK(final.at("test/1") == 11);
  CHECK(check_every(two).without_conflict == 2 * database_variants().size());

  Scenario three = two;
  three.name = "P4 with three";
  three.sessions.push_back({.name = "s3", .steps = {look("r3"), increment("w3"), commit("c3")}});
  three.most_conflicts = 2;
  check_every(three);
}

TEST_CASE("G_single_read_skew_is_impossible", "[hermitage]") {
  for (const bool read_only : {true, false}) {
    const Scenario scenario{
        .name = read_only ? "G-single, read-only" : "G-single",
        .initial = k_two_rows,
        .sessions = {{.name = "s1",
                      .steps = {read("r11", "test/1"), read("r12", "test/2"), commit("c1")},
                      .read_only = read_only},
                     {.name = "s2",
                      .steps = {read("r21", "test/1"), read("r22", "test/2"), write("w21", "test/1", 12),
                                write("w22", "test/2", 18), commit("c2")}}},
        .never_conflict = {"s2"}};
    const Outcomes outcomes = run_fixed(scenario, "r11 r21 r22 w21 w22 c2 r12 c1");
    CHECK(outcomes[1] == committed);
    if (read_only) CHECK(outcomes[0] == committed);  // one that could write may be told at its second read
    check_every(scenario);
  }
}

TEST_CASE("G_single_dependencies_on_predicates_are_kept", "[hermitage]") {
  for (const bool read_only : {true, false}) {
    const Scenario scenario{
        .name = read_only ? "G-single-dependencies, read-only" : "G-single-dependencies",
        .initial = k_two_rows,
        .sessions = {{.name = "s1", .steps = {where("r1"), where("q1"), commit("c1")}, .read_only = read_only},
                     {.name = "s2", .steps = {update_where("u2", "test/", 10, 12), commit("c2")}}},
        .never_conflict = {"s2"}};
    const Outcomes outcomes = run_fixed(scenario, "r1 u2 c2 q1 c1");
    CHECK(outcomes[1] == committed);
    if (read_only) CHECK(outcomes[0] == committed);  // one that could write may be told at its second read
    check_every(scenario);
  }
}

TEST_CASE("G_single_write_1_a_stale_write_predicate_does_not_commit", "[hermitage]") {
  const Scenario scenario{
      .name = "G-single-write-1",
      .initial = k_two_rows,
      .sessions = {{.name = "s1",
                    .steps = {read("r1", "test/1"), remove_where("d1", "test/", 20), read("q1", "test/2"),
                              commit("c1")}},
                   {.name = "s2",
                    .steps = {read_all("r2"), write("w21", "test/1", 12), write("w22", "test/2", 18), commit("c2")}}},
      .most_conflicts = 1};
  Contents final;
  CHECK(run_fixed(scenario, "r1 r2 w21 w22 c2 d1 q1 c1", &final) == Outcomes{conflicted, committed});
  CHECK(final == Contents{{"test/1", 12}, {"test/2", 18}});
  check_every(scenario);
}

TEST_CASE("G_single_write_2_a_rolled_back_write_predicate_hinders_nobody", "[hermitage]") {
  const Scenario scenario{
      .name = "G-single-write-2",
      .initial = k_two_rows,
      .sessions = {{.name = "s1", .steps = {read("r1", "test/1"), remove_where("d1", "test/", 20), rollback("a1")}},
                   {.name = "s2",
                    .steps = {read_all("r2"), write("w21", "test/1", 12), write("w22", "test/2", 18), commit("c2")}}},
      .never_conflict = {"s2"}};
  Contents final;
  CHECK(run_fixed(scenario, "r1 r2 w21 d1 w22 a1 c2", &final) == Outcomes{rolled_back, committed});
  CHECK(final == Contents{{"test/1", 12}, {"test/2", 18}});
  check_every(scenario);
}

TEST_CASE("G2_item_write_skew_is_impossible", "[hermitage]") {
  const Scenario scenario{
      .name = "G2-item",
      .initial = k_two_rows,
      .sessions = {{.name = "s1", .steps = {read_both("r1"), write("w1", "test/1", 11), commit("c1")}},
                   {.name = "s2", .steps = {read_both("r2"), write("w2", "test/2", 21), commit("c2")}}},
      .most_conflicts = 1,
      .overlap_must_conflict = true};
  Contents final;
  CHECK(run_fixed(scenario, "r1 r2 w1 w2 c1 c2", &final) == Outcomes{committed, conflicted});
  CHECK(final == Contents{{"test/1", 11}, {"test/2", 20}});
  CHECK(run_fixed(scenario, "r1 r2 w1 w2 c2 c1", &final) == Outcomes{conflicted, committed});
  CHECK(check_every(scenario).without_conflict == 2 * database_variants().size());
}

TEST_CASE("G2_write_skew_on_predicates_is_impossible", "[hermitage][trap-10]") {
  const Scenario scenario{.name = "G2",
                          .initial = k_two_rows,
                          .once_there = {"test/3", "test/4"},
                          .sessions = {{.name = "s1", .steps = {where("r1"), write("w1", "test/3", 30), commit("c1")}},
                                       {.name = "s2", .steps = {where("r2"), write("w2", "test/4", 42), commit("c2")}}},
                          .most_conflicts = 1,
                          .overlap_must_conflict = true};
  Contents final;
  CHECK(run_fixed(scenario, "r1 r2 w1 w2 c1 c2", &final) == Outcomes{committed, conflicted});
  CHECK(final.count("test/3") == 1);
  CHECK(final.count("test/4") == 0);
  CHECK(check_every(scenario).without_conflict == 2 * database_variants().size());
}

TEST_CASE("G2_two_edges_the_reader_between_two_anti_dependencies_is_served", "[hermitage]") {
  for (const bool read_only : {true, false}) {
    const Scenario scenario{
        .name = read_only ? "G2-two-edges, read-only" : "G2-two-edges",
        .initial = k_two_rows,
        .sessions = {{.name = "s1", .steps = {read_all("r1"), write("w1", "test/1", 0), commit("c1")}},
                     {.name = "s2", .steps = {add("u2", "test/2", 5), commit("c2")}},
                     {.name = "s3", .steps = {read_all("r3"), commit("c3")}, .read_only = read_only}},
        .most_conflicts = 1,
        .never_conflict = {"s2", "s3"}};
    CHECK(run_fixed(scenario, "r1 u2 c2 r3 c3 w1 c1") == Outcomes{conflicted, committed, committed});
    check_every(scenario);
  }
}

}  // namespace

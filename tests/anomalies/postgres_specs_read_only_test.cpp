// The specs of PostgreSQL's isolation suite about read-only transactions, in every interleaving. Here a read-only
// transaction never conflicts, never waits and never makes another conflict, whatever it overlaps with.
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/interleaving.hpp"
#include "support/interleaving_steps.hpp"

namespace {

using namespace fluxmap_test::interleaving;

// Two accounts: s1 pays into Y, s2 takes from X and charges a fee if the sum falls below zero, s3 reports both.
Scenario bank(std::string name, Session report) {
  const Step withdraw = step("s2wx", [](View& v) { v.insert("account/x", v.local[0] + v.local[1] < 10 ? -11 : -10); });
  return {
      .name = std::move(name),
      .initial = {{"account/x", 0}, {"account/y", 0}},
      .sessions = {{.name = "s1", .steps = {read("s1ry", "account/y"), write("s1wy", "account/y", 20), commit("s1c")}},
                   {.name = "s2",
                    .steps = {step("s2rx", [](View& v) { v.local[0] = v.get("account/x").value_or(0); }),
                              step("s2ry", [](View& v) { v.local[1] = v.get("account/y").value_or(0); }), withdraw,
                              commit("s2c")}},
                   std::move(report)},
      .most_conflicts = 1,
      .never_conflict = {"s1", "s3"}};
}

Session report() { return {.name = "s3", .steps = {read_two("s3r", "account/x", "account/y"), commit("s3c")}}; }

// A report of Y paid in without the fee, beside final contents with the fee, is what must not be.
const char* const k_anomaly = "s2rx s2ry s1ry s1wy s1c s3r s2wx s2c s3c";

TEST_CASE("read_only_anomaly", "[postgres]") {
  const Scenario scenario = bank("read-only-anomaly", report());
  CHECK(run_fixed(scenario, k_anomaly) == Outcomes{committed, conflicted, committed});
  check_every(scenario);
}

TEST_CASE("read_only_anomaly_2", "[postgres]") {
  // The report opens its transaction before it reads, and commits before the withdrawal is written.
  Session session = report();
  session.steps.insert(session.steps.begin(), begin("s3b"));
  const Scenario scenario = bank("read-only-anomaly-2", session);
  CHECK(run_fixed(scenario, "s2rx s2ry s1ry s1wy s1c s3r s3c s2wx s2c") == Outcomes{committed, conflicted, committed});
  CHECK(run_fixed(scenario, "s3b s2rx s2ry s1ry s1wy s1c s2wx s2c s3r s3c").at(2) == committed);
  check_every(scenario);
}

TEST_CASE("read_only_anomaly_3", "[postgres]") {
  // Declared read-only, the report is neither deferred nor at anyone's cost, even when its reads lie far apart.
  const Session session{.name = "s3",
                        .steps = {begin("s3b"), read("s3rx", "account/x"), read("s3ry", "account/y"), commit("s3c")},
                        .read_only = true};
  const Scenario scenario = bank("read-only-anomaly-3", session);
  CHECK(run_fixed(scenario, "s2rx s2ry s1ry s1wy s1c s3rx s2wx s2c s3ry s3c") ==
        Outcomes{committed, conflicted, committed});
  CHECK(run_fixed(scenario, "s2rx s2ry s3b s2wx s2c s3rx s1ry s1wy s1c s3ry s3c") ==
        Outcomes{committed, committed, committed});
  check_every(scenario);
}

TEST_CASE("serializable_parallel", "[postgres]") {
  // The report's steps run on other threads than the one that began it.
  Session session = report();
  session.hop_threads = true;
  session.read_only = true;
  const Scenario scenario = bank("serializable-parallel", session);
  CHECK(run_fixed(scenario, k_anomaly) == Outcomes{committed, conflicted, committed});
  check_every(scenario);
}

Contents ten_rows() {
  Contents rows;
  for (Value id = 1; id <= 10; ++id) rows[row("foo", id)] = id;
  return rows;
}

Session scan_once(std::string name) {
  return {.name = name, .steps = {scan(name + "r", "foo/"), commit(name + "c")}, .hop_threads = true};
}
Session scan_twice(std::string name) {
  return {.name = name,
          .steps = {scan(name + "r1", "foo/"), scan(name + "r2", "foo/"), commit(name + "c")},
          .read_only = true,
          .hop_threads = true};
}

TEST_CASE("serializable_parallel_2", "[postgres]") {
  Scenario scenario{.name = "serializable-parallel-2",
                    .initial = ten_rows(),
                    .sessions = {scan_once("s1"), scan_twice("s2")},
                    .most_conflicts = 0};
  CHECK(run_fixed(scenario, "s1r s2r1 s1c s2r2 s2c") == Outcomes{committed, committed});
  check_every(scenario);
  // Beside a writer nothing changes for the two.
  scenario.name += " beside a writer";
  scenario.sessions.push_back(
      {.name = "s3", .steps = {add("s3w", row("foo", 5), 1), remove("s3d", row("foo", 6)), commit("s3c")}});
  check_every(scenario);
}

TEST_CASE("serializable_parallel_3", "[postgres]") {
  Scenario scenario{.name = "serializable-parallel-3",
                    .initial = ten_rows(),
                    .sessions = {scan_once("s1"), scan_twice("s2"), scan_once("s3"), scan_twice("s4")},
                    .most_conflicts = 0};
  for (Session& session : scenario.sessions) session.hop_threads = false;  // twenty-five thousand interleavings
  CHECK(run_fixed(scenario, "s1r s3r s2r1 s4r1 s1c s2r2 s3c s4r2 s4c s2c") ==
        Outcomes{committed, committed, committed, committed});
  check_every(scenario);
}

// s1 books a receipt under the open date, s2 closes the day, s3 reports the closed day: a receipt must not appear in a
// day after its report.
TEST_CASE("receipt_report", "[postgres]") {
  const Step book = step("rxwy1", [](View& v) {
    const Value date = v.get("ctl/receipt").value_or(0);
    v.insert("receipt/" + std::to_string(date) + "/3", 400);
  });
  const Step report_day = step("ry3", [](View& v) { v.prefix("receipt/" + std::to_string(v.local[0] - 1) + '/'); });
  for (const bool read_only : {true, false}) {
    const Scenario scenario{
        .name = read_only ? "receipt-report" : "receipt-report, report could write",
        .initial = {{"ctl/receipt", 22}, {"receipt/22/1", 100}, {"receipt/22/2", 200}},
        .sessions = {{.name = "s1", .steps = {book, commit("c1")}},
                     {.name = "s2", .steps = {write("wx2", "ctl/receipt", 23), commit("c2")}},
                     {.name = "s3",
                      .steps = {step("rx3", [](View& v) { v.local[0] = v.get("ctl/receipt").value_or(0); }), report_day,
                                commit("c3")},
                      .read_only = read_only}},
        .most_conflicts = read_only ? 1U : 2U,
        .never_conflict = {"s2"}};
    CHECK(run_fixed(scenario, "rxwy1 wx2 c2 rx3 ry3 c1 c3") == Outcomes{conflicted, committed, committed});
    CHECK(run_fixed(scenario, "rxwy1 wx2 c1 rx3 c2 ry3 c3").at(0) == committed);
    check_every(scenario);
  }
}

TEST_CASE("two_ids", "[postgres]") {
  const Step copy = step("rxwy2", [](View& v) { v.insert("d2/id", v.get("d1/id").value_or(0) + 1); });
  for (const bool read_only : {true, false}) {
    const Scenario scenario{
        .name = read_only ? "two-ids, read-only" : "two-ids",
        .initial = {{"d1/id", 1}, {"d2/id", 1}},
        .sessions = {{.name = "s1", .steps = {add("wx1", "d1/id", 1), commit("c1")}},
                     {.name = "s2", .steps = {copy, commit("c2")}},
                     {.name = "s3", .steps = {read("ry3", "d2/id"), commit("c3")}, .read_only = read_only}},
        .most_conflicts = 1,
        .never_conflict = {"s1", "s3"}};
    CHECK(run_fixed(scenario, "wx1 rxwy2 c1 ry3 c2 c3") == Outcomes{committed, conflicted, committed});
    CHECK(run_fixed(scenario, "rxwy2 wx1 c1 ry3 c3 c2") == Outcomes{committed, conflicted, committed});
    CHECK(run_fixed(scenario, "wx1 rxwy2 ry3 c3 c2 c1") == Outcomes{committed, committed, committed});
    check_every(scenario);
  }
}

}  // namespace

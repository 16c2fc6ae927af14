// The specs of PostgreSQL's isolation suite about write skew, in every interleaving. Tables are key prefixes, a WHERE
// is a scan of its table. PostgreSQL names a victim for some interleavings; here the oracle decides what is right.
#include <algorithm>
#include <string>
#include <utility>

#include "support/catch.hpp"
#include "support/interleaving.hpp"
#include "support/interleaving_steps.hpp"

namespace {

using namespace fluxmap_test::interleaving;

// Interleavings of two sessions without overlap, on every variant: the only ones without a conflict where each session
// reads in its first step what the other writes.
const std::size_t k_serial_ones = 2 * database_variants().size();

constexpr Value k_apple = 1;
constexpr Value k_pear = 2;
constexpr Value k_banana = 3;

TEST_CASE("simple_write_skew", "[postgres]") {
  const Scenario scenario{
      .name = "simple-write-skew",
      .initial = {{"test/05", k_apple}, {"test/07", k_pear}, {"test/11", k_banana}},
      .sessions = {{.name = "s1", .steps = {update_where("rwx1", "test/", k_pear, k_apple), commit("c1")}},
                   {.name = "s2", .steps = {update_where("rwx2", "test/", k_apple, k_pear), commit("c2")}}},
      .most_conflicts = 1,
      .overlap_must_conflict = true,
      .invariant = [](const Contents& table) { return table.at("test/05") == table.at("test/07"); }};
  CHECK(run_fixed(scenario, "rwx1 rwx2 c1 c2") == Outcomes{committed, conflicted});
  CHECK(run_fixed(scenario, "rwx1 rwx2 c2 c1") == Outcomes{conflicted, committed});
  CHECK(check_every(scenario).without_conflict == k_serial_ones);
}

TEST_CASE("temporal_range_integrity", "[postgres]") {
  // statute/<citation>/<effective from> holds the date it expires; offenses are dated too.
  const Step look_up_statute = step("rx1", [](View& v) {
    for (const auto& [key, expires] : v.range("statute/123.45(1)a/", "statute/123.45(1)a/20090516")) {
      if (expires > 20090515) ++v.local[0];
    }
  });
  const Step delete_unused = step("wx2", [](View& v) {
    if (v.local[0] == 0) v.remove("statute/123.45(1)a/20080101");
  });
  const Scenario scenario{
      .name = "temporal-range-integrity",
      .initial = {{"statute/123.45(1)a/20080101", 99991231}},
      .once_there = {"offense/1"},
      .sessions = {{.name = "s1",
                    .steps = {look_up_statute,
                              step("wy1",
                                   [](View& v) {
                                     if (v.local[0] > 0) v.insert("offense/1", 20090515);
                                   }),
                              commit("c1")}},
                   {.name = "s2",
                    .steps = {step("ry2",
                                   [](View& v) {
                                     for (const auto& [key, date] : v.prefix("offense/")) {
                                       if (date >= 20080101) ++v.local[0];
                                     }
                                   }),
                              delete_unused, commit("c2")}}},
      .most_conflicts = 1,
      .invariant = [](const Contents& all) { return all.size() == 2 || all.count("offense/1") == 0; }};
  CHECK(run_fixed(scenario, "rx1 ry2 wy1 wx2 c1 c2") == Outcomes{committed, conflicted});
  CHECK(run_fixed(scenario, "rx1 ry2 wy1 wx2 c2 c1") == Outcomes{conflicted, committed});
  check_every(scenario);
}

TEST_CASE("project_manager", "[postgres]") {
  const Scenario scenario{
      .name = "project-manager",
      .initial = {{"person/1/is_manager", 1}},
      .once_there = {"project/101"},
      .sessions = {{.name = "s1",
                    .steps = {read("rx1", "person/1/is_manager"), write("wy1", "project/101", 1), commit("c1")}},
                   {.name = "s2",
                    .steps = {scan("ry2", "project/"), write("wx2", "person/1/is_manager", 0), commit("c2")}}},
      .most_conflicts = 1,
      .overlap_must_conflict = true};
  CHECK(run_fixed(scenario, "rx1 ry2 wy1 wx2 c1 c2") == Outcomes{committed, conflicted});
  CHECK(run_fixed(scenario, "ry2 wx2 rx1 c2 wy1 c1") == Outcomes{conflicted, committed});
  CHECK(check_every(scenario).without_conflict == k_serial_ones);
}

TEST_CASE("classroom_scheduling", "[postgres]") {
  // room/101/<start> holds the end. Overlap with [from, to): starts before `to`, ends after `from`.
  const auto count_overlaps = [](std::string name, Value from, Key to) {
    return step(std::move(name), [from, to](View& v) {
      const Rows reserved = v.range("room/101/", "room/101/" + to);
      v.local[0] =
          std::count_if(reserved.begin(), reserved.end(), [from](const Row& one) { return one.second > from; });
    });
  };
  const Step reserve = step("wy1", [](View& v) {
    if (v.local[0] == 0) v.insert("room/101/1300", 1400);
  });
  const Step move = step("wx2", [](View& v) {
    if (v.local[0] == 0 && v.remove("room/101/1000")) v.insert("room/101/1330", 1430);
  });
  const Scenario scenario{
      .name = "classroom-scheduling",
      .initial = {{"room/101/1000", 1100}},
      .once_there = {"room/101/1330"},
      .sessions = {{.name = "s1", .steps = {count_overlaps("rx1", 1300, "1400"), reserve, commit("c1")}},
                   {.name = "s2", .steps = {count_overlaps("ry2", 1330, "1430"), move, commit("c2")}}},
      .most_conflicts = 1,
      .invariant = [](const Contents& rooms) {
        return rooms.count("room/101/1300") + rooms.count("room/101/1330") <= 1;
      }};
  CHECK(run_fixed(scenario, "rx1 ry2 wy1 wx2 c1 c2") == Outcomes{committed, conflicted});
  CHECK(run_fixed(scenario, "ry2 wx2 rx1 wy1 c2 c1") == Outcomes{conflicted, committed});
  check_every(scenario);
}

TEST_CASE("total_cash", "[postgres]") {
  const auto sum = [](std::string name) {
    return step(std::move(name), [](View& v) {
      Value total = 0;
      for (const auto& [key, balance] : v.prefix("accounts/")) total += balance;
      if (total < 0) v.give_up();  // money must not be owed in total
    });
  };
  const Scenario scenario{
      .name = "total-cash",
      .initial = {{"accounts/checking", 200}, {"accounts/savings", 200}},
      .sessions = {{.name = "s1", .steps = {add("wx1", "accounts/checking", -300), sum("rxy1"), commit("c1")}},
                   {.name = "s2", .steps = {add("wy2", "accounts/savings", -300), sum("rxy2"), commit("c2")}}},
      .most_conflicts = 1,
      .invariant = [](const Contents& all) { return all.at("accounts/checking") + all.at("accounts/savings") >= 0; }};
  CHECK(run_fixed(scenario, "wx1 rxy1 wy2 rxy2 c1 c2") == Outcomes{committed, conflicted});
  CHECK(run_fixed(scenario, "wx1 wy2 rxy1 rxy2 c2 c1") == Outcomes{conflicted, committed});
  check_every(scenario);
}

TEST_CASE("referential_integrity", "[postgres]") {
  const Scenario scenario{
      .name = "referential-integrity",
      .initial = {{"a/1", 1}},
      .once_there = {"b/1/1"},
      .sessions = {{.name = "s1", .steps = {read("rx1", "a/1"), write("wy1", "b/1/1", 1), commit("c1")}},
                   {.name = "s2",
                    .steps = {read("rx2", "a/1"), scan("ry2", "b/1/"), remove("wx2", "a/1"), commit("c2")}}},
      .most_conflicts = 1};
  CHECK(run_fixed(scenario, "rx1 rx2 ry2 wy1 wx2 c1 c2") == Outcomes{committed, conflicted});
  CHECK(run_fixed(scenario, "rx1 rx2 ry2 wx2 c2 wy1 c1") == Outcomes{conflicted, committed});
  check_every(scenario);
}

TEST_CASE("ri_trigger", "[postgres]") {
  const Step insert_child = step("wxry1", [](View& v) {
    if (!v.contains("parent/0")) v.give_up();  // parent row missing
    v.insert("child/0/1", 1);
  });
  const Step delete_parent = step("wyrx2", [](View& v) {
    if (!v.prefix("child/0/").empty()) v.give_up();  // child row exists
    v.remove("parent/0");
  });
  const Scenario scenario{
      .name = "ri-trigger",
      .initial = {{"parent/0", 1}},
      .once_there = {"child/0/1"},
      .sessions = {{.name = "s1", .steps = {insert_child, commit("c1")}},
                   {.name = "s2", .steps = {begin("r2"), delete_parent, commit("c2")}}},
      .most_conflicts = 1,
      .invariant = [](const Contents& all) { return all.count("parent/0") >= all.count("child/0/1"); }};
  CHECK(run_fixed(scenario, "wxry1 r2 wyrx2 c1 c2") == Outcomes{committed, conflicted});
  CHECK(run_fixed(scenario, "wxry1 r2 wyrx2 c2 c1") == Outcomes{conflicted, committed});
  CHECK(run_fixed(scenario, "r2 wxry1 c1 wyrx2 c2") == Outcomes{committed, rolled_back});
  check_every(scenario);
}

TEST_CASE("partial_index", "[postgres]") {
  Contents table;
  for (Value id = 0; id <= 10; ++id) table[row("test", id)] = 1;
  for (Value id = 20; id <= 40; ++id) table[row("test", id)] = 2;
  // A row leaves the index by being overwritten with another value.
  const auto ones = [](std::string name) {
    return step(std::move(name), [](View& v) {
      const Rows rows = v.prefix("test/");
      v.local[0] = std::count_if(rows.begin(), rows.end(), [](const Row& one) { return one.second == 1; });
    });
  };
  const auto leave = [](std::string name, Value id) {
    return step(std::move(name), [id](View& v) {
      if (v.get(row("test", id)) == 1) v.insert(row("test", id), 2);
    });
  };
  const Scenario scenario{.name = "partial-index",
                          .initial = table,
                          .sessions = {{.name = "s1", .steps = {ones("rxy1"), leave("wx1", 10), commit("c1")}},
                                       {.name = "s2", .steps = {leave("wy2", 9), ones("rxy2"), commit("c2")}}},
                          .most_conflicts = 1};
  CHECK(run_fixed(scenario, "rxy1 wx1 wy2 rxy2 c1 c2") == Outcomes{committed, conflicted});
  CHECK(run_fixed(scenario, "rxy1 wy2 wx1 rxy2 c2 c1") == Outcomes{conflicted, committed});
  // wy2 read nothing that c1 overwrites, so rxy2 may see what c1 left: s1 before s2.
  CHECK(run_fixed(scenario, "wy2 rxy1 wx1 c1 rxy2 c2") == Outcomes{committed, committed});
  check_every(scenario);
}

TEST_CASE("index_only_scan", "[postgres][trap-10]") {
  Contents tables;
  for (Value id = 1; id <= 30; ++id) tables[row("tabx", id)] = tables[row("taby", id)] = id;
  // DELETE of the least id of the other table: a scan that stops at the first row.
  const auto delete_least = [](std::string name, const std::string& of, const std::string& from) {
    return step(std::move(name), [of, from](View& v) {
      const auto least = v.first_in(of + '/', prefix_end(of + '/'));
      if (least) v.remove(row(from, least->second));
    });
  };
  const Scenario scenario{.name = "index-only-scan",
                          .initial = tables,
                          .sessions = {{.name = "s1", .steps = {delete_least("rxwy1", "tabx", "taby"), commit("c1")}},
                                       {.name = "s2", .steps = {delete_least("rywx2", "taby", "tabx"), commit("c2")}}},
                          .most_conflicts = 1,
                          .overlap_must_conflict = true};
  CHECK(run_fixed(scenario, "rxwy1 rywx2 c1 c2") == Outcomes{committed, conflicted});
  CHECK(check_every(scenario).without_conflict == k_serial_ones);
}

TEST_CASE("matview_write_skew", "[postgres]") {
  // orders/<date>/<item>; the summary holds the sum of each date and item.
  const Step refresh = step("refresh1", [](View& v) {
    const Rows orders = v.prefix("orders/");
    for (const auto& [key, sum] : v.prefix("summary/")) v.remove(key);
    for (const auto& [key, number] : orders) v.insert("summary/" + key.substr(7), number);
  });
  const Step order_more = step("insert2", [](View& v) { v.insert("orders/0402/orange", 15 + v.local[0]); });
  const Step raise_all = step("update2", [](View& v) {
    for (const auto& [key, number] : v.prefix("orders/")) v.insert(key, number + 1);
  });
  for (const Step& change : {order_more, raise_all}) {
    const Scenario scenario{
        .name = "matview-write-skew, " + change.name,
        .initial = {{"orders/0401/apple", 10},
                    {"orders/0401/banana", 20},
                    {"orders/0402/apple", 20},
                    {"summary/0401/apple", 10},
                    {"summary/0401/banana", 20}},
        .once_there = {"summary/0402/apple", "orders/0402/orange"},
        .sessions = {{.name = "s1", .steps = {refresh, commit("c1")}},
                     {.name = "s2",
                      .steps = {step("read2",
                                     [](View& v) { v.local[0] = static_cast<Value>(v.prefix("summary/").size()); }),
                                change, commit("c2")}}},
        .most_conflicts = 1,
        .overlap_must_conflict = true};
    for (const std::string order : {"refresh1 read2 ", "read2 refresh1 "}) {
      CHECK(run_fixed(scenario, order + change.name + " c1 c2") == Outcomes{committed, conflicted});
    }
    CHECK(run_fixed(scenario, "read2 " + change.name + " refresh1 c1 c2").size() == 2);
    CHECK(run_fixed(scenario, "read2 " + change.name + " refresh1 c2 c1").size() == 2);
    CHECK(check_every(scenario).without_conflict == k_serial_ones);
  }
}

}  // namespace

// Cases that are data (tests/anomalies/cases) are understood or refused with file and line; a wrong expectation is
// found; and each case fails on the broken stores that it says it fails on.
#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "support/case_file.hpp"
#include "support/case_run.hpp"
#include "support/catch.hpp"
#include "support/toy_store.hpp"

namespace {

namespace fs = std::filesystem;
using namespace fluxmap_test;
using namespace fluxmap_test::interleaving;

constexpr std::size_t k_few_orders = 300;

const std::string k_lost_update = R"(case: lost update
initial: x = 1
transaction s1
  r1: v = get x
  w1: insert x = v + 1
  c1: commit
transaction s2
  r2: v = get x
  w2: insert x = v + 1
  c2: commit
)";

// What a run of the text says is wrong; on a store that is right, or broken.
std::string complaints(const std::string& text, Fault fault = Fault::none) {
  std::string all;
  const std::vector<Variant> variants{toy(fault)};
  for (const Case& tried : parse_cases(text, "test.case")) {
    for (const std::string& one : CaseRun(tried, variants).complaints(k_few_orders)) all += one + '\n';
  }
  return all;
}

// What the text is refused with.
std::string refusal(const std::string& text) {
  try {
    parse_cases(text, "test.case");
  } catch (const CaseError& error) {
    return error.what();
  }
  return "understood";
}

TEST_CASE("a_case_passes_on_a_right_store_and_fails_on_a_broken_one", "[anomaly-case]") {
  CHECK(complaints(k_lost_update).empty());
  CHECK_THAT(complaints(k_lost_update, Fault::no_validation),
             contains_text("test.case:1: lost update: no serial order"));
  CHECK(complaints(k_lost_update, Fault::first_committer_wins).empty());
}

TEST_CASE("a_wrong_expectation_of_an_order_is_found", "[anomaly-case]") {
  const std::string order = k_lost_update + "order: r1 r2 w1 w2 c1 c2\n";
  CHECK(complaints(order + "  s1: commits\n  s2: conflicts\n  r2: x = 1\n  final: x = 2\n").empty());
  CHECK_THAT(complaints(order + "  s2: commits\n"),
             contains_text("test.case:11: lost update: s2 was not to be conflicted"));
  CHECK_THAT(complaints(order + "  s1: conflicts | rolls back\n"), contains_text("s1 was not to be committed"));
  CHECK(complaints(order + "  s1: conflicts | commits\n").empty());
  CHECK_THAT(complaints(order + "  r2: x = 2\n"), contains_text("r2 read x = 1, not x = 2"));
  CHECK_THAT(complaints(order + "  r2: nothing\n"), contains_text("r2 read x = 1, not nothing"));
  CHECK_THAT(complaints(order + "  final: x = 3\n"), contains_text("the final contents are x = 2"));
  CHECK(complaints(order + "  final: x = 3 | x = 2\n").empty());
  CHECK_THAT(complaints(order + "  final: nothing\n"), contains_text("the final contents are x = 2"));
}

TEST_CASE("a_wrong_demand_on_every_order_is_found", "[anomaly-case]") {
  const std::string every = k_lost_update + "every order\n";
  CHECK(complaints(every + "  conflicts at most: 1\n  an overlap conflicts\n  final: value x >= 2 and count * == 1\n")
            .empty());
  CHECK_THAT(complaints(every + "  conflicts at most: 0\n"),
             contains_text("conflicts: 1, more than the scenario allows"));
  CHECK_THAT(complaints(every + "  never conflict: s2\n"), contains_text("s2 must never meet a conflict"));
  CHECK_THAT(complaints(every + "  final: value x == 3 or sum x .. y < 2\n"), contains_text("invariant"));
  const std::string blind =
      "case: blind\ntransaction s1\n  w1: insert x = 1\n  c1: commit\n"
      "transaction s2\n  w2: insert x = 2\n  c2: commit\nevery order\n  an overlap conflicts\n";
  CHECK_THAT(complaints(blind), contains_text("s1 and s2 overlap, yet both went through"));
}

TEST_CASE("every_statement_does_what_it_says", "[anomaly-case]") {
  const auto final_of = [](const std::string& steps, const std::string& wanted) {
    return complaints("case: statements\ninitial: for i in 1..3: t/{i:2} = i * 10\ntransaction s1\n  a: " + steps +
                      "\n  c: commit\norder: a c\n  final: " + wanted + '\n');
  };
  const std::string rest = ", t/01 = 10, t/02 = 20, t/03 = 30";
  CHECK(final_of("x = get t/02, insert r = x + 1 - -2 * 3", "r = 27" + rest).empty());
  CHECK(final_of("x = get t/09, insert r = x", "r = 0" + rest).empty());
  CHECK(final_of("x = contains t/02, y = contains t/09, insert r = x * 10 + y", "r = 10" + rest).empty());
  CHECK(final_of("x = count t/*, y = sum t/*, z = last t/*, insert r = x + y + z", "r = 93" + rest).empty());
  CHECK(final_of("x = count t/* where value > 10 and value != 30, insert r = x", "r = 1" + rest).empty());
  CHECK(final_of("x = first t/02 .. t/03, y = sum t/02 .. t/03, insert r = x + y", "r = 40" + rest).empty());
  CHECK(final_of("x = reversed t/*, y = counted t/*, insert r = x + y", "r = 13" + rest).empty());
  CHECK(final_of("x = remove t/01, y = remove t/01, insert r = x * 10 + y", "r = 10, t/02 = 20, t/03 = 30").empty());
  CHECK(final_of("update t/09 = 1, update t/01 = 1", "t/01 = 1, t/02 = 20, t/03 = 30").empty());
  CHECK(final_of("add t/01 = 5, add t/09 = 5", "t/01 = 15, t/02 = 20, t/03 = 30, t/09 = 5").empty());
  CHECK(
      final_of("insert absent t/01 = 5, insert absent t/09 = 5", "t/01 = 10, t/02 = 20, t/03 = 30, t/09 = 5").empty());
  CHECK(final_of("insert new r = 1", "r = 1" + rest).empty());
  CHECK(final_of("insert r = 1, insert new t/01 = 1", rest.substr(2)).empty());
  CHECK(final_of("each t/* where value >= 20: insert u/{tail} = value + 1", rest.substr(2) + ", u/02 = 21, u/03 = 31")
            .empty());
  CHECK(final_of("each t/01 .. t/03: remove {key}", "t/03 = 30").empty());
  CHECK(final_of("for i in 1..2: if i == 2: insert u/{i} = i", rest.substr(2) + ", u/2 = 2").empty());
  CHECK(final_of("savepoint s, insert r = 1, roll back to s", rest.substr(2)).empty());
  CHECK(final_of("remove t/01, give up", rest.substr(2)).empty());
  CHECK_FALSE(final_of("remove t/01", rest.substr(2)).empty());  // the check can fail
}

TEST_CASE("a_case_that_is_not_understood_is_refused_with_file_and_line", "[anomaly-case]") {
  const std::string head = "case: x\n# a comment\n\ntransaction s1\n";
  const std::string tail = "\n  c1: commit\n";
  CHECK(refusal(head + "  r1: get a" + tail) == "understood");
  const auto step_refusal = [&](const std::string& step) { return refusal(head + "  " + step + tail); };
  CHECK(step_refusal("r1: fetch a") == "test.case:5: no statement: fetch a");
  CHECK(step_refusal("get a") == "test.case:5: a step is 'name: what it does'");
  CHECK(step_refusal("r1: get") == "test.case:5: a key is missing");
  CHECK(step_refusal("r1: get a b") == "test.case:5: not understood: b");
  CHECK(step_refusal("r1: scan t*") == "test.case:5: a prefix ends in a slash: t*");
  CHECK(step_refusal("r1: scan a") == "test.case:5: '..' is missing in: scan a");
  CHECK(step_refusal("r1: insert a 1") == "test.case:5: '=' is missing in: insert a 1");
  CHECK(step_refusal("r1: insert a = b") == "test.case:5: nothing has set b before");
  CHECK(step_refusal("r1: insert a = ") == "test.case:5: a number or a name is missing before: ''");
  CHECK(step_refusal("r1: insert a/{b} = 1") == "test.case:5: nothing has set b before");
  CHECK(step_refusal("r1: insert a/{1 = 1") == "test.case:5: no closing brace: a/{1 = 1");
  CHECK(step_refusal("r1: insert a* = 1") == "test.case:5: no key: a*");
  CHECK(step_refusal("r1: insert a = 99999999999999999999") == "test.case:5: too large a number: 99999999999999999999");
  CHECK(step_refusal("r1: while 1: get a") ==
        "test.case:5: neither if, for nor each stands before the colon in: while 1: get a");
  CHECK(step_refusal("r1: roll back to s") == "test.case:5: there is no savepoint s before");
  CHECK(step_refusal("r1: next") == "test.case:5: there is no open scan before");
  CHECK(step_refusal("c1: get a") == "test.case:6: there is a c1 already");
  CHECK(refusal(head + "  r1: get a\n") == "test.case:4: s1 must end with commit or roll back, and only there");
  CHECK(refusal("case: x\ntransaction s1, autocommit\n  r1: get a\n  c1: commit\n") ==
        "test.case:2: s1 is autocommit: it has one step and no end");
  CHECK(refusal("case: x\ntransaction s1, lazy\n") ==
        "test.case:2: a transaction is 'read only', 'autocommit' or 'on other threads', not: lazy");
  CHECK(refusal("transaction s1\n  c1: commit\n") == "test.case:1: a case begins with 'case: its name'");
  CHECK(refusal("case: x\n") == "test.case:1: there is no transaction");
  CHECK(refusal("") == "test.case:1: the file is empty");
  CHECK(refusal("case: x\n  r1: get a\n") ==
        "test.case:2: an indented line belongs to a transaction, an order or 'every order'");
  CHECK(refusal("case: x\nwhatever: 1\n") == "test.case:2: no such line: whatever");
  CHECK(refusal("case: x\ninitial: a\n") == "test.case:2: '=' is missing in: a");
  CHECK(refusal("case: x\nvary: a = 1\nfrom: $b\n") == "test.case:3: no vary line binds $b");
}

TEST_CASE("an_order_or_a_demand_that_is_not_understood_is_refused_with_file_and_line", "[anomaly-case]") {
  CHECK(refusal(k_lost_update + "order: r1 w1 c1\n") == "understood");
  CHECK(refusal(k_lost_update + "order: r1 w1\n") == "test.case:11: the end of s1 is missing");
  CHECK(refusal(k_lost_update + "order: w1 r1 c1\n") == "test.case:11: r1 stands behind a later step of s1");
  CHECK(refusal(k_lost_update + "order: r1 r9 c1\n") == "test.case:11: there is no step r9");
  CHECK(refusal(k_lost_update + "order: r1 w1 c1\n  s2: commits\n") == "test.case:11: s2 has no step in this order");
  CHECK(refusal(k_lost_update + "order: r1 w1 c1\n  r2: x = 1\n") ==
        "test.case:12: r2 is neither a transaction nor a step of this order");
  CHECK(refusal(k_lost_update + "order: r1 w1 c1\n  s1: wins\n") ==
        "test.case:12: a transaction commits, conflicts or rolls back, not: wins");
  CHECK(refusal(k_lost_update + "every order\n  conflicts at most: few\n") == "test.case:12: no number: few");
  CHECK(refusal(k_lost_update + "every order\n  never conflict: s3\n") == "test.case:12: there is no transaction s3");
  CHECK(refusal(k_lost_update + "every order\n  always: 1\n") == "test.case:12: no such demand: always");
}

TEST_CASE("each_variation_is_a_case_and_reads_that_a_build_may_lack_are_listed", "[anomaly-case]") {
  const auto cases = parse_cases(
      "case: x\nvary: read = scan a/*\nvary: read = reversed a/*\ntransaction s1\n"
      "  r1: $read\n  r2: counted a/*\n  c1: commit\n",
      "test.case");
  REQUIRE(cases.size() == 2);
  CHECK(cases[0].scenario.name == "x (read = scan a/*)");
  REQUIRE(cases[0].needs.size() == 1);
  CHECK(cases[0].needs[0].first == Need::counted_reads);
  CHECK(cases[0].needs[0].second.line == 6);
  REQUIRE(cases[1].needs.size() == 2);
  CHECK(cases[1].needs[0].first == Need::reversed_reads);
}

// The cases themselves: right on a right store, and wrong on those that they say they would find.
TEST_CASE("every_case_fails_on_the_broken_stores_that_it_names", "[anomaly-case]") {
  const fs::path folder = fs::path(__FILE__).parent_path().parent_path() / "anomalies" / "cases";
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".case") continue;
    ++files;
    std::set<std::string> noticed;  // by one variation at least
    std::set<std::string> named;
    for (const Case& tried : read_cases(entry.path().string())) {
      INFO(entry.path() << ", " << tried.scenario.name);
      const std::vector<Variant> right{toy(Fault::none)};
      const auto wrong = CaseRun(tried, right).complaints(k_few_orders);
      CHECK((wrong.empty() ? std::string() : wrong.front()).empty());
      for (const std::string& fault : tried.noticed_by) {
        const std::vector<Variant> broken{toy(fault_named(fault))};
        named.insert(fault);
        if (!CaseRun(tried, broken).complaints(k_few_orders).empty()) noticed.insert(fault);
      }
    }
    INFO(entry.path());
    CHECK(noticed == named);
  }
  CHECK(files > 60);
}

}  // namespace

// The specs of PostgreSQL's isolation suite about predicates, in every interleaving. Its hash, GiST and GIN indexes
// become what an ordered map offers: prefixes, ranges of coordinates, and lists of rows per term. Scans of what another
// writes must conflict; scans beside it must not, however near they are.
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/interleaving.hpp"
#include "support/interleaving_steps.hpp"

namespace {

using namespace fluxmap_test::interleaving;

const std::size_t k_serial_ones = 2 * database_variants().size();

Step sum_of(std::string name, Key first, Key last) {
  return step(std::move(name), [first, last](View& v) {
    for (const auto& [key, value] : v.range(first, last)) v.local[0] += value;
  });
}
Step insert_rows(std::string name, std::vector<Key> keys) {
  return step(std::move(name), [keys](View& v) {
    for (const Key& key : keys) v.insert(key, v.local[0]);
  });
}

Scenario pair_of(std::string name, Contents initial, std::vector<Step> one, std::vector<Step> two) {
  one.push_back(commit("c1"));
  two.push_back(commit("c2"));
  return {.name = std::move(name),
          .initial = std::move(initial),
          .sessions = {{.name = "s1", .steps = std::move(one)}, {.name = "s2", .steps = std::move(two)}},
          .most_conflicts = 1};
}

// Each scans what the other inserts: every overlap conflicts.
void check_crossing(Scenario scenario) {
  scenario.overlap_must_conflict = true;
  CHECK(check_every(scenario).without_conflict == k_serial_ones);
}

// Neither scans what the other inserts: none conflicts.
void check_apart(Scenario scenario) {
  scenario.most_conflicts = 0;
  const Summary summary = check_every(scenario);
  CHECK(summary.without_conflict == summary.runs);
}

std::vector<Key> rows(const std::string& table, Value first, Value last) {
  std::vector<Key> keys;
  for (Value id = first; id <= last; ++id) keys.push_back(row(table, id));
  return keys;
}

TEST_CASE("predicate_hash", "[postgres][trap-10]") {
  Contents table;
  for (Value id = 1; id <= 40; ++id) {
    const Value bucket = (id + 9) / 10 * 10;
    table[row("hash/" + std::to_string(bucket), id)] = bucket;
  }
  const auto sum_bucket = [](std::string name, const std::string& bucket) {
    return sum_of(std::move(name), "hash/" + bucket + '/', prefix_end("hash/" + bucket + '/'));
  };
  const Scenario crossing = pair_of("predicate-hash, same bucket", table,
                                    {sum_bucket("rxy1", "20"), insert_rows("wx1", rows("hash/30", 41, 50))},
                                    {sum_bucket("rxy2", "30"), insert_rows("wy2", rows("hash/20", 51, 60))});
  CHECK(run_fixed(crossing, "rxy1 wx1 rxy2 wy2 c1 c2") == Outcomes{committed, conflicted});
  CHECK(run_fixed(crossing, "rxy2 rxy1 wx1 wy2 c2 c1") == Outcomes{conflicted, committed});
  check_crossing(crossing);
  check_apart(pair_of("predicate-hash, other buckets", table,
                      {sum_bucket("rxy3", "20"), insert_rows("wx3", rows("hash/50", 41, 50))},
                      {sum_bucket("rxy4", "30"), insert_rows("wy4", rows("hash/60", 51, 60))}));
}

// point/<coordinate>/<id>
std::vector<Key> points(Value first, Value last, Value spacing, const std::string& id) {
  std::vector<Key> keys;
  for (Value i = first; i <= last; ++i) keys.push_back(row("point", i * spacing) + '/' + id);
  return keys;
}

TEST_CASE("predicate_gist", "[postgres][trap-10]") {
  Contents plane;
  for (const Key& key : points(1, 50, 200, "g")) plane[key] = 1;
  const auto below = [](std::string name, Value x) { return sum_of(std::move(name), "point/", row("point", x)); };
  const auto above = [](std::string name, Value x) {
    return sum_of(std::move(name), row("point", x + 1), prefix_end("point/"));
  };
  check_crossing(pair_of("predicate-gist, same part", plane,
                         {below("rxy1", 2500), insert_rows("wx1", points(16, 20, 500, "s1"))},
                         {above("rxy2", 7500), insert_rows("wy2", points(1, 4, 500, "s2"))}));
  check_apart(pair_of("predicate-gist, other parts", plane,
                      {above("rxy3", 6000), insert_rows("wx3", points(12, 18, 500, "s1"))},
                      {below("rxy4", 1000), insert_rows("wy4", points(1, 20, 50, "s2"))}));
  // Half-open to the letter: a point on the end of a range is outside, one on its start inside.
  check_apart(
      pair_of("predicate-gist, on the end", plane,
              {sum_of("rxy1", row("point", 1000), row("point", 2000)), insert_rows("wx1", {row("point", 4000)})},
              {sum_of("rxy2", row("point", 3000), row("point", 4000)), insert_rows("wy2", {row("point", 2000)})}));
  check_crossing(
      pair_of("predicate-gist, on the start", plane,
              {sum_of("rxy1", row("point", 1000), row("point", 2000)), insert_rows("wx1", {row("point", 3000)})},
              {sum_of("rxy2", row("point", 3000), row("point", 4000)), insert_rows("wy2", {row("point", 1000)})}));
}

// term/<term>/<document>
Step documents_with(std::string name, Value term, Value other) {
  return step(std::move(name), [term, other](View& v) {
    const Rows one = v.prefix(row("term", term) + '/');
    const Rows two = v.prefix(row("term", other) + '/');
    v.local[0] = static_cast<Value>(one.size() * two.size());
  });
}
std::vector<Key> document(Value id, const std::vector<Value>& terms) {
  std::vector<Key> keys;
  for (const Value term : terms) keys.push_back(row(row("term", term), id));
  return keys;
}

TEST_CASE("predicate_gin", "[postgres][trap-10]") {
  Contents index;
  for (Value id = 1; id <= 12; ++id) {
    for (const Key& key : document(id, {id, id * 2, id * 3})) index[key] = 1;
  }
  check_crossing(pair_of("predicate-gin, shared terms", index,
                         {documents_with("rxy1", 4, 5), insert_rows("wx1", document(200, {5, 6}))},
                         {documents_with("rxy2", 5, 6), insert_rows("wy2", document(201, {4, 5}))}));
  check_apart(pair_of("predicate-gin, other terms", index,
                      {documents_with("rxy3", 1, 2), insert_rows("wx3", document(200, {3, 6}))},
                      {documents_with("rxy4", 8, 16), insert_rows("wy4", document(201, {10, 20}))}));
  // With PostgreSQL's pending list this would conflict.
  check_apart(pair_of("predicate-gin, fast update", index,
                      {documents_with("rxy1", 4, 5), insert_rows("wx1", document(200, {5, 6}))},
                      {documents_with("rxy2", 10000, 10005), insert_rows("wy2", document(201, {10000, 10005}))}));
}

TEST_CASE("predicate_nomatch", "[postgres][trap-10]") {
  // Ranges in which nothing was found, at the edges of the map and in an empty one.
  for (const bool empty : {true, false}) {
    const Contents initial = empty ? Contents{} : Contents{{"m/1", 1}};
    Scenario scenario =
        pair_of(empty ? "nothing found, empty map" : "nothing found", initial,
                {scan("r1", "a/"), insert_rows("w1", {"z/1"})}, {scan("r2", "z/"), insert_rows("w2", {"a/1"})});
    scenario.once_there = {"a/1", "z/1", "z/2"};
    check_crossing(scenario);
    Scenario apart =
        pair_of(empty ? "nothing found apart, empty map" : "nothing found apart", initial,
                {scan("r1", "a/"), insert_rows("w1", {"z/1"})}, {scan("r2", "y/"), insert_rows("w2", {"b/1"})});
    apart.once_there = {"a/1", "b/1", "z/2"};
    check_apart(apart);
  }
}

}  // namespace

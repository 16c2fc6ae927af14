// Random histories on databases that have room for a part of their keys only, so that keys are evicted all the time.
// An eviction must be a commit of a tombstone like any other: at one timestamp, on top of what was current there, and
// seen by everybody from there on.
#include "support/catch.hpp"
#include "support/random_history.hpp"
#include "support/removals.hpp"
#include "support/tagged.hpp"

namespace {

using namespace fluxmap_test;
using fluxmap::Eviction;

constexpr Eviction k_policies[] = {Eviction::lru, Eviction::lfu, Eviction::random, Eviction::arc};

// A database with room for about half of the keys, each of which weighs so much.
template <class Keys, class Value>
auto with_too_little_room(const RandomHistory& shape, Eviction eviction, std::size_t weight) {
  return fluxmap::Database<typename Keys::Key, Value, typename Keys::Compare>::builder()
      .max_memory(64 + static_cast<std::size_t>(shape.keys) * (weight / 2 + 8))
      .eviction(eviction)
      .build();
}

void check_room(const fluxmap::Stats& stats, const RandomHistory& shape) {
  CHECK(stats.evictions > shape.operations / 4);
  CHECK(stats.active_transactions == 0);
}

// Every version is kept, so that every eviction is known with its timestamp.
template <class Keys, class Value>
void check_exactly(const RandomHistory& shape, Eviction eviction, std::uint64_t seed) {
  CAPTURE(shape.keys, static_cast<int>(eviction), seed);
  const auto database = with_too_little_room<Keys, Value>(shape, eviction, 80 + 2 * sizeof(Value));
  const KeptChains<Keys, Value> kept(*database, shape.keys);
  RandomHistoryRun<Keys, Value> run(shape, seed, database);
  std::vector<TxnRecord> history = run.run(4);
  check_progress(history, shape);
  std::size_t evictions = 0;
  CHECK(add_removals(history, kept.read(), evictions) == "");
  CHECK(evictions == database->stats().evictions);
  check_history(history);
  check_room(database->stats(), shape);
}

// Versions and entries are freed as usual: what was evicted is known by its absence.
template <class Keys, class Value>
void check_by_absence(const RandomHistory& shape, Eviction eviction, std::uint64_t seed) {
  CAPTURE(shape.keys, static_cast<int>(eviction), seed);
  const auto database = with_too_little_room<Keys, Value>(shape, eviction, 80 + sizeof(Value));
  RandomHistoryRun<Keys, Value> run(shape, seed, database);
  std::vector<TxnRecord> history = run.run(4);
  check_progress(history, shape);
  const Stamp end = fluxmap::detail::TransactionAccess::store(*database).published();
  place_last(history, end);
  drop_unplaced(history);
  std::size_t evictions = 0;
  CHECK(RemovalInference(history, end).add_to(history, evictions) == "");
  CHECK(evictions <= database->stats().evictions);
  check_history(history);
  check_room(database->stats(), shape);
}

template <class Check>
void for_each_policy(const char* name, std::initializer_list<RandomHistory> shapes, Check check) {
  SplitMix seeds(seed(name));
  for (unsigned round = 0; round < stress_factor(); ++round) {
    for (RandomHistory shape : shapes) {
      shape.autocommit_removals = false;
      shape.operations = 100 + 1200 / k_sanitizer_cost;
      for (const Eviction eviction : k_policies) check(shape, eviction, seeds());
    }
  }
}

TEST_CASE("evictions_are_commits_of_tombstones_in_commit_order", "[stress]") {
  for_each_policy("evictions", {{.keys = 4}, {.keys = 12}}, check_exactly<NumberKeys, Tagged<2>>);
}

TEST_CASE("evictions_are_in_commit_order_however_threads_change_within_them", "[stress]") {
  for_each_policy("evictions, changes within commits", {{.keys = 7}}, check_exactly<YieldingNumberKeys, Tagged<2>>);
}

TEST_CASE("what_was_evicted_stays_away_until_it_is_written_again", "[stress]") {
  for_each_policy("evictions, freed", {{.keys = 4}, {.keys = 16}, {.keys = 200, .longest_scan = 40}},
                  check_by_absence<NumberKeys, Tagged<2>>);
}

TEST_CASE("evicted_text_keys_with_large_values_stay_away_until_they_are_written_again", "[stress]") {
  for_each_policy("evictions of text keys, freed", {{.keys = 12}}, check_by_absence<TextKeys, Tagged<20>>);
}

}  // namespace

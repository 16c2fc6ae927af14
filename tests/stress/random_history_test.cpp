// Random histories on few keys, checked exactly: every read and every scan of every transaction must fit the order of
// the commit timestamps, and that order real time.
#include <cstdint>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/random_history.hpp"
#include "support/seed.hpp"
#include "support/serialization_graph.hpp"

namespace {

using namespace fluxmap_test;

constexpr unsigned k_threads = 4;

template <class Keys, class Value>
void run_and_check(const RandomHistory& shape, std::uint64_t seed) {
  CAPTURE(shape.keys, seed);
  RandomHistoryRun<Keys, Value> run(shape, seed);
  const std::vector<TxnRecord> history = run.run(k_threads);
  std::size_t committed = 0;
  for (const TxnRecord& txn : history) committed += txn.committed ? 1U : 0U;
  CHECK(committed > shape.coroutines * shape.operations / 4);  // conflicts are there, but not all there is
  const CheckResult order = check_commit_order(history);
  INFO(order.explanation);
  CHECK(order.ok());
  const CheckResult graph = check_serializable(history);
  INFO(graph.explanation);
  CHECK(graph.ok());
  CHECK(run.database().stats().active_transactions == 0);
}

template <class Keys, class Value>
void run_shapes(const char* name, std::initializer_list<RandomHistory> shapes) {
  SplitMix seeds(seed(name));
  for (unsigned round = 0; round < stress_factor(); ++round) {
    for (const RandomHistory& shape : shapes) run_and_check<Keys, Value>(shape, seeds());
  }
}

TEST_CASE("histories_of_hot_number_keys_are_serializable_in_commit_order", "[stress]") {
  run_shapes<NumberKeys, Tagged<2>>("hot number keys", {{.keys = 2}, {.keys = 3}, {.keys = 5}, {.keys = 8}, {.keys = 16}});
}

TEST_CASE("histories_of_hot_text_keys_with_prefix_scans_and_large_values_are_serializable", "[stress]") {
  run_shapes<TextKeys, Tagged<20>>("hot text keys", {{.keys = 2}, {.keys = 6}, {.keys = 12}, {.keys = 16}});
}

TEST_CASE("histories_of_many_keys_are_serializable", "[stress]") {
  run_shapes<NumberKeys, Tagged<2>>("many keys", {{.keys = 1000, .longest_scan = 40, .operations = 800}});
  run_shapes<TextKeys, Tagged<2>>("many text keys", {{.keys = 360, .longest_scan = 40, .operations = 800}});
}

TEST_CASE("histories_are_serializable_while_starving_transactions_announce_their_reads", "[stress]") {
  run_shapes<NumberKeys, Tagged<2>>(
      "announcements", {{.keys = 3, .coroutines = 12, .autocommit_writes = false, .reserve_after = 1},
                        {.keys = 12, .coroutines = 12, .autocommit_writes = false, .reserve_after = 2}});
}

TEST_CASE("histories_without_vacuum_or_old_readers_are_serializable", "[stress]") {
  run_shapes<NumberKeys, Tagged<2>>("committers prune alone", {{.keys = 4, .vacuum = false, .held_readers = 0},
                                                               {.keys = 4, .vacuum = true, .held_readers = 0},
                                                               {.keys = 4, .vacuum = false, .held_readers = 6}});
}

}  // namespace

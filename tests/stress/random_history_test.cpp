// Random histories on few keys, checked exactly: every read and every scan of every transaction must fit the order of
// the commit timestamps, and that order real time.
#include "support/random_history.hpp"
#include "support/catch.hpp"
#include "support/tagged.hpp"

namespace {

using namespace fluxmap_test;

TEST_CASE("histories_of_hot_number_keys_are_serializable_in_commit_order", "[stress]") {
  check_random_histories<NumberKeys, Tagged<2>>("hot number keys",
                                                {{.keys = 2}, {.keys = 3}, {.keys = 5}, {.keys = 8}, {.keys = 16}});
}

TEST_CASE("histories_are_serializable_however_threads_change_within_a_commit", "[stress]") {
  check_random_histories<YieldingNumberKeys, Tagged<2>>("changes within commits",
                                                        {{.keys = 2}, {.keys = 4}, {.keys = 7}, {.keys = 16}});
}

TEST_CASE("histories_of_many_keys_are_serializable", "[stress]") {
  check_random_histories<NumberKeys, Tagged<2>>("many keys", {{.keys = 1000, .longest_scan = 40}});
}

TEST_CASE("histories_are_serializable_while_starving_transactions_announce_their_reads", "[stress]") {
  check_random_histories<NumberKeys, Tagged<2>>(
      "announcements", {{.keys = 3, .coroutines = 12, .autocommit_writes = false, .reserve_after = 1},
                        {.keys = 12, .coroutines = 12, .autocommit_writes = false, .reserve_after = 2}});
}

TEST_CASE("histories_without_vacuum_or_old_readers_are_serializable", "[stress]") {
  check_random_histories<NumberKeys, Tagged<2>>("committers prune alone",
                                                {{.keys = 4, .vacuum = false, .held_readers = 0},
                                                 {.keys = 4, .vacuum = true, .held_readers = 0},
                                                 {.keys = 4, .vacuum = false, .held_readers = 6}});
}

}  // namespace

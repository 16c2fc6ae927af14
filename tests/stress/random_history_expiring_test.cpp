// Random histories of values that expire, under a clock that moves while transactions run. Each transaction must have
// one now that explains all it saw, and what expiry removes must be a commit of a tombstone like any other.
#include "support/catch.hpp"
#include "support/moments.hpp"
#include "support/random_history.hpp"
#include "support/tagged.hpp"

#include <chrono>

namespace {

using namespace fluxmap_test;
using namespace std::chrono_literals;

constexpr std::chrono::milliseconds k_lasts = 2ms;

// How much of what a test is about has happened. How often one history comes to it is up to the threads.
struct Tally {
  std::size_t operations = 0, removals = 0, expired = 0;
};

// Every version is kept, so that each one's deadline and the timestamp of each tombstone are known.
template <class Keys, class Value>
void check_expiring(const RandomHistory& shape, std::uint64_t seed, Tally& tally) {
  CAPTURE(shape.keys, seed);
  const auto clock = std::make_shared<fluxmap::ManualClock>(fluxmap::Clock::time_point(1000h));
  ClockLog moves(*clock);
  const auto database = fluxmap::Database<typename Keys::Key, Value, typename Keys::Compare>::builder()
                            .clock(clock)
                            .time_to_live(k_lasts)
                            .build();
  const KeptChains<Keys, Value> kept(*database, shape.keys);
  RandomHistoryRun<Keys, Value> run(shape, seed, database);
  run.between_vacuums([&, random = SplitMix(seed)](auto tick) mutable {
    moves.advance(std::chrono::microseconds(random.below(2000)), tick);
  });
  std::vector<TxnRecord> history = run.run(4);
  check_progress(history, shape);
  fluxmap::detail::TransactionAccess::store(*database).expirer->stop();  // or it might go on while we look
  place_last(history, fluxmap::detail::TransactionAccess::store(*database).published());
  const std::vector<KeptChain> chains = kept.read();
  std::size_t removals = 0;
  CHECK(add_removals(history, chains, removals) == "");
  CHECK(removals == database->stats().expirations);
  Moments moments(chains, moves, k_lasts);
  CHECK(moments.settle(history) == "");
  CHECK(moments.judge_removals(history) == "");
  drop_unplaced(history);
  check_history(history);
  CHECK(removals > 0);
  CHECK(moments.expired() > 0);
  tally.operations += shape.operations;
  tally.removals += removals;
  tally.expired += moments.expired();
}

template <class Keys, class Value>
void check_all(const char* name, std::initializer_list<std::int64_t> numbers_of_keys) {
  SplitMix seeds(seed(name));
  Tally tally;
  for (unsigned round = 0; round < stress_factor(); ++round) {
    for (const std::int64_t keys : numbers_of_keys) {
      check_expiring<Keys, Value>(
          {.keys = keys, .operations = 100 + 2000 / k_sanitizer_cost, .autocommit_removals = false}, seeds(), tally);
    }
  }
  CHECK(tally.removals > tally.operations / 10);
  CHECK(tally.expired > tally.operations / 10);
}

TEST_CASE("a_transaction_sees_a_value_exactly_until_its_deadline", "[stress]") {
  check_all<NumberKeys, Tagged<2>>("expiry", {2, 4, 8, 16, 40});
}

TEST_CASE("expiry_is_in_commit_order_however_threads_change_within_commits", "[stress]") {
  check_all<YieldingNumberKeys, Tagged<2>>("expiry, changes within commits", {3, 7, 16});
}

TEST_CASE("text_keys_expire_in_commit_order", "[stress]") {
  check_all<TextKeys, Tagged<20>>("expiry of text keys", {6, 16});
}

}  // namespace

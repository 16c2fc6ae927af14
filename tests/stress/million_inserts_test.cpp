// Awaiting what need not wait costs no stack and no visit to the scheduler, however often it is done in a row.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <cstdint>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/scale.hpp"
#include "support/tagged.hpp"

namespace {

using namespace fluxmap_test;
namespace asio = boost::asio;

using Database = fluxmap::Database<std::uint64_t, std::uint64_t>;
using Transaction = fluxmap::Transaction<std::uint64_t, std::uint64_t, std::less<>>;

constexpr std::uint64_t k_million = 1'000'000;
constexpr std::uint64_t k_keys = 10'000;  // written again and again: it is about the awaits

// Runs steps(i) count times in one coroutine. Something posted before must not get its turn before all is done.
template <class Step>
asio::awaitable<std::uint64_t> in_a_row(std::uint64_t count, Step step) {
  bool let_others_run = false;
  asio::post(co_await asio::this_coro::executor, [&] { let_others_run = true; });
  std::uint64_t done = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    co_await step(i);
    ++done;
  }
  CHECK_FALSE(let_others_run);
  while (!let_others_run) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  co_return done;
}

TEST_CASE("a_million_awaited_inserts_in_a_row", "[stress]") {
  Database database;
  auto handle = database.handle();
  CHECK(run(in_a_row(k_million, [&](std::uint64_t i) { return handle.insert(i % k_keys, i); })) == k_million);
  CHECK(database.size() == k_keys);
  CHECK(database.stats().commits == k_million);
  CHECK(handle.get(k_keys - 1) == k_million - 1);
}

TEST_CASE("a_million_awaited_inserts_with_reads_in_between", "[stress]") {
  constexpr std::uint64_t k_count = k_sanitizer_cost == 1 ? k_million : k_million / 4;
  Database database;
  auto handle = database.handle();
  const auto done = run(in_a_row(k_count, [&](std::uint64_t i) -> asio::awaitable<void> {
    co_await handle.insert(i % k_keys, i);
    expect(handle.get(i % k_keys) == i, "an acknowledged insert was not read back");
  }));
  CHECK(done == k_count);
  CHECK(database.size() == k_keys);
}

TEST_CASE("two_hundred_thousand_awaited_updates_removals_and_conditional_inserts_in_a_row", "[stress]") {
  constexpr std::uint64_t k_count = 200'000;
  Database database;
  auto handle = database.handle();
  const auto done = run(in_a_row(k_count, [&](std::uint64_t i) -> asio::awaitable<void> {
    expect(co_await handle.insert_if_absent(i, i), "there was a key that nobody has inserted");
    expect(!co_await handle.insert_if_absent(i, 0), "an inserted key counts as absent");
    const auto more = [](const std::uint64_t* old) { return *old + 1; };
    expect(co_await handle.update(i, more) == i + 1, "an update was lost");
    if (i >= k_keys) expect(co_await handle.remove(i - k_keys) == i - k_keys + 1, "a removal removed something else");
    if (i % 100 == 0) co_await database.vacuum();  // too few entries for it to give way
  }));
  CHECK(done == k_count);
  CHECK(database.size() == k_keys);
}

TEST_CASE("two_hundred_thousand_awaited_transactions_in_a_row", "[stress]") {
  constexpr std::uint64_t k_count = 200'000;
  Database database;
  auto handle = database.handle();
  const auto count_up = [](Transaction& transaction, std::uint64_t key) {
    const std::uint64_t* old = transaction.get(key);
    transaction.insert(key, old == nullptr ? 1 : *old + 1);
  };
  const auto done = run(in_a_row(k_count, [&](std::uint64_t i) -> asio::awaitable<void> {
    if (i % 2 == 0) {  // a plain closure, or one that is a coroutine
      co_await handle.transaction([&](Transaction& transaction) { count_up(transaction, i % 10); });
    } else {
      co_await handle.transaction([&](Transaction& transaction) -> asio::awaitable<void> {
        count_up(transaction, i % 10);
        co_return;
      });
    }
    Transaction by_hand = handle.begin();
    count_up(by_hand, 10);
    co_await by_hand.commit();
  }));
  CHECK(done == k_count);
  CHECK(handle.get(0) == k_count / 10);
  CHECK(handle.get(10) == k_count);
  CHECK(database.stats().commits == 2 * k_count);
  CHECK(database.stats().conflicts == 0);
}

}  // namespace

// Handle::transaction: closures of every kind, what commits and what rolls back, retries; savepoints.
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/result.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "guarantees/shared.hpp"

namespace {

using namespace fluxmap_test;

using Store = fluxmap::Database<std::string, int>;
using Handle = decltype(std::declval<Store&>().handle());
using Transaction = Handle::Transaction;
using boost::system::result;

struct Failure : std::runtime_error {
  explicit Failure(std::unique_ptr<int> carried) : std::runtime_error("failure"), payload(std::move(carried)) {}
  std::shared_ptr<int> payload;
};

asio::awaitable<void> let_others_run() { co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable); }

// Reads `key` and has somebody else overwrite it, so that the attempt fails if it writes.
asio::awaitable<void> read_and_be_overwritten(Handle& handle, Transaction& transaction) {
  transaction.get("hot");
  co_await handle.insert("hot", 1);
  transaction.insert("result", 1);
}

constexpr fluxmap::RetryPolicy k_at_once{.backoff = std::chrono::microseconds(0)};

}  // namespace

TEST_CASE("a_plain_closure_commits_when_it_returns") {
  Store store;
  Handle handle = store.handle();
  run(handle.transaction([](Transaction& tx) { tx.insert("void", 1); }));
  CHECK(run(handle.transaction([](Transaction& tx) {
          tx.insert("value", 1);
          return std::string("done");
        })) == "done");
  CHECK(*run(handle.transaction([](Transaction& tx) {
    tx.insert("move-only", 1);
    return std::make_unique<int>(7);
  })) == 7);
  const result<int> returned = run(handle.transaction([](Transaction& tx) -> result<int> {
    tx.insert("result", 1);
    return 8;
  }));
  CHECK(returned.value() == 8);
  CHECK(run(handle.transaction([](Transaction& tx) -> result<void> {
          tx.insert("result<void>", 1);
          return {};
        })).has_value());
  for (const char* key : {"void", "value", "move-only", "result", "result<void>"}) CHECK(handle.get(key) == 1);
}

TEST_CASE("a_coroutine_closure_commits_when_it_returns") {
  Store store;
  Handle handle = store.handle();
  run(handle.transaction([](Transaction& tx) -> asio::awaitable<void> {
    tx.insert("void", 1);
    co_await let_others_run();
    tx.insert("void", 2);
  }));
  CHECK(handle.get("void") == 2);
  CHECK(run(handle.transaction([](Transaction& tx) -> asio::awaitable<std::string> {
          tx.insert("value", 2);
          co_await let_others_run();
          co_return "done";
        })) == "done");
  CHECK(*run(handle.transaction([](Transaction& tx) -> asio::awaitable<std::unique_ptr<int>> {
    tx.insert("move-only", 2);
    co_return std::make_unique<int>(7);
  })) == 7);
  CHECK(run(handle.transaction([](Transaction& tx) -> asio::awaitable<result<int>> {
          tx.insert("result", 2);
          co_return 8;
        })).value() == 8);
  for (const char* key : {"void", "value", "move-only", "result"}) CHECK(handle.get(key) == 2);
}

TEST_CASE("a_closure_may_be_move_only_and_keeps_its_state_between_attempts") {
  Store store;
  Handle handle = store.handle();
  int attempts = 0;
  const int returned = run(handle.transaction(
      [&, count = std::make_unique<int>(0)](Transaction& tx) mutable -> asio::awaitable<int> {
        if (++*count < 3) co_await read_and_be_overwritten(handle, tx);
        attempts = *count;
        tx.insert("result", 1);
        co_return *count;
      },
      {.retry = k_at_once}));
  CHECK(returned == 3);
  CHECK(attempts == 3);
}

TEST_CASE("a_result_with_an_error_rolls_back_and_is_handed_over") {
  Store store;
  Handle handle = store.handle();
  const auto error = make_error_code(boost::system::errc::no_space_on_device);
  const result<int> plain = run(handle.transaction([&](Transaction& tx) -> result<int> {
    tx.insert("k", 1);
    return error;
  }));
  CHECK(plain.error() == error);
  const result<void> coroutine = run(handle.transaction([&](Transaction& tx) -> asio::awaitable<result<void>> {
    tx.insert("k", 1);
    co_await let_others_run();
    co_return error;
  }));
  CHECK(coroutine.error() == error);
  const auto custom = run(handle.transaction([&](Transaction& tx) -> result<int, std::string> {
    tx.insert("k", 1);
    return std::string("not enough money");
  }));
  CHECK(custom.error() == "not enough money");
  CHECK_FALSE(handle.contains("k"));
  CHECK(store.stats().commits == 0);
  CHECK(store.stats().active_transactions == 0);
}

TEST_CASE("a_result_that_reports_a_conflict_is_retried_like_an_exception") {
  Store store;
  Handle handle = store.handle();
  int attempts = 0;
  const result<int> returned = run(handle.transaction(
      [&](Transaction& tx) -> result<int> {
        tx.insert("k", ++attempts);
        if (attempts < 3) return make_error_code(errc::serialization_conflict);
        return attempts;
      },
      {.retry = k_at_once}));
  CHECK(returned.value() == 3);
  CHECK(handle.get("k") == 3);
}

TEST_CASE("a_throwing_closure_is_rolled_back_and_its_exception_comes_through_unchanged") {
  Store store;
  Handle handle = store.handle();
  const int* thrown = nullptr;
  const int* caught = nullptr;
  int attempts = 0;
  const auto catch_it = [&](auto&& closure) {
    thrown = caught = nullptr;
    attempts = 0;
    try {
      run(handle.transaction(std::move(closure)));
    } catch (const Failure& failure) {
      caught = failure.payload.get();
    }
    CHECK(caught != nullptr);
    CHECK(caught == thrown);
    CHECK(attempts == 1);
    CHECK_FALSE(handle.contains("k"));
    CHECK(store.stats().active_transactions == 0);
  };
  const auto fail = [&](Transaction& tx) {
    ++attempts;
    tx.insert("k", 1);
    auto payload = std::make_unique<int>(1);
    thrown = payload.get();
    throw Failure(std::move(payload));
  };
  catch_it([&](Transaction& tx) { fail(tx); });
  catch_it([&](Transaction& tx) -> asio::awaitable<int> {
    co_await let_others_run();
    fail(tx);
    co_return 1;
  });
  CHECK_THROWS_AS(run(handle.transaction([](Transaction& tx) {
                    tx.insert("k", 1);
                    throw 42;
                  })),
                  int);
  CHECK(code_of([&] {
          run(handle.transaction([](Transaction& tx) {
            tx.insert("k", 1);
            throw boost::system::system_error(make_error_code(boost::system::errc::timed_out));
          }));
        }) == boost::system::errc::timed_out);
  CHECK_FALSE(handle.contains("k"));
}

TEST_CASE("a_closure_may_commit_or_roll_back_by_itself") {
  Store store;
  Handle handle = store.handle();
  CHECK(run(handle.transaction([](Transaction& tx) -> asio::awaitable<bool> {
          tx.insert("committed", 1);
          co_await tx.commit();
          co_return tx.active();
        })) == false);
  CHECK(handle.get("committed") == 1);
  run(handle.transaction([](Transaction& tx) {
    tx.insert("rolled back", 1);
    tx.rollback();
  }));
  CHECK_FALSE(handle.contains("rolled back"));
  CHECK_THROWS_AS(run(handle.transaction([](Transaction& tx) -> asio::awaitable<void> {
                    tx.insert("committed", 2);
                    co_await tx.commit();
                    throw Failure(nullptr);
                  })),
                  Failure);
  CHECK(handle.get("committed") == 2);  // the commit stands
  CHECK(code_of([&] {
          run(handle.transaction([](Transaction& tx) {
            tx.rollback();
            tx.insert("k", 1);
          }));
        }) == errc::transaction_inactive);
}

TEST_CASE("a_conflict_is_retried_until_it_commits_and_attempts_are_counted") {
  Store store;
  Handle handle = store.handle();
  int attempts = 0;
  run(handle.transaction(
      [&](Transaction& tx) -> asio::awaitable<void> {
        if (++attempts < 6) co_await read_and_be_overwritten(handle, tx);
        tx.insert("attempts", attempts);
      },
      {.retry = k_at_once}));
  CHECK(attempts == 6);
  CHECK(handle.get("attempts") == 6);
  CHECK_FALSE(handle.contains("result"));
  CHECK(store.stats().retries == 5);
  CHECK(store.stats().conflicts == 5);
}

TEST_CASE("a_conflict_that_a_read_throws_inside_the_closure_is_retried") {
  Store store;
  Handle handle = store.handle();
  int attempts = 0;
  run(handle.transaction(
      [&](Transaction& tx) -> asio::awaitable<void> {
        tx.get("hot");
        tx.insert("k", 1);
        if (++attempts < 3) {
          co_await handle.insert("hot", attempts);
          co_await handle.insert("other", attempts);
        }
        tx.get("other");
      },
      {.retry = k_at_once}));
  CHECK(attempts == 3);
}

TEST_CASE("exhausted_attempts_hand_on_the_conflict_with_its_key") {
  Store store;
  Handle handle = store.handle();
  const unsigned allowed = GENERATE(1U, 2U, 5U);
  unsigned attempts = 0;
  std::string key;
  try {
    run(handle.transaction(
        [&](Transaction& tx) -> asio::awaitable<void> {
          ++attempts;
          return read_and_be_overwritten(handle, tx);
        },
        {.retry = {.attempts = allowed, .backoff = std::chrono::microseconds(0)}}));
  } catch (const fluxmap::ConflictError& error) {
    key = error.key();
    CHECK(fluxmap::is_retryable(error.code()));
  }
  CHECK(attempts == allowed);
  CHECK(key == "\"hot\"");
  CHECK_FALSE(handle.contains("result"));
  CHECK(store.stats().conflicts == allowed);
  CHECK(store.stats().retries == allowed - 1);
}

TEST_CASE("a_read_only_closure_runs_once_on_one_snapshot") {
  Store store;
  Handle handle = store.handle();
  put(handle, std::string("hot"), 1);
  int attempts = 0;
  const int sum = run(handle.transaction(
      [&](Transaction& tx) -> asio::awaitable<int> {
        ++attempts;
        const int first = *tx.get("hot");
        co_await handle.insert("hot", 10);
        co_return first + *tx.get("hot");
      },
      {.read_only = true}));
  CHECK(sum == 2);
  CHECK(attempts == 1);
  CHECK(handle.get("hot") == 10);
}

TEST_CASE("the_handle_may_be_used_inside_a_closure_for_transactions_of_their_own") {
  Store store;
  Handle handle = store.handle();
  put(handle, std::string("k"), 1);
  run(handle.transaction([&](Transaction& tx) -> asio::awaitable<void> {
    tx.insert("outer", 1);
    CHECK_FALSE(handle.contains("outer"));
    co_await handle.transaction([](Transaction& inner) { inner.insert("inner", *inner.get("k")); });
    CHECK(handle.get("inner") == 1);
    CHECK(*tx.get("inner") == 1);
    co_await handle.remove("k");
    auto third = handle.begin();
    third.insert("third", 1);
    co_await third.commit();
  }));
  CHECK(keys_of(handle.range("", "z")) == std::vector<std::string>{"inner", "outer", "third"});
}

TEST_CASE("savepoints_nest_and_can_be_used_again") {
  Store store;
  Handle handle = store.handle();
  put(handle, std::string("db"), 1);
  auto transaction = handle.begin();
  transaction.insert("a", 1);
  const auto outer = transaction.savepoint();
  transaction.insert("b", 1);
  transaction.insert("a", 2);
  const auto inner = transaction.savepoint();
  transaction.insert("c", 1);
  transaction.remove("a");
  transaction.remove("db");
  using Items = std::vector<std::pair<std::string, int>>;
  CHECK(transaction.range("a", "z") == Items{{"b", 1}, {"c", 1}});

  transaction.rollback_to(inner);
  CHECK(transaction.range("a", "z") == Items{{"a", 2}, {"b", 1}, {"db", 1}});
  transaction.insert("c", 5);
  transaction.rollback_to(inner);  // again
  CHECK(transaction.range("a", "z") == Items{{"a", 2}, {"b", 1}, {"db", 1}});
  transaction.rollback_to(outer);
  CHECK(transaction.range("a", "z") == Items{{"a", 1}, {"db", 1}});
  CHECK(code_of([&] { transaction.rollback_to(inner); }) == errc::invalid_option);  // gone with the outer one
  CHECK(transaction.active());
  transaction.insert("d", 1);
  transaction.rollback_to(outer);
  CHECK(commits(transaction));
  CHECK(handle.range("a", "z") == Items{{"a", 1}, {"db", 1}});
}

TEST_CASE("a_rollback_to_a_savepoint_restores_values_written_over_again_and_again") {
  Store store;
  Handle handle = store.handle();
  auto transaction = handle.begin();
  for (int i = 0; i < 5; ++i) transaction.insert("k", i);
  const int* const kept = transaction.get("k");
  const auto savepoint = transaction.savepoint();
  for (int i = 100; i < 150; ++i) {
    transaction.insert("k", i);
    transaction.insert("other", i);
    if (i % 3 == 0) transaction.remove("k");
  }
  transaction.rollback_to(savepoint);
  CHECK(transaction.get("k") == kept);
  CHECK(*kept == 4);
  CHECK_FALSE(transaction.contains("other"));
  CHECK(commits(transaction));
  CHECK(handle.get("k") == 4);
}

TEST_CASE("a_savepoint_of_another_transaction_is_refused_and_nothing_is_lost") {
  Store store;
  Handle handle = store.handle();
  auto first = handle.begin();
  const auto foreign = first.savepoint();
  auto second = handle.begin();
  const auto own = second.savepoint();
  second.insert("k", 1);
  CHECK(code_of([&] { second.rollback_to(foreign); }) == errc::invalid_option);
  REQUIRE(second.contains("k"));
  first.rollback();
  auto third = handle.begin();  // may use the same memory as the first
  CHECK(code_of([&] { third.rollback_to(foreign); }) == errc::invalid_option);
  CHECK(commits(second));
  CHECK(handle.get("k") == 1);
  auto other_handles = store.handle().begin();
  static_cast<void>(other_handles.savepoint());
  CHECK(code_of([&] { other_handles.rollback_to(own); }) == errc::invalid_option);
}

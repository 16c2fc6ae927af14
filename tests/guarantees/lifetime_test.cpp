// What happens after the end: of a transaction, of a handle, of the database; and operations that are still under way.
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "guarantees/shared.hpp"

namespace {

using namespace fluxmap_test;

using Store = fluxmap::Database<int, int>;
using Handle = decltype(std::declval<Store&>().handle());
using Transaction = Handle::Transaction;

constexpr auto k_double = [](const int* old) { return old == nullptr ? 1 : 2 * *old; };

// Every call of a transaction that uses it, by name.
struct Call {
  const char* name;
  std::function<void(Transaction&)> make;
};
std::vector<Call> reads() {
  return {{"get", [](Transaction& tx) { tx.get(1); }},
          {"contains", [](Transaction& tx) { tx.contains(1); }},
          {"get_many", [](Transaction& tx) { tx.get_many(std::array{1}); }},
          {"range", [](Transaction& tx) { tx.range(0, 9); }},
          {"range_stream", [](Transaction& tx) { tx.range_stream(0, 9); }},
          {"savepoint", [](Transaction& tx) { static_cast<void>(tx.savepoint()); }}};
}
std::vector<Call> writes() {
  return {{"insert", [](Transaction& tx) { tx.insert(1, 1); }}, {"remove", [](Transaction& tx) { tx.remove(1); }}};
}
std::vector<Call> all_calls() {
  std::vector<Call> calls = reads();
  for (Call& call : writes()) calls.push_back(std::move(call));
  calls.push_back({"commit", [](Transaction& tx) { run(tx.commit()); }});
  return calls;
}

void check_every_call(Transaction& transaction, error_code expected) {
  for (const Call& call : all_calls()) {
    INFO(call.name);
    CHECK(code_of([&] { call.make(transaction); }) == expected);
  }
  transaction.rollback();  // always allowed
}

void check_closed(Handle& handle) {
  const std::vector<std::function<void()>> calls{
      [&] { handle.get(1); },
      [&] { handle.contains(1); },
      [&] { handle.visit(1, [](const int&) {}); },
      [&] { handle.get_many(std::array{1}); },
      [&] { handle.range(0, 9); },
      [&] { handle.range_stream(0, 9); },
      [&] { handle.begin(); },
      [&] { handle.begin({.read_only = true}); },
      [&] { run(handle.insert(1, 1)); },
      [&] { run(handle.insert_if_absent(1, 1)); },
      [&] { run(handle.remove(1)); },
      [&] { run(handle.evict(1)); },
      [&] { run(handle.update(1, k_double)); },
      [&] { run(handle.transaction([](Transaction& tx) { tx.insert(1, 1); })); },
      [&] { run(handle.transaction([](Transaction&) {}, {.read_only = true})); },
  };
  for (std::size_t i = 0; i < calls.size(); ++i) {
    INFO("call " << i);
    CHECK(code_of(calls[i]) == errc::closed);
  }
}

}  // namespace

TEST_CASE("a_finished_transaction_refuses_every_call") {
  Store store;
  Handle handle = store.handle();
  put(handle, 1, 1);
  Transaction transaction = handle.begin();
  const auto savepoint = transaction.savepoint();
  transaction.insert(2, 2);
  CHECK(transaction.active());
  bool committed = false;
  SECTION("committed") {
    run(transaction.commit());
    committed = true;
  }
  SECTION("rolled back") { transaction.rollback(); }
  SECTION("moved from") {
    Transaction other = std::move(transaction);
    CHECK(other.active());
  }
  SECTION("assigned to another one") {
    Transaction other = handle.begin();
    other.insert(3, 3);
    other = std::move(transaction);
    CHECK(*other.get(2) == 2);
    CHECK(store.stats().active_transactions == 1);
  }
  SECTION("failed in a conflict") {
    transaction.get(1);
    put(handle, 1, 5);
    CHECK_FALSE(commits(transaction));
  }
  CHECK_FALSE(transaction.active());
  check_every_call(transaction, errc::transaction_inactive);
  CHECK(code_of([&] { transaction.rollback_to(savepoint); }) == errc::transaction_inactive);
  CHECK(handle.contains(2) == committed);
  CHECK_FALSE(handle.contains(3));
  CHECK(store.stats().active_transactions == 0);
}

TEST_CASE("a_transaction_is_rolled_back_when_it_is_destroyed") {
  Store store;
  Handle handle = store.handle();
  {
    Transaction transaction = handle.begin();
    transaction.insert(1, 1);
  }
  {
    Transaction transaction = handle.begin();
    transaction.insert(1, 1);
    const auto never_awaited = transaction.commit();
    CHECK_FALSE(transaction.active());
  }
  CHECK_FALSE(handle.contains(1));
  CHECK(store.stats().active_transactions == 0);
  CHECK(store.stats().commits == 0);
}

TEST_CASE("a_stream_of_a_finished_transaction_refuses_to_go_on") {
  Store store;
  Handle handle = store.handle();
  for (int key = 0; key < 5; ++key) put(handle, key, key);
  const bool read_only = GENERATE(false, true);
  std::optional<Transaction> transaction = handle.begin({.read_only = read_only});
  auto begun = transaction->range_stream(0, 9);
  auto untouched = transaction->range_stream(0, 9);
  REQUIRE(begun.next()->first == 0);
  SECTION("committed") { run(transaction->commit()); }
  SECTION("rolled back") { transaction->rollback(); }
  SECTION("destroyed") { transaction.reset(); }
  SECTION("destroyed, and its memory used by another one") {
    transaction.reset();
    transaction = handle.begin({.read_only = read_only});
    CHECK(transaction->contains(1));
  }
  CHECK(code_of([&] { begun.next(); }) == errc::transaction_inactive);
  CHECK(code_of([&] { untouched.begin(); }) == errc::transaction_inactive);
}

TEST_CASE("a_read_only_transaction_refuses_writes_and_goes_on") {
  Store store;
  Handle handle = store.handle();
  put(handle, 1, 1);
  Transaction reader = handle.begin({.read_only = true});
  for (const Call& call : writes()) {
    INFO(call.name);
    CHECK(code_of([&] { call.make(reader); }) == errc::read_only);
  }
  for (const Call& call : reads()) CHECK_NOTHROW(call.make(reader));
  CHECK(*reader.get(1) == 1);
  CHECK(commits(reader));
  CHECK(code_of([&] { run(handle.transaction([](Transaction& tx) { tx.insert(2, 2); }, {.read_only = true})); }) ==
        errc::read_only);
  CHECK_FALSE(handle.contains(2));
}

TEST_CASE("after_close_every_call_fails_and_says_why") {
  Store store;
  Handle handle = store.handle();
  put(handle, 1, 1);
  Transaction writer = handle.begin();
  writer.insert(2, 2);
  Transaction reader = handle.begin({.read_only = true});
  const int* const value = reader.get(1);
  auto stream = handle.range_stream(0, 9);
  auto begun = handle.range_stream(0, 9);
  REQUIRE(begun.next().has_value());
  auto of_writer = writer.range_stream(0, 9);
  auto started = handle.insert(3, 3);
  auto commit = [&] {
    Transaction transaction = handle.begin();
    transaction.insert(4, 4);
    return transaction.commit();
  }();
  run(store.close());

  check_closed(handle);
  check_every_call(writer, errc::closed);
  check_every_call(reader, errc::closed);
  CHECK(*value == 1);  // until the transaction ends
  CHECK(code_of([&] { stream.next(); }) == errc::closed);
  CHECK(code_of([&] { begun.next(); }) == errc::closed);
  CHECK(code_of([&] { run(std::move(started)); }) == errc::closed);
  CHECK(code_of([&] { run(std::move(commit)); }) == errc::closed);
  CHECK(code_of([&] { store.handle(); }) == errc::closed);
  CHECK(code_of([&] { static_cast<void>(store.size()); }) == errc::closed);
  CHECK(code_of([&] { run(store.vacuum()); }) == errc::closed);
  CHECK(code_of([&] { run(store.flush()); }) == errc::closed);
  CHECK(code_of([&] { run(store.close()); }) == errc::closed);
  CHECK(store.stats().commits == 1);  // the last words
}

TEST_CASE("what_is_still_open_when_the_database_is_destroyed_fails_and_does_not_dangle") {
  auto store = std::make_unique<fluxmap::Database<int, std::string>>();
  auto handle = store->handle();
  const std::string text(64, 'x');
  for (int key = 0; key < 5; ++key) put(handle, key, text);
  auto transaction = handle.begin();
  const std::string* const value = transaction.get(1);
  transaction.insert(9, text);
  auto stream = handle.range_stream(0, 9);
  REQUIRE(stream.next().has_value());
  const auto item = *stream.next();
  auto copy = handle;

  asio::io_context context;
  std::function<void()> resume;
  std::exception_ptr failure;
  handle.transaction(
      [&](decltype(transaction)& tx) -> asio::awaitable<void> {
        const std::string* const held = tx.get(2);
        tx.insert(7, text);
        co_await park(resume);
        CHECK(*held == text);
      },
      asio::bind_executor(context, [&](std::exception_ptr thrown) { failure = thrown; }));
  context.poll();

  store.reset();
  CHECK(*value == text);
  CHECK(item.second == text);
  CHECK(code_of([&] { transaction.get(1); }) == errc::closed);
  CHECK(code_of([&] { stream.next(); }) == errc::closed);
  CHECK(code_of([&] { copy.get(1); }) == errc::closed);
  asio::post(context, std::exchange(resume, nullptr));
  context.run();
  REQUIRE(failure);
  CHECK(code_of([&] { std::rethrow_exception(failure); }) == errc::closed);
}

TEST_CASE("a_suspended_closure_may_be_destroyed_with_its_io_context_after_the_database") {
  auto store = std::make_unique<Store>();
  std::function<void()> resume;
  {
    asio::io_context context;
    store->handle().transaction(
        [&](Transaction& tx) -> asio::awaitable<void> {
          tx.insert(1, 1);
          co_await park(resume);
        },
        asio::bind_executor(context, [](std::exception_ptr) {}));
    context.poll();
    REQUIRE(resume);
    store.reset();
    resume = nullptr;  // the coroutine goes with it
  }
}

TEST_CASE("handles_are_copies_of_one_way_in") {
  Store store;
  Handle first = store.handle();
  Handle second = first;
  Handle third = store.handle();
  put(first, 1, 1);
  CHECK(second.get(1) == 1);
  third = std::move(second);
  CHECK(third.get(1) == 1);
  std::vector<Transaction> open;  // many at once from one handle
  for (int i = 0; i < 200; ++i) {
    open.push_back(first.begin());
    open.back().insert(1000 + i, i);
  }
  CHECK(store.stats().active_transactions == 200);
  for (Transaction& transaction : open) CHECK(commits(transaction));
  CHECK(store.size() == 201);
}

TEST_CASE("an_operation_outlives_its_handle") {
  Store store;
  asio::io_context context;
  int completed = 0;
  const auto count = [&] { return asio::bind_executor(context, [&](error_code code) { completed += code ? 0 : 1; }); };
  store.handle().insert(1, 1, count());
  auto kept = store.handle().insert(2, 2, asio::deferred);
  std::move(kept)(count());
  auto awaitable = store.handle().insert(3, 3);
  auto commit = [&] {
    auto transaction = store.handle().begin();
    transaction.insert(4, 4);
    return transaction.commit();
  }();
  std::function<void()> resume;
  store.handle().transaction(
      [&](Transaction& tx) -> asio::awaitable<int> {
        tx.insert(5, 5);
        co_await park(resume);
        co_return 1;
      },
      asio::bind_executor(context, [&](std::exception_ptr failure, int value) { completed += failure ? 0 : value; }));
  context.poll();
  asio::post(context, std::exchange(resume, nullptr));
  context.run();
  CHECK(completed == 3);
  run(std::move(awaitable));
  run(std::move(commit));
  CHECK(store.size() == 5);
}

TEST_CASE("a_pending_operation_is_work_for_its_executor") {
  Store store;
  asio::io_context context;
  std::function<void()> resume;
  bool completed = false;
  store.handle().transaction([&](Transaction&) { return park(resume); },
                             asio::bind_executor(context, [&](std::exception_ptr) { completed = true; }));
  context.poll();
  CHECK_FALSE(completed);
  CHECK_FALSE(context.stopped());  // run() would go on waiting
  asio::post(context, std::exchange(resume, nullptr));
  context.run();
  CHECK(completed);
}

TEST_CASE("awaitables_with_nothing_to_wait_for_finish_without_the_scheduler_and_without_stack") {
  Store store;
  asio::io_context context(1);
  bool others_ran = false;
  bool done = false;
  std::uintptr_t low = ~std::uintptr_t{0};
  std::uintptr_t high = 0;
  const auto work = [&](Handle handle) -> asio::awaitable<void> {
    asio::post(context, [&] { others_ran = true; });
    for (int i = 0; i < 30'000; ++i) {
      const int key = i % 100;
      co_await handle.insert(key, i);
      co_await handle.insert_if_absent(key, i);
      co_await handle.update(key, k_double);
      co_await handle.transaction([&](Transaction& tx) {
        const char local = 0;
        low = std::min(low, reinterpret_cast<std::uintptr_t>(&local));
        high = std::max(high, reinterpret_cast<std::uintptr_t>(&local));
        tx.insert(key, *tx.get(key) + 1);
      });
      co_await handle.transaction([&](Transaction& tx) -> asio::awaitable<void> {
        tx.insert(key, 1);
        co_return;
      });
      auto transaction = handle.begin();
      transaction.insert(key, 2);
      co_await transaction.commit();
      co_await handle.remove(key);
    }
    co_await store.flush();
    CHECK_FALSE(others_ran);
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    CHECK(others_ran);  // it was only waiting for its turn
    done = true;
  };
  asio::co_spawn(context, work(store.handle()), asio::detached);
  context.run();
  CHECK(done);
  CHECK(high - low < 16 * 1024);
}

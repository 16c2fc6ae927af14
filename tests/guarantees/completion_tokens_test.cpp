// Every awaitable with a completion token: signatures, executors, errors, cancellation.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "guarantees/shared.hpp"

namespace {

using namespace fluxmap_test;

struct BrokenOrder : std::runtime_error {
  BrokenOrder() : std::runtime_error("broken order") {}
};
// An order that can be told to throw.
struct Order {
  bool operator()(int a, int b) const {
    if (broken) throw BrokenOrder();
    return a < b;
  }
  inline static bool broken = false;
};

using Store = fluxmap::Database<int, int, Order>;
using Handle = decltype(std::declval<Store&>().handle());
using Transaction = Handle::Transaction;

constexpr auto k_double = [](const int* old) { return old == nullptr ? 1 : 2 * *old; };

static_assert(std::same_as<decltype(std::declval<Handle&>().insert(1, 1, asio::use_future)), std::future<void>>);
static_assert(
    std::same_as<decltype(std::declval<Handle&>().insert_if_absent(1, 1, asio::use_future)), std::future<bool>>);
static_assert(
    std::same_as<decltype(std::declval<Handle&>().remove(1, asio::use_future)), std::future<std::optional<int>>>);
static_assert(std::same_as<decltype(std::declval<Handle&>().evict(1, asio::use_future)), std::future<bool>>);
static_assert(std::same_as<decltype(std::declval<Handle&>().update(1, k_double, asio::use_future)), std::future<int>>);
static_assert(
    std::same_as<decltype(std::declval<Store&>().vacuum(asio::use_future)), std::future<fluxmap::VacuumReport>>);
static_assert(
    std::same_as<decltype(Store::builder().async_build(asio::use_future)), std::future<std::shared_ptr<Store>>>);

// The code that a completion reports, whichever way.
error_code reported(error_code code) { return code; }
error_code reported(const std::exception_ptr& failure) {
  return code_of([&] {
    if (failure) std::rethrow_exception(failure);
  });
}

// Checks where and when handlers are called, and with what. One type of handler serves all operations: each further
// one is a long compilation.
class Probe {
 public:
  using Check = std::function<void(error_code)>;

  explicit Probe(asio::io_context& context) : context_(context) {}

  // Starts an operation with a move-only handler that belongs to the context.
  template <class Initiate>
  void start(Initiate initiate, Check check) {
    ++started_;
    initiating_ = true;
    initiate(asio::bind_executor(context_.get_executor(), Handler{this, std::make_unique<Check>(std::move(check))}));
    initiating_ = false;
  }
  void check_all_completed() {
    context_.run();
    CHECK(completed_ == started_);
  }

 private:
  struct Handler {
    Probe* probe;
    std::unique_ptr<Check> check;
    template <class Failure, class... Result>
    void operator()(Failure failure, const Result&...) {
      CHECK_FALSE(probe->initiating_);
      CHECK(probe->context_.get_executor().running_in_this_thread());
      (*check)(reported(failure));
      ++probe->completed_;
    }
  };

  asio::io_context& context_;
  bool initiating_ = false;
  int started_ = 0;
  int completed_ = 0;
};

// Starts every operation; each should complete with `expected`.
void start_everything(Probe& probe, Store& store, error_code expected) {
  Handle handle = store.handle();
  const auto check = [=](error_code code) { CHECK(code == expected); };
  auto transaction = handle.begin();
  transaction.insert(9, 9);
  if (expected == errc::closed) run(store.close());
  Order::broken = expected == errc::user_exception;
  probe.start([&](auto handler) { handle.insert(1, 1, std::move(handler)); }, check);
  probe.start([&](auto handler) { handle.insert_if_absent(2, 2, std::move(handler)); }, check);
  probe.start([&](auto handler) { handle.remove(3, std::move(handler)); }, check);
  probe.start([&](auto handler) { handle.evict(4, std::move(handler)); }, check);
  probe.start([&](auto handler) { transaction.commit(std::move(handler)); }, check);
  if (expected == errc::user_exception) return;  // those below hand it over as it is, or do not meet it
  probe.start([&](auto handler) { handle.update(5, k_double, std::move(handler)); }, check);
  probe.start([&](auto handler) { handle.transaction([](Transaction& tx) { tx.insert(6, 6); }, std::move(handler)); },
              check);
  probe.start(
      [&](auto handler) {
        handle.transaction([](Transaction& tx) -> asio::awaitable<int> { co_return tx.get(7) == nullptr ? 1 : 0; },
                           {.read_only = true}, std::move(handler));
      },
      check);
  probe.start([&](auto handler) { store.vacuum(std::move(handler)); }, check);
  probe.start([&](auto handler) { store.flush(std::move(handler)); }, check);
}

// An executor of the user's own type: passes work on to a context and counts it.
struct CountingExecutor {
  asio::io_context* context;
  int* executed;
  template <class F>
  void execute(F&& f) const {
    ++*executed;
    asio::require(context->get_executor(), asio::execution::blocking.never).execute(std::forward<F>(f));
  }
  asio::execution_context& query(asio::execution::context_t) const noexcept { return *context; }
  static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
    return asio::execution::blocking.never;
  }
  bool operator==(const CountingExecutor&) const noexcept = default;
};

}  // namespace

TEST_CASE("callbacks_run_on_their_executor_and_never_inside_the_initiating_function") {
  Store store;
  asio::io_context context;
  Probe probe(context);
  SECTION("started from outside") { start_everything(probe, store, {}); }
  SECTION("started on the executor itself") {
    asio::post(context, [&] { start_everything(probe, store, {}); });
  }
  probe.check_all_completed();
  Handle handle = store.handle();
  CHECK(keys_of(handle.range(0, 100)) == std::vector{1, 2, 5, 6, 9});
}

TEST_CASE("a_closed_database_tells_every_token_so") {
  Store store;
  asio::io_context context;
  Probe probe(context);
  start_everything(probe, store, errc::closed);
  probe.check_all_completed();
}

TEST_CASE("a_handler_without_an_executor_is_called_on_a_thread_of_the_librarys") {
  Store store;
  std::promise<std::thread::id> called;
  store.handle().insert(1, 1, [&](error_code code) {
    CHECK_FALSE(code);
    called.set_value(std::this_thread::get_id());
  });
  CHECK(called.get_future().get() != std::this_thread::get_id());
}

TEST_CASE("futures_hand_over_values_and_throw_errors") {
  Store store;
  Handle handle = store.handle();
  handle.insert(1, 10, asio::use_future).get();
  CHECK(handle.insert_if_absent(2, 20, asio::use_future).get());
  CHECK_FALSE(handle.insert_if_absent(2, 21, asio::use_future).get());
  CHECK(handle.update(1, k_double, asio::use_future).get() == 20);
  auto reader = handle.begin({.read_only = true});  // or the writer itself might free what it removes
  CHECK(handle.remove(2, asio::use_future).get() == 20);
  CHECK_FALSE(handle.remove(2, asio::use_future).get().has_value());
  reader.rollback();
  CHECK(handle.transaction([](Transaction& tx) { return *tx.get(1); }, asio::use_future).get() == 20);
  CHECK(store.vacuum(asio::use_future).get().entries == 1);
  CHECK(Store::builder().async_build(asio::use_future).get()->size() == 0);
  CHECK(code_of([] { Store::builder().skiplist_p(2).async_build(asio::use_future).get(); }) == errc::invalid_option);
  store.close(asio::use_future).get();
  CHECK(code_of([&] { handle.insert(1, 1, asio::use_future).get(); }) == errc::closed);
}

TEST_CASE("tokens_work_inside_coroutines") {
  Store store;
  Handle handle = store.handle();
  run([](Handle h) -> asio::awaitable<void> {
    const auto [code, inserted] = co_await h.insert_if_absent(1, 1, asio::as_tuple(asio::use_awaitable));
    CHECK_FALSE(code);
    CHECK(inserted);
    const std::optional<int> removed = co_await h.remove(1, asio::use_awaitable);
    CHECK(removed == 1);
    co_await h.insert(2, 2, asio::deferred);
    auto later = h.insert(3, 3, asio::deferred);
    CHECK_FALSE(h.contains(3));
    co_await std::move(later);
    CHECK(h.contains(3));
    auto transaction = h.begin();
    transaction.insert(4, 4);
    const auto [committed] = co_await transaction.commit(asio::as_tuple(asio::use_awaitable));
    CHECK_FALSE(committed);
    CHECK_FALSE(transaction.active());
    const auto [failure, value] =
        co_await h.transaction([](Transaction& tx) { return *tx.get(4); }, asio::as_tuple(asio::use_awaitable));
    CHECK_FALSE(failure);
    CHECK(value == 4);
  }(handle));
}

TEST_CASE("a_conflict_reaches_the_token") {
  Store store;
  Handle handle = store.handle();
  put(handle, 1, 1);
  auto transaction = handle.begin();
  transaction.get(1);
  transaction.insert(2, 2);
  put(handle, 1, 2);
  CHECK(code_of([&] { transaction.commit(asio::use_future).get(); }) == errc::serialization_conflict);
  CHECK_FALSE(handle.contains(2));

  asio::io_context context;
  std::exception_ptr failure;
  const auto read_then_lose = [&](Transaction& tx) -> asio::awaitable<void> {
    tx.get(1);
    co_await handle.insert(1, 3);
    tx.insert(2, 2);
  };
  handle.transaction(read_then_lose, {.retry = {.attempts = 1}},
                     asio::bind_executor(context, [&](std::exception_ptr thrown) { failure = thrown; }));
  context.run();
  REQUIRE(failure);
  CHECK_THROWS_AS(std::rethrow_exception(failure), fluxmap::ConflictError);
}

TEST_CASE("a_finished_transaction_tells_the_token_of_its_commit_so") {
  Store store;
  auto transaction = store.handle().begin();
  transaction.rollback();
  asio::io_context context;
  Probe probe(context);
  CHECK_NOTHROW(probe.start([&](auto handler) { transaction.commit(std::move(handler)); },
                            [](error_code code) { CHECK(code == errc::transaction_inactive); }));
  probe.check_all_completed();
}

TEST_CASE("exceptions_of_user_code_reach_tokens_as_a_code_where_there_is_no_room_for_more") {
  Store store;
  asio::io_context context;
  Probe probe(context);
  Handle handle = store.handle();
  put(handle, 3, 3);
  start_everything(probe, store, errc::user_exception);
  probe.check_all_completed();
  Order::broken = false;
  CHECK(handle.range(0, 10) == std::vector<std::pair<int, int>>{{3, 3}});
}

TEST_CASE("exceptions_of_closures_reach_tokens_as_they_are") {
  Store store;
  Handle handle = store.handle();
  put(handle, 1, 1);
  CHECK_THROWS_AS(handle
                      .transaction(
                          [](Transaction& tx) {
                            tx.insert(1, 2);
                            throw BrokenOrder();
                          },
                          asio::use_future)
                      .get(),
                  BrokenOrder);
  CHECK_THROWS_AS(
      handle.update(1, [](const int*) -> int { throw BrokenOrder(); }, asio::use_future).get(), BrokenOrder);
  CHECK(handle.get(1) == 1);
}

TEST_CASE("executors_of_the_users_own_and_strands_are_honoured") {
  Store store;
  Handle handle = store.handle();
  asio::io_context context;
  int executed = 0;
  bool called = false;
  handle.insert(1, 1, asio::bind_executor(CountingExecutor{&context, &executed}, [&](error_code code) {
                  CHECK_FALSE(code);
                  called = true;
                }));
  CHECK_FALSE(called);
  for (const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
       !called && std::chrono::steady_clock::now() < deadline;) {
    context.restart();
    context.poll();
  }
  CHECK(called);
  CHECK(executed >= 1);

  auto strand = asio::make_strand(context);
  bool on_strand = false;
  handle.insert(2, 2, asio::bind_executor(strand, [&](error_code) { on_strand = strand.running_in_this_thread(); }));
  context.restart();
  context.run();
  CHECK(on_strand);
}

TEST_CASE("cancelling_a_transaction_that_waits_to_be_retried_leaves_no_trace", "[cancellation]") {
  Store store;
  Handle handle = store.handle();
  put(handle, 1, 0);
  asio::io_context context;
  asio::cancellation_signal signal;
  int attempts = 0;
  std::exception_ptr failure;
  bool completed = false;
  constexpr std::chrono::hours k_for_ever{24};
  handle.transaction(
      [&](Transaction& tx) -> asio::awaitable<void> {
        ++attempts;
        tx.insert(2, *tx.get(1));
        co_await handle.insert(1, attempts);
      },
      {.retry = {.backoff = k_for_ever, .backoff_cap = k_for_ever, .reserve_after = 0}},
      asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(context, [&](std::exception_ptr thrown) {
                                     failure = thrown;
                                     completed = true;
                                   })));
  context.poll();
  CHECK(attempts == 2);  // the first retry is immediate; the next one is a long way off
  CHECK_FALSE(completed);
  signal.emit(asio::cancellation_type::terminal);
  context.run();
  CHECK(completed);
  CHECK(code_of([&] { std::rethrow_exception(failure); }) == asio::error::operation_aborted);
  CHECK_FALSE(handle.contains(2));
  CHECK(store.stats().active_transactions == 0);
}

TEST_CASE("cancelling_a_suspended_closure_rolls_back", "[cancellation]") {
  Store store;
  asio::io_context context;
  asio::cancellation_signal signal;
  bool completed = false;
  store.handle().transaction(
      [&](Transaction& tx) -> asio::awaitable<void> {
        tx.insert(1, 1);
        asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(24));
        co_await timer.async_wait(asio::use_awaitable);
      },
      asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(context, [&](std::exception_ptr thrown) {
                                     completed = true;
                                     CHECK(thrown);
                                   })));
  context.poll();
  signal.emit(asio::cancellation_type::terminal);
  context.run();
  CHECK(completed);
  CHECK_FALSE(store.handle().contains(1));
  CHECK(store.stats().active_transactions == 0);
}

TEST_CASE("a_cancelled_write_completes_once_and_what_it_calls_a_success_stands", "[cancellation]") {
  Store store;
  asio::io_context context;
  asio::cancellation_signal signal;
  std::vector<error_code> codes;
  const int steps_before = GENERATE(0, 1, 2, 3);
  auto count = [&](error_code code) { codes.push_back(code); };
  store.handle().insert(1, 1, asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(context, count)));
  for (int i = 0; i < steps_before; ++i) context.poll_one();
  signal.emit(asio::cancellation_type::terminal);
  context.run();
  REQUIRE(codes.size() == 1);
  if (!codes[0]) CHECK(store.handle().contains(1));
  if (codes[0]) CHECK(codes[0] == asio::error::operation_aborted);
}

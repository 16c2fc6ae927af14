// Tutorial, 7: completion tokens, executors, cancellation, the end.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <string>

namespace asio = boost::asio;
using boost::system::error_code;
using Numbers = fluxmap::Database<std::string, int>;
using Transaction = fluxmap::Transaction<std::string, int>;

// From plain code, without a coroutine in sight.
bool with_futures(Numbers& numbers) {
  auto handle = numbers.handle();
  handle.insert("one", 1, asio::use_future).get();  // throws what an awaitable would
  return handle.transaction([](Transaction& tx) { return *tx.get("one") + 1; }, asio::use_future).get() == 2;
}

// A callback runs on the executor that it is bound to, and never inside the call that started the operation.
bool with_callbacks(Numbers& numbers) {
  asio::io_context io;
  auto strand = asio::make_strand(io);
  bool on_strand = false;
  auto handle = numbers.handle();
  handle.insert("two", 2, asio::bind_executor(strand, [&](error_code code) {
                  on_strand = !code && strand.running_in_this_thread();
                }));
  if (on_strand) return false;
  io.run();  // a pending operation keeps its executor busy
  return on_strand;
}

// An error as a value instead of an exception.
asio::awaitable<bool> with_codes(Numbers& numbers) {
  auto tx = numbers.handle().begin({.read_only = true});
  bool refused = false;
  try {
    tx.insert("three", 3);
  } catch (const boost::system::system_error& error) {
    refused = error.code() == fluxmap::errc::read_only;
  }
  tx.rollback();
  const auto [code] = co_await tx.commit(asio::as_tuple(asio::use_awaitable));
  const bool correct = refused && code == fluxmap::errc::transaction_inactive;
  co_return correct;
}

// Cancelled before its commit is decided nothing has happened; after that it stands, and only the wait ends.
bool with_cancellation(Numbers& numbers) {
  asio::io_context io;
  asio::cancellation_signal cancel;
  bool failed = false;
  numbers.handle().transaction(
      [](Transaction& tx) -> asio::awaitable<void> {
        tx.insert("never", 1);
        asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
        co_await timer.async_wait(asio::use_awaitable);  // suspended with a transaction open: it holds no lock
      },
      asio::bind_cancellation_slot(
          cancel.slot(), asio::bind_executor(io, [&](std::exception_ptr failure) { failed = failure != nullptr; })));
  io.poll();
  cancel.emit(asio::cancellation_type::terminal);
  io.run();
  return failed && !numbers.handle().contains("never") && numbers.stats().active_transactions == 0;
}

// After close() every call fails, and says why.
bool at_the_end(Numbers& numbers) {
  auto handle = numbers.handle();
  numbers.close(asio::use_future).get();
  try {
    handle.get("one");
  } catch (const boost::system::system_error& error) {
    std::cout << error.what() << '\n';
    return error.code() == fluxmap::errc::closed;
  }
  return false;
}

int main() {
  Numbers numbers;
  asio::io_context io;
  auto codes = asio::co_spawn(io, with_codes(numbers), asio::use_future);
  io.run();
  const bool correct = with_futures(numbers) && with_callbacks(numbers) && codes.get() && with_cancellation(numbers);
  return at_the_end(numbers) && correct ? 0 : 1;
}

// An io_context without locks cannot be told anything by the log's thread: the first wait says so, and nothing hangs.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "shared.hpp"
#include "support/catch.hpp"
#include "support/persistent.hpp"

using namespace fluxmap_test;
using namespace std::chrono_literals;
using Numbers = fluxmap::Database<std::uint64_t, std::uint64_t>;

namespace {

// What became of `work` on a context of such a kind; nothing: it has not come to its end.
std::optional<boost::system::error_code> outcome(int concurrency_hint, asio::awaitable<void> work,
                                                 std::string* text = nullptr) {
  asio::io_context context(concurrency_hint);
  std::optional<boost::system::error_code> code;
  asio::co_spawn(context, std::move(work), [&](std::exception_ptr failure) {
    code.emplace();
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (const boost::system::system_error& error) {
      code = error.code();
      if (text != nullptr) *text = error.what();
    }
  });
  context.run_for(60s);
  return code;
}

}  // namespace

TEST_CASE("a_wait_for_the_log_on_a_context_without_locks_is_refused_and_says_why") {
  const auto disk = std::make_shared<MemoryDisk>();
  const auto database = open_on<std::uint64_t, std::uint64_t>(disk, Level::full);
  auto handle = database->handle();
  constexpr int k_unsafe = BOOST_ASIO_CONCURRENCY_HINT_UNSAFE;
  std::string text;
  CHECK(outcome(k_unsafe, handle.insert(1, 1), &text) == errc::invalid_option);
  CHECK(text.find("BOOST_ASIO_CONCURRENCY_HINT_UNSAFE") != std::string::npos);
  CHECK(outcome(k_unsafe, [](auto& with) -> asio::awaitable<void> { co_await with.insert_if_absent(2, 1); }(handle)) ==
        errc::invalid_option);
  CHECK(outcome(k_unsafe, handle.transaction([](auto& tx) { tx.insert(3, 1); })) == errc::invalid_option);
  CHECK(outcome(k_unsafe, database->flush()) == errc::invalid_option);
  CHECK(outcome(k_unsafe, database->checkpoint()) == errc::invalid_option);
  CHECK(database->stats().checkpoints == 0);
  CHECK(outcome(k_unsafe, database->close(), &text) == errc::invalid_option);
  CHECK(text.find("BOOST_ASIO_CONCURRENCY_HINT_UNSAFE") != std::string::npos);
  // It is open still, and reads are as good as anywhere.
  run(database->flush());
  CHECK(handle.get(1) == 1);
  CHECK(handle.get(3) == 1);
  CHECK(outcome(k_unsafe, [](auto& with) -> asio::awaitable<void> {
          with.get(1);
          co_return;
        }(handle)) == boost::system::error_code());
  // Nothing else is refused.
  for (const int hint : {BOOST_ASIO_CONCURRENCY_HINT_SAFE, BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO, 1, 2}) {
    CHECK(outcome(hint, handle.insert(4, static_cast<std::uint64_t>(hint))) == boost::system::error_code());
  }
  CHECK(outcome(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO, database->close()) == boost::system::error_code());
  const auto builder = builder_on<std::uint64_t, std::uint64_t>(disk, Level::full);
  CHECK(outcome(k_unsafe, [](auto& with) -> asio::awaitable<void> { co_await with.async_build(); }(builder)) ==
        errc::invalid_option);
  CHECK(run(builder.async_build())->size() == 4);
}

TEST_CASE("a_context_without_locks_will_do_where_nothing_is_waited_for") {
  Numbers in_memory;
  const auto disk = std::make_shared<MemoryDisk>();
  const auto relaxed = open_on<std::uint64_t, std::uint64_t>(disk, Level::relaxed);
  const auto work = [](auto& database, bool may_wait) -> asio::awaitable<void> {
    auto handle = database.handle();
    for (std::uint64_t i = 0; i < 1000; ++i) {
      try {
        co_await handle.insert(i, i);
        co_await handle.transaction([&](auto& tx) { tx.insert(i, i + *tx.get(i)); });
      } catch (const boost::system::system_error& error) {
        if (!may_wait || error.code() != errc::invalid_option) throw;
      }
    }
    co_await database.vacuum();
    if (!may_wait) {
      co_await database.flush();
      co_await database.checkpoint();
      co_await database.close();
    }
  };
  CHECK(outcome(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE, work(in_memory, false)) == boost::system::error_code());
  CHECK(outcome(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE, work(*relaxed, true)) == boost::system::error_code());
  CHECK(relaxed->size() == 1000);
  run(relaxed->close());
}

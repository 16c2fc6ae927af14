// Runs awaitables to their end from plain test code.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <exception>
#include <future>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace fluxmap_test {

namespace asio = boost::asio;

// Runs one awaitable on a fresh single-threaded io_context; returns its value or throws what it threw.
template <class T>
T run(asio::awaitable<T> work) {
  asio::io_context context(1);
  std::exception_ptr failure;
  if constexpr (std::is_void_v<T>) {
    asio::co_spawn(context, std::move(work), [&](std::exception_ptr e) { failure = e; });
    context.run();
    if (failure) std::rethrow_exception(failure);
  } else {
    std::optional<T> result;
    asio::co_spawn(
        context,
        // Boxed, because co_spawn wants a default-constructible result.
        [](asio::awaitable<T> inner, std::optional<T>* out) -> asio::awaitable<void> {
          out->emplace(co_await std::move(inner));
        }(std::move(work), &result),
        [&](std::exception_ptr e) { failure = e; });
    context.run();
    if (failure) std::rethrow_exception(failure);
    return std::move(*result);
  }
}

// Starts make(i) for i in [0, count) as coroutines on a pool of `threads` threads and waits for all of them;
// rethrows the first failure.
template <class Make>
void run_on_pool(unsigned threads, unsigned count, Make make) {
  asio::thread_pool pool(threads);
  std::vector<std::future<void>> done;
  done.reserve(count);
  for (unsigned i = 0; i < count; ++i) done.push_back(asio::co_spawn(pool, make(i), asio::use_future));
  for (auto& one : done) one.wait();
  pool.join();
  for (auto& one : done) one.get();
}

}  // namespace fluxmap_test

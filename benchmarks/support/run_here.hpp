// Runs a coroutine to its end on this thread; what it throws comes out here.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <utility>

namespace fluxmap_bench {

namespace asio = boost::asio;

inline void run_here(asio::awaitable<void> work) {
  asio::io_context io(1);
  asio::co_spawn(io, std::move(work), [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  });
  io.run();
}

}  // namespace fluxmap_bench

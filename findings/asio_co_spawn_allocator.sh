#!/usr/bin/env bash
# Boost.Asio 1.81: co_spawn allocates nothing through the allocator that is associated with its completion handler. The
# coroutine's frame, the operation that starts it and the one that completes it come from memory that Asio recycles for
# each thread, or from the heap. post and async_wait ask that allocator for all they need.
#
# A good guess: bind_allocator works for co_spawn as for the other asynchronous operations, so that a program that gives
# each handler an allocator decides where all of an operation's memory comes from.
#
# Needs a C++20 compiler, and the packages of Debian 12 for amd64.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

apt-get -o APT::Sandbox::User=root -qq download libboost1.81-dev=1.81.0-5+deb12u1
dpkg-deb -x libboost1.81-dev_*.deb root

cat >program.cpp <<'PROGRAM'
#include <boost/asio.hpp>
#include <boost/version.hpp>

#include <chrono>
#include <cstddef>
#include <iostream>
#include <memory>

namespace asio = boost::asio;

int allocations = 0;

template <class T>
struct Counting {
  using value_type = T;
  Counting() = default;
  template <class U>
  Counting(const Counting<U>&) {}
  T* allocate(std::size_t n) {
    ++allocations;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) { std::allocator<T>().deallocate(p, n); }
  bool operator==(const Counting&) const { return true; }
};

asio::awaitable<int> coroutine() {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
  co_await timer.async_wait(asio::use_awaitable);
  co_return 1;
}

int main() {
  std::cout << "BOOST_LIB_VERSION " << BOOST_LIB_VERSION << '\n';
  asio::io_context io;
  asio::thread_pool elsewhere(1);
  asio::steady_timer timer(io, std::chrono::milliseconds(1));
  int completed = 0;
  const auto handler = [&] { return asio::bind_allocator(Counting<void>(), [&](auto...) { ++completed; }); };

  const auto allocations_of = [&](const char* what, auto start) {
    allocations = 0;
    start();
    io.run();
    io.restart();
    std::cout << what << ": " << allocations << '\n';
  };
  allocations_of("post", [&] { asio::post(io, handler()); });
  allocations_of("async_wait", [&] { timer.async_wait(handler()); });
  allocations_of("co_spawn", [&] { asio::co_spawn(io, coroutine(), handler()); });
  allocations_of("co_spawn, handler of another executor", [&] {
    asio::co_spawn(io, coroutine(), asio::bind_executor(elsewhere, handler()));
  });
  elsewhere.join();
  std::cout << "completed: " << completed << '\n';
}
PROGRAM
"${CXX:-c++}" -std=c++20 -w -isystem root/usr/include program.cpp -o program -pthread

cat >expected <<'EXPECTED'
BOOST_LIB_VERSION 1_81
post: 1
async_wait: 1
co_spawn: 0
co_spawn, handler of another executor: 0
completed: 4
EXPECTED
./program | tee seen
diff expected seen && echo "as described"

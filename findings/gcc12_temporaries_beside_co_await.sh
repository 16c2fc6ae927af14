#!/usr/bin/env bash
# g++ 12.2: a temporary that stands in one expression with co_await is destroyed once more than it was made, if it is an
# aggregate with a member that has a destructor, or a lambda that has captured such an object by value. Where the member
# owns something, that is given up twice. A class with a constructor is not affected, nor is the same object with a name,
# nor the same expression in a statement without co_await, whatever the optimisation. The await never suspends here.
#
# A good guess: co_await changes when a temporary is destroyed, not how often; and what works for a class works for an
# aggregate.
#
# Needs binutils and the C library's headers, and the packages of Debian 12 for amd64.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

version=12.2.0-14+deb12u1
packages=(g++-12 gcc-12 cpp-12 libgcc-12-dev libstdc++-12-dev)
apt-get -o APT::Sandbox::User=root -qq download "${packages[@]/%/=$version}" \
  libisl23=0.25-1.1 libmpc3=1.3.1-1 libmpfr6=4.2.0-1 libgmp10=2:6.2.1+dfsg1-1.1
for package in *.deb; do dpkg-deb -x "$package" root; done

cat >program.cpp <<'PROGRAM'
#include <coroutine>
#include <cstdio>
#include <exception>
#include <utility>

int made, destroyed;

struct Member {
  Member() { ++made; }
  Member(const Member&) { ++made; }
  ~Member() { ++destroyed; }
};
struct Aggregate {
  Member member;
};
struct WithConstructor {
  WithConstructor() {}
  Member member;
};

struct Task {
  struct promise_type {
    Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  std::coroutine_handle<promise_type> coroutine;
};

template <class T>
std::suspend_never use(const T&) {
  return {};
}

Task aggregate() { co_await use(Aggregate{}); }
Task lambda() {
  Member member;
  co_await use([member] {});
}
Task with_constructor() { co_await use(WithConstructor{}); }
Task named_aggregate() {
  const Aggregate aggregate{};
  co_await use(aggregate);
}
Task named_lambda() {
  Member member;
  const auto lambda = [member] {};
  co_await use(lambda);
}
Task statement_without() {
  use(Aggregate{});
  co_await std::suspend_never();
}

void count(const char* what, Task (*run)()) {
  made = destroyed = 0;
  run().coroutine.destroy();
  std::printf("%s: %d made, %d destroyed\n", what, made, destroyed);
}

int main() {
  std::printf("g++ %s\n", __VERSION__);
  count("aggregate", aggregate);
  count("lambda with a copy", lambda);
  count("class with a constructor", with_constructor);
  count("aggregate with a name", named_aggregate);
  count("lambda with a name", named_lambda);
  count("aggregate in a statement without co_await", statement_without);
}
PROGRAM

cat >expected <<'EXPECTED'
g++ 12.2.0
aggregate: 1 made, 2 destroyed
lambda with a copy: 2 made, 3 destroyed
class with a constructor: 1 made, 1 destroyed
aggregate with a name: 1 made, 1 destroyed
lambda with a name: 2 made, 2 destroyed
aggregate in a statement without co_await: 1 made, 1 destroyed
EXPECTED
export LD_LIBRARY_PATH=$PWD/root/usr/lib/x86_64-linux-gnu
for level in -O0 -O2; do
  root/usr/bin/x86_64-linux-gnu-g++-12 -std=c++20 "$level" program.cpp -o program
  echo "$level"
  ./program | tee seen
  diff expected seen
done
echo "as described"

#include "workload.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <random>
#include <utility>

namespace example {
namespace asio = boost::asio;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr int k_accounts = 1000;
constexpr std::int64_t k_opening_balance = 1000;
constexpr std::int64_t k_money = k_accounts * k_opening_balance;
constexpr int k_hot_keys = 4;

std::string numbered(const char* prefix, std::uint64_t number) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%s%010llu", prefix, static_cast<unsigned long long>(number));
  return text.data();
}

std::int64_t sum_of(auto&& items) {
  std::int64_t sum = 0;
  for (const auto& [key, value] : items) sum += value;
  return sum;
}

// Goes up and down between 0 and 1, so that the plots have something to show.
double wave(std::chrono::duration<double> period) {
  const std::chrono::duration<double> now = steady_clock::now().time_since_epoch();
  return 0.5 + 0.5 * std::sin(2 * 3.14159265 * now / period);
}

}  // namespace

asio::awaitable<bool> Workload::pause(std::chrono::milliseconds time) const {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  const auto end = steady_clock::now() + time;
  while (!stopping_ && steady_clock::now() < end) {
    timer.expires_at(std::min(end, steady_clock::now() + 50ms));
    co_await timer.async_wait(asio::use_awaitable);
  }
  co_return !stopping_;
}

asio::awaitable<void> Workload::open_accounts() {
  auto handle = store_.handle();
  if (handle.contains(numbered("account/", 0))) co_return;  // of an earlier run
  co_await handle.transaction([](auto& tx) {
    for (int number = 0; number < k_accounts; ++number) {
      tx.insert(numbered("account/", static_cast<unsigned>(number)), k_opening_balance);
    }
  });
}

asio::awaitable<void> Workload::transfer(unsigned seed) {
  auto handle = store_.handle();
  std::mt19937 random(seed);
  do {
    const int transfers = 2 + static_cast<int>(14 * wave(23s));
    for (int i = 0; i < transfers; ++i) {
      const std::string from = numbered("account/", random() % k_accounts);
      const std::string to = numbered("account/", random() % k_accounts);
      const auto amount = static_cast<std::int64_t>(random() % 100);
      co_await handle.transaction([&](auto& tx) {
        tx.insert(from, *tx.get(from) - amount);
        tx.insert(to, *tx.get(to) + amount);
      });
      ++transfers_;
    }
  } while (co_await pause(4ms));
}

// Reads, asks somebody else, and writes: whoever did so in between makes it start anew.
asio::awaitable<void> Workload::update_hot_keys(unsigned seed) {
  auto handle = store_.handle();
  std::mt19937 random(seed);
  do {
    const std::string key = numbered("hot/", random() % k_hot_keys);
    co_await handle.transaction([&](auto& tx) -> asio::awaitable<void> {
      const std::int64_t* const old = tx.get(key);
      const std::int64_t next = old == nullptr ? 1 : *old + 1;
      co_await asio::post(asio::use_awaitable);
      tx.insert(key, next);
    });
    ++hot_updates_;
  } while (co_await pause(std::chrono::milliseconds(1 + static_cast<int>(8 * wave(31s)))));
}

asio::awaitable<void> Workload::write_events() {
  auto handle = store_.handle();
  auto number = static_cast<std::uint64_t>(steady_clock::now().time_since_epoch().count());
  do {
    for (int i = 0; i < 4; ++i) {
      ++number;
      co_await handle.insert(numbered("event/", number), i, fluxmap::ExpiresAfter{3s});
      ++events_;
    }
  } while (co_await pause(std::chrono::milliseconds(4 + static_cast<int>(12 * wave(17s)))));
}

asio::awaitable<void> Workload::read_accounts(unsigned seed) {
  auto handle = store_.handle();
  std::mt19937 random(seed);
  do {
    for (int i = 0; i < 16; ++i) {
      if (!handle.contains(numbered("account/", random() % k_accounts))) ++wrong_;
      ++reads_;
    }
  } while (co_await pause(5ms));
}

asio::awaitable<void> Workload::add_up() {
  auto handle = store_.handle();
  do {
    if (sum_of(handle.prefix_scan_stream("account/")) != k_money) ++wrong_;
    ++scans_;
  } while (co_await pause(20ms));
}

// A snapshot that is kept open: what is overwritten meanwhile stays in memory until it ends.
asio::awaitable<void> Workload::keep_a_snapshot() {
  auto handle = store_.handle();
  while (co_await pause(5s)) {
    auto past = handle.begin({.read_only = true});
    const std::int64_t hot = sum_of(past.prefix_scan_stream("hot/"));
    co_await pause(6s);
    if (sum_of(past.prefix_scan_stream("account/")) != k_money) ++wrong_;
    if (sum_of(past.prefix_scan_stream("hot/")) != hot) ++wrong_;
    scans_ += 3;
  }
}

asio::awaitable<void> Workload::wait_for_the_disk() {
  do {
    const auto begin = steady_clock::now();
    co_await store_.flush();
    flushes_.add(steady_clock::now() - begin);
  } while (co_await pause(150ms));
}
void Workload::start() {
  asio::co_spawn(pool_, open_accounts(), asio::use_future).get();
  hot_before_ = sum_of(store_.handle().prefix_scan_stream("hot/"));

  const auto spawn = [this](asio::awaitable<void> coroutine) {
    work_.push_back(asio::co_spawn(pool_, std::move(coroutine), asio::use_future));
  };
  for (unsigned seed = 1; seed <= 4; ++seed) {
    spawn(transfer(seed));
    spawn(update_hot_keys(seed));
  }
  spawn(write_events());
  spawn(read_accounts(1));
  spawn(add_up());
  spawn(keep_a_snapshot());
  spawn(wait_for_the_disk());
}

void Workload::finish() {
  stopping_ = true;
  pool_.join();
  for (auto& one : work_) one.get();
  const auto handle = store_.handle();
  if (sum_of(handle.prefix_scan_stream("account/")) != k_money) ++wrong_;
  const auto hot_updates = static_cast<std::int64_t>(hot_updates_.load());
  if (sum_of(handle.prefix_scan_stream("hot/")) != hot_before_ + hot_updates) ++wrong_;
}

WorkloadCounts Workload::counts() const { return {transfers_, hot_updates_, events_, reads_, scans_, wrong_}; }

}  // namespace example

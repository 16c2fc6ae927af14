// A rate limiter: a token bucket for each client, of which many requests take at once. Taking is a transaction, so that
// no two requests get the same token. Afterwards the times of what was granted are looked at: in no stretch of time,
// wherever it begins, has a client had more than its burst and what was refilled meanwhile.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <iostream>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace asio = boost::asio;

namespace {

// A thousandth of a token is the unit: k_rate tokens a second are as many thousandths a millisecond.
constexpr std::int64_t k_token = 1000;
constexpr std::int64_t k_rate = 100;  // tokens a second
constexpr std::int64_t k_burst = 20;  // tokens in a full bucket

struct Bucket {
  std::int64_t content = k_burst * k_token;
  std::int64_t filled_at = 0;  // milliseconds
};

using Buckets = fluxmap::Database<std::string, Bucket>;

constexpr int k_clients = 4;
constexpr int k_workers_each = 3;
constexpr int k_requests_each = 4000;
constexpr int k_requests_per_millisecond = 12;  // of all clients: far more than may be granted

// Time goes on with the requests, so that the program does the same however fast the machine is.
std::atomic<std::int64_t> requests{0};
std::int64_t now() { return requests / k_requests_per_millisecond; }

struct Client {
  std::string name;
  std::mutex mutex;
  std::vector<std::int64_t> granted;  // when
};

// When the request was granted, or nothing.
asio::awaitable<std::optional<std::int64_t>> take(Buckets& buckets, const std::string& client) {
  auto handle = buckets.handle();
  co_return co_await handle.transaction([&](auto& tx) -> std::optional<std::int64_t> {
    const Bucket* const found = tx.get(client);
    Bucket bucket = found == nullptr ? Bucket{.filled_at = now()} : *found;
    const std::int64_t time = std::max(now(), bucket.filled_at);
    bucket.content = std::min(bucket.content + (time - bucket.filled_at) * k_rate, k_burst * k_token);
    if (bucket.content < k_token) return std::nullopt;  // nothing is written: the next one fills up for longer
    tx.insert(client, Bucket{bucket.content - k_token, time});
    return time;
  });
}

asio::awaitable<void> worker(Buckets& buckets, Client& client) {
  for (int i = 0; i < k_requests_each; ++i) {
    ++requests;
    const std::optional<std::int64_t> time = co_await take(buckets, client.name);
    if (time) {
      const std::lock_guard lock(client.mutex);
      client.granted.push_back(*time);
    }
    if (i % 4 == 0) co_await asio::post(asio::use_awaitable);
  }
}

// No stretch between two grants holds more of them than it may.
bool never_exceeded(std::vector<std::int64_t> times) {
  std::sort(times.begin(), times.end());
  for (std::size_t first = 0; first < times.size(); ++first) {
    for (std::size_t last = first; last < times.size(); ++last) {
      const auto granted = static_cast<std::int64_t>(last - first + 1);
      if (granted * k_token > k_burst * k_token + (times[last] - times[first]) * k_rate) return false;
    }
  }
  return true;
}

}  // namespace

int main() {
  Buckets buckets;
  std::array<Client, k_clients> clients;
  asio::thread_pool pool(4);
  try {
    std::vector<std::future<void>> work;
    for (std::size_t number = 0; number < clients.size(); ++number) {
      clients[number].name = "client " + std::to_string(number);
      for (int i = 0; i < k_workers_each; ++i) {
        work.push_back(asio::co_spawn(pool, worker(buckets, clients[number]), asio::use_future));
      }
    }
    for (auto& one : work) one.get();
  } catch (const std::exception& error) {
    std::cerr << "rate_limiter: " << error.what() << '\n';
    return 1;
  }
  pool.join();

  bool correct = true;
  const std::int64_t might_have = k_burst + now() * k_rate / 1000;
  for (const Client& client : clients) {
    const auto granted = static_cast<std::int64_t>(client.granted.size());
    std::cout << client.name << ": " << granted << " of " << k_workers_each * k_requests_each << " granted; at most "
              << might_have << " in " << now() << " ms\n";
    correct = correct && never_exceeded(client.granted) && granted <= might_have && granted > k_burst;
  }
  const auto stats = buckets.stats();
  std::cout << stats.conflicts << " conflicts, " << stats.retries << " retries\n";
  return correct ? 0 : 1;
}

// A cache with a memory limit, under a workload that caches dread: a working set that is used all the time, and now and
// then a long walk through pages that nobody asks for again. Least recently used lets the walk push the working set
// out; adaptive replacement (ARC) keeps what has been used more than once.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

namespace asio = boost::asio;
using Cache = fluxmap::Database<std::uint64_t, std::string>;

namespace {

constexpr std::size_t k_limit = 512 << 10;  // bytes: room for some 1500 pages
constexpr std::uint64_t k_working_set = 1000;
constexpr std::uint64_t k_walk = 3000;
constexpr int k_rounds = 20;
constexpr int k_uses_per_round = 5000;

std::string load(std::uint64_t page) { return std::to_string(page) + std::string(200, '.'); }

// True: it was in the cache.
asio::awaitable<bool> look_up(Cache& cache, std::uint64_t page) {
  auto handle = cache.handle();
  bool whole = true;
  if (handle.visit(page, [&](const std::string& text) { whole = text.starts_with(std::to_string(page) + "."); })) {
    if (!whole) throw std::logic_error("another page");
    co_return true;
  }
  co_await handle.insert(page, load(page));
  co_return false;
}

struct Outcome {
  double hit_rate = 0;           // of the working set, in percent
  std::uint64_t most_bytes = 0;  // that the cache ever took
  std::uint64_t evictions = 0;
};

asio::awaitable<Outcome> measure(Cache& cache) {
  std::mt19937 random(1);
  Outcome outcome;
  std::uint64_t next_page = k_working_set;  // of the walks
  int hits = 0;
  for (int round = 0; round < k_rounds; ++round) {
    for (int i = 0; i < k_uses_per_round; ++i) hits += co_await look_up(cache, random() % k_working_set) ? 1 : 0;
    for (const std::uint64_t end = next_page + k_walk; next_page < end; ++next_page) co_await look_up(cache, next_page);
    outcome.most_bytes = std::max(outcome.most_bytes, cache.stats().memory_bytes);
  }
  outcome.hit_rate = 100.0 * hits / (k_rounds * k_uses_per_round);
  outcome.evictions = cache.stats().evictions;
  co_return outcome;
}

Outcome run(fluxmap::Eviction eviction) {
  const std::shared_ptr<Cache> cache = Cache::builder().max_memory(k_limit).eviction(eviction).build();
  asio::io_context io;
  auto outcome = asio::co_spawn(io, measure(*cache), asio::use_future);
  io.run();
  return outcome.get();
}

}  // namespace

int main() {
  try {
    bool correct = true;
    double hit_rate[2]{};
    const std::pair<const char*, fluxmap::Eviction> policies[] = {{"lru", fluxmap::Eviction::lru},
                                                                  {"arc", fluxmap::Eviction::arc}};
    for (std::size_t i = 0; i < 2; ++i) {
      const Outcome outcome = run(policies[i].second);
      hit_rate[i] = outcome.hit_rate;
      correct = correct && outcome.most_bytes <= k_limit && outcome.evictions > 0;
      std::cout << policies[i].first << ": " << outcome.hit_rate << " % of the working set found; at most "
                << outcome.most_bytes << " of " << k_limit << " bytes, " << outcome.evictions << " evictions\n";
    }
    return correct && hit_rate[1] > hit_rate[0] + 5 ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "cache: " << error.what() << '\n';
    return 1;
  }
}

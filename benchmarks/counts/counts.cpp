// What one operation costs in instructions and in simulated cache misses: numbers that do not depend on what else the
// machine does. Made to run under valgrind's callgrind, by run.sh, which reads the dump that each row leaves; alone it
// only runs the operations.
//
// Each row: a database of 100,000 random keys, 2,000 operations that warm the simulated caches, 10,000 that are
// counted.
#include "support/machine.hpp"
#include "support/run_here.hpp"
#include "support/workload.hpp"

#include <fluxmap/fluxmap.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/version.hpp>

#include <fmt/format.h>
#include <valgrind/callgrind.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_bench {
namespace {

constexpr std::size_t k_entries = 100'000;
constexpr std::size_t k_warm = 2'000, k_counted = 10'000;

using Numbers = fluxmap::Database<std::uint64_t, std::uint64_t>;
using NumberHandle = fluxmap::Handle<std::uint64_t, std::uint64_t>;
using Texts = fluxmap::Database<std::string, std::uint64_t>;

// The counted part of a row: `run(n)` does n operations; each of them stands for `parts` of what the row tells.
template <class Run>
void count(const char* name, std::size_t parts, Run&& run) {
  const std::string label = fmt::format("{} {}", name, k_counted * parts);  // outlives the request, which is a macro
  CALLGRIND_START_INSTRUMENTATION;
  run(k_warm);
  CALLGRIND_ZERO_STATS;
  run(k_counted);
  CALLGRIND_DUMP_STATS_AT(label.c_str());
  CALLGRIND_STOP_INSTRUMENTATION;
}

std::uint64_t key_at(std::size_t i) { return Random::mix(i + 1); }

std::shared_ptr<Numbers> make_numbers() {
  auto database = std::make_shared<Numbers>();
  run_here([](Numbers& numbers) -> asio::awaitable<void> {
    auto handle = numbers.handle();
    for (std::size_t i = 0; i < k_entries; ++i) co_await handle.insert(key_at(i), i);
  }(*database));
  return database;
}

template <class Work>
void count_awaited(const char* name, Work work) {
  const auto database = make_numbers();
  Random random(7);
  count(name, 1, [&](std::size_t n) {
    run_here([](NumberHandle handle, Random& at, std::size_t times, Work& one) -> asio::awaitable<void> {
      for (std::size_t i = 0; i < times; ++i) co_await one(handle, at);
    }(database->handle(), random, n, work));
  });
}

void count_get() {
  const auto database = make_numbers();
  const auto handle = database->handle();
  Random random(7);
  std::uint64_t sum = 0;
  count("get", 1, [&](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) sum += *handle.get(key_at(random.below(k_entries)));
  });
  if (sum == 0) fmt::print("nothing was found\n");
}

void count_scan() {
  constexpr std::size_t k_length = 100;
  const auto database = make_numbers();
  const auto handle = database->handle();
  Random random(7);
  std::uint64_t sum = 0;
  count("scan_entry", k_length, [&](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      std::size_t left = k_length;
      const std::uint64_t first = key_at(random.below(k_entries)) / 2;  // far enough from the end
      for (const auto& [key, value] : handle.range_stream(first, ~std::uint64_t{0})) {
        sum += value;
        if (--left == 0) break;
      }
    }
  });
  if (sum == 0) fmt::print("nothing was found\n");
}

std::string text_at(std::size_t i) { return fmt::format("tenant-00017/user:{:012d}", i); }

void count_text() {
  Texts database;
  run_here([](Texts& texts) -> asio::awaitable<void> {
    auto handle = texts.handle();
    for (std::size_t i = 0; i < k_entries; ++i) co_await handle.insert(text_at(Random::mix(i) % 1'000'000'000), i);
  }(database));
  std::vector<std::string> asked;
  Random random(7);
  for (std::size_t i = 0; i < k_warm + k_counted; ++i)
    asked.push_back(text_at(Random::mix(random.below(k_entries)) % 1'000'000'000));
  const auto handle = database.handle();
  std::size_t at = 0, found = 0;
  count("get_text", 1, [&](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) found += handle.contains(asked[at++]) ? 1U : 0U;
  });
  if (found != asked.size()) fmt::print("a key was not found\n");
}

void run() {
  count_get();
  count_text();
  count_scan();
  count_awaited("overwrite", [](NumberHandle& handle, Random& random) {
    return handle.insert(key_at(random.below(k_entries)), random());
  });
  count_awaited("insert", [](NumberHandle& handle, Random& random) { return handle.insert(random(), 1); });
  count_awaited("remove_insert", [](NumberHandle& handle, Random& random) -> asio::awaitable<void> {
    const std::uint64_t key = key_at(random.below(k_entries));
    co_await handle.remove(key);
    co_await handle.insert(key, 1);
  });
  count_awaited("transfer", [](NumberHandle& handle, Random& random) {
    return handle.transaction([from = key_at(random.below(k_entries)), to = key_at(random.below(k_entries))](auto& tx) {
      const std::uint64_t one = *tx.get(from), other = *tx.get(to);
      tx.insert(from, one - 1);
      tx.insert(to, other + 1);
    });
  });
}

}  // namespace
}  // namespace fluxmap_bench

int main() {
  const auto machine = fluxmap_bench::this_machine();
  fmt::print("{}, {}, Boost {}\n", machine.compiler, machine.flags, BOOST_LIB_VERSION);
  fluxmap_bench::run();
}

// What does a limit cost those who insert? New keys into a database at its limit, each of which pushes another out,
// against new keys into a database of the same size without a limit.
#pragma once

#include "../support/limited_database.hpp"
#include "../support/process.hpp"
#include "../support/run_here.hpp"
#include "../support/statistics.hpp"
#include "options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxmap_bench {

enum class KeyOrder { ascending, random };

// A database into which the keys of a sequence go, one after another and each once.
class InsertSubject {
 public:
  InsertSubject(std::shared_ptr<NumberMap> database, KeyOrder order) : database_(std::move(database)), order_(order) {}

  void insert(std::uint64_t count) { run_here(insert_next(count)); }

  struct Cost {
    double wall_ns = 0;  // of each insert
    double cpu_ns = 0;   // of all threads
  };
  Cost timed_insert(std::uint64_t count) {
    const double cpu = process_cpu_seconds();
    const auto start = std::chrono::steady_clock::now();
    insert(count);
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
    const double each = 1e9 / static_cast<double>(count);
    return {wall.count() * each, (process_cpu_seconds() - cpu) * each};
  }

  // Takes the oldest keys out again: what a limit would have done by itself.
  void remove_oldest(std::uint64_t count) { run_here(remove_next(count)); }

  fluxmap::Stats stats() const { return database_->stats(); }

 private:
  std::uint64_t key(std::uint64_t i) const { return order_ == KeyOrder::ascending ? i : Random::mix(i); }

  asio::awaitable<void> insert_next(std::uint64_t count) {
    auto handle = database_->handle();
    for (; count > 0; --count, ++inserted_) co_await handle.insert(key(inserted_), inserted_);
  }
  asio::awaitable<void> remove_next(std::uint64_t count) {
    auto handle = database_->handle();
    for (; count > 0; --count, ++removed_) co_await handle.remove(key(removed_));
    co_await database_->vacuum();
  }

  std::shared_ptr<NumberMap> database_;
  KeyOrder order_;
  std::uint64_t inserted_ = 0;
  std::uint64_t removed_ = 0;
};

inline void compare_inserts(InsertSubject& unlimited, const Policy& policy, KeyOrder order, std::uint64_t entries,
                            unsigned rounds) {
  InsertSubject limited(limited_map(policy, limit_for(policy, std::min<std::uint64_t>(entries, 1'000'000), entries)),
                        order);
  limited.insert(entries + entries / 8);  // so that it is at its limit for certain
  const std::uint64_t batch = std::clamp<std::uint64_t>(entries / 4, 1, 100'000);
  for (unsigned i = 0; i < 4; ++i) {  // so that both live on memory that was used before
    unlimited.insert(batch);
    unlimited.remove_oldest(batch);
    limited.insert(batch);
  }
  const auto before = limited.stats();
  std::vector<double> free_ns, limit_ns, ratios, cpu_ratios;
  for (unsigned round = 0; round < rounds; ++round) {
    const auto free = unlimited.timed_insert(batch);
    unlimited.remove_oldest(batch);
    const auto full = limited.timed_insert(batch);
    free_ns.push_back(free.wall_ns);
    limit_ns.push_back(full.wall_ns);
    ratios.push_back(full.wall_ns / free.wall_ns);
    cpu_ratios.push_back(full.cpu_ns / free.cpu_ns);
  }
  const auto after = limited.stats();
  const double evictions = static_cast<double>(after.evictions - before.evictions);
  const auto ratio = summarize(ratios);
  fmt::print("{:>10} {:>10} {:>8} {:>9.0f} {:>9.0f} {:>8.2f} ({:>3.0f} %) {:>9.2f} {:>10.3f} {:>11} {:>9}\n", entries,
             order == KeyOrder::ascending ? "ascending" : "random", policy.name, summarize(free_ns).median,
             summarize(limit_ns).median, ratio.median, 100 * ratio.spread, summarize(cpu_ratios).median,
             evictions / static_cast<double>(batch) / rounds, after.keys, unlimited.stats().keys);
  std::fflush(stdout);
}

inline void measure_limit(const MemoryOptions& options) {
  fmt::print(
      "inserts of new keys, awaited by one coroutine, uint64 -> uint64: nanoseconds each, median of {} rounds\n\n",
      options.rounds);
  fmt::print("{:>10} {:>10} {:>8} {:>9} {:>9} {:>8} {:>7} {:>9} {:>10} {:>11} {:>9}\n", "entries", "keys", "policy",
             "no limit", "at limit", "ratio", "spread", "cpu", "evictions", "held", "held");
  fmt::print("{:>10} {:>10} {:>8} {:>9} {:>9} {:>8} {:>7} {:>9} {:>10} {:>11} {:>9}\n", "", "", "", "", "", "", "",
             "ratio", "an insert", "at limit", "no limit");
  for (const std::size_t entries : options.sizes({100'000, 10'000'000})) {
    for (const KeyOrder order : {KeyOrder::ascending, KeyOrder::random}) {
      InsertSubject unlimited(NumberMap::builder().build(), order);
      unlimited.insert(entries);
      for (const auto& policy : k_policies) {
        if (!options.policy.empty() && options.policy != policy.name) continue;
        compare_inserts(unlimited, policy, order, entries, options.rounds);
      }
    }
  }
}

}  // namespace fluxmap_bench

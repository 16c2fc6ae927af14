// Do vacuum and eviction hold up readers? One thread reads and looks at the clock before and after each get, while a
// second thread writes in one of several ways. The ways take turns.
#pragma once

#include "../support/latency_histogram.hpp"
#include "../support/limited_database.hpp"
#include "../support/run_here.hpp"
#include "options.hpp"

#include <fmt/format.h>

#include <sys/resource.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <vector>

namespace fluxmap_bench {

enum class Writing { overwrites, auto_vacuumed, hand_vacuumed, removes, inserts_at_limit };

struct WritingInfo {
  Writing writing;
  std::string_view name;
};

inline constexpr std::array<WritingInfo, 5> k_writings{{
    {Writing::overwrites, "overwrites"},
    {Writing::auto_vacuumed, "overwrites, auto vacuum each 10 ms"},
    {Writing::hand_vacuumed, "overwrites, vacuum after each 10000"},
    {Writing::removes, "removes and inserts, vacuum as above"},
    {Writing::inserts_at_limit, "inserts at the limit, lru"},
}};

class LatencySubject {
 public:
  LatencySubject(WritingInfo info, std::size_t entries) : info_(info), entries_(entries) {
    const Policy& policy = k_policies[0];
    auto builder = NumberMap::builder();
    if (info.writing == Writing::auto_vacuumed) builder.auto_vacuum({.interval = std::chrono::milliseconds(10)});
    if (info.writing == Writing::inserts_at_limit) {
      builder.max_memory(limit_for(policy, entries, entries)).eviction(policy.eviction);
    }
    database_ = builder.build();
    run_here(insert_random_keys(*database_, entries));
    written_ = entries;
  }

  void measure(double seconds, std::uint64_t seed) {
    std::atomic<bool> stop{false};
    std::exception_ptr failure;
    std::thread writer([&] {
      try {
        run_here(write(stop, seed + 1));
      } catch (...) {
        failure = std::current_exception();
      }
    });
    const auto switched = -involuntary_switches();
    read(seconds, seed);
    switches_ += switched + involuntary_switches();
    stop = true;
    writer.join();
    if (failure) std::rethrow_exception(failure);
    seconds_ += seconds;
  }

  const WritingInfo& info() const { return info_; }
  const LatencyHistogram& latencies() const { return latencies_; }
  double writes_per_second() const { return static_cast<double>(writes_) / seconds_; }
  double hit_percent() const { return 100 * static_cast<double>(hits_) / static_cast<double>(latencies_.count()); }
  long switches() const { return switches_; }
  fluxmap::Stats stats() const { return database_->stats(); }

 private:
  using Clock = std::chrono::steady_clock;

  static long involuntary_switches() {  // of this thread: others had its processor meanwhile
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
  }

  void read(double seconds, std::uint64_t seed) {
    const auto handle = database_->handle();
    Random random(seed);
    const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    for (auto now = Clock::now(); now < end;) {
      // Of the keys written last, most of which are there. Which they are hangs on nothing else.
      const std::uint64_t newest = written_.load(std::memory_order_relaxed);
      const Key key = Random::mix(newest - 1 - random.below(entries_));
      const auto start = Clock::now();
      const auto value = handle.get(key);
      now = Clock::now();
      latencies_.add(now - start);
      if (value) ++hits_;
    }
  }

  asio::awaitable<void> write(const std::atomic<bool>& stop, std::uint64_t seed) {
    constexpr std::uint64_t k_between_vacuums = 10'000;
    const bool vacuums = info_.writing == Writing::hand_vacuumed || info_.writing == Writing::removes;
    auto handle = database_->handle();
    Random random(seed);
    for (std::uint64_t i = 1; !stop.load(std::memory_order_relaxed); ++i, ++writes_) {
      if (info_.writing == Writing::inserts_at_limit) {
        const std::uint64_t number = written_.load(std::memory_order_relaxed);  // only this thread writes it
        co_await handle.insert(Random::mix(number), number);
        written_.store(number + 1, std::memory_order_relaxed);
        continue;
      }
      const Key key = Random::mix(random.below(entries_));
      if (info_.writing == Writing::removes && i % 2 == 0) {
        co_await handle.remove(key);
      } else {
        co_await handle.insert(key, i);
      }
      if (vacuums && i % k_between_vacuums == 0) co_await database_->vacuum();
    }
  }

  WritingInfo info_;
  std::size_t entries_;
  std::shared_ptr<NumberMap> database_;
  LatencyHistogram latencies_;
  std::uint64_t hits_ = 0;
  std::uint64_t writes_ = 0;
  double seconds_ = 0;
  long switches_ = 0;
  alignas(128) std::atomic<std::uint64_t> written_{0};
};

inline void measure_latency(const MemoryOptions& options) {
  const std::size_t entries = options.size(100'000);
  fmt::print("latency of get in nanoseconds, {} entries, {} rounds of {} s, seed {}\n\n", entries, options.rounds,
             options.seconds, options.seed);
  std::vector<std::unique_ptr<LatencySubject>> subjects;
  for (const auto& info : k_writings) subjects.push_back(std::make_unique<LatencySubject>(info, entries));
  for (unsigned round = 0; round < options.rounds; ++round) {
    for (const auto& subject : subjects) subject->measure(options.seconds, Random::mix(options.seed + round));
  }

  fmt::print("{:<38} {:>7} {:>7} {:>8} {:>9} {:>11} {:>10} {:>7} {:>9} {:>9} {:>9}\n", "the other thread does", "p50",
             "p99", "p99.9", "p99.99", "max", "gets", "hits %", "writes/s", "switches", "p99.9 x");
  const double first = subjects.front()->latencies().quantile(0.999);
  for (const auto& subject : subjects) {
    const auto& latencies = subject->latencies();
    fmt::print("{:<38} {:>7.0f} {:>7.0f} {:>8.0f} {:>9.0f} {:>11.0f} {:>10} {:>7.1f} {:>9.0f} {:>9} {:>9.2f}\n",
               subject->info().name, latencies.quantile(0.5), latencies.quantile(0.99), latencies.quantile(0.999),
               latencies.quantile(0.9999), latencies.largest(), latencies.count(), subject->hit_percent(),
               subject->writes_per_second(), subject->switches(), latencies.quantile(0.999) / first);
  }
  fmt::print(
      "\nswitches: how often others took the reader's processor; such gets make the last columns. evictions: {}, "
      "versions freed by vacuum and committers: {}, {}, {}, {}\n",
      subjects[4]->stats().evictions, subjects[0]->stats().vacuumed_versions, subjects[1]->stats().vacuumed_versions,
      subjects[2]->stats().vacuumed_versions, subjects[3]->stats().vacuumed_versions);
}

}  // namespace fluxmap_bench

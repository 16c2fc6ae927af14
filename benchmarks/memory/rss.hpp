// What does an entry take, and how much of that does the database know of? Each system is filled in a process of its
// own.
#pragma once

#include "../support/limited_database.hpp"
#include "../support/process.hpp"
#include "../support/run_here.hpp"
#include "../support/workload.hpp"
#include "options.hpp"

#include <fluxmap/fluxmap.hpp>

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#ifndef FLUXMAP_BENCH_TBB
#define FLUXMAP_BENCH_TBB 0
#endif
#if FLUXMAP_BENCH_TBB
#include <tbb/concurrent_map.h>
#endif

namespace fluxmap_bench {

struct Numbers {
  using Key = std::uint64_t;
  using Value = std::uint64_t;
  static constexpr std::string_view k_name = "uint64 -> uint64";
  static Key key(std::uint64_t i) { return Random::mix(i); }
  static Value value(std::uint64_t i) { return i; }
};

struct Strings {
  using Key = std::string;
  using Value = std::string;
  static constexpr std::string_view k_name = "string of 16 -> string of 100";
  static Key key(std::uint64_t i) { return fmt::format("{:016x}", Random::mix(i)); }
  static Value value(std::uint64_t i) { return std::string(100, static_cast<char>('a' + i % 26)); }
};

struct EntryWeight {
  double resident = 0;  // bytes, by the operating system
  double counted = 0;   // by the database; 0: it does not count
};

template <class Contents>
asio::awaitable<void> fill(fluxmap::Database<typename Contents::Key, typename Contents::Value>& database,
                           std::uint64_t entries, bool expiring) {
  auto handle = database.handle();
  for (std::uint64_t i = 0; i < entries; ++i) {
    if (expiring) {
      co_await handle.insert(Contents::key(i), Contents::value(i), fluxmap::ExpiresAfter{std::chrono::hours(24)});
    } else {
      co_await handle.insert(Contents::key(i), Contents::value(i));
    }
  }
}

template <class Contents>
EntryWeight weigh_database(std::uint64_t entries, const Policy* policy, bool expiring) {
  return in_child([&] {
    const auto before = resident_bytes();
    auto builder = fluxmap::Database<typename Contents::Key, typename Contents::Value>::builder();
    if (policy != nullptr) builder.max_memory(k_huge_limit).eviction(policy->eviction);
    const auto database = builder.build();
    run_here(fill<Contents>(*database, entries, expiring));
    const auto after = resident_bytes();
    const auto stats = database->stats();
    return EntryWeight{static_cast<double>(after - before) / static_cast<double>(entries),
                       static_cast<double>(stats.memory_bytes) / static_cast<double>(stats.keys)};
  });
}

template <class Contents, template <class...> class Map>
EntryWeight weigh_map(std::uint64_t entries) {
  return in_child([&] {
    const auto before = resident_bytes();
    Map<typename Contents::Key, typename Contents::Value> map;
    for (std::uint64_t i = 0; i < entries; ++i) map.emplace(Contents::key(i), Contents::value(i));
    const auto after = resident_bytes();
    return EntryWeight{static_cast<double>(after - before) / static_cast<double>(map.size()), 0};
  });
}

template <class Contents>
void compare_weights(std::uint64_t entries) {
  const EntryWeight map = weigh_map<Contents, std::map>(entries);
  fmt::print("\n{:<32} {:>12} {:>12} {:>14} {:>12}\n", Contents::k_name, "resident", "counted", "counted/res.",
             "/ std::map");
  const auto line = [&](std::string_view name, const EntryWeight& weight) {
    fmt::print("{:<32} {:>12.1f} {:>12} {:>14} {:>12.2f}\n", name, weight.resident,
               weight.counted == 0 ? "-" : fmt::format("{:.1f}", weight.counted),
               weight.counted == 0 ? "-" : fmt::format("{:.3f}", weight.counted / weight.resident),
               weight.resident / map.resident);
    std::fflush(stdout);
  };
  line("std::map", map);
#if FLUXMAP_BENCH_TBB
  line("tbb::concurrent_map", weigh_map<Contents, tbb::concurrent_map>(entries));
#endif
  line("fluxmap", weigh_database<Contents>(entries, nullptr, false));
  line("fluxmap, time to live", weigh_database<Contents>(entries, nullptr, true));
  for (const auto& policy : k_policies) {
    line(fmt::format("fluxmap, limit, {}", policy.name), weigh_database<Contents>(entries, &policy, false));
  }
  line("fluxmap, limit, lru, t. to live", weigh_database<Contents>(entries, &k_policies[0], true));
}

inline void measure_rss(const MemoryOptions& options) {
  const std::uint64_t entries = options.size(1'000'000);
  fmt::print("bytes of each of {} entries, inserted in random order\n", entries);
  compare_weights<Numbers>(entries);
  compare_weights<Strings>(entries);
}

}  // namespace fluxmap_bench

// Does memory come back when everything is removed? And is it used again?
#pragma once

#include "../support/limited_database.hpp"
#include "../support/process.hpp"
#include "../support/run_here.hpp"
#include "options.hpp"
#include "rss.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace fluxmap_bench {

inline constexpr std::array<std::string_view, 6> k_delete_stages{"empty",    "filled",       "all removed",
                                                                 "vacuumed", "heap trimmed", "filled again"};

struct DeleteStage {
  std::uint64_t resident = 0;
  fluxmap::Stats stats;
};

struct DeleteRun {
  std::array<DeleteStage, k_delete_stages.size()> stages;
  double vacuum_seconds = 0;
};

template <class Contents>
DeleteRun delete_run(std::uint64_t entries, const Policy* policy) {
  return in_child([&] {
    auto builder = fluxmap::Database<typename Contents::Key, typename Contents::Value>::builder();
    if (policy != nullptr) builder.max_memory(k_huge_limit).eviction(policy->eviction);
    const auto database = builder.build();
    DeleteRun run;
    std::size_t stage = 0;
    const auto note = [&] { run.stages[stage++] = {resident_bytes(), database->stats()}; };
    note();
    run_here(fill<Contents>(*database, entries, false));
    note();
    run_here([](auto& map, std::uint64_t count) -> asio::awaitable<void> {
      auto handle = map.handle();
      for (std::uint64_t i = 0; i < count; ++i) co_await handle.remove(Contents::key(i));
    }(*database, entries));
    note();
    run_here([](auto& map, double& seconds) -> asio::awaitable<void> {
      const fluxmap::VacuumReport report = co_await map.vacuum();
      seconds = std::chrono::duration<double>(report.elapsed).count();
    }(*database, run.vacuum_seconds));
    note();
    trim_heap();
    note();
    run_here(fill<Contents>(*database, entries, false));
    note();
    return run;
  });
}

template <class Contents>
void show_delete_run(std::uint64_t entries, const Policy* policy) {
  const auto run = delete_run<Contents>(entries, policy);
  fmt::print("\n{}, {}; the vacuum took {:.3f} s\n", Contents::k_name,
             policy == nullptr ? "no limit" : fmt::format("limit, {}", policy->name), run.vacuum_seconds);
  fmt::print("{:<14} {:>13} {:>13} {:>10} {:>10} {:>10}\n", "", "resident MiB", "counted MiB", "keys", "versions",
             "entries");
  constexpr double k_mib = 1024.0 * 1024.0;
  for (std::size_t i = 0; i < run.stages.size(); ++i) {
    const auto& [resident, stats] = run.stages[i];
    fmt::print("{:<14} {:>13.1f} {:>13.1f} {:>10} {:>10} {:>10}\n", k_delete_stages[i],
               static_cast<double>(resident) / k_mib, static_cast<double>(stats.memory_bytes) / k_mib, stats.keys,
               stats.versions, stats.entries);
  }
  std::fflush(stdout);
}

inline void measure_mass_delete(const MemoryOptions& options) {
  const std::uint64_t entries = options.size(1'000'000);
  fmt::print("{} entries removed, one by one\n", entries);
  show_delete_run<Numbers>(entries, nullptr);
  show_delete_run<Numbers>(entries, &k_policies[0]);
  show_delete_run<Strings>(entries, nullptr);
  show_delete_run<Strings>(entries, &k_policies[0]);
}

}  // namespace fluxmap_bench

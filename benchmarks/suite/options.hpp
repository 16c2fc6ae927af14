// The command line.
#pragma once

#include "../support/command_line.hpp"
#include "kinds.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace fluxmap_bench {

struct SuiteOptions {
  std::vector<std::string> only;     // sections, or beginnings of workloads' names
  std::vector<std::string> systems;  // empty: each section's own
  std::vector<std::size_t> entries;
  std::vector<unsigned> threads;
  std::vector<std::string> kinds;
  double seconds = 0.15;
  unsigned rounds = 3;
  std::uint64_t seed = 1;
  std::string json;
  bool quick = false;
  bool list = false;
};

inline std::vector<unsigned> default_thread_counts() {
  const unsigned all = std::max(2U, std::thread::hardware_concurrency());
  std::vector<unsigned> counts;
  for (unsigned count = 1; count < all; count *= 2) counts.push_back(count);
  counts.push_back(all);
  return counts;
}

inline Kind kind_named(std::string_view name) {
  return std::find_if(k_kinds.begin(), k_kinds.end(), [&](const KindInfo& info) { return info.name == name; })->kind;
}

inline void declare(CommandLine& line, SuiteOptions& options) {
  const auto quick = [&] { options.quick = true, options.seconds = 0.03, options.rounds = 1; };
  std::vector<std::string> kinds;
  for (const auto& info : k_kinds) kinds.emplace_back(info.name);
  line.texts(
      "--only", options.only,
      "sections (main, threads, growth, kinds, crowded, durability, forms, memory, idle, versions) or workloads whose "
      "names begin so; --list names them");
  line.texts("--systems", options.systems, "instead of each section's own; --list names them");
  line.numbers<std::uint64_t>("--entries", options.entries, 1000, 100'000'000, "instead of each section's own");
  line.numbers("--threads", options.threads, 1U, 256U, "instead of 1, 2, 4, .. and all processors");
  line.texts("--kinds", options.kinds, "of keys and values, instead of each section's own", kinds);
  line.flag("--quick", quick,
            "about two minutes: one short round of each cell, not beyond 100000 entries, and of YCSB only what is "
            "skewed");
  line.number("--seconds", options.seconds, 0.001, 3600.0, "measured time of each cell and round");
  line.number("--rounds", options.rounds, 1U, 1000U, "of which the median counts, beside one for latencies");
  line.seed(options.seed);
  line.text("--json", options.json, "file to write every number to; `report FILE DIRECTORY` makes a page of it");
  line.flag("--list", [&] { options.list = true; }, "name the workloads and the systems, and end");
}

}  // namespace fluxmap_bench

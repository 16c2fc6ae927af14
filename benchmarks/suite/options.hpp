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
  std::vector<Kind> kinds;
  double seconds = 0.15;
  unsigned rounds = 3;
  std::uint64_t seed = 1;
  std::string json;
  bool quick = false;
  bool list = false;
  bool help = false;
};

inline constexpr std::string_view k_suite_usage =
    "usage: suite [options]\n"
    "\n"
    "fluxmap beside other ordered maps and stores, workload by workload. Without options about twelve minutes.\n"
    "\n"
    "  --only A,B,..     sections (main, threads, growth, kinds, durability, forms, memory, idle, versions) or\n"
    "                    workloads whose names begin so; --list names them\n"
    "  --systems A,B,..  instead of each section's own; --list names them\n"
    "  --entries A,B,..  instead of each section's own, 1000 to 100000000\n"
    "  --threads A,B,..  instead of 1, 2, 4, .. and all processors\n"
    "  --kinds A,B,..    kinds of keys and values instead of each section's own: u64-u64, u64-s100, s16-u64, s16-s100\n"
    "  --seconds S       measured time of each cell and round (default 0.15)\n"
    "  --rounds R        rounds, of which the median counts, beside one for latencies (default 3)\n"
    "  --seed N          seed of the random numbers (default 1)\n"
    "  --json FILE       also write every number to FILE; `report FILE DIRECTORY` makes a page of it\n"
    "  --quick           about two minutes: one short round of each cell, not beyond 100000 entries, and of YCSB\n"
    "                    only what is skewed\n"
    "  --list            name the workloads and the systems, and end\n"
    "  --help            print this\n";

inline std::vector<unsigned> default_thread_counts() {
  const unsigned all = std::max(2U, std::thread::hardware_concurrency());
  std::vector<unsigned> counts;
  for (unsigned count = 1; count < all; count *= 2) counts.push_back(count);
  counts.push_back(all);
  return counts;
}

inline Kind parse_kind(std::string_view name) {
  for (const auto& info : k_kinds) {
    if (info.name == name) return info.kind;
  }
  throw UsageError(fmt::format("there is no kind '{}'", name));
}

inline SuiteOptions parse_suite_options(CommandLine& line) {
  SuiteOptions options;
  while (line.next()) {
    const auto option = line.word();
    if (line.asks_for_help()) {
      options.help = true;
    } else if (option == "--only") {
      for (const auto part : split(line.value())) options.only.emplace_back(part);
    } else if (option == "--systems") {
      for (const auto part : split(line.value())) options.systems.emplace_back(part);
    } else if (option == "--entries") {
      for (const auto part : split(line.value())) {
        options.entries.push_back(parse_number<std::size_t>(option, part, 1000, 100'000'000));
      }
    } else if (option == "--threads") {
      for (const auto part : split(line.value())) options.threads.push_back(parse_number(option, part, 1U, 256U));
    } else if (option == "--kinds") {
      for (const auto part : split(line.value())) options.kinds.push_back(parse_kind(part));
    } else if (option == "--seconds") {
      options.seconds = line.number(0.001, 3600.0);
    } else if (option == "--rounds") {
      options.rounds = line.number(1U, 1000U);
    } else if (option == "--seed") {
      options.seed = line.number<std::uint64_t>(0, ~std::uint64_t{0});
    } else if (option == "--json") {
      options.json = line.value();
    } else if (option == "--quick") {
      options.quick = true;
      options.seconds = 0.03;
      options.rounds = 1;
    } else if (option == "--list") {
      options.list = true;
    } else {
      line.refuse();
    }
  }
  return options;
}

}  // namespace fluxmap_bench

// The command line.
#pragma once

#include "command_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace fluxmap_bench {

struct Options {
  std::size_t entries = 100'000;
  std::vector<unsigned> threads = default_threads();
  double seconds = 0.4;
  unsigned rounds = 5;
  std::uint64_t seed = 1;
  std::string json;
  std::string only;
  bool help = false;

  static std::vector<unsigned> default_threads() {
    const unsigned all = std::max(2U, std::thread::hardware_concurrency());
    return {1, all};
  }
};

inline constexpr std::string_view k_help =
    "usage: first [options]\n"
    "\n"
    "How does fluxmap compare with std::map under a lock and with tbb::concurrent_map?\n"
    "\n"
    "  --entries N       entries in the map, 1000 to 100000000 (default 100000)\n"
    "  --threads A,B,..  numbers of threads (default 1 and all processors)\n"
    "  --seconds S       measured time of each cell and round (default 0.4)\n"
    "  --rounds R        rounds, of which the median counts (default 5)\n"
    "  --only ROW        measure only the rows whose names begin with ROW\n"
    "  --seed N          seed of the random numbers (default 1)\n"
    "  --quick           the same as --seconds 0.1 --rounds 3\n"
    "  --json FILE       also write every number to FILE\n"
    "  --help            print this\n";

inline Options parse_options(CommandLine& line) {
  Options options;
  while (line.next()) {
    const auto option = line.word();
    if (line.asks_for_help()) {
      options.help = true;
    } else if (option == "--entries") {
      options.entries = line.number<std::size_t>(1000, 100'000'000);
    } else if (option == "--threads") {
      options.threads.clear();
      for (const auto part : split(line.value())) options.threads.push_back(parse_number(option, part, 1U, 256U));
    } else if (option == "--seconds") {
      options.seconds = line.number(0.001, 3600.0);
    } else if (option == "--rounds") {
      options.rounds = line.number(1U, 1000U);
    } else if (option == "--only") {
      options.only = line.value();
    } else if (option == "--seed") {
      options.seed = line.number<std::uint64_t>(0, ~std::uint64_t{0});
    } else if (option == "--json") {
      options.json = line.value();
    } else if (option == "--quick") {
      options.seconds = 0.1;
      options.rounds = 3;
    } else {
      line.refuse();
    }
  }
  return options;
}

}  // namespace fluxmap_bench

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

inline std::vector<unsigned> parse_threads(std::string_view text) {
  std::vector<unsigned> threads;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    threads.push_back(parse_number("--threads", text.substr(begin, comma - begin), 1U, 256U));
    begin = comma + 1;
  }
  return threads;
}

inline Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    const auto value = [&]() -> std::string_view {
      if (i + 1 == argc) throw UsageError(fmt::format("{} wants a value", option));
      return argv[++i];
    };
    if (option == "--entries") {
      options.entries = parse_number<std::size_t>(option, value(), 1000, 100'000'000);
    } else if (option == "--threads") {
      options.threads = parse_threads(value());
    } else if (option == "--seconds") {
      options.seconds = parse_number(option, value(), 0.001, 3600.0);
    } else if (option == "--rounds") {
      options.rounds = parse_number(option, value(), 1U, 1000U);
    } else if (option == "--only") {
      options.only = value();
    } else if (option == "--seed") {
      options.seed = parse_number<std::uint64_t>(option, value(), 0, ~std::uint64_t{0});
    } else if (option == "--json") {
      options.json = value();
    } else if (option == "--quick") {
      options.seconds = 0.1;
      options.rounds = 3;
    } else if (option == "--help" || option == "-h") {
      options.help = true;
    } else {
      throw UsageError(fmt::format("unknown option '{}'", option));
    }
  }
  return options;
}

}  // namespace fluxmap_bench

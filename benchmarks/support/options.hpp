// The command line.
#pragma once

#include "command_line.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
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

  static std::vector<unsigned> default_threads() {
    const unsigned all = std::max(2U, std::thread::hardware_concurrency());
    return {1, all};
  }
};

inline void declare(CommandLine& line, Options& options) {
  const auto quick = [&] { options.seconds = 0.1, options.rounds = 3; };
  line.number<std::uint64_t>("--entries", options.entries, 1000, 100'000'000, "in the map");
  line.numbers("--threads", options.threads, 1U, 256U, "instead of 1 and all processors");
  line.flag("--quick", quick, "the same as --seconds 0.1 --rounds 3");
  line.number("--seconds", options.seconds, 0.001, 3600.0, "measured time of each cell and round");
  line.number("--rounds", options.rounds, 1U, 1000U, "of which the median counts");
  line.text("--only", options.only, "measure only the rows whose names begin so");
  line.seed(options.seed);
  line.text("--json", options.json, "file to write every number to");
}

}  // namespace fluxmap_bench

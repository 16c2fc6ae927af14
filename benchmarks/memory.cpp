// What do entries weigh, and what do a memory limit, vacuum and eviction cost? Five parts, each a header in memory/:
//
//   rss      memory of an entry, beside std::map and tbb::concurrent_map
//   delete   memory after everything was removed
//   limit    inserts at a memory limit against inserts without one
//   get      get under a memory limit against get without one
//   latency  latency of get beside writers, vacuum and eviction
#include "memory/get.hpp"
#include "memory/latency.hpp"
#include "memory/limit.hpp"
#include "memory/mass_delete.hpp"
#include "memory/options.hpp"
#include "memory/rss.hpp"
#include "support/command_line.hpp"
#include "support/limited_database.hpp"
#include "support/machine.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <string_view>

namespace fluxmap_bench {
namespace {

int run(const MemoryOptions& options) {
  print_machine();
  // Those that fork come first, while the heap is small.
  const auto part = [&](std::string_view name, void (*measure)(const MemoryOptions&)) {
    if (!options.part.empty() && options.part != name) return;
    fmt::print("\n--- {} ---\n", name);
    std::fflush(stdout);
    measure(options);
  };
  part("rss", measure_rss);
  part("delete", measure_mass_delete);
  part("limit", measure_limit);
  part("get", measure_get);
  part("latency", measure_latency);
  return 0;
}

}  // namespace
}  // namespace fluxmap_bench

int main(int argc, char** argv) {
  using namespace fluxmap_bench;
  MemoryOptions options;
  CommandLine line("memory", "What do entries weigh, and what do a memory limit, vacuum and eviction cost?");
  line.text("part", options.part, "instead of all", {"rss", "delete", "limit", "get", "latency"});
  line.number<std::uint64_t>("--entries", options.entries, 1000, 1'000'000'000, "instead of each part's own numbers");
  line.text("--policy", options.policy, "only this one in limit", {"lru", "lfu", "arc", "random"});
  line.number("--rounds", options.rounds, 1U, 1000U, "of limit, get and latency");
  line.number("--seconds", options.seconds, 0.001, 3600.0, "of each round of latency");
  line.seed(options.seed);
  return line.run(argc, argv, [&] { return run(options); });
}

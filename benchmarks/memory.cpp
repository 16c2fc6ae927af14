// What do entries weigh, and what do a memory limit, vacuum and eviction cost? Five parts, each a header in memory/.
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

constexpr std::string_view k_usage =
    "usage: memory [rss|limit|get|delete|latency] [options]     without a part: all of them\n"
    "\n"
    "  rss      memory of an entry, beside std::map and tbb::concurrent_map\n"
    "  limit    inserts at a memory limit against inserts without one\n"
    "  get      get under a memory limit against get without one\n"
    "  delete   memory after everything was removed\n"
    "  latency  latency of get beside writers, vacuum and eviction\n"
    "\n"
    "  --entries N  entries, instead of each part's own numbers\n"
    "  --policy P   only this one in limit: lru, lfu, arc or random\n"
    "  --rounds N   rounds of limit, get and latency (default 9)\n"
    "  --seconds S  of each round of latency (default 2)\n"
    "  --seed N     seed of the random numbers (default 1)\n";

bool is_part(std::string_view word) {
  return word == "rss" || word == "limit" || word == "get" || word == "delete" || word == "latency";
}

MemoryOptions parse(CommandLine line) {
  MemoryOptions options;
  while (line.next()) {
    if (line.asks_for_help()) {
      options.help = true;
    } else if (options.part.empty() && is_part(line.word())) {
      options.part = line.word();
    } else if (line.word() == "--entries") {
      options.entries = line.number<std::size_t>(1000, 1'000'000'000);
    } else if (line.word() == "--policy") {
      options.policy = policy_named(line.value()).name;
    } else if (line.word() == "--rounds") {
      options.rounds = line.number(1U, 1000U);
    } else if (line.word() == "--seconds") {
      options.seconds = line.number(0.001, 3600.0);
    } else if (line.word() == "--seed") {
      options.seed = line.number<std::uint64_t>(0, ~std::uint64_t{0});
    } else {
      line.refuse();
    }
  }
  return options;
}

int run(const MemoryOptions& options) {
  const auto machine = this_machine();
  fmt::print("{}, {} hardware threads, {}\n{}, {}, {}\n", machine.processor, machine.hardware_threads, machine.system,
             machine.compiler, machine.flags, machine.date);
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
  return run_program("memory", k_usage, argc, argv, parse, run);
}

// How does fluxmap compare with what else one might take, workload by workload? Throughput, latencies, retries, memory,
// and how all of it grows with entries, threads, open transactions and old versions. Every answer is checked.
#include "suite/json.hpp"
#include "suite/machine_scaling.hpp"
#include "suite/measure.hpp"
#include "suite/options.hpp"
#include "suite/plan.hpp"
#include "suite/snapshots.hpp"
#include "suite/system.hpp"
#include "suite/tables.hpp"
#include "suite/targets.hpp"
#include "suite/weights.hpp"
#include "support/command_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace fluxmap_bench {
namespace {

int list(const std::vector<System>& systems) {
  fmt::print("Workloads\n");
  for (const auto& info : k_workloads) fmt::print("  {:<18} {}\n", info.name, info.meaning);
  fmt::print("\nSystems\n");
  for (const auto& system : systems) {
    fmt::print("  {:<18} {} ({}). {}\n", system.id, system.name, system.version, system.caveat);
  }
  return 0;
}

// What looking at the clock twice adds to a latency.
double clock_nanoseconds() {
  constexpr int k_looks = 100'000;
  const auto start = RunClock::now();
  auto last = start;
  for (int i = 0; i < k_looks; ++i) last = RunClock::now();
  return std::chrono::duration<double, std::nano>(last - start).count() / k_looks;
}

void print_head(const SuiteOptions& options, double clock, const MachineScaling& scaling) {
  print_machine();
  fmt::print(
      "Of each cell {} rounds of {} s, the systems by turns in one process, a new one for each workload. In one round\n"
      "more the clock is looked at before and after each operation: latencies are of that round, and hold one look of\n"
      "{:.0f} ns. Seed {}.\n\n",
      options.rounds, options.seconds, clock, options.seed);
  if (scaling.arithmetic == 0) return;
  fmt::print(
      "Two threads that only multiply do {:.2f} times here what one does. What one of them writes the other sees "
      "after\n"
      "{:.0f} ns.\n\n",
      scaling.arithmetic, scaling.handover_nanoseconds);
}

int run(const SuiteOptions& options) {
  const auto systems = all_systems();
  if (options.list) return list(systems);
  Planner planner(options, systems);
  const auto groups = planner.plan();
  const double clock = clock_nanoseconds();
  const auto scaling = measure_machine_scaling();
  print_head(options, clock, scaling);

  std::vector<Weight> weights;
  if (planner.wants("memory")) {
    std::vector<Kind> kinds;
    for (const auto& info : k_kinds) {
      const bool named = std::find(options.kinds.begin(), options.kinds.end(), info.name) != options.kinds.end();
      if (options.kinds.empty() || named) kinds.push_back(info.kind);
    }
    const std::size_t entries = options.entries.empty() ? Planner::k_usual : options.entries.front();
    weights = measure_weights(systems, planner.usual_systems(), kinds, entries);
  }

  const auto cells = measure(options, systems, groups);

  std::vector<IdlePoint> idle;
  if (planner.wants("idle")) idle = measure_idle({0, 10, 100, 1000, 10'000}, 2 * options.rounds + 1, options.seed);
  std::vector<VersionsPoint> versions;
  if (planner.wants("versions")) versions = measure_versions({0, 1, 10, 100, 1000}, options.rounds, options.seed);
  if (groups.empty() && weights.empty() && idle.empty() && versions.empty()) {
    throw UsageError("nothing is called so; --list names the workloads");
  }
  const auto targets = Targets(cells, systems, idle, scaling).evaluate();

  print_rates(cells, systems);
  print_tails(cells, systems);
  print_sides(cells, systems);
  print_idle(idle);
  print_versions(versions);
  print_targets(targets);
  print_caveats(systems, cells);
  print_load_warning(cells);
  if (!options.json.empty()) {
    std::ofstream out(options.json);
    out << json::serialize(json_report({options, systems, cells, weights, idle, versions, targets, clock, scaling}))
        << '\n';
    if (!out.flush()) throw std::runtime_error("cannot write " + options.json);
  }
  return report_wrong(cells);
}

}  // namespace
}  // namespace fluxmap_bench

int main(int argc, char** argv) {
  using namespace fluxmap_bench;
  SuiteOptions options;
  CommandLine line("suite",
                   "fluxmap beside other ordered maps and stores, workload by workload. Without options about twelve "
                   "minutes.");
  declare(line, options);
  return line.run(argc, argv, [&] { return run(options); });
}

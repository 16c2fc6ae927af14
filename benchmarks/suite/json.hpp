// Every number of a run as JSON, for report.cpp and for whoever wants to look closer. What is described is written by
// Boost.JSON under the names of its members.
#pragma once

#include "../support/machine.hpp"
#include "machine_scaling.hpp"
#include "options.hpp"
#include "results.hpp"
#include "snapshots.hpp"
#include "system.hpp"
#include "targets.hpp"

#include <boost/json.hpp>

#include <utility>
#include <vector>

namespace fluxmap_bench {

namespace json = boost::json;

inline json::object json_latencies(const Latencies& latencies) {
  return {{"samples", latencies.samples},
          {"p50", latencies.p50},
          {"p99", latencies.p99},
          {"p99.9", latencies.p999},
          {"p99.99", latencies.p9999},
          {"max", latencies.max},
          {"curve", json::value_from(latencies.curve)}};
}

inline json::object json_cell(const CellKey& key, const Cell& cell) {
  json::object object{{"workload", json::value_from(info_of(key.workload).name)},
                      {"kind", json::value_from(info_of(key.kind).name)},
                      {"entries", key.entries},
                      {"threads", key.threads},
                      {"system", key.system},
                      {"crowded", key.crowded},
                      {"wrong", cell.wrong}};
  if (!cell.failure.empty()) object["failure"] = cell.failure;
  if (!cell.measured()) return object;
  const auto rate = cell.rate();
  object["operations_per_second"] = rate.median;
  object["spread"] = rate.spread;
  object["cpu_ns_per_operation"] = cell.cpu_nanoseconds();
  object["retries_per_operation"] = cell.retries_per_operation();
  object["side_operations_per_second"] = cell.side_rate();
  object["latency_ns"] = json_latencies(cell.latencies);
  if (cell.read_latencies.samples > 0) object["read_latency_ns"] = json_latencies(cell.read_latencies);
  object["rounds"] = json::value_from(cell.rounds);
  return object;
}

struct Report {
  const SuiteOptions& options;
  const std::vector<System>& systems;
  const Cells& cells;
  const std::vector<Weight>& weights;
  const std::vector<IdlePoint>& idle;
  const std::vector<VersionsPoint>& versions;
  const std::vector<Target>& targets;
  double clock_nanoseconds;
  const MachineScaling& scaling;
};

// The members of a described struct, and one more.
template <class T>
json::object with(const T& described, const char* name, json::value value) {
  auto object = json::value_from(described).as_object();
  object[name] = std::move(value);
  return object;
}

inline json::object json_report(const Report& report) {
  json::array systems, cells, targets;
  for (const auto& system : report.systems) systems.push_back(with(system, "peer", system.is_peer()));
  for (const auto& [key, cell] : report.cells) cells.push_back(json_cell(key, cell));
  for (const auto& target : report.targets) {
    targets.push_back(with(target, "verdict", json::value_from(target.verdict())));
  }
  auto object = with(this_machine(), "program", "fluxmap suite");
  object["seconds"] = report.options.seconds;
  object["rounds_of_each"] = report.options.rounds;
  object["seed"] = report.options.seed;
  object["quick"] = report.options.quick;
  object["clock_ns"] = report.clock_nanoseconds;
  object["two_threads_of_arithmetic"] = report.scaling.arithmetic;
  object["handover_ns"] = report.scaling.handover_nanoseconds;
  object["systems"] = std::move(systems);
  object["workloads"] = json::value_from(k_workloads);
  object["kinds"] = json::value_from(k_kinds);
  object["cells"] = std::move(cells);
  object["weights"] = json::value_from(report.weights);
  object["idle"] = json::value_from(report.idle);
  object["versions"] = json::value_from(report.versions);
  object["targets"] = std::move(targets);
  return object;
}

}  // namespace fluxmap_bench

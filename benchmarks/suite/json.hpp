// Every number of a run as JSON, for report.cpp and for whoever wants to look closer.
#pragma once

#include "../support/machine.hpp"
#include "machine_scaling.hpp"
#include "options.hpp"
#include "results.hpp"
#include "snapshots.hpp"
#include "system.hpp"
#include "targets.hpp"

#include <boost/json.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmap_bench {

namespace json = boost::json;

inline json::string json_text(std::string_view text) { return json::string(text.data(), text.size()); }

// The points of a percentile curve; the far ones only where there are samples enough to tell.
inline json::object json_latencies(const LatencyHistogram& latencies) {
  static constexpr std::array k_shares{0.01,  0.05, 0.1,   0.25,  0.5,    0.75,   0.9,     0.95,
                                       0.975, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99995, 0.99999};
  const auto count = latencies.count();
  json::array curve;
  for (const double share : k_shares) {
    if ((1 - share) * static_cast<double>(count) < 5) break;
    curve.push_back(json::array{share, latencies.quantile(share)});
  }
  return {{"samples", count},
          {"p50", latencies.quantile(0.5)},
          {"p99", latencies.quantile(0.99)},
          {"p99.9", latencies.quantile(0.999)},
          {"p99.99", latencies.quantile(0.9999)},
          {"max", latencies.largest()},
          {"curve", std::move(curve)}};
}

inline json::object json_cell(const CellKey& key, const Cell& cell) {
  json::object object{{"workload", json_text(info_of(key.workload).name)},
                      {"kind", json_text(info_of(key.kind).name)},
                      {"entries", key.entries},
                      {"threads", key.threads},
                      {"system", key.system},
                      {"wrong", cell.wrong}};
  if (!cell.failure.empty()) object["failure"] = cell.failure;
  if (!cell.measured()) return object;
  json::array rounds;
  for (const auto& one : cell.rounds) {
    rounds.push_back(json::object{{"operations", one.operations},
                                  {"seconds", one.seconds},
                                  {"cpu_seconds", one.cpu_seconds},
                                  {"retries", one.retries}});
  }
  const auto rate = cell.rate();
  object["operations_per_second"] = rate.median;
  object["spread"] = rate.spread;
  object["cpu_ns_per_operation"] = cell.cpu_nanoseconds();
  object["retries_per_operation"] = cell.retries_per_operation();
  object["side_operations_per_second"] = cell.side_rate();
  object["latency_ns"] = json_latencies(cell.latencies);
  if (cell.read_latencies.count() > 0) object["read_latency_ns"] = json_latencies(cell.read_latencies);
  object["rounds"] = std::move(rounds);
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

inline json::object json_report(const Report& report) {
  const auto machine = this_machine();
  json::array systems, workloads, kinds, cells, weights, idle, versions, targets;
  for (const auto& system : report.systems) {
    systems.push_back(json::object{{"id", system.id},
                                   {"name", system.name},
                                   {"version", system.version},
                                   {"caveat", system.caveat},
                                   {"peer", !system.id.starts_with("fluxmap")}});
  }
  for (const auto& info : k_workloads) {
    workloads.push_back(json::object{{"name", json_text(info.name)}, {"meaning", json_text(info.meaning)}});
  }
  for (const auto& info : k_kinds) {
    kinds.push_back(json::object{{"name", json_text(info.name)}, {"meaning", json_text(info.meaning)}});
  }
  for (const auto& [key, cell] : report.cells) cells.push_back(json_cell(key, cell));
  for (const auto& weight : report.weights) {
    weights.push_back(json::object{{"kind", json_text(info_of(weight.kind).name)},
                                   {"system", weight.system},
                                   {"entries", weight.entries},
                                   {"bytes", weight.bytes}});
  }
  for (const auto& point : report.idle) {
    idle.push_back(json::object{{"open", point.open},
                                {"get_ns", point.get.median},
                                {"get_ratio", point.get_ratio},
                                {"overwrite_ns", point.overwrite.median},
                                {"overwrite_ratio", point.overwrite_ratio},
                                {"transfer_ns", point.transfer.median},
                                {"transfer_ratio", point.transfer_ratio}});
  }
  for (const auto& point : report.versions) {
    versions.push_back(json::object{{"overwrites", point.overwrites},
                                    {"get_ns", point.get.median},
                                    {"old_get_ns", point.old_get.median},
                                    {"scan_ns", point.scan.median},
                                    {"overwrite_ns", point.overwrite.median},
                                    {"pinned_versions", point.pinned_versions},
                                    {"bytes_per_entry", point.memory_bytes_per_entry}});
  }
  for (const auto& target : report.targets) {
    targets.push_back(json::object{{"text", target.text},
                                   {"wanted", target.wanted},
                                   {"at_least", target.at_least},
                                   {"value", target.value},
                                   {"verdict", json_text(target.verdict())},
                                   {"note", target.note}});
  }
  return {{"program", "fluxmap suite"},
          {"date", machine.date},
          {"processor", machine.processor},
          {"hardware_threads", machine.hardware_threads},
          {"operating_system", machine.system},
          {"compiler", machine.compiler},
          {"flags", machine.flags},
          {"seconds", report.options.seconds},
          {"rounds_of_each", report.options.rounds},
          {"seed", report.options.seed},
          {"quick", report.options.quick},
          {"clock_ns", report.clock_nanoseconds},
          {"two_threads_of_arithmetic", report.scaling.arithmetic},
          {"handover_ns", report.scaling.handover_nanoseconds},
          {"systems", std::move(systems)},
          {"workloads", std::move(workloads)},
          {"kinds", std::move(kinds)},
          {"cells", std::move(cells)},
          {"weights", std::move(weights)},
          {"idle", std::move(idle)},
          {"versions", std::move(versions)},
          {"targets", std::move(targets)}};
}

}  // namespace fluxmap_bench

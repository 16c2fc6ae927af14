// The tables at the end: throughput and tails with the systems side by side, and what is told besides.
#pragma once

#include "../support/machine.hpp"
#include "plan.hpp"
#include "results.hpp"
#include "snapshots.hpp"
#include "system.hpp"
#include "targets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace fluxmap_bench {

// One for each kind and number of entries, alone and crowded; `text` makes a cell.
template <class Text>
void print_side_by_side(const Cells& cells, const std::vector<System>& systems, std::string_view title, Text text) {
  std::set<std::tuple<bool, Kind, std::size_t>> tables;
  for (const auto& [key, cell] : cells) tables.emplace(key.crowded, key.kind, key.entries);
  for (const auto& [crowded, kind, entries] : tables) {
    std::vector<const System*> columns;
    std::set<std::pair<Workload, unsigned>> rows;
    for (const auto& system : systems) {
      bool any = false;
      for (const auto& [key, cell] : cells) {
        if (key.kind != kind || key.entries != entries || key.crowded != crowded || key.system != system.id) continue;
        rows.emplace(key.workload, key.threads);
        any = true;
      }
      if (any) columns.push_back(&system);
    }
    fmt::print("\n{}; {}, {} entries{}\n\n{:<18}{:>4}", title, info_of(kind).meaning, entries,
               crowded ? ", beside a thread that wants the caches for itself" : "", "", "thr");
    for (const System* const column : columns) fmt::print("{:>21}", column->name);
    fmt::print("\n");
    for (const auto& [workload, threads] : rows) {
      fmt::print("{:<18}{:>4}", info_of(workload).name, threads);
      for (const System* const column : columns) {
        const Cell* const cell = find_cell(cells, {workload, kind, entries, threads, column->id, crowded});
        fmt::print("{:>21}", text(cell));
      }
      fmt::print("\n");
    }
  }
}

inline std::string rate_text(const Cell* cell) {
  if (cell == nullptr) return "-";
  const auto rate = cell->rate();
  return fmt::format("{:.4f} ({:.0f} %)", rate.median / 1e6, 100 * rate.spread);
}

inline void print_rates(const Cells& cells, const std::vector<System>& systems) {
  print_side_by_side(cells, systems,
                     "Millions of operations per second, all threads together: median (spread of the rounds)",
                     rate_text);
}

inline void print_tails(const Cells& cells, const std::vector<System>& systems) {
  print_side_by_side(cells, systems, "Latency in nanoseconds: p50 / p99.9", [](const Cell* cell) -> std::string {
    if (cell == nullptr) return "-";
    return fmt::format("{:.0f} / {:.0f}", cell->latencies.p50, cell->latencies.p999);
  });
}

// What went on beside the operations that are counted.
inline void print_sides(const Cells& cells, const std::vector<System>& systems) {
  bool headed = false;
  for (const auto& [key, cell] : cells) {
    if (!cell.measured() || cell.side_rate() == 0) continue;
    if (!std::exchange(headed, true)) {
      fmt::print("\nTwo roles: what is counted, and the transfers that others made meanwhile\n\n");
      fmt::print("{:<16}{:>4}  {:<22}{:>14}{:>14}{:>12}{:>16}{:>16}\n", "", "thr", "system", "counted/s", "alone/s",
                 "of alone", "transfers/s", "slowest ms");
    }
    const double rate = cell.rate().median;
    auto one = key;
    one.threads = 1;
    const double alone = rate_of(cells, one);
    const auto system = std::find_if(systems.begin(), systems.end(), [&](const auto& s) { return s.id == key.system; });
    fmt::print("{:<16}{:>4}  {:<22}{:>14.0f}{:>14.0f}{:>12}{:>16.0f}{:>16.3f}\n", info_of(key.workload).name,
               key.threads, system->name, rate, alone, alone > 0 ? fmt::format("{:.2f}", rate / alone) : "-",
               cell.side_rate(), cell.latencies.max / 1e6);
  }
}

inline void print_idle(const std::vector<IdlePoint>& points) {
  if (points.empty()) return;
  fmt::print("\nfluxmap beside transactions that are open and idle; {} entries, one thread, ns of processor time\n\n",
             k_idle_entries);
  fmt::print("{:>8}{:>10}{:>8}{:>12}{:>8}{:>18}{:>8}\n", "open", "get", "ratio", "overwrite", "ratio",
             "transfer (2r 2w)", "ratio");
  for (const auto& point : points) {
    fmt::print("{:>8}{:>10.0f}{:>8.3f}{:>12.0f}{:>8.3f}{:>18.0f}{:>8.3f}\n", point.open, point.get_ns, point.get_ratio,
               point.overwrite_ns, point.overwrite_ratio, point.transfer_ns, point.transfer_ratio);
  }
}

inline void print_versions(const std::vector<VersionsPoint>& points) {
  if (points.empty()) return;
  fmt::print(
      "\nfluxmap with one old snapshot open; {} of {} keys overwritten so often since; one thread, ns of processor "
      "time\n\n",
      k_versions_hot, k_versions_entries);
  fmt::print("{:>12}{:>10}{:>16}{:>12}{:>12}{:>18}{:>16}\n", "overwrites", "get", "get, snapshot", "scan 100",
             "overwrite", "versions kept", "bytes/entry");
  for (const auto& point : points) {
    fmt::print("{:>12}{:>10.0f}{:>16.0f}{:>12.0f}{:>12.0f}{:>18}{:>16.1f}\n", point.overwrites, point.get_ns,
               point.old_get_ns, point.scan_ns, point.overwrite_ns, point.pinned_versions, point.bytes_per_entry);
  }
}

inline void print_targets(const std::vector<Target>& targets) {
  fmt::print("\nTargets\n\n{:<72}{:>10}{:>10}  {:<14}{}\n", "", "wanted", "measured", "", "");
  for (const auto& target : targets) {
    const auto number = [](double value) { return fmt::format("{:.{}f}", value, value < 100 ? 2 : 0); };
    fmt::print("{:<72}{:>10}{:>10}  {:<14}{}\n", target.text, (target.at_least ? ">= " : "<= ") + number(target.wanted),
               target.measured ? number(target.value) : "-", target.verdict(), target.note);
  }
}

inline void print_caveats(const std::vector<System>& systems, const Cells& cells) {
  fmt::print("\nThe systems do not do the same:\n");
  for (const auto& system : systems) {
    const bool used =
        std::any_of(cells.begin(), cells.end(), [&](const auto& entry) { return entry.first.system == system.id; });
    if (used) fmt::print("  {} ({}): {}\n", system.name, system.version, system.caveat);
  }
}

// A thread that had nothing to wait for but got less than its processor: other programs were running.
inline void print_load_warning(const Cells& cells) {
  double cpu_seconds = 0;
  double seconds = 0;
  for (const auto& [key, cell] : cells) {
    if (key.threads != 1 || key.system.starts_with("fluxmap-")) continue;
    for (const auto& one : cell.rounds) cpu_seconds += one.cpu_seconds, seconds += one.seconds;
  }
  if (seconds == 0 || cpu_seconds / seconds > 0.95) return;
  fmt::print(
      "\nWARNING: the machine was busy: a single thread got {:.0f} % of a processor. Times above are stretched.\n",
      100 * cpu_seconds / seconds);
}

// The exit code.
inline int report_wrong(const Cells& cells) {
  std::uint64_t wrong = 0;
  for (const auto& [key, cell] : cells) {
    if (cell.wrong == 0 && cell.failure.empty()) continue;
    wrong += cell.wrong + 1;
    fmt::print("WRONG: {}, {}, {} entries, {} threads, {}: {} wrong answers {}\n", info_of(key.workload).name,
               info_of(key.kind).name, key.entries, key.threads, key.system, cell.wrong, cell.failure);
  }
  fmt::print("\n{}\n", wrong == 0 ? "every answer and every final content was right" : "THERE WERE WRONG ANSWERS");
  return wrong == 0 ? 0 : 1;
}

}  // namespace fluxmap_bench

// The table for people and the JSON for programs.
#pragma once

#include "machine.hpp"
#include "options.hpp"
#include "results.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmap_bench {

inline std::string rate_text(const Cell& cell) {
  if (cell.rounds.empty()) return "-";
  const auto rate = cell.rate();
  return fmt::format("{:.3f} ({:.0f} %)", rate.median / 1e6, rate.spread * 100);
}

inline std::string ratio_text(const Cell& ours, const Cell& theirs) {
  if (ours.rounds.empty() || theirs.rounds.empty()) return "-";
  return fmt::format("{:.2f}x", ours.rate().median / theirs.rate().median);
}

inline void print_comparison(const std::vector<Line>& lines) {
  fmt::print("\nMillions of operations per second, all threads together: median (spread of the rounds)\n\n");
  fmt::print("{:<12} {:>7} {:>16} {:>22} {:>20} {:>12} {:>12}\n", "", "threads", "fluxmap", "std::map+shared_mutex",
             "tbb::concurrent_map", "flux / map", "flux / tbb");
  for (const auto& line : lines) {
    const auto& ours = line.cell(Column::fluxmap);
    fmt::print("{:<12} {:>7} {:>16} {:>22} {:>20} {:>12} {:>12}\n", line.row.name, line.threads, rate_text(ours),
               rate_text(line.cell(Column::locked_map)), rate_text(line.cell(Column::tbb_map)),
               ratio_text(ours, line.cell(Column::locked_map)), ratio_text(ours, line.cell(Column::tbb_map)));
  }
}

inline void print_forms(const std::vector<Line>& lines) {
  bool headed = false;
  for (const auto& line : lines) {
    const auto& ours = line.cell(Column::fluxmap);
    const auto& other = line.cell(Column::fluxmap_other_form);
    if (other.rounds.empty()) continue;
    if (!headed) {
      headed = true;
      fmt::print("\nTwo forms of the same operation of fluxmap, processor time of each in nanoseconds\n\n");
      fmt::print("{:<12} {:>7}  {:<24} {:>8}  {:<18} {:>8}  {:>10}\n", "", "threads", "form", "ns", "other form", "ns",
                 "difference");
    }
    const bool transfer = line.row.row == Row::transfer;
    const double ns = ours.cpu_nanoseconds().median;
    const double other_ns = other.cpu_nanoseconds().median;
    fmt::print("{:<12} {:>7}  {:<24} {:>8.0f}  {:<18} {:>8.0f}  {:>+10.0f}\n", line.row.name, line.threads,
               transfer ? "handle.transaction(f)" : "co_await handle.insert", ns,
               transfer ? "begin(), commit()" : "without coroutine", other_ns, ns - other_ns);
  }
}

// A thread that had nothing to wait for but got less than its processor: other programs were running.
inline void print_load_warning(const std::vector<Line>& lines) {
  double cpu_seconds = 0;
  double seconds = 0;
  for (const auto& line : lines) {
    if (line.threads != 1) continue;
    for (const auto& cell : line.cells) {
      for (const auto& one : cell.rounds) cpu_seconds += one.cpu_seconds, seconds += one.seconds;
    }
  }
  if (seconds == 0 || cpu_seconds / seconds > 0.95) return;
  fmt::print(
      "\nWARNING: the machine was busy: a single thread got {:.0f} % of a processor. Times above are stretched.\n",
      100 * cpu_seconds / seconds);
}

inline void print_footnotes(const std::vector<Line>& lines) {
  fmt::print("\n");
  for (const auto& info : k_rows) fmt::print("{:<12} {}\n", info.name, info.meaning);
  std::uint64_t transfers = 0;
  std::uint64_t retries = 0;
  for (const auto& line : lines) {
    if (line.row.row != Row::transfer) continue;
    for (const auto& one : line.cell(Column::fluxmap).rounds) transfers += one.operations, retries += one.retries;
  }
  fmt::print(
      "\nThe three do not do the same. fluxmap: serializable transactions and snapshots, in memory here, default\n"
      "options; writes are awaited on one io_context for each thread, reads are plain calls; its transfers were\n"
      "retried {} times in {}. std::map+shared_mutex: one lock for everything; a reader holds up every writer for as\n"
      "long as it reads; no snapshots, no rollback, and no atomicity beyond what one lock scope holds; its transfer\n"
      "runs under the exclusive lock. tbb::concurrent_map: single operations only, no transactions (so no transfer),\n"
      "no snapshots (a scan may see half of what another thread does), no concurrent erase; its values are atomics\n"
      "because it cannot overwrite others, and an overwrite is then one store.\n",
      retries, transfers);
}

inline std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + '"';
}

inline std::string json_cell(const Line& line, Column column) {
  const auto& cell = line.cell(column);
  const auto rate = cell.rate();
  std::string rounds;
  for (const auto& one : cell.rounds) {
    rounds += fmt::format(
        R"({}{{"operations": {}, "seconds": {:.6f}, "cpu_seconds": {:.6f}, "retries": {}, "wrong": {}, "checksum": "{:016x}"}})",
        rounds.empty() ? "" : ", ", one.operations, one.seconds, one.cpu_seconds, one.retries, one.wrong, one.checksum);
  }
  return fmt::format(
      "    {{\"row\": {}, \"threads\": {}, \"system\": {}, \"operations_per_second\": {:.0f}, \"spread\": {:.4f},\n"
      "     \"cpu_ns_per_operation\": {:.1f}, \"rounds\": [{}]}}",
      fluxmap_bench::quoted(line.row.name), line.threads, fluxmap_bench::quoted(column_name(column)), rate.median,
      rate.spread, cell.cpu_nanoseconds().median, rounds);
}

inline std::string json_text(const Options& options, const Machine& machine, const std::vector<Line>& lines) {
  std::string cells;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < k_columns; ++i) {
      const auto column = static_cast<Column>(i);
      if (line.cell(column).rounds.empty()) continue;
      cells += (cells.empty() ? "" : ",\n") + json_cell(line, column);
    }
  }
  return fmt::format(
      "{{\n"
      "  \"question\": \"fluxmap against std::map+std::shared_mutex and tbb::concurrent_map\",\n"
      "  \"date\": {}, \"processor\": {}, \"hardware_threads\": {}, \"system\": {},\n"
      "  \"compiler\": {}, \"flags\": {},\n"
      "  \"entries\": {}, \"seconds\": {}, \"rounds\": {}, \"seed\": {},\n"
      "  \"cells\": [\n{}\n  ]\n"
      "}}\n",
      fluxmap_bench::quoted(machine.date), fluxmap_bench::quoted(machine.processor), machine.hardware_threads,
      fluxmap_bench::quoted(machine.system), fluxmap_bench::quoted(machine.compiler),
      fluxmap_bench::quoted(machine.flags), options.entries, options.seconds, options.rounds, options.seed, cells);
}

}  // namespace fluxmap_bench

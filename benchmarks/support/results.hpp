// What was measured: for each row and number of threads, each system's rounds.
#pragma once

#include "statistics.hpp"
#include "team.hpp"
#include "workload.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace fluxmap_bench {

enum class Column { fluxmap, fluxmap_other_form, locked_map, tbb_map };
inline constexpr std::size_t k_columns = 4;

inline std::string_view column_name(Column column) {
  switch (column) {
    case Column::fluxmap:
      return "fluxmap";
    case Column::fluxmap_other_form:
      return "fluxmap, other form";
    case Column::locked_map:
      return "std::map+shared_mutex";
    case Column::tbb_map:
      return "tbb::concurrent_map";
  }
  return "";
}

struct Cell {
  std::vector<Outcome> rounds;

  // Operations of all threads together in a second.
  Summary rate() const {
    std::vector<double> rates;
    for (const auto& one : rounds) rates.push_back(static_cast<double>(one.operations) / one.seconds);
    return summarize(rates);
  }

  // Processor time of one operation.
  Summary cpu_nanoseconds() const {
    std::vector<double> times;
    for (const auto& one : rounds) times.push_back(1e9 * one.cpu_seconds / static_cast<double>(one.operations));
    return summarize(times);
  }
};

struct Line {
  RowInfo row;
  unsigned threads = 1;
  std::array<Cell, k_columns> cells;

  const Cell& cell(Column column) const { return cells[static_cast<std::size_t>(column)]; }
  Cell& cell(Column column) { return cells[static_cast<std::size_t>(column)]; }
};

}  // namespace fluxmap_bench

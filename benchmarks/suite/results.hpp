// What was measured: cells, each with its rounds, its latencies and what became of its answers.
#pragma once

#include "../support/statistics.hpp"
#include "../support/team.hpp"
#include "kinds.hpp"
#include "workloads.hpp"

#include <boost/describe.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_bench {

struct CellKey {
  Workload workload = Workload::get;
  Kind kind = Kind::u64_u64;
  std::size_t entries = 0;
  unsigned threads = 1;
  std::string system;
  bool crowded = false;  // beside a thread that wants the caches for itself

  auto operator<=>(const CellKey&) const = default;
};

// In nanoseconds.
struct Latencies {
  std::uint64_t samples = 0;
  double p50 = 0, p99 = 0, p999 = 0, p9999 = 0, max = 0;
  std::vector<std::pair<double, double>> curve;  // shares and quantiles
};
BOOST_DESCRIBE_STRUCT(Latencies, (), (samples, p50, p99, p999, p9999, max, curve))

struct Cell {
  std::vector<Outcome> rounds;
  std::vector<double> side_rates;  // of the threads that disturb the others, a second
  Latencies latencies;             // of a round of its own, in which the clock is looked at
  Latencies read_latencies;
  std::uint64_t wrong = 0;
  std::string failure;  // what it threw

  Summary rate() const {
    std::vector<double> rates;
    for (const auto& one : rounds) rates.push_back(static_cast<double>(one.operations) / one.seconds);
    return summarize(rates);
  }
  double side_rate() const { return summarize(side_rates).median; }
  double cpu_nanoseconds() const {
    std::vector<double> times;
    for (const auto& one : rounds) times.push_back(1e9 * one.cpu_seconds / static_cast<double>(one.operations));
    return summarize(times).median;
  }
  double retries_per_operation() const {
    std::uint64_t retries = 0;
    std::uint64_t operations = 0;
    for (const auto& one : rounds) retries += one.retries, operations += one.operations;
    return operations == 0 ? 0 : static_cast<double>(retries) / static_cast<double>(operations);
  }
  bool measured() const { return failure.empty() && !rounds.empty(); }
};

BOOST_DESCRIBE_STRUCT(Cell, (), (rounds, side_rates, latencies, read_latencies, wrong, failure))

using Cells = std::map<CellKey, Cell>;

inline const Cell* find_cell(const Cells& cells, const CellKey& key) {
  const auto found = cells.find(key);
  return found == cells.end() || !found->second.measured() ? nullptr : &found->second;
}

// Operations a second; 0 where it was not measured.
inline double rate_of(const Cells& cells, const CellKey& key) {
  const Cell* const cell = find_cell(cells, key);
  return cell == nullptr ? 0 : cell->rate().median;
}

struct Weight {  // of an entry
  std::string kind;
  std::string system;
  std::size_t entries;
  double bytes;
};
BOOST_DESCRIBE_STRUCT(Weight, (), (kind, system, entries, bytes))

}  // namespace fluxmap_bench

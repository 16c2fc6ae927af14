#include "measure.hpp"

#include "../support/cache_neighbour.hpp"
#include "../support/command_line.hpp"
#include "../support/latency_histogram.hpp"
#include "../support/process.hpp"

#include <boost/json.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_bench {
namespace {

namespace json = boost::json;

// From so many entries on a filling is kept for the next group: it takes seconds, and a round changes little of it.
constexpr std::size_t k_keep = 1'000'000;

bool share_filling(const Group& one, const Group& other) {
  return one.entries >= k_keep && one.entries == other.entries && one.kind == other.kind &&
         one.crowded == other.crowded;
}

const System& system_of(const std::vector<System>& systems, const std::string& id) {
  return *std::find_if(systems.begin(), systems.end(), [&](const System& one) { return one.id == id; });
}

// Those of the group's that can do what it asks for.
std::vector<std::string> systems_of(const Group& group, const std::vector<System>& systems) {
  auto ids = group.systems;
  std::erase_if(ids, [&](const std::string& id) { return !system_of(systems, id).can(group.workload, group.kind); });
  return ids;
}

CellKey key_of(const Group& group, unsigned threads, const std::string& id) {
  return {group.workload, group.kind, group.entries, threads, id, group.crowded};
}

std::vector<CellKey> keys_of(const std::vector<Group>& groups, const std::vector<System>& systems) {
  std::vector<CellKey> keys;
  for (const auto& group : groups) {
    for (const unsigned threads : group.threads) {
      for (const auto& id : systems_of(group, systems)) keys.push_back(key_of(group, threads, id));
    }
  }
  return keys;
}

// The far points of the curve only where there are samples enough to tell.
Latencies summary_of(const LatencyHistogram& histogram) {
  Latencies latencies{histogram.count(),
                      histogram.quantile(0.5),
                      histogram.quantile(0.99),
                      histogram.quantile(0.999),
                      histogram.quantile(0.9999),
                      histogram.largest(),
                      {}};
  for (const double share :
       {0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99995, 0.99999}) {
    if ((1 - share) * static_cast<double>(latencies.samples) < 5) break;
    latencies.curve.emplace_back(share, histogram.quantile(share));
  }
  return latencies;
}

void note_latencies(Cell& cell, const std::vector<Sample>& samples) {
  LatencyHistogram all, reads;
  for (const Sample sample : samples) {
    all.add(sample.latency());
    if (sample.read()) reads.add(sample.latency());
  }
  cell.latencies = summary_of(all);
  cell.read_latencies = summary_of(reads);
}

// In a process of its own: the instances of groups that may share them.
class Turns {
 public:
  Turns(const SuiteOptions& options, const std::vector<System>& systems) : options_(options), systems_(systems) {}

  void measure(const Group& group) {
    if (group.entries < k_keep) instances_.clear();
    key_form = form_of(group.kind);
    std::optional<CacheNeighbour> neighbour;
    if (group.crowded) neighbour.emplace();
    if (shuffled_.size() != group.entries) shuffled_ = KeySpace(group.entries).fill_order();
    const auto able = systems_of(group, systems_);
    const unsigned most = *std::max_element(group.threads.begin(), group.threads.end());
    const auto operations = draw_operations(group.workload, group.entries, most, options_.seed);
    for (const unsigned threads : group.threads) {
      for (unsigned round = 0; round <= options_.rounds; ++round) {
        show_progress(fmt::format("{}, {}, {} entries, {} threads, round {}", info_of(group.workload).name,
                                  info_of(group.kind).name, group.entries, threads, round + 1));
        for (const auto& id : able) turn(group, threads, round, id, operations);
      }
      for (const auto& id : able) {
        if (instances_[id])
          cells_[key_of(group, threads, id)].wrong += instances_[id]->audit(make_run(group, threads, 0, operations));
      }
    }
  }

  const Cell& cell(const CellKey& key) { return cells_[key]; }

 private:
  bool refills(const Group& group) const {
    const bool forever = group.entries >= k_keep && group.workload == Workload::insert_random;
    return info_of(group.workload).grows && !forever;
  }

  Run make_run(const Group& group, unsigned threads, unsigned round, const std::vector<Operations>& operations) const {
    Run run;
    run.workload = group.workload;
    run.entries = group.entries;
    run.keys = KeySpace(group.entries, key_bits(group.kind));
    run.threads = threads;
    run.seconds = options_.seconds;
    run.salt = Random::mix(options_.seed * 1000 + round);  // the same for every system
    run.timed = round == options_.rounds;
    run.operations = &operations;
    run.shuffled = &shuffled_;
    // A map that is twice as fast must not be twice as full.
    if (group.workload == Workload::insert_random || group.workload == Workload::insert_ascending) {
      run.budget = std::max<std::size_t>(group.entries / threads, 1);
    } else if (group.workload == Workload::remove) {
      run.budget = std::max<std::size_t>(group.entries / 2 / threads, 1);
    }
    return run;
  }

  void turn(const Group& group, unsigned threads, unsigned round, const std::string& id,
            const std::vector<Operations>& operations) {
    Cell& cell = cells_[key_of(group, threads, id)];
    if (!cell.failure.empty()) return;
    try {
      auto& instance = instances_[id];
      Run run = make_run(group, threads, round, operations);
      if (!instance || refills(group)) {
        instance.reset();
        instance = system_of(systems_, id).open(group.kind);
        instance->fill(run);
      }
      const auto result = instance->run(run);
      cell.wrong += result.outcome.wrong;
      if (run.timed) {
        note_latencies(cell, result.samples);
      } else {
        cell.rounds.push_back(result.outcome);
        cell.side_rates.push_back(static_cast<double>(result.side_operations) / result.outcome.seconds);
      }
      if (refills(group)) {
        cell.wrong += instance->audit(run);
        instance.reset();
      }
    } catch (const std::exception& error) {
      cell.failure = error.what();
      instances_.erase(id);
    }
  }

  const SuiteOptions& options_;
  const std::vector<System>& systems_;
  std::vector<std::uint32_t> shuffled_;
  std::map<std::string, std::unique_ptr<Instance>> instances_;
  Cells cells_;
};

std::vector<Cell> measure_in_child(const SuiteOptions& options, const std::vector<System>& systems,
                                   const std::vector<Group>& groups, const std::vector<CellKey>& keys) {
  const auto text = bytes_of_child([&] {
    Turns turns(options, systems);
    for (const auto& group : groups) turns.measure(group);
    json::array cells;
    for (const auto& key : keys) cells.push_back(json::value_from(turns.cell(key)));
    return std::string(json::serialize(cells));
  });
  return json::value_to<std::vector<Cell>>(json::parse(text));
}

void print_cell(const std::vector<System>& systems, const CellKey& key, const Cell& cell) {
  fmt::print("{:<16} {:<8} {:>9} {:>3}{} {:<21}", info_of(key.workload).name, info_of(key.kind).name, key.entries,
             key.threads, key.crowded ? '+' : ' ', system_of(systems, key.system).name);
  if (!cell.failure.empty()) {
    fmt::print(" FAILED: {}\n", cell.failure);
  } else {
    const auto rate = cell.rate();
    const auto& latencies = cell.latencies;
    fmt::print(" {:>9.4f} {:>5.0f} {:>8.0f} {:>9.0f} {:>9.0f} {:>9.0f} {:>8.4f}{}\n", rate.median / 1e6,
               100 * rate.spread, latencies.p50, latencies.p99, latencies.p999, latencies.p9999,
               cell.retries_per_operation(), cell.wrong == 0 ? "" : fmt::format("  {} WRONG", cell.wrong));
  }
  std::fflush(stdout);
}

}  // namespace

Cells measure(const SuiteOptions& options, const std::vector<System>& systems, const std::vector<Group>& groups) {
  Cells cells;
  if (groups.empty()) return cells;
  fmt::print("{:<16} {:<8} {:>9} {:>3}  {:<21} {:>9} {:>5} {:>8} {:>9} {:>9} {:>9} {:>8}\n", "workload", "kind",
             "entries", "thr", "system", "M ops/s", "+- %", "p50 ns", "p99", "p99.9", "p99.99", "retries");
  for (auto begin = groups.begin(), end = begin; begin != groups.end(); begin = end) {
    for (end = begin + 1; end != groups.end() && share_filling(*begin, *end);) ++end;
    const std::vector<Group> some(begin, end);
    const auto keys = keys_of(some, systems);
    std::vector<Cell> measured(keys.size());
    try {
      measured = measure_in_child(options, systems, some, keys);
    } catch (const std::exception& error) {
      for (auto& cell : measured) cell.failure = error.what();
    }
    show_progress("");
    for (std::size_t i = 0; i < keys.size(); ++i) {
      print_cell(systems, keys[i], measured[i]);
      cells[keys[i]] = std::move(measured[i]);
    }
  }
  return cells;
}

}  // namespace fluxmap_bench

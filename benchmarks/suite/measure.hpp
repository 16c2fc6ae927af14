// Measures groups of cells. The systems take turns round by round, so that whatever else the machine does hits all of
// them alike; after the rounds that count comes one in which each operation's time is taken.
#pragma once

#include "../support/process.hpp"
#include "options.hpp"
#include "packing.hpp"
#include "plan.hpp"
#include "results.hpp"
#include "system.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxmap_bench {

class Measurement {
 public:
  Measurement(const SuiteOptions& options, const std::vector<System>& systems) : options_(options), systems_(systems) {}

  void measure(const std::vector<Group>& groups) {
    for (std::size_t begin = 0, end = 0; begin < groups.size(); begin = end) {
      for (end = begin + 1; end < groups.size() && share_filling(groups[begin], groups[end]);) ++end;
      const std::vector<Group> some(groups.begin() + static_cast<std::ptrdiff_t>(begin),
                                    groups.begin() + static_cast<std::ptrdiff_t>(end));
      try {
        unpack(bytes_of_child([&] {
          for (const auto& group : some) measure_here(group);
          instances_.clear();  // the process ends without destroying anything
          return pack();
        }));
      } catch (const std::exception& error) {
        for (const auto& group : some) give_up(group, error.what());
      }
      for (const auto& group : some) print_group(group);
    }
  }

  const Cells& cells() const { return cells_; }

  static void print_cell_heading() {
    fmt::print("{:<16} {:<8} {:>9} {:>3}  {:<21} {:>9} {:>5} {:>8} {:>9} {:>9} {:>9} {:>8}\n", "workload", "kind",
               "entries", "thr", "system", "M ops/s", "+- %", "p50 ns", "p99", "p99.9", "p99.99", "retries");
  }

 private:
  // From so many entries on a filling is kept for the next group: it takes seconds, and a round changes little of it.
  static constexpr std::size_t k_keep = 1'000'000;

  // What comes back from the process that measures.
  struct Measured {
    std::vector<Outcome> rounds;
    std::vector<double> side_rates;
    std::vector<Sample> samples;
    std::uint64_t wrong = 0;
    std::string failure;
  };

  static bool share_filling(const Group& one, const Group& other) {
    return one.entries >= k_keep && one.entries == other.entries && one.kind == other.kind;
  }

  std::string pack() {
    Packer packer;
    for (const auto& [key, measured] : measured_) {
      packer.put(key.workload);
      packer.put(key.kind);
      packer.put(key.entries);
      packer.put(key.threads);
      packer.put(key.system);
      packer.put(measured.rounds);
      packer.put(measured.side_rates);
      packer.put(measured.samples);
      packer.put(measured.wrong);
      packer.put(measured.failure);
    }
    return packer.take();
  }

  void unpack(const std::string& bytes) {
    for (Unpacker unpacker(bytes); !unpacker.empty();) {
      CellKey key;
      unpacker.take(key.workload);
      unpacker.take(key.kind);
      unpacker.take(key.entries);
      unpacker.take(key.threads);
      unpacker.take(key.system);
      Cell& cell = cells_[key];
      std::vector<Sample> samples;
      unpacker.take(cell.rounds);
      unpacker.take(cell.side_rates);
      unpacker.take(samples);
      unpacker.take(cell.wrong);
      unpacker.take(cell.failure);
      for (const Sample sample : samples) {
        cell.latencies.add(sample.latency());
        if (sample.read()) cell.read_latencies.add(sample.latency());
      }
    }
  }

  void give_up(const Group& group, const std::string& why) {
    for (const unsigned threads : group.threads) {
      for (const auto& id : group.systems) {
        if (system(id).can(group.workload, group.kind)) cells_[key_of(group, threads, id)].failure = why;
      }
    }
  }

  void measure_here(const Group& group) {
    if (group.entries < k_keep) instances_.clear();
    if (shuffled_.size() != group.entries) shuffled_ = KeySpace(group.entries).fill_order();
    const unsigned most = *std::max_element(group.threads.begin(), group.threads.end());
    const auto operations = draw_operations(group.workload, group.entries, most, options_.seed);
    for (const unsigned threads : group.threads) {
      for (unsigned round = 0; round <= options_.rounds; ++round) {
        show_progress(fmt::format("{}, {}, {} entries, {} threads, round {}", info_of(group.workload).name,
                                  info_of(group.kind).name, group.entries, threads, round + 1));
        for (const auto& id : group.systems) turn(group, threads, round, id, operations);
      }
      for (const auto& id : group.systems) finish(group, threads, id, operations);
    }
  }

  const System& system(const std::string& id) const {
    return *std::find_if(systems_.begin(), systems_.end(), [&](const System& one) { return one.id == id; });
  }

  bool refills(const Group& group) const {
    const bool forever = group.entries >= k_keep && group.workload == Workload::insert_random;
    return info_of(group.workload).grows && !forever;
  }

  Run make_run(const Group& group, unsigned threads, unsigned round, const std::vector<Operations>& operations) const {
    Run run;
    run.workload = group.workload;
    run.entries = group.entries;
    run.keys = KeySpace(group.entries);
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

  static CellKey key_of(const Group& group, unsigned threads, const std::string& id) {
    return {group.workload, group.kind, group.entries, threads, id};
  }

  void turn(const Group& group, unsigned threads, unsigned round, const std::string& id,
            const std::vector<Operations>& operations) {
    if (!system(id).can(group.workload, group.kind)) return;
    Measured& cell = measured_[key_of(group, threads, id)];
    if (!cell.failure.empty()) return;
    try {
      auto& instance = instances_[id];
      Run run = make_run(group, threads, round, operations);
      if (!instance || refills(group)) {
        instance.reset();
        instance = system(id).open(group.kind);
        instance->fill(run);
      }
      const auto result = instance->run(run);
      cell.wrong += result.outcome.wrong;
      if (run.timed) {
        cell.samples = result.samples;
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

  void finish(const Group& group, unsigned threads, const std::string& id, const std::vector<Operations>& operations) {
    if (!system(id).can(group.workload, group.kind)) return;
    if (!instances_[id]) return;
    Measured& cell = measured_[key_of(group, threads, id)];
    cell.wrong += instances_[id]->audit(make_run(group, threads, 0, operations));
  }

  void print_group(const Group& group) const {
    show_progress("");
    for (const unsigned threads : group.threads) {
      for (const auto& id : group.systems) {
        const auto found = cells_.find(key_of(group, threads, id));
        if (found != cells_.end()) print_cell(found->first, found->second);
      }
    }
  }

  void print_cell(const CellKey& key, const Cell& cell) const {
    fmt::print("{:<16} {:<8} {:>9} {:>3}  {:<21}", info_of(key.workload).name, info_of(key.kind).name, key.entries,
               key.threads, system(key.system).name);
    if (!cell.failure.empty()) {
      fmt::print(" FAILED: {}\n", cell.failure);
    } else {
      const auto rate = cell.rate();
      const auto& latencies = cell.latencies;
      fmt::print(" {:>9.4f} {:>5.0f} {:>8.0f} {:>9.0f} {:>9.0f} {:>9.0f} {:>8.4f}{}\n", rate.median / 1e6,
                 100 * rate.spread, latencies.quantile(0.5), latencies.quantile(0.99), latencies.quantile(0.999),
                 latencies.quantile(0.9999), cell.retries_per_operation(),
                 cell.wrong == 0 ? "" : fmt::format("  {} WRONG", cell.wrong));
    }
    std::fflush(stdout);
  }

  const SuiteOptions& options_;
  const std::vector<System>& systems_;
  std::vector<std::uint32_t> shuffled_;
  std::map<std::string, std::unique_ptr<Instance>> instances_;
  std::map<CellKey, Measured> measured_;  // by this process
  Cells cells_;
};

}  // namespace fluxmap_bench

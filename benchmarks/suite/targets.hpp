// What fluxmap set out to reach, and whether this run shows it.
#pragma once

#include "machine_scaling.hpp"
#include "plan.hpp"
#include "results.hpp"
#include "snapshots.hpp"
#include "system.hpp"

#include <fmt/format.h>
#include <boost/describe.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmap_bench {

struct Target {
  std::string text;
  double value = 0;   // what was measured, as a ratio, or in nanoseconds
  double wanted = 0;  // as much at least, or at most
  bool at_least = true;
  bool measured = false;
  std::string note = {};

  bool met() const { return measured && (at_least ? value >= wanted : value <= wanted); }
  std::string_view verdict() const { return !measured ? "not measured" : met() ? "met" : "MISSED"; }
};

BOOST_DESCRIBE_STRUCT(Target, (), (text, wanted, at_least, value, note))

class Targets {
 public:
  Targets(const Cells& cells, const std::vector<System>& systems, const std::vector<IdlePoint>& idle,
          const MachineScaling& machine)
      : cells_(cells), systems_(systems), idle_(idle), machine_(machine) {}

  std::vector<Target> evaluate() {
    constexpr std::size_t k_usual = Planner::k_usual;
    for (const std::size_t entries : {k_usual, std::size_t{1'000'000}, std::size_t{10'000'000}}) {
      against("get", Workload::get, entries, 1, "tbb", 1.5);
    }
    against("get", Workload::get, k_usual, 1, "absl", 0.7);
    against("get", Workload::get, k_usual, 2, "absl", 1);
    against("scan of 100", Workload::scan_100, k_usual, 1, "lmdb", 1);
    against("scan of 100", Workload::scan_100, k_usual, 2, "lmdb", 1);
    against("overwrite", Workload::overwrite, k_usual, 1, "tbb", 0.6);
    against("overwrite", Workload::overwrite, k_usual, 2, "tbb", 0.6);
    against("transfer", Workload::transfer_low, k_usual, 1, "lmdb", 1);
    scaling("transfer", Workload::transfer_low, k_usual, 1.7);
    ahead_of_all("YCSB A, uniform", Workload::ycsb_a_uniform, k_usual);
    ahead_of_all("YCSB A, Zipf", Workload::ycsb_a_zipf, k_usual);
    tail("YCSB A, uniform", Workload::ycsb_a_uniform, k_usual);
    tail("YCSB A, Zipf", Workload::ycsb_a_zipf, k_usual);
    idle();
    long_writers(k_usual);
    return std::move(targets_);
  }

 private:
  static CellKey key(Workload workload, std::size_t entries, unsigned threads, std::string system) {
    return {workload, Kind::u64_u64, entries, threads, std::move(system)};
  }
  double rate(Workload workload, std::size_t entries, unsigned threads, std::string system) const {
    return rate_of(cells_, key(workload, entries, threads, std::move(system)));
  }
  std::string_view name_of(std::string_view id) const {
    const auto found =
        std::find_if(systems_.begin(), systems_.end(), [&](const System& system) { return system.id == id; });
    return found == systems_.end() ? id : std::string_view(found->name);
  }
  static std::string_view count(unsigned threads) { return threads == 1 ? "one thread" : "two threads"; }

  void ratio(std::string text, double ours, double theirs, double wanted) {
    Target target{.text = std::move(text), .wanted = wanted, .measured = ours > 0 && theirs > 0};
    if (target.measured) {
      target.value = ours / theirs;
      target.note = fmt::format("{:.3f} M/s against {:.3f} M/s", ours / 1e6, theirs / 1e6);
    }
    targets_.push_back(std::move(target));
  }

  void against(std::string_view what, Workload workload, std::size_t entries, unsigned threads, std::string peer,
               double wanted) {
    ratio(fmt::format("{}, {} entries, {}: at least {} x {}", what, entries, count(threads), wanted, name_of(peer)),
          rate(workload, entries, threads, "fluxmap"), rate(workload, entries, threads, peer), wanted);
  }

  void scaling(std::string_view what, Workload workload, std::size_t entries, double wanted) {
    ratio(fmt::format("{}: two threads at least {} x what one does", what, wanted),
          rate(workload, entries, 2, "fluxmap"), rate(workload, entries, 1, "fluxmap"), wanted);
    if (machine_.arithmetic == 0) return;
    targets_.back().note += fmt::format("; mere arithmetic {:.2f} x on this machine", machine_.arithmetic);
  }

  void ahead_of_all(std::string_view what, Workload workload, std::size_t entries) {
    double best = 0;
    std::string_view name;
    for (const auto& system : systems_) {
      if (!system.is_peer()) continue;
      const double theirs = rate(workload, entries, 2, system.id);
      if (theirs > best) best = theirs, name = system.name;
    }
    ratio(fmt::format("{}, two threads: ahead of every peer", what), rate(workload, entries, 2, "fluxmap"), best, 1);
    if (best > 0) targets_.back().note += fmt::format(" ({})", name);
  }

  // Of the reads, at most 5 us, or what TBB shows in the same run if that is more.
  void tail(std::string_view what, Workload workload, std::size_t entries) {
    const Cell* const ours = find_cell(cells_, key(workload, entries, 2, "fluxmap"));
    const Cell* const theirs = find_cell(cells_, key(workload, entries, 2, "tbb"));
    Target target{.text = fmt::format("{}, two threads: p99.9 of get at most 5 us, or TBB's", what),
                  .wanted = 5000,
                  .at_least = false,
                  .measured = ours != nullptr};
    if (theirs != nullptr) target.wanted = std::max(target.wanted, theirs->read_latencies.p999);
    if (ours != nullptr) {
      target.value = ours->read_latencies.p999;
      target.note = fmt::format("{:.0f} ns, allowed {:.0f} ns", target.value, target.wanted);
    }
    targets_.push_back(std::move(target));
  }

  void idle() {
    const auto most =
        std::find_if(idle_.begin(), idle_.end(), [](const IdlePoint& point) { return point.open == 10'000; });
    const auto add = [&](std::string_view what, double IdlePoint::* ratio, double IdlePoint::* time) {
      Target target{.text = fmt::format("10000 idle transactions slow {} by less than 10 %", what),
                    .wanted = 1.1,
                    .at_least = false,
                    .measured = most != idle_.end()};
      if (target.measured) {
        target.value = (*most).*ratio;
        target.note = fmt::format("{:.0f} ns against {:.0f} ns", (*most).*time, idle_.front().*time);
      }
      targets_.push_back(std::move(target));
    };
    add("get", &IdlePoint::get_ratio, &IdlePoint::get_ns);
    add("commit", &IdlePoint::transfer_ratio, &IdlePoint::transfer_ns);
  }

  // Their share is what they do with the same thread when nobody else is there.
  void long_writers(std::size_t entries) {
    ratio("long writers among short ones: at least half of what they do alone",
          rate(Workload::long_writers, entries, 2, "fluxmap"), rate(Workload::long_writers, entries, 1, "fluxmap"),
          0.5);
    const Cell* const cell = find_cell(cells_, key(Workload::long_writers, entries, 2, "fluxmap"));
    Target target{.text = "no long writer starves: the slowest commits within a second",
                  .wanted = 1e9,
                  .at_least = false,
                  .measured = cell != nullptr};
    if (cell != nullptr) {
      target.value = cell->latencies.max;
      target.note = fmt::format("the slowest took {:.2f} ms, the middle one {:.3f} ms; {:.2f} retries each",
                                target.value / 1e6, cell->latencies.p50 / 1e6, cell->retries_per_operation());
    }
    targets_.push_back(std::move(target));
  }

  const Cells& cells_;
  const std::vector<System>& systems_;
  const std::vector<IdlePoint>& idle_;
  const MachineScaling& machine_;
  std::vector<Target> targets_;
};

}  // namespace fluxmap_bench

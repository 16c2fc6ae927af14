// Which cells are measured. All workloads, sizes, kinds, numbers of threads and systems multiplied would take days; the
// sections each go through one or two of these, and the options can ask for any other cell.
#pragma once

#include "options.hpp"
#include "system.hpp"

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

// What shares a filling.
struct Group {
  std::string section;
  Workload workload = Workload::get;
  Kind kind = Kind::u64_u64;
  std::size_t entries = 0;
  std::vector<unsigned> threads;
  std::vector<std::string> systems;
  bool crowded = false;
};

class Planner {
 public:
  Planner(const SuiteOptions& options, const std::vector<System>& systems) : options_(options), systems_(systems) {
    for (const auto& id : options.systems) {
      if (std::none_of(systems.begin(), systems.end(), [&](const System& system) { return system.id == id; })) {
        throw UsageError(fmt::format("there is no system '{}' here; --list names them", id));
      }
    }
    threads_ = options.threads.empty() ? default_thread_counts() : options.threads;
  }

  std::vector<Group> plan() {
    const std::vector<unsigned> one{threads_.front()};
    std::vector<unsigned> ends{threads_.front()};
    if (threads_.back() != threads_.front()) ends.push_back(threads_.back());
    if (!options_.threads.empty()) ends = threads_;

    for (const auto& info : k_workloads) {
      if (options_.quick && options_.only.empty() && info.name.ends_with("-uniform")) continue;
      if (info.workload != Workload::begin && info.workload != Workload::mixed) {
        add("main", info.workload, Kind::u64_u64, k_usual, ends, {});
      }
    }
    for (const auto workload :
         {Workload::get, Workload::ycsb_b_zipf, Workload::overwrite, Workload::scan_100, Workload::transfer_low}) {
      add("threads", workload, Kind::u64_u64, k_usual, threads_, {});
    }
    for (const std::size_t entries : {std::size_t{10'000}, k_usual, std::size_t{1'000'000}, std::size_t{10'000'000}}) {
      if (options_.quick && options_.only.empty() && entries > k_usual) continue;
      const bool large = entries > 1'000'000;
      const auto systems = large ? std::vector<std::string>{"fluxmap", "map", "absl", "tbb"} : usual_systems();
      for (const auto workload : k_growing) add("growth", workload, Kind::u64_u64, entries, one, systems);
    }
    for (const auto& info : k_kinds) {
      for (const auto workload : {Workload::get, Workload::overwrite, Workload::scan_100}) {
        add("kinds", workload, info.kind, k_usual, one, {});
      }
    }
    // Keys that begin alike fill the memory of a server as well.
    for (const Kind kind : {Kind::s16_u64, Kind::key16_u64, Kind::tenant30_u64}) {
      if (options_.quick && options_.only.empty()) continue;
      add("kinds", Workload::get, kind, 1'000'000, one, {"fluxmap", "map", "absl", "tbb"});
    }
    for (const auto& info : k_workloads) {
      if (!wants("crowded") || (options_.quick && options_.only.empty())) continue;
      if (info.workload == Workload::begin || info.workload == Workload::mixed || info.name.starts_with("ycsb"))
        continue;
      add("crowded", info.workload, Kind::u64_u64, k_usual, one, {}, true);
    }
    for (const auto workload : {Workload::overwrite, Workload::transfer_low}) {
      add("durability", workload, Kind::u64_u64, k_usual, ends, {"fluxmap", "fluxmap-relaxed", "fluxmap-full"});
    }
    for (const auto workload : {Workload::insert_random, Workload::overwrite, Workload::transfer_low}) {
      add("forms", workload, Kind::u64_u64, k_usual, ends, {"fluxmap", "fluxmap-manual", "fluxmap-plain"});
    }
    return std::move(groups_);
  }

  // Parts that are no cells.
  bool wants(std::string_view section) const {
    return options_.only.empty() ||
           std::find(options_.only.begin(), options_.only.end(), section) != options_.only.end();
  }
  std::vector<std::string> usual_systems() const {
    if (!options_.systems.empty()) return options_.systems;
    std::vector<std::string> ids;
    for (const auto& system : systems_) {
      if (system.by_default) ids.push_back(system.id);
    }
    return ids;
  }

  static constexpr std::size_t k_usual = 100'000;
  // In this order: where a filling is used again, what inserts comes last.
  static constexpr Workload k_growing[] = {Workload::get, Workload::scan_100, Workload::begin, Workload::transfer_low,
                                           Workload::insert_random};

 private:
  bool wants(std::string_view section, Workload workload) const {
    if (options_.only.empty()) return true;
    return std::any_of(options_.only.begin(), options_.only.end(), [&](std::string_view word) {
      return section == word || info_of(workload).name.starts_with(word);
    });
  }
  bool compiled_in(std::string_view id) const {
    return std::any_of(systems_.begin(), systems_.end(), [&](const System& system) { return system.id == id; });
  }

  void add(std::string_view section, Workload workload, Kind kind, std::size_t entries,
           const std::vector<unsigned>& threads, const std::vector<std::string>& systems, bool crowded = false) {
    if (!wants(section, workload)) return;
    const auto sizes = options_.entries.empty() ? std::vector<std::size_t>{entries} : options_.entries;
    std::vector<Kind> kinds;
    for (const auto& name : options_.kinds) kinds.push_back(kind_named(name));
    if (kinds.empty()) kinds.push_back(kind);
    std::vector<std::string> ids = options_.systems.empty() && !systems.empty() ? systems : usual_systems();
    std::erase_if(ids, [&](const std::string& id) { return !compiled_in(id); });
    for (const auto each_kind : kinds) {
      for (const auto size : sizes) add_once(section, workload, each_kind, size, threads, ids, crowded);
    }
  }

  // Two sections may share cells; they are measured once.
  void add_once(std::string_view section, Workload workload, Kind kind, std::size_t entries,
                const std::vector<unsigned>& threads, const std::vector<std::string>& systems, bool crowded) {
    Group group;
    group.crowded = crowded;
    group.section = section;
    group.workload = workload;
    group.kind = kind;
    group.entries = entries;
    for (const unsigned count : threads) {
      for (const auto& id : systems) {
        if (!planned_.emplace(workload, kind, entries, count, id, crowded).second) continue;
        if (group.threads.empty() || group.threads.back() != count) group.threads.push_back(count);
        if (std::find(group.systems.begin(), group.systems.end(), id) == group.systems.end())
          group.systems.push_back(id);
      }
    }
    if (!group.threads.empty()) groups_.push_back(std::move(group));
  }

  const SuiteOptions& options_;
  const std::vector<System>& systems_;
  std::vector<unsigned> threads_;
  std::vector<Group> groups_;
  std::set<std::tuple<Workload, Kind, std::size_t, unsigned, std::string, bool>> planned_;
};

}  // namespace fluxmap_bench

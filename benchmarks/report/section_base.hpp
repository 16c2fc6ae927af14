// What the sections have in common: the results, and which systems, sizes and numbers of threads they show.
#pragma once

#include "page.hpp"
#include "results.hpp"
#include "svg.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxmap_bench::report {

inline constexpr std::string_view k_numbers = "u64-u64";

class SectionBase {
 protected:
  using System = Results::System;

  explicit SectionBase(const Results& results) : results_(results), usual_(results.usual_size()) {
    const auto counts = results.thread_counts();
    if (!counts.empty()) few_ = *counts.begin(), many_ = *counts.rbegin();
    for (const auto& system : results.systems()) {
      if (system.peer || system.id == "fluxmap") compared_.push_back(&system);
    }
  }

  const System* system(std::string_view id) const {
    for (const auto& one : results_.systems()) {
      if (one.id == id) return &one;
    }
    return nullptr;
  }
  std::string threads_text(unsigned count) const { return fmt::format("{} thread{}", count, count == 1 ? "" : "s"); }
  std::vector<unsigned> ends() const {
    return few_ == many_ ? std::vector<unsigned>{few_} : std::vector<unsigned>{few_, many_};
  }
  std::vector<std::string> head(std::vector<std::string> first, const std::vector<const System*>& systems) const {
    return row(std::move(first), systems, [](const System& one) { return one.name; });
  }
  // `first`, then text(system) of each.
  template <class Text>
  static std::vector<std::string> row(std::vector<std::string> first, const std::vector<const System*>& systems,
                                      Text text) {
    for (const auto* const one : systems) first.push_back(text(*one));
    return first;
  }
  double rate(const std::string& workload, std::size_t entries, unsigned threads, const System& system) const {
    return results_.rate(workload, k_numbers, entries, threads, system.id);
  }
  std::string usual_text() const { return count_text(static_cast<double>(usual_)); }

  std::string cell_text(const json::object* cell) const {
    if (cell == nullptr || number_of(*cell, "operations_per_second") == 0) return "–";
    return fmt::format("{} ±{:.0f} %", rate_text(number_of(*cell, "operations_per_second")),
                       50 * number_of(*cell, "spread"));
  }

  const Results& results_;
  std::size_t usual_;
  unsigned few_ = 1;
  unsigned many_ = 1;
  std::vector<const System*> compared_;
};

}  // namespace fluxmap_bench::report

// What an entry weighs in each system: how much a process of its own grows by filling it in random order.
#pragma once

#include "../support/process.hpp"
#include "operations.hpp"
#include "results.hpp"
#include "system.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace fluxmap_bench {

inline double weigh(const System& system, Kind kind, const std::vector<std::uint32_t>& shuffled) {
  return in_child([&] {
    key_form = form_of(kind);
    Run run;
    run.entries = shuffled.size();
    run.keys = KeySpace(run.entries, key_bits(kind));
    run.shuffled = &shuffled;
    const auto before = resident_bytes();
    const auto instance = system.open(kind);
    instance->fill(run);
    trim_heap();
    const auto after = resident_bytes();
    return static_cast<double>(after - std::min(before, after)) / static_cast<double>(run.entries);
  });
}

// Call it before anything else: a child gets a copy of the heap and no threads.
inline std::vector<Weight> measure_weights(const std::vector<System>& systems, const std::vector<std::string>& ids,
                                           const std::vector<Kind>& kinds, std::size_t entries) {
  const auto shuffled = KeySpace(entries).fill_order();
  std::vector<Weight> weights;
  fmt::print("Resident bytes of each of {} entries, filled in random order\n\n{:<24}", entries, "");
  for (const Kind kind : kinds) fmt::print("{:>12}", info_of(kind).name);
  fmt::print("\n");
  for (const auto& system : systems) {
    if (std::find(ids.begin(), ids.end(), system.id) == ids.end()) continue;
    fmt::print("{:<24}", system.name);
    for (const Kind kind : kinds) {
      weights.push_back({std::string(info_of(kind).name), system.id, entries, weigh(system, kind, shuffled)});
      fmt::print("{:>12.1f}", weights.back().bytes);
      std::fflush(stdout);
    }
    fmt::print("\n");
  }
  fmt::print("\n");
  return weights;
}

}  // namespace fluxmap_bench

// The sections of the page in their order; one whose cells were not measured is left out.
#pragma once

#include "bar_sections.hpp"
#include "line_sections.hpp"
#include "own_sections.hpp"
#include "page.hpp"
#include "results.hpp"

#include <utility>
#include <vector>

namespace fluxmap_bench::report {

inline std::vector<Section> all_sections(const Results& results) {
  const BarSections bars(results);
  const LineSections lines(results);
  const OwnSections own(results);
  std::vector<Section> sections;
  const auto add = [&](Section section) {
    if (!section.empty()) sections.push_back(std::move(section));
  };
  add(own.targets());
  add(bars.throughput("single", "Single operations",
                      {"get", "get-many", "insert-random", "insert-ascending", "overwrite", "remove", "scan-10",
                       "scan-100", "scan-10k"}));
  add(bars.throughput("ycsb", "YCSB",
                      {"ycsb-a-uniform", "ycsb-a-zipf", "ycsb-b-uniform", "ycsb-b-zipf", "ycsb-c-uniform",
                       "ycsb-c-zipf", "ycsb-d-uniform", "ycsb-d-zipf", "ycsb-d-latest", "ycsb-e-uniform", "ycsb-e-zipf",
                       "ycsb-f-uniform", "ycsb-f-zipf"}));
  add(bars.throughput("transactions", "Transactions",
                      {"transfer", "transfer-hot", "smallbank", "tpcc-like", "long-writers", "range-sums"}));
  std::vector<std::string> crowded;
  for (const auto* const name : {"get", "get-many", "insert-random", "overwrite", "remove", "scan-10", "scan-100",
                                 "scan-10k", "transfer", "smallbank", "tpcc-like"}) {
    crowded.push_back(std::string(name) + k_crowded);
  }
  add(bars.throughput("crowded", "Beside a thread that wants the caches for itself", crowded));
  add(lines.latencies());
  add(lines.threads());
  add(lines.growth());
  add(bars.kinds());
  add(bars.variants("durability", "Durability", {"overwrite", "transfer"},
                    {"fluxmap", "fluxmap-relaxed", "fluxmap-full"}));
  add(bars.variants("forms", "Forms of a call", {"insert-random", "overwrite", "transfer"},
                    {"fluxmap", "fluxmap-manual", "fluxmap-plain"}));
  add(bars.weights());
  add(own.idle());
  add(own.versions());
  add(own.systems());
  return sections;
}

}  // namespace fluxmap_bench::report

// Table-driven interleavings against fluxmap: a Scenario is tried in every interleaving of its steps, each on a fresh
// database, and every run is judged by an exact oracle (interleaving_oracle.hpp). Scenarios are written with the
// vocabulary of interleaving_scenario.hpp; tests call check_every and run_fixed. The databases are those of
// interleaving_store.hpp.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "interleaving_explore.hpp"
#include "interleaving_oracle.hpp"
#include "interleaving_scenario.hpp"
#include "interleaving_store.hpp"
#include "seed.hpp"

namespace fluxmap_test::interleaving {

// Every interleaving of the scenario must be right.
inline Summary check_every(const Scenario& scenario) {
  Summary summary = explore(scenario, database_variants(), k_interleaving_limit * stress_factor());
  for (const std::string& complaint : summary.complaints) FAIL_CHECK(complaint);
  CHECK(summary.wrong == 0);
  CHECK(summary.without_conflict > 0);
  return summary;
}

// One order of steps, on every variant; the outcome of each session, in the order of the sessions.
inline std::vector<Outcome> run_fixed(const Scenario& scenario, const std::string& order, Contents* final = nullptr) {
  const auto [fixed, schedule] = fixed_order(scenario, order);
  std::vector<Outcome> outcomes;
  for (const Variant& variant : database_variants()) {
    std::string complaint;
    const Run run = Explorer(fixed, database_variants()).one(schedule, variant, complaint);
    if (!complaint.empty()) FAIL_CHECK(complaint);
    std::vector<Outcome> these;
    for (const Record& record : run.records) these.push_back(record.outcome);
    if (!outcomes.empty() && these != outcomes) FAIL_CHECK("variants differ:\n" + describe(fixed, run));
    outcomes = std::move(these);
    if (final != nullptr) *final = run.final;
  }
  return outcomes;
}

}  // namespace fluxmap_test::interleaving

// Runs a case: the orders that it names, and every other one, each judged by the oracle as well.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "case_parser.hpp"
#include "interleaving_explore.hpp"

namespace fluxmap_test::interleaving {

class CaseRun {
 public:
  CaseRun(const Case& tried, const std::vector<Variant>& variants) : case_(tried), variants_(variants) {}

  // What is wrong; empty: nothing.
  std::vector<std::string> complaints(std::size_t limit) {
    for (const ExpectedOrder& order : case_.orders) play(order);
    const Summary summary = explore(case_.scenario, variants_, limit);
    for (const std::string& complaint : summary.complaints) blame(case_.place, complaint);
    if (summary.without_conflict == 0) blame(case_.place, "there is a conflict in every order");
    // Of two transactions of which an overlap conflicts, the two orders without one go through.
    if (case_.scenario.overlap_must_conflict && case_.scenario.sessions.size() == 2 && summary.sampled == 0 &&
        summary.without_conflict != 2 * variants_.size()) {
      blame(case_.place, "there is a conflict without an overlap");
    }
    return std::move(complaints_);
  }

 private:
  void blame(const Place& place, const std::string& what) {
    complaints_.push_back(CaseError(place, case_.scenario.name + ": " + what).what());
  }

  void play(const ExpectedOrder& order) {
    const auto [fixed, schedule] = fixed_order(case_.scenario, order.steps);
    for (const Variant& variant : variants_) {
      std::string wrong;
      const Run run = Explorer(fixed, variants_).one(schedule, variant, wrong);
      if (wrong.empty()) {
        wrong = compare(order, fixed, run);
        if (!wrong.empty()) wrong += "\n  store: " + variant.name + "\n  " + describe(fixed, run);
      }
      if (!wrong.empty()) blame(order.place, wrong);
    }
  }

  static std::string compare(const ExpectedOrder& order, const Scenario& scenario, const Run& run) {
    for (std::size_t i = 0; i < scenario.sessions.size(); ++i) {
      const auto expected = order.outcomes.find(scenario.sessions[i].name);
      if (expected == order.outcomes.end()) continue;
      const Outcome outcome = run.records[i].outcome;
      if (std::find(expected->second.begin(), expected->second.end(), outcome) == expected->second.end()) {
        return scenario.sessions[i].name + " was not to be " + to_string(outcome);
      }
    }
    const auto reads = reads_by_step(scenario, run);
    for (const auto& [step, rows] : order.reads) {
      const auto found = reads.find(step);
      const Rows read = found == reads.end() ? Rows{} : found->second;
      if (read != rows) return step + " read " + in_words(read) + ", not " + in_words(rows);
    }
    if (!order.finals.empty() && std::find(order.finals.begin(), order.finals.end(), run.final) == order.finals.end()) {
      return "the final contents are " + in_words(Rows(run.final.begin(), run.final.end()));
    }
    return {};
  }

  static std::map<std::string, Rows> reads_by_step(const Scenario& scenario, const Run& run) {
    std::map<std::string, Rows> reads;
    std::vector<std::size_t> next(scenario.sessions.size(), 0);
    for (std::size_t now = 0; now < run.schedule.size(); ++now) {
      const std::size_t session = run.schedule[now];
      Rows& rows = reads[scenario.sessions[session].steps[next[session]++].name];
      for (const Observation& read : run.records[session].reads) {
        if (read.time == now) rows.insert(rows.end(), read.rows.begin(), read.rows.end());
      }
    }
    return reads;
  }

  static std::string in_words(const Rows& rows) {
    if (rows.empty()) return "nothing";
    std::ostringstream out;
    for (const Row& row : rows) out << (&row == &rows.front() ? "" : ", ") << row.first << " = " << row.second;
    return out.str();
  }

  const Case& case_;
  const std::vector<Variant>& variants_;
  std::vector<std::string> complaints_;
};

}  // namespace fluxmap_test::interleaving

// The exact judge of one run of a scenario.
//
// A run is right if there is a serial order of the committed sessions that agrees with real time, in which running
// their steps again, one session after the other on a std::map, gives every session the reads it had and the
// contents the store ended with. All orders are tried. Beyond that: read-only sessions and sessions that wrote
// nothing do not fail at commit, whoever failed had read something that was overwritten by a session that committed
// between the read and the failure, and even sessions that failed or rolled back saw a state that existed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "interleaving_scenario.hpp"

namespace fluxmap_test::interleaving {

class SerialCursor : public Cursor {
 public:
  SerialCursor(const Contents& state, Key first, Key last)
      : state_(state), at_(std::move(first)), last_(std::move(last)) {}
  std::optional<Row> next() override {
    const auto found = state_.lower_bound(at_);
    if (found == state_.end() || found->first >= last_) return std::nullopt;
    at_ = just_after(found->first);
    return *found;
  }

 private:
  const Contents& state_;
  Key at_;
  const Key last_;
};

// A transaction that is alone in the world: works on the map itself.
class SerialAccess : public Access {
 public:
  explicit SerialAccess(Contents& state) : state_(state) {}

  std::optional<Value> get(const Key& key) override {
    const auto found = state_.find(key);
    return found == state_.end() ? std::nullopt : std::optional<Value>(found->second);
  }
  Rows range(const Key& first, const Key& last) override {
    return first < last ? Rows(state_.lower_bound(first), state_.lower_bound(last)) : Rows{};
  }
  std::unique_ptr<Cursor> open(const Key& first, const Key& last) override {
    return std::make_unique<SerialCursor>(state_, first, last);
  }
  void insert(const Key& key, Value value) override { state_.insert_or_assign(key, value); }
  bool remove(const Key& key) override { return state_.erase(key) > 0; }
  std::size_t savepoint() override {
    saved_.push_back(state_);
    return saved_.size() - 1;
  }
  void rollback_to(std::size_t savepoint) override { state_ = saved_.at(savepoint); }
  void commit() override {}
  void rollback() noexcept override {}

 private:
  Contents& state_;
  std::vector<Contents> saved_;
};

// Runs the first `steps` steps of a session alone on `state`; what it read.
inline std::vector<Observation> replay(const Session& session, std::size_t steps, Contents& state) {
  View view(std::make_unique<SerialAccess>(state));
  try {
    for (std::size_t i = 0; i < steps; ++i) {
      if (session.steps[i].kind == StepKind::act) session.steps[i].action(view);
    }
  } catch (const GiveUp&) {
    // Its reads up to here are what counts.
  }
  return view.reads();
}

inline bool starts_with(const std::vector<Observation>& all, const std::vector<Observation>& head) {
  return all.size() >= head.size() && std::equal(head.begin(), head.end(), all.begin(),
                                                 [](const auto& a, const auto& b) { return a.same_result(b); });
}

// A serial order of the committed sessions that explains a run, with the contents before, between and after them.
struct SerialOrder {
  std::vector<std::size_t> sessions = {};
  std::vector<Contents> states = {};
};

class Oracle {
 public:
  Oracle(const Scenario& scenario, const Run& run) : scenario_(scenario), run_(run) {}

  // What is wrong with the run; nothing if it is right.
  std::optional<std::string> complaint() const {
    for (std::size_t i = 0; i < run_.records.size(); ++i) {
      if (run_.records[i].outcome == Outcome::unfinished) return name(i) + " did not finish";
      if (auto wrong = wrong_conflict(i)) return wrong;
    }
    const std::vector<SerialOrder> orders = serial_orders();
    if (orders.empty()) return "no serial order explains what the committed sessions read and left behind";
    for (std::size_t i = 0; i < run_.records.size(); ++i) {
      if (!run_.records[i].committed() && !saw_a_state_that_existed(i, orders)) {
        return name(i) + " did not commit, but what it read before is no state the store ever was in";
      }
    }
    return broken_demand();
  }

 private:
  const std::string& name(std::size_t session) const { return scenario_.sessions[session].name; }

  std::optional<std::string> wrong_conflict(std::size_t session) const {
    const Record& record = run_.records[session];
    if (!record.conflicted()) return std::nullopt;
    if (scenario_.sessions[session].read_only) return name(session) + " is read-only and met a conflict";
    if (scenario_.sessions[session].autocommit) return name(session) + " is autocommit and met a conflict";
    if (record.conflict_at_commit && record.writes.empty()) {
      return name(session) + " wrote nothing and met a conflict at its commit";
    }
    for (const Observation& read : record.reads) {
      for (const Record& other : run_.records) {
        const std::size_t since = scenario_.scans_keep_their_snapshot ? record.begin : read.time;
        if (!other.committed() || other.end <= since || other.end >= record.end) continue;
        for (const Key& key : other.writes) {
          if (read.covers(key)) return std::nullopt;
        }
      }
    }
    return name(session) + " met a conflict though nothing it had read was overwritten by a commit";
  }

  // first committed before second began
  static bool before_in_real_time(const Record& first, const Record& second) { return first.end < second.begin; }

  bool agrees_with_real_time(const std::vector<std::size_t>& order) const {
    for (std::size_t later = 1; later < order.size(); ++later) {
      for (std::size_t earlier = 0; earlier < later; ++earlier) {
        if (before_in_real_time(run_.records[order[later]], run_.records[order[earlier]])) return false;
      }
    }
    return true;
  }

  std::vector<SerialOrder> serial_orders() const {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < run_.records.size(); ++i) {
      if (run_.records[i].committed()) order.push_back(i);
    }
    std::vector<SerialOrder> found;
    do {
      if (!agrees_with_real_time(order)) continue;
      if (auto explained = explain(order)) found.push_back(std::move(*explained));
    } while (std::next_permutation(order.begin(), order.end()));
    return found;
  }

  std::optional<SerialOrder> explain(const std::vector<std::size_t>& order) const {
    SerialOrder explained{order, {scenario_.initial}};
    for (const std::size_t session : order) {
      Contents state = explained.states.back();
      const auto reads = replay(scenario_.sessions[session], scenario_.sessions[session].steps.size(), state);
      const Record& record = run_.records[session];
      if (reads.size() != record.reads.size() || !starts_with(reads, record.reads)) return std::nullopt;
      explained.states.push_back(std::move(state));
    }
    return explained.states.back() == run_.final ? std::optional(std::move(explained)) : std::nullopt;
  }

  bool saw_a_state_that_existed(std::size_t session, const std::vector<SerialOrder>& orders) const {
    const Record& record = run_.records[session];
    if (record.reads.empty()) return true;
    for (const SerialOrder& order : orders) {
      for (std::size_t place = 0; place <= order.sessions.size(); ++place) {
        const bool misses_one =
            std::any_of(order.sessions.begin() + static_cast<std::ptrdiff_t>(place), order.sessions.end(),
                        [&](std::size_t other) { return before_in_real_time(run_.records[other], record); });
        Contents state = order.states[place];
        if (!misses_one &&
            starts_with(replay(scenario_.sessions[session], record.steps_started, state), record.reads)) {
          return true;
        }
      }
    }
    return false;
  }

  std::optional<std::string> broken_demand() const {
    if (scenario_.most_conflicts != k_no_limit && run_.conflicts() > scenario_.most_conflicts) {
      return "conflicts: " + std::to_string(run_.conflicts()) + ", more than the scenario allows";
    }
    for (const std::string& spared : scenario_.never_conflict) {
      for (std::size_t i = 0; i < run_.records.size(); ++i) {
        if (name(i) == spared && run_.records[i].conflicted()) return spared + " must never meet a conflict";
      }
    }
    if (scenario_.overlap_must_conflict && run_.conflicts() == 0) {
      for (std::size_t i = 1; i < run_.records.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          if (run_.records[i].overlaps(run_.records[j]))
            return name(j) + " and " + name(i) + " overlap, yet both went through";
        }
      }
    }
    if (scenario_.invariant && !scenario_.invariant(run_.final))
      return "the final contents break the scenario's invariant";
    return std::nullopt;
  }

  const Scenario& scenario_;
  const Run& run_;
};

// A run in words, for a failure's message.
inline std::string describe(const Scenario& scenario, const Run& run) {
  std::ostringstream out;
  out << "scenario: " << scenario.name << "\n  schedule:";
  std::vector<std::size_t> next(scenario.sessions.size(), 0);
  for (const std::size_t session : run.schedule) out << ' ' << scenario.sessions[session].steps[next[session]++].name;
  for (std::size_t i = 0; i < run.records.size(); ++i) {
    const Record& record = run.records[i];
    out << "\n  " << scenario.sessions[i].name << ": " << to_string(record.outcome) << " at " << record.end
        << (record.conflict_at_commit ? " (in commit)" : "");
    for (const Observation& read : record.reads) {
      out << "\n    at " << read.time << " read [" << read.first << ", " << read.last.c_str() << "):";
      for (const Row& row : read.rows) out << ' ' << row.first << '=' << row.second;
    }
    if (!record.writes.empty()) out << "\n    wrote";
    for (const Key& key : record.writes) out << ' ' << key;
  }
  out << "\n  final:";
  for (const auto& [key, value] : run.final) out << ' ' << key << '=' << value;
  return out.str();
}

}  // namespace fluxmap_test::interleaving

// Runs a scenario in every interleaving of its sessions' steps, each on a fresh store, and has each run judged.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "interleaving_oracle.hpp"
#include "interleaving_scenario.hpp"
#include "seed.hpp"

namespace fluxmap_test::interleaving {

// Ends the program with a message when no step has begun for a minute: a step that blocks on another session would
// otherwise hang the test without a word.
class Watchdog {
 public:
  explicit Watchdog(std::string what) : what_(std::move(what)), thread_([this] { watch(); }) {}
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void step(const Step& step) {
    const std::lock_guard lock(mutex_);
    at_ = step.name;
    ++beats_;
  }

 private:
  void watch() {
    std::unique_lock lock(mutex_);
    for (std::uint64_t seen = beats_; !changed_.wait_for(lock, std::chrono::minutes(1), [this] { return over_; });
         seen = beats_) {
      if (seen != beats_) continue;
      std::fprintf(stderr, "scenario %s: step %s blocks\n", what_.c_str(), at_.c_str());
      std::abort();
    }
  }

  const std::string what_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string at_;
  std::uint64_t beats_ = 0;
  bool over_ = false;
  std::thread thread_;
};

// Runs `work` on a thread of its own and waits for it; what it threw is thrown here.
inline void on_another_thread(const std::function<void()>& work) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

// Plays one schedule on one store.
class Player {
 public:
  Player(const Scenario& scenario, Store& store, Watchdog& watchdog)
      : scenario_(scenario), store_(store), watchdog_(watchdog), views_(scenario.sessions.size()) {}

  Run play(const Schedule& schedule) {
    run_.schedule = schedule;
    run_.records.resize(scenario_.sessions.size());
    for (std::size_t now = 0; now < schedule.size(); ++now) {
      take_step(schedule[now], now);
      store_.between_steps();
    }
    views_.clear();
    run_.final = store_.contents();
    return std::move(run_);
  }

 private:
  void take_step(std::size_t index, std::size_t now) {
    const Session& session = scenario_.sessions[index];
    Record& record = run_.records[index];
    if (record.outcome != Outcome::unfinished) return;  // it is over: the rest of its steps fall away
    const Step& step = session.steps.at(record.steps_started);
    watchdog_.step(step);
    if (session.hop_threads) {
      on_another_thread([&] { take_step(session, step, views_[index], record, now); });
    } else {
      take_step(session, step, views_[index], record, now);
    }
  }

  void take_step(const Session& session, const Step& step, std::unique_ptr<View>& view, Record& record,
                 std::size_t now) {
    if (record.steps_started == 0) {
      view = std::make_unique<View>(session.autocommit ? store_.autocommit() : store_.begin(session.read_only));
      record.begin = now;
    }
    ++record.steps_started;
    view->set_time(now);
    const bool commits = session.autocommit || step.kind == StepKind::commit;
    try {
      if (step.action) step.action(*view);
      if (commits) {
        record.conflict_at_commit = true;  // true only of those that do not get past the next line
        view->access().commit();
        record.conflict_at_commit = false;
        record.outcome = Outcome::committed;
      }
    } catch (const Conflict&) {
      record.outcome = Outcome::conflicted;
    } catch (const GiveUp&) {
      record.outcome = Outcome::rolled_back;
    }
    if (step.kind == StepKind::rollback) record.outcome = Outcome::rolled_back;
    if (record.outcome == Outcome::unfinished) return;
    if (record.outcome != Outcome::committed) view->access().rollback();
    record.end = now;
    record.reads = view->reads();
    record.writes = view->writes();
    view.reset();
  }

  const Scenario& scenario_;
  Store& store_;
  Watchdog& watchdog_;
  std::vector<std::unique_ptr<View>> views_;
  Run run_;
};

// A kind of store the scenario is tried on.
struct Variant {
  std::string name = {};
  std::function<std::unique_ptr<Store>(const Scenario&)> make = {};
};

struct Summary {
  std::size_t interleavings = 0;  // at the granularity that was tried exhaustively
  std::size_t sampled = 0;        // random ones at full granularity, where the exhaustive ones were coarser
  std::size_t runs = 0;           // interleavings times variants
  std::size_t without_conflict = 0;
  std::size_t most_conflicts = 0;
  std::size_t wrong = 0;
  std::vector<std::string> complaints = {};  // the first few
};

inline void check_shape(const Scenario& scenario) {
  for (const Session& session : scenario.sessions) {
    const bool right = session.autocommit
                           ? session.steps.size() == 1 && session.steps[0].kind == StepKind::act
                           : !session.steps.empty() && session.steps.back().kind != StepKind::act &&
                                 std::all_of(session.steps.begin(), session.steps.end() - 1,
                                             [](const Step& step) { return step.kind == StepKind::act; });
    if (!right) throw std::logic_error(scenario.name + ": session " + session.name + " has no proper last step");
  }
}

// groups[s][g]: how many steps session s takes at its g-th turn.
using Groups = std::vector<std::vector<std::size_t>>;

// (a+b+…)! / (a! b! …), saturating.
inline double count_interleavings(const Groups& groups) {
  double count = 1;
  double taken = 0;
  for (const auto& turns : groups) {
    for (std::size_t i = 1; i <= turns.size(); ++i) count = count * ++taken / static_cast<double>(i);
  }
  return count;
}

// One turn per step; where that is more than `limit` interleavings, the last turns of the longest session are merged
// until it is not.
inline Groups group_steps(const Scenario& scenario, std::size_t limit) {
  Groups groups;
  for (const Session& session : scenario.sessions) groups.emplace_back(session.steps.size(), 1);
  while (count_interleavings(groups) > static_cast<double>(limit)) {
    auto& longest = *std::max_element(groups.begin(), groups.end(),
                                      [](const auto& a, const auto& b) { return a.size() < b.size(); });
    const std::size_t merged = longest.back();
    longest.pop_back();
    longest.back() += merged;
  }
  return groups;
}

inline Schedule expand(const Schedule& turns, const Groups& groups) {
  Schedule schedule;
  std::vector<std::size_t> next(groups.size(), 0);
  for (const std::size_t session : turns) schedule.insert(schedule.end(), groups[session][next[session]++], session);
  return schedule;
}

// Interleavings are played on one thread, so a sanitizer, under which they take ten to fifty times as long, learns
// little from the long tail.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define FLUXMAP_TEST_SANITIZED 1
#endif
#endif
#if defined(FLUXMAP_TEST_SANITIZED) || defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr std::size_t k_interleaving_limit = 300;
#else
inline constexpr std::size_t k_interleaving_limit = 20'000;
#endif

class Explorer {
 public:
  Explorer(const Scenario& scenario, const std::vector<Variant>& variants)
      : scenario_(scenario), variants_(variants), watchdog_(scenario.name) {
    check_shape(scenario);
  }

  Summary every_interleaving(std::size_t limit = k_interleaving_limit) {
    const Groups groups = group_steps(scenario_, limit);
    Schedule turns;
    for (std::size_t i = 0; i < groups.size(); ++i) turns.insert(turns.end(), groups[i].size(), i);
    do {
      ++summary_.interleavings;
      try_out(expand(turns, groups));
    } while (std::next_permutation(turns.begin(), turns.end()));
    Schedule steps = expand(turns, groups);
    if (steps.size() != turns.size()) {
      SplitMix random(seed(scenario_.name.c_str()));
      for (std::size_t i = 0; i < limit / 4; ++i) {
        std::shuffle(steps.begin(), steps.end(), random);
        ++summary_.sampled;
        try_out(steps);
      }
    }
    print();
    return std::move(summary_);
  }

  // One schedule on one variant; what was wrong with it is appended to `complaint`.
  Run one(const Schedule& schedule, const Variant& variant, std::string& complaint) {
    const std::unique_ptr<Store> store = variant.make(scenario_);
    Run run = Player(scenario_, *store, watchdog_).play(schedule);
    if (const auto wrong = Oracle(scenario_, run).complaint()) {
      complaint += *wrong + "\n  store: " + variant.name + "\n  " + describe(scenario_, run) + '\n';
    }
    return run;
  }

 private:
  void try_out(const Schedule& schedule) {
    for (const Variant& variant : variants_) {
      std::string complaint;
      const Run run = one(schedule, variant, complaint);
      ++summary_.runs;
      summary_.without_conflict += run.conflicts() == 0;
      summary_.most_conflicts = std::max(summary_.most_conflicts, run.conflicts());
      if (complaint.empty()) continue;
      ++summary_.wrong;
      if (summary_.complaints.size() < 3) summary_.complaints.push_back(std::move(complaint));
    }
  }

  void print() const {
    std::printf("[interleavings] %s: %zu%s", scenario_.name.c_str(), summary_.interleavings,
                summary_.sampled == 0 ? "" : " coarser ones");
    if (summary_.sampled != 0) std::printf(" and %zu random ones", summary_.sampled);
    std::printf(", %zu runs, %zu without a conflict, %zu wrong\n", summary_.runs, summary_.without_conflict,
                summary_.wrong);
    std::fflush(stdout);
  }

  const Scenario& scenario_;
  const std::vector<Variant>& variants_;
  Watchdog watchdog_;
  Summary summary_;
};

// Every interleaving of the scenario on every variant.
inline Summary explore(const Scenario& scenario, const std::vector<Variant>& variants,
                       std::size_t limit = k_interleaving_limit) {
  return Explorer(scenario, variants).every_interleaving(limit);
}

// The scenario with only those steps that `order`, names separated by blanks, names; and their order. Sessions that
// are left without a step fall away.
inline std::pair<Scenario, Schedule> fixed_order(const Scenario& scenario, const std::string& order) {
  std::vector<std::vector<Step>> steps(scenario.sessions.size());
  Schedule sessions;
  std::istringstream names(order);
  for (std::string name; names >> name;) {
    const std::size_t before = sessions.size();
    for (std::size_t i = 0; i < scenario.sessions.size(); ++i) {
      for (const Step& step : scenario.sessions[i].steps) {
        if (step.name != name || sessions.size() != before) continue;
        steps[i].push_back(step);
        sessions.push_back(i);
      }
    }
    if (sessions.size() == before) throw std::logic_error(scenario.name + " has no step " + name);
  }
  std::pair<Scenario, Schedule> fixed{scenario, sessions};
  fixed.first.sessions.clear();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].empty()) continue;
    std::replace(fixed.second.begin(), fixed.second.end(), i, fixed.first.sessions.size());
    fixed.first.sessions.push_back(scenario.sessions[i]);
    fixed.first.sessions.back().steps = std::move(steps[i]);
  }
  return fixed;
}

}  // namespace fluxmap_test::interleaving

// The functions of schedule_support.hpp.
#pragma once

#include "schedule/schedule_support.hpp"
#include "support/pct_scheduler.hpp"
#include "support/serialization_graph.hpp"

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <utility>

namespace fluxmap_test {

inline void print_trace(const PctScheduler& scheduler) {
  for (const PctStep& step : scheduler.trace()) {
    if (step.point == PctScheduler::k_end) {
      std::fprintf(stderr, " %u:end", step.thread);
    } else {
      std::fprintf(stderr, " %u:%u%s", step.thread, step.point, step.spinning ? "s" : "");
    }
  }
  std::fputs("\n", stderr);
}

FLUXMAP_TEST_INLINE std::uint64_t run_schedule(const ScheduleOptions& options,
                                               std::vector<std::function<void()>> bodies,
                                               std::function<void()> invariant, const std::function<void()>& finish) {
  PctScheduler scheduler({.seed = options.seed,
                          .change_points = 3,
                          .expected_steps = options.expected_steps,
                          .max_steps = options.max_steps,
                          .stall = std::chrono::milliseconds(10'000),
                          .give_up = std::chrono::milliseconds(5'000)});
  scheduler.set_invariant(std::move(invariant));
  try {
    scheduler.run(std::move(bodies));
    if (scheduler.diverged()) throw std::runtime_error("the bodies do not come to an end");
    finish();
  } catch (...) {
    if (options.trace) print_trace(scheduler);
    throw;
  }
  return scheduler.steps();
}

FLUXMAP_TEST_INLINE void reached_point(unsigned point, bool waiting) { schedule_hook(point, waiting); }

FLUXMAP_TEST_INLINE std::string fault_of(const std::vector<TxnRecord>& history) {
  if (const CheckResult order = check_commit_order(history); !order.ok()) {
    return "not in commit order: " + order.explanation;
  }
  if (const CheckResult graph = check_serializable(history); !graph.ok()) {
    return "not serializable: " + graph.explanation;
  }
  return {};
}

}  // namespace fluxmap_test

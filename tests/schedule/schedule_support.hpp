// What a schedule test needs beside the engine: the scheduler and the checkers, behind three functions. The mutants are
// compiled one by one; with FLUXMAP_TEST_SPLIT=1 they take these from an object file that they share.
#pragma once

#include "support/history.hpp"
#include "support/seed.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace fluxmap_test {

struct ScheduleOptions {
  std::uint64_t seed = 0;
  std::uint64_t expected_steps = 0;
  std::uint64_t max_steps = 0;
  bool trace = false;  // print the steps should it fail
};

// Runs the bodies under PctScheduler, then `finish` on the calling thread; returns the number of steps. Rethrows.
std::uint64_t run_schedule(const ScheduleOptions& options, std::vector<std::function<void()>> bodies,
                           std::function<void()> invariant, const std::function<void()>& finish);

// To be called at every schedule point.
void reached_point(unsigned point, bool waiting);

// Both checks of a history; empty if it passes.
std::string fault_of(const std::vector<TxnRecord>& history);

}  // namespace fluxmap_test

#if !FLUXMAP_TEST_SPLIT
#define FLUXMAP_TEST_INLINE inline
#include "schedule/schedule_support_impl.hpp"
#endif

// What the programs of tests/relacy are made of: suites of two or three threads, each run many times in a random order
// of their steps, in a memory that returns stale values wherever it may.
//
//   program [scenario]    all scenarios without an argument
//
// A run is a function of its seed: FLUXMAP_SEED gives the first one, the others count up from there. A failure prints
// its seed and its history, step by step.
#pragma once

#include "relacy/model.hpp"
#include "relacy/scheduler.hpp"

#include <fluxmap/detail/platform/schedule_point.hpp>

#if defined(__linux__)
#include <sys/personality.h>
#include <unistd.h>
#endif

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>

#include "support/seed.hpp"

namespace fluxmap_test::relacy {

// Ends the run as failed unless `holds`.
inline void expect(bool holds, const char* what, Where where = Where::current()) {
  if (!holds) rl::ctx().fail_test(what, rl::test_result_user_assert_failed, as_rl(where));
}

inline void yield(Where where = Where::current()) { rl::ctx().yield(1, as_rl(where)); }

// Whoever waits in the engine lets others run; the schedule points are nothing else here, since every access of an
// atomic is a point of its own.
inline void on_schedule_point(unsigned, bool waiting) {
  if (waiting) yield();
}

struct Scenario {
  const char* name;
  bool (*run)(const char* name, std::uint64_t seed, std::uint64_t runs);
  std::uint64_t runs;
};

// Runs `Suite` from this seed on. A failure is run once more for its history.
template <class Suite>
bool simulate(const char* name, std::uint64_t seed, std::uint64_t runs) {
  using Scheduler = BurstScheduler<Suite::params::thread_count>;
  rl::test_params params;
  std::ostringstream silence;
  params.test_name = name;
  params.progress_stream = &silence;
  params.execution_depth_limit = Suite::k_most_steps;
  params.iteration_count = seed + runs - 1;
  params.initial_state = std::to_string(seed).c_str();
  rl::ostringstream state;
  const unsigned started = get_tick_count();
  if (rl::run_test<Suite, Scheduler>(params, state, false) == rl::test_result_success) {
    std::printf("%s: %llu runs passed in %u ms\n", name, static_cast<unsigned long long>(runs),
                get_tick_count() - started);
    return true;
  }
  const rl::iteration_t failed = params.stop_iteration;
  params.initial_state = state.str();
  params.collect_history = true;
  const bool again = rl::run_test<Suite, Scheduler>(params, state, true) != rl::test_result_success;
  std::cout << std::flush;
  if (!again) std::printf("%s: the same seed has passed now\n", name);
  std::printf("replay: FLUXMAP_SEED=%llu %s\n", static_cast<unsigned long long>(failed), name);
  std::printf("%s: seed %llu: %s\n", name, static_cast<unsigned long long>(failed),
              rl::test_result_str(params.test_result));
  return false;
}

template <class Derived, int k_threads>
struct Suite : rl::test_suite<Derived, k_threads> {
  static constexpr unsigned k_most_steps = 20'000;  // of one run: more are a livelock
};

template <class S>
constexpr Scenario scenario(const char* name, std::uint64_t runs) {
  return {name, &simulate<S>, runs};
}

inline int run(int argc, char** argv, std::initializer_list<Scenario> scenarios) {
#if defined(__linux__)
  // Where objects lie decides a little (a thread's first slot, a hash), so a seed is to find them in the same places.
  // Once: there are systems that take the wish and forget it.
  const int now = ::personality(0xffffffff);
  if (now >= 0 && (now & ADDR_NO_RANDOMIZE) == 0 && ::getenv("FLUXMAP_RELACY_AGAIN") == nullptr) {
    ::setenv("FLUXMAP_RELACY_AGAIN", "1", 1);
    if (::personality(static_cast<unsigned long>(now) | ADDR_NO_RANDOMIZE) >= 0) ::execv("/proc/self/exe", argv);
  }
#endif
  fluxmap::detail::schedule_hook = &on_schedule_point;
  const std::uint64_t first = fluxmap_test::seed("relacy") & 0xffffffff;
  bool found = false, passed = true;
  for (const Scenario& scenario : scenarios) {
    if (argc > 1 && std::string_view(argv[1]) != scenario.name) continue;
    found = true;
    passed = scenario.run(scenario.name, first, scenario.runs * stress_factor()) && passed;
  }
  if (!found) std::puts("no such scenario");
  return found && passed ? 0 : 1;
}

}  // namespace fluxmap_test::relacy

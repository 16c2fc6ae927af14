// Runs the scenarios of a schedule test under thousands of seeds.
//
//   program [scenario]     all scenarios, or the one of that name
//   FLUXMAP_SEED           the first seed; a failure names the seed to set for a replay
//   FLUXMAP_STRESS         multiplies the number of seeds
//   FLUXMAP_TRACE=1        prints the steps of a schedule that failed
#pragma once

#include "schedule/schedule_checks.hpp"
#include "schedule/schedule_memory.hpp"
#include "support/marks.hpp"

#include <unistd.h>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>

namespace fluxmap_test {

struct Scenario {
  const char* name;
  void (*set_up)(World&);
  unsigned seeds;
  std::vector<Point> nap_points = {};  // where a rest opens a window that matters; empty: anywhere
};

// Where a crash finds the seed: nothing else can be said from a signal handler.
inline char crash_note[256];

inline void note_crash(int) {
  const auto length = std::strlen(crash_note);
  if (::write(STDERR_FILENO, crash_note, length) < 0) std::_Exit(3);
  std::_Exit(2);
}

// In half of the schedules two rests: mostly short, some long enough to pass for a stalled thread. Only the first may
// be without end, or two sleepers would wait for one another.
inline std::vector<Nap> draw_naps(const Scenario& scenario, World& world, std::size_t bodies) {
  SplitMix& random = world.random;
  std::vector<Nap> naps;
  if (random.below(2) == 0) return naps;
  constexpr auto k_points = static_cast<unsigned>(Point::vacuum_released) + 1;
  for (int i = 0; i < 2; ++i) {
    const auto& points = scenario.nap_points;
    const unsigned point = points.empty() || random.below(4) == 0
                               ? static_cast<unsigned>(random.below(k_points))
                               : static_cast<unsigned>(points[random.below(points.size())]);
    const auto kind = world.options().stalls ? random.below(6) : 2;
    const auto length = kind > 1 ? 1 + random.below(3) : kind == 1 || i > 0 ? 40 + random.below(80) : k_without_end;
    naps.push_back(
        {random.below(bodies), point, static_cast<unsigned>(random.below(3)), static_cast<unsigned>(length)});
  }
  return naps;
}

// How often the rarer turns were taken: a scenario that never conflicts proves little.
struct Tally {
  std::uint64_t conflicts = 0, stalled = 0, steps = 0;
};

inline void run_bodies(const Scenario& scenario, World& world, Tally& tally) {
  auto bodies = world.take_bodies();
  std::vector<std::unique_ptr<Actor>> actors;
  for (std::size_t i = 0; i < bodies.size(); ++i) actors.push_back(std::make_unique<Actor>(world, i));
  const std::vector<Nap> naps = draw_naps(scenario, world, bodies.size());
  world.running = bodies.size();
  std::vector<std::function<void()>> threads;
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    threads.emplace_back([&, i] {
      actors[i]->settle_in(naps);
      bodies[i](*actors[i]);
      actors[i]->leave();
    });
  }
  const ScheduleOptions options{world.seed(), world.options().expected_steps, world.options().max_steps,
                                std::getenv("FLUXMAP_TRACE") != nullptr};
  tally.steps += run_schedule(
      options, std::move(threads), [&] { check_step(world); },
      [&] {
        Actor after(world, bodies.size());
        after.settle_in({});
        for (const auto& check : world.take_after()) check(after);
        after.leave();
        check_end(world);
      });
  for (const auto& actor : actors) tally.conflicts += actor->conflicts, tally.stalled += actor->stalled;
}

inline void run_one(const Scenario& scenario, std::uint64_t seed, Tally& tally) {
  Heap& heap = Heap::instance();
  heap.set_mode(seed / 2 % 2 == 0 ? HeapMode::keep : HeapMode::reuse);  // beside PCT and random walk, by bit 0
  const std::int64_t used = heap.used();
  {
    World world(seed);
    scenario.set_up(world);
    run_bodies(scenario, world, tally);
  }
  heap.set_mode(HeapMode::plain);
  expect(heap.sweep(), "somebody has written to freed memory");
  const std::int64_t left = heap.used() - used;
  expect(left == 0, std::to_string(left) + " blocks were not freed");
}

inline int run_scenarios(const char* program, const std::vector<Scenario>& scenarios, int argc, char** argv) {
  const std::string_view only = argc > 1 ? argv[1] : "";
  engine::schedule_hook.store(&hook);
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE}) std::signal(signal, &note_crash);
  const std::uint64_t first = seed(program);
  unsigned found = 0;
  for (const Scenario& scenario : scenarios) {
    if (!only.empty() && only != scenario.name) continue;
    ++found;
    const unsigned full = scenario.seeds * stress_factor();
    // A sanitizer sees little here: threads that run one at a time do not race.
    const unsigned seeds = FLUXMAP_TEST_OWN_HEAP != 0 ? full : std::max(full / 20, 1U);
    Tally tally;
    const auto started = std::chrono::steady_clock::now();
    for (unsigned i = 0; i < seeds; ++i) {
      std::snprintf(crash_note, sizeof crash_note, "crashed; replay: FLUXMAP_SEED=%llu %s %s\n",
                    static_cast<unsigned long long>(first + i), program, scenario.name);
      try {
        run_one(scenario, first + i, tally);
      } catch (const std::exception& failure) {
        std::fprintf(stderr, "%s, schedule %u: %s\nreplay: FLUXMAP_SEED=%llu %s %s\n", scenario.name, i, failure.what(),
                     static_cast<unsigned long long>(first + i), program, scenario.name);
        std::fflush(stderr);
        std::_Exit(1);  // what the failed schedule has left behind may not be fit for destructors
      }
    }
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started);
    const auto each = [&](std::uint64_t sum) { return static_cast<double>(sum) / seeds; };
    std::printf("%-28s %5u schedules of %3.0f steps, conflicts %4.2f, stalled %4.2f each, %6lld ms\n", scenario.name,
                seeds, each(tally.steps), each(tally.conflicts), each(tally.stalled),
                static_cast<long long>(took.count()));
    std::fflush(stdout);
  }
  if (found == 0) {
    std::fprintf(stderr, "no such scenario\n");
    return 2;
  }
  return 0;
}

}  // namespace fluxmap_test

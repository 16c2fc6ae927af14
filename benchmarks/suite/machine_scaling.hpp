// What a second thread is worth on this machine, before any store comes into it: two processors of a virtual machine
// may be one core's two halves, or shared with others. No system can scale further than this.
#pragma once

#include "run.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace fluxmap_bench {

struct MachineScaling {
  double arithmetic = 0;            // what two threads do that only multiply, as a multiple of what one does
  double handover_nanoseconds = 0;  // until one processor sees what another one has just written
};

namespace machine_scaling_detail {

inline double multiplications(unsigned threads, std::chrono::duration<double> duration) {
  Task task;
  const auto outcome = run_team(task, threads, 1, duration, [](const Task& now, Tally& tally) {
    for (std::uint64_t value = tally.seed; tally.more(now); ++tally.operations) {
      for (int k = 0; k < 1000; ++k) value = value * 6364136223846793005ULL + 1;
      asm volatile("" : : "r"(value));  // so that it is computed
    }
  });
  return static_cast<double>(outcome.operations) / outcome.seconds;
}

// Of the quickest of many short stretches: in the others the scheduler has interfered.
inline double handover() {
  constexpr int k_stretches = 100, k_rounds = 500;
  std::atomic<int> turn{0};
  const auto play = [&](int first, int end) {
    for (int i = first; i < end; i += 2) {
      // acquire, release: the two threads go by turns
      for (int waited = 0; turn.load(std::memory_order_acquire) != i; ++waited) {
        if (waited > 10'000) std::this_thread::yield();
      }
      turn.store(i + 1, std::memory_order_release);
    }
  };
  std::thread other(play, 1, 2 * k_rounds * k_stretches);
  auto quickest = RunClock::duration::max();
  for (int stretch = 0; stretch < k_stretches; ++stretch) {
    const auto start = RunClock::now();
    play(2 * k_rounds * stretch, 2 * k_rounds * (stretch + 1));
    quickest = std::min(quickest, RunClock::now() - start);
  }
  other.join();
  return std::chrono::duration<double, std::nano>(quickest).count() / (2 * k_rounds);
}

}  // namespace machine_scaling_detail

// The medians of five measurements each; 0 where there is only one processor. Takes about a second.
inline MachineScaling measure_machine_scaling() {
  if (std::thread::hardware_concurrency() < 2) return {};
  using namespace machine_scaling_detail;
  std::array<double, 5> ratios{}, handovers{};
  for (std::size_t i = 0; i < ratios.size(); ++i) {
    constexpr std::chrono::duration<double> k_duration{0.1};
    const double one = multiplications(1, k_duration);
    ratios[i] = multiplications(2, k_duration) / one;
    handovers[i] = handover();
  }
  std::sort(ratios.begin(), ratios.end());
  std::sort(handovers.begin(), handovers.end());
  return {ratios[2], handovers[2]};
}

}  // namespace fluxmap_bench

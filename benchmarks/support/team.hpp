// Threads that start together on a barrier; the time runs from the first start to the last end. Beside it the threads'
// own processor time, which other programs on the machine do not stretch.
#pragma once

#include "workload.hpp"

#include <boost/describe.hpp>

#include <time.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <thread>
#include <vector>

namespace fluxmap_bench {

// What all threads share.
struct Task {
  std::uint64_t budget = std::numeric_limits<std::uint64_t>::max();  // operations of each thread, unless stopped
  std::atomic<bool> stop{false};
};

// What each counts for itself.
struct alignas(128) Tally {  // two cache lines: neighbours are prefetched in pairs
  std::uint64_t seed = 0;
  std::uint64_t operations = 0;
  std::uint64_t wrong = 0;     // answers that cannot be right
  std::uint64_t checksum = 0;  // depends on every answer, so that none can be left out
  std::uint64_t retries = 0;   // transactions begun again after a conflict

  bool more(const Task& task) const {
    return operations < task.budget && !task.stop.load(std::memory_order_relaxed);  // nothing else hangs on it
  }

  void check_value(Key key, Value value) {
    checksum += value;
    if (!belongs_to(key, value)) ++wrong;
  }
};

struct Outcome {
  std::uint64_t operations = 0;
  double seconds = 0;
  double cpu_seconds = 0;  // of all threads together
  std::uint64_t wrong = 0;
  std::uint64_t checksum = 0;
  std::uint64_t retries = 0;
};

// What is handed on; that something was wrong is counted with the cell.
BOOST_DESCRIBE_STRUCT(Outcome, (), (operations, seconds, cpu_seconds, retries))

inline double thread_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Runs work(task, tally) on `threads` threads; after `duration` they are told to stop, zero: they end by their budget.
template <class Work>
Outcome run_team(Task& task, unsigned threads, std::uint64_t seed, std::chrono::duration<double> duration, Work work) {
  using Clock = std::chrono::steady_clock;
  struct Member {
    Tally tally;
    Clock::time_point begin;
    Clock::time_point end;
    double cpu_seconds = 0;
    std::exception_ptr failure;
  };
  std::vector<Member> members(threads);
  std::barrier start(static_cast<std::ptrdiff_t>(threads) + 1);
  std::vector<std::thread> team;
  for (auto& member : members) {
    member.tally.seed = Random::mix(seed += 0x5851f42d4c957f2dULL);
    team.emplace_back([&] {
      start.arrive_and_wait();
      member.begin = Clock::now();
      member.cpu_seconds = -thread_cpu_seconds();
      try {
        work(task, member.tally);
      } catch (...) {
        member.failure = std::current_exception();
      }
      member.cpu_seconds += thread_cpu_seconds();
      member.end = Clock::now();
    });
  }
  start.arrive_and_wait();
  if (duration.count() > 0) {
    std::this_thread::sleep_for(duration);
    task.stop = true;
  }
  for (auto& thread : team) thread.join();

  Outcome outcome;
  auto begin = members.front().begin;
  auto end = members.front().end;
  for (const auto& member : members) {
    if (member.failure) std::rethrow_exception(member.failure);
    begin = std::min(begin, member.begin);
    end = std::max(end, member.end);
    outcome.cpu_seconds += member.cpu_seconds;
    outcome.operations += member.tally.operations;
    outcome.wrong += member.tally.wrong;
    outcome.checksum += member.tally.checksum;
    outcome.retries += member.tally.retries;
  }
  outcome.seconds = std::chrono::duration<double>(end - begin).count();
  return outcome;
}

}  // namespace fluxmap_bench

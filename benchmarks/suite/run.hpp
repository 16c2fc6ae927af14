// One run of one cell: what its threads share, and what each of them keeps for itself.
#pragma once

#include "../support/team.hpp"
#include "operations.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace fluxmap_bench {

using RunClock = std::chrono::steady_clock;

struct alignas(128) Counter {  // two cache lines: neighbours are prefetched in pairs
  std::atomic<std::uint64_t> value{0};
};

struct Run {
  Workload workload = Workload::get;
  std::size_t entries = 0;
  KeySpace keys{1};
  unsigned threads = 1;
  double seconds = 0;
  std::uint64_t salt = 0;                                        // new keys differ from run to run
  bool timed = false;                                            // look at the clock before and after each operation
  std::size_t budget = std::numeric_limits<std::size_t>::max();  // operations of each thread
  const std::vector<Operations>* operations = nullptr;           // of each thread
  const std::vector<std::uint32_t>* shuffled = nullptr;          // all indexes of present keys
  std::vector<Counter> inserted;                                 // by each thread: what others may read
  Value range_sum = 0;                                           // of the range that range_sums adds up

  // The j-th new key of a thread; odd, so that it meets no present key.
  Key fresh(unsigned thread, std::uint64_t j) const { return keys.odd(salt + (std::uint64_t{thread} << 30) + j); }
  // The j-th key above all present ones.
  Key ascending(unsigned thread, std::uint64_t j) const {
    return keys.present(entries - 1) + 1 + 2 * (j * threads + thread);
  }
};

// A latency in nanoseconds and whether it is that of a read.
class Sample {
 public:
  Sample(std::chrono::nanoseconds latency, bool read)
      : packed_(static_cast<std::uint32_t>(std::min<std::int64_t>(latency.count(), k_most)) << 1 |
                static_cast<std::uint32_t>(read)) {}
  std::chrono::nanoseconds latency() const { return std::chrono::nanoseconds(packed_ >> 1); }
  bool read() const { return (packed_ & 1U) != 0; }

 private:
  static constexpr std::int64_t k_most = std::int64_t{0x7fffffff};  // two seconds
  std::uint32_t packed_;
};

struct alignas(128) Worker {
  Tally* tally = nullptr;
  Run* run = nullptr;
  const Operation* operations = nullptr;
  unsigned thread = 0;
  std::uint64_t begun = 0;  // insertions or removals; several coroutines of a thread may be at one each
  std::uint64_t inserted = 0;
  std::uint64_t removed = 0;
  std::uint64_t side_operations = 0;  // of the threads that are there to disturb the others
  std::int64_t money = 0;             // put into the system, less what was taken out
  std::uint64_t orders = 0;
  std::vector<Sample> samples;

  static constexpr std::size_t k_samples = std::size_t{1} << 22;  // a thread that has so many stops

  bool more(const Task& task) const { return tally->more(task) && samples.size() < k_samples; }
  RunClock::time_point now() const { return run->timed ? RunClock::now() : RunClock::time_point{}; }
  void finished(RunClock::time_point start, bool read) {
    if (run->timed) samples.emplace_back(RunClock::now() - start, read);
  }
  void count_insert() {
    // Release: whoever sees the number sees the key, since the insert has been acknowledged.
    run->inserted[thread].value.store(++inserted, std::memory_order_release);
  }
};

}  // namespace fluxmap_bench

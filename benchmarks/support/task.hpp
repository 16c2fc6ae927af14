// One cell of the table while it runs: what all threads share, and what each counts for itself.
#pragma once

#include "workload.hpp"

#include <atomic>
#include <cstdint>
#include <limits>

namespace fluxmap_bench {

struct Task {
  KeySpace keys{1};
  std::uint64_t budget = std::numeric_limits<std::uint64_t>::max();  // operations of each thread, unless stopped
  std::atomic<bool> stop{false};
};

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

}  // namespace fluxmap_bench

// How long something took, time after time: a histogram since the start, and the latest ones.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace example {

// Upper bounds in seconds; the last bucket has none.
inline constexpr std::array k_latency_bounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                             0.025,  0.05,    0.1,    0.25,  0.5,    1.0};

struct LatencyReading {
  std::array<std::uint64_t, k_latency_bounds.size() + 1> buckets{};  // how many fell into each, not added up
  std::uint64_t count = 0;
  double sum = 0;            // seconds
  double recent_median = 0;  // of the latest ones
  double recent_longest = 0;
};

// Thread-safe.
class Latency {
 public:
  void add(std::chrono::duration<double> time) {
    const double seconds = time.count();
    const auto bound = std::lower_bound(k_latency_bounds.begin(), k_latency_bounds.end(), seconds);
    const std::lock_guard lock(mutex_);
    ++sums_.buckets[static_cast<std::size_t>(bound - k_latency_bounds.begin())];
    recent_[static_cast<std::size_t>(sums_.count % recent_.size())] = seconds;
    ++sums_.count;
    sums_.sum += seconds;
  }

  LatencyReading read() const {
    const std::lock_guard lock(mutex_);
    LatencyReading reading = sums_;
    const auto size = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(sums_.count, recent_.size()));
    if (size == 0) return reading;
    std::vector<double> recent(recent_.begin(), recent_.begin() + size);
    std::sort(recent.begin(), recent.end());
    reading.recent_median = recent[recent.size() / 2];
    reading.recent_longest = recent.back();
    return reading;
  }

 private:
  static constexpr std::size_t k_recent = 16;

  mutable std::mutex mutex_;
  LatencyReading sums_;
  std::array<double, k_recent> recent_{};
};

}  // namespace example

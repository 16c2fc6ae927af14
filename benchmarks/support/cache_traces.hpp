// What a cache is asked for: traces of keys from a population of which some are wanted more than others.
//
// A key is a scrambled number, so that keys that are wanted alike are not neighbours in the order of keys. Its lowest
// bit tells whether it belongs to a scan: such a key is asked for once, and no policy can have it.
#pragma once

#include "workload.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fluxmap_bench {

using Trace = std::vector<Key>;

inline Key population_key(std::uint64_t number) { return Random::mix(number + 1) & ~Key{1}; }
inline Key scan_key(std::uint64_t number) { return Random::mix(number + 1) | 1; }
inline bool belongs_to_scan(Key key) { return (key & 1) != 0; }

// Ranks from 0 up; rank r is drawn in proportion to 1 / (r + 1)^exponent.
class Zipf {
 public:
  Zipf(std::size_t ranks, double exponent) {
    sums_.reserve(ranks);
    double sum = 0;
    for (std::size_t rank = 0; rank < ranks; ++rank) {
      sum += std::pow(static_cast<double>(rank + 1), -exponent);
      sums_.push_back(sum);
    }
  }

  std::uint64_t operator()(Random& random) const {
    const double drawn = static_cast<double>(random() >> 11) * 0x1p-53 * sums_.back();
    const auto found = std::upper_bound(sums_.begin(), sums_.end() - 1, drawn);
    return static_cast<std::uint64_t>(found - sums_.begin());
  }

 private:
  std::vector<double> sums_;
};

inline constexpr double k_zipf_exponent = 0.99;

inline Trace zipf_trace(std::size_t population, std::size_t requests, std::uint64_t seed) {
  const Zipf zipf(population, k_zipf_exponent);
  Random random(seed);
  Trace trace(requests);
  for (Key& key : trace) key = population_key(zipf(random));
  return trace;
}

// The trace with a scan of `scan_length` keys never used before or after, after every `scan_length` requests: as long
// as the cache, a scan pushes everything out of one that goes by recency alone, and what lies between two scans is
// long enough to see the cache recover.
inline Trace with_scans(const Trace& trace, std::size_t scan_length) {
  Trace mixed;
  mixed.reserve(2 * trace.size() + scan_length);
  std::uint64_t scanned = 0;
  for (std::size_t i = 0; i < trace.size(); ++i) {
    mixed.push_back(trace[i]);
    if ((i + 1) % scan_length != 0) continue;
    for (std::size_t j = 0; j < scan_length; ++j) mixed.push_back(scan_key(scanned++));
  }
  return mixed;
}

// A working set that moves: nine of ten requests go to a window of a twentieth of the population, any key of it as
// likely as another, and the window moves on by a key after every ten requests; the others go to the whole
// population. What has been hot never is again, which counts that do not age cannot know.
inline Trace shifting_trace(std::size_t population, std::size_t requests, std::uint64_t seed) {
  const std::size_t window = std::max<std::size_t>(population / 20, 1);
  Random random(seed);
  Trace trace(requests);
  for (std::size_t i = 0; i < requests; ++i) {
    const bool hot = random.below(10) != 0;
    const std::uint64_t number = hot ? i / 10 + random.below(window) : random.below(population);
    trace[i] = population_key(number % population);
  }
  return trace;
}

}  // namespace fluxmap_bench

// Latencies from a nanosecond to ten seconds, to one per cent.
#pragma once

#include <boost/histogram.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <tuple>

namespace fluxmap_bench {

class LatencyHistogram {
 public:
  void add(std::chrono::nanoseconds latency) {
    const auto ns = static_cast<double>(latency.count());
    counts_(ns);
    largest_ = std::max(largest_, ns);
  }
  LatencyHistogram& operator+=(const LatencyHistogram& other) {
    counts_ += other.counts_;
    largest_ = std::max(largest_, other.largest_);
    return *this;
  }

  std::uint64_t count() const {
    std::uint64_t sum = 0;
    for (const auto& bin : boost::histogram::indexed(counts_, boost::histogram::coverage::all)) sum += *bin;
    return sum;
  }
  // In nanoseconds: no more than this in `share` of all cases.
  double quantile(double share) const {
    const double wanted = share * static_cast<double>(count());
    std::uint64_t seen = 0;
    for (const auto& bin : boost::histogram::indexed(counts_, boost::histogram::coverage::all)) {
      seen += *bin;
      if (static_cast<double>(seen) >= wanted) return std::min(bin.bin().upper(), largest_);
    }
    return largest_;
  }
  double largest() const { return largest_; }

 private:
  using Axis = boost::histogram::axis::regular<double, boost::histogram::axis::transform::log>;
  static constexpr unsigned k_bins = 2314;  // ten decades in steps of one per cent

  boost::histogram::histogram<std::tuple<Axis>, boost::histogram::dense_storage<std::uint64_t>> counts_{
      Axis(k_bins, 1.0, 1e10)};
  double largest_ = 0;
};

}  // namespace fluxmap_bench

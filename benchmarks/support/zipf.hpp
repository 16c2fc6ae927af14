// YCSB's scrambled Zipfian numbers.
//
// The generator is that of J. Gray et al., "Quickly Generating Billion-Record Synthetic Databases", SIGMOD 1994, as
// used by B. Cooper et al., "Benchmarking Cloud Serving Systems with YCSB", SoCC 2010: a closed form of the inverse of
// the distribution. YCSB scrambles the ranks with a hash, so that popular keys are not neighbours; so does scrambled().
#pragma once

#include "workload.hpp"

#include <cmath>
#include <cstdint>

namespace fluxmap_bench {

class Zipfian {
 public:
  explicit Zipfian(std::uint64_t items, double theta = 0.99) : items_(items), theta_(theta) {
    double zeta = 0;
    for (std::uint64_t i = 1; i <= items; ++i) {
      zeta += std::pow(1.0 / static_cast<double>(i), theta);
      if (i == 2) zeta2_ = zeta;
    }
    zeta_ = zeta;
    alpha_ = 1 / (1 - theta);
    eta_ = (1 - std::pow(2.0 / static_cast<double>(items), 1 - theta)) / (1 - zeta2_ / zeta_);
  }

  // A rank in [0, items): 0 is the most popular.
  std::uint64_t rank(Random& random) const {
    const double u = static_cast<double>(random() >> 11) * 0x1p-53;
    const double uz = u * zeta_;
    if (uz < 1) return 0;
    if (uz < 1 + std::pow(0.5, theta_)) return 1;
    const auto drawn = static_cast<std::uint64_t>(static_cast<double>(items_) * std::pow(eta_ * u - eta_ + 1, alpha_));
    return drawn < items_ ? drawn : items_ - 1;
  }
  std::uint64_t scrambled(Random& random) const { return Random::mix(rank(random) + 1) % items_; }

 private:
  std::uint64_t items_;
  double theta_;
  double zeta_ = 0;
  double zeta2_ = 0;
  double alpha_ = 0;
  double eta_ = 0;
};

}  // namespace fluxmap_bench

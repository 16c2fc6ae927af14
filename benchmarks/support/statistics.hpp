// The middle of several rounds, and how far apart they lay.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace fluxmap_bench {

struct Summary {
  double median = 0;
  double spread = 0;  // (largest - smallest) / median
};

inline Summary summarize(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  const double median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, median > 0 ? (values.back() - values.front()) / median : 0};
}

}  // namespace fluxmap_bench

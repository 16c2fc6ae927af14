// What the parts of the benchmark of memory can be told. Zero entries: the part's own sizes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace fluxmap_bench {

struct MemoryOptions {
  std::string part;    // empty: all
  std::string policy;  // of the part limit; empty: all
  std::size_t entries = 0;
  unsigned rounds = 9;
  double seconds = 2;
  std::uint64_t seed = 1;

  std::vector<std::size_t> sizes(std::vector<std::size_t> usual) const {
    return entries == 0 ? usual : std::vector<std::size_t>{entries};
  }
  std::size_t size(std::size_t usual) const { return entries == 0 ? usual : entries; }
};

}  // namespace fluxmap_bench

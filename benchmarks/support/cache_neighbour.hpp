// A thread that wants the caches for itself, as the rest of a server does: it walks an array twice the size of the last
// level, one word of each line, for as long as it lives.
#pragma once

#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace fluxmap_bench {

class CacheNeighbour {
 public:
  CacheNeighbour() : lines_(2 * last_level_bytes() / sizeof(Line)), thread_([this] { walk(); }) {}
  CacheNeighbour(const CacheNeighbour&) = delete;
  CacheNeighbour& operator=(const CacheNeighbour&) = delete;
  ~CacheNeighbour() {
    stop_.store(true, std::memory_order_relaxed);  // only a wish; join() orders the rest
    thread_.join();
  }

 private:
  struct alignas(64) Line {
    std::uint64_t word = 0;
  };

  static std::size_t last_level_bytes() {
    const long told = ::sysconf(_SC_LEVEL3_CACHE_SIZE);
    return told > 0 ? static_cast<std::size_t>(told) : std::size_t{32} << 20;
  }
  void walk() {
    while (!stop_.load(std::memory_order_relaxed)) {
      for (std::size_t i = 0; i < lines_.size() && (i % 4096 != 0 || !stop_.load(std::memory_order_relaxed)); ++i) {
        ++lines_[i].word;
      }
    }
  }

  std::vector<Line> lines_;
  std::atomic<bool> stop_{false};
  std::thread thread_;  // last: it uses the others
};

}  // namespace fluxmap_bench

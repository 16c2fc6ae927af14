// How durable the log makes commits, and when. · layer: storage
#pragma once

#include <fluxmap/config.hpp>

#include <chrono>
#include <cstdint>
#include <limits>

namespace fluxmap::inline FLUXMAP_ABI::detail {

enum class LogLevel { relaxed, full };

struct LogOptions {
  static constexpr std::uint64_t k_never = std::numeric_limits<std::uint64_t>::max();

  LogLevel level = LogLevel::full;
  std::chrono::milliseconds flush_interval{100};  // these three: relaxed only
  std::uint64_t flush_after_commits = k_never;
  std::uint64_t flush_after_bytes = k_never;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

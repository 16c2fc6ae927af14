// What all connections have in common.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

#include "cursors.hpp"
#include "entry.hpp"
#include "options.hpp"
#include "watches.hpp"

namespace resp {

struct Shared {
  Options options;
  std::shared_ptr<Database> database;
  WatchTable watches;
  ScanCursors cursors;

  std::atomic<std::uint64_t> clients{0};  // connected now
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused{0};
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();

  // Stamps begin with the time in nanoseconds: those of an earlier run, which the log brings back, are smaller.
  std::uint64_t next_stamp() noexcept { return stamp_.fetch_add(1, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> stamp_{
      static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count())};
};

}  // namespace resp

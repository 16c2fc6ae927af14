// What all connections have in common.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
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

  // Once a minute at most: who sends it may send much of it.
  void warn_of_http() {
    using namespace std::chrono;
    const std::int64_t now = duration_cast<seconds>(steady_clock::now().time_since_epoch()).count();
    std::int64_t last = warned_of_http_.load(std::memory_order_relaxed);  // relaxed: it guards nothing but itself
    if (now - last < 60 || !warned_of_http_.compare_exchange_strong(last, now, std::memory_order_relaxed)) return;
    std::fputs("resp_server: a client that speaks HTTP was cut off: POST or Host: where a command should be\n", stderr);
  }

  // Stamps begin with the time in nanoseconds: those of an earlier run, which the log brings back, are smaller.
  std::uint64_t next_stamp() noexcept { return stamp_.fetch_add(1, std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> warned_of_http_{-60};  // in seconds of the steady clock
  std::atomic<std::uint64_t> stamp_{
      static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count())};
};

}  // namespace resp

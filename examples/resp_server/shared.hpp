// What all connections have in common.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "client_list.hpp"
#include "counters.hpp"
#include "cursors.hpp"
#include "entry.hpp"
#include "options.hpp"
#include "settings.hpp"
#include "spaces.hpp"
#include "watches.hpp"

namespace resp {

struct Shared {
  Shared(const Options& given, std::size_t commands) : options(given), settings(given), counters(commands) {}

  Options options;
  Settings settings;
  std::shared_ptr<Database> database;
  SpacesCache spaces;
  WatchTable watches;
  ScanCursors cursors;
  ClientList client_list;
  Counters counters;
  Rate rate;
  std::function<void()> wake_sweeper;
  std::function<void()> shut_down;
  std::function<void()> start_checkpoint;
  std::atomic<std::int64_t> saved_at{0};  // seconds since 1970: the last checkpoint that was asked for

  std::atomic<std::uint64_t> clients{0};  // connected now
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();

  // Where RANDOMKEY stands: see there.
  std::mutex random_mutex;
  std::string random_key;

  // Once a minute at most: who sends it may send much of it.
  void warn_of_http() {
    const std::int64_t now = steady_seconds();
    std::int64_t last = warned_of_http_.load(std::memory_order_relaxed);  // relaxed: it guards nothing but itself
    if (now - last < 60 || !warned_of_http_.compare_exchange_strong(last, now, std::memory_order_relaxed)) return;
    std::fputs("resp_server: a client that speaks HTTP was cut off: POST or Host: where a command should be\n", stderr);
  }

  // Stamps begin with the time in nanoseconds: those of an earlier run, which the log brings back, are smaller.
  std::uint64_t next_stamp() noexcept { return stamp_.fetch_add(1, std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> warned_of_http_{-60};  // in steady seconds
  std::atomic<std::uint64_t> stamp_{
      static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count())};
};

}  // namespace resp

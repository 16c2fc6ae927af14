// A database that is used for long by coroutines of a pool of threads, while somebody looks at it once a second.
#pragma once

#include "process.hpp"
#include "run_here.hpp"

#include <fluxmap/fluxmap.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace fluxmap_bench {

using TextMap = fluxmap::Database<std::uint64_t, std::string>;

inline double mebibytes(std::uint64_t bytes) { return static_cast<double>(bytes) / (1024.0 * 1024.0); }

struct LongRun {
  std::shared_ptr<TextMap> database;
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> operations{0};
  asio::thread_pool pool;

  LongRun(std::shared_ptr<TextMap> used, unsigned threads) : database(std::move(used)), pool(threads) {}

  // It goes on until `stop`.
  void spawn(asio::awaitable<void> work) {
    asio::co_spawn(pool, std::move(work), [this](std::exception_ptr error) {
      if (!error) return;
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = error;
      stop = true;
    });
  }

  // look(second, MiB that are resident, statistics, whether it is time for one of `lines` lines), once a second; ends
  // the coroutines, and throws what one of them has thrown.
  template <class Look>
  void watch(unsigned seconds, unsigned lines, Look look) {
    const auto start = std::chrono::steady_clock::now();
    for (unsigned second = 1; second <= seconds && !stop; ++second) {
      std::this_thread::sleep_until(start + std::chrono::seconds(second));
      look(second, mebibytes(resident_bytes()), database->stats(),
           second * lines / seconds != (second - 1) * lines / seconds);
      std::fflush(stdout);
    }
    stop = true;
    pool.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr failure_;  // the first; guarded by mutex_
};

}  // namespace fluxmap_bench

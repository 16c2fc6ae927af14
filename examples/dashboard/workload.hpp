// Something for the dashboard to look at: coroutines that transfer money, fight for a few hot keys, write entries that
// expire, read, add up, keep an old snapshot open, and wait for the disk. It checks itself while it goes on.
#pragma once

#include <fluxmap/fluxmap.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <string>
#include <vector>

#include "latency.hpp"

namespace example {

using Store = fluxmap::Database<std::string, std::int64_t>;

// Operations done since the start.
struct WorkloadCounts {
  std::uint64_t transfers = 0;
  std::uint64_t hot_updates = 0;  // read-modify-writes of the hot keys
  std::uint64_t events = 0;       // entries written that expire
  std::uint64_t reads = 0;
  std::uint64_t scans = 0;
  std::uint64_t wrong = 0;  // what must not be: a sum that is not what it was, in whatever snapshot
};

class Workload {
 public:
  explicit Workload(Store& store) : store_(store) {}
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  void start();  // throws what goes wrong while the accounts are opened
  // Waits until all coroutines have ended, and checks the sums. Throws what one of them has thrown.
  void finish();

  WorkloadCounts counts() const;
  LatencyReading flushes() const { return flushes_.read(); }

 private:
  // The coroutines. Each goes on until the workload is stopping.
  boost::asio::awaitable<void> open_accounts();
  boost::asio::awaitable<void> transfer(unsigned seed);
  boost::asio::awaitable<void> update_hot_keys(unsigned seed);
  boost::asio::awaitable<void> write_events();
  boost::asio::awaitable<void> read_accounts(unsigned seed);
  boost::asio::awaitable<void> add_up();
  boost::asio::awaitable<void> keep_a_snapshot();
  boost::asio::awaitable<void> wait_for_the_disk();
  boost::asio::awaitable<bool> pause(std::chrono::milliseconds time) const;  // false: the workload is stopping

  Store& store_;
  boost::asio::thread_pool pool_{2};
  std::vector<std::future<void>> work_;
  std::atomic<bool> stopping_{false};
  std::int64_t hot_before_ = 0;  // what the hot keys said at the start
  std::atomic<std::uint64_t> transfers_{0}, hot_updates_{0}, events_{0}, reads_{0}, scans_{0}, wrong_{0};
  Latency flushes_;
};

}  // namespace example

// Threads that meet at a line and go on at once, round after round, on one database.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "interleaving.hpp"
#include "interleaving_steps.hpp"

namespace fluxmap_test {

class Racetrack;

// One thread of a race.
class Racer {
 public:
  Racer(Racetrack& track, unsigned index) : track_(track), index_(index) {}

  unsigned index() const { return index_; }
  interleaving::Handle handle();
  void line_up();  // waits for the others to line up too

  template <class T>
  T run(boost::asio::awaitable<T> work) {
    return driver_.run(std::move(work));
  }
  // Commits; false: a conflict.
  bool commits(interleaving::Transaction& transaction) {
    try {
      interleaving::translated([&] { driver_.run(transaction.commit()); });
      return true;
    } catch (const interleaving::Conflict&) {
      return false;
    }
  }

 private:
  Racetrack& track_;
  const unsigned index_;
  interleaving::Driver driver_;
};

class Racetrack {
 public:
  explicit Racetrack(unsigned threads) : threads_(threads) {}

  interleaving::Database& database() { return database_; }

  // Rows 0 … count - 1 of a table, all 0.
  void fill(const std::string& table, unsigned count) {
    auto transaction = database_.handle().begin();
    for (unsigned i = 0; i < count; ++i) transaction.insert(interleaving::row(table, i), 0);
    interleaving::Driver().run(transaction.commit());
  }

  // Calls body(racer, round) on every thread for every round; rethrows what a body threw.
  template <class Body>
  void race(unsigned rounds, Body body) {
    std::vector<std::thread> running;
    for (unsigned i = 0; i < threads_; ++i) {
      running.emplace_back([&, i] {
        try {
          Racer racer(*this, i);
          for (unsigned round = 0; round < rounds; ++round) body(racer, round);
        } catch (...) {
          const std::lock_guard lock(mutex_);
          failure_ = std::current_exception();
          failed_ = true;
        }
      });
    }
    for (std::thread& one : running) one.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  friend class Racer;

  // Spins, so that nobody sleeps through the start; gives way, because there may be fewer cores than threads.
  void line_up() {
    const std::size_t lap = (lined_up_.fetch_add(1) / threads_ + 1) * threads_;
    while (lined_up_.load() < lap && !failed_.load()) std::this_thread::yield();
  }

  const unsigned threads_;
  interleaving::Database database_;
  std::atomic<std::size_t> lined_up_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::exception_ptr failure_;
};

inline interleaving::Handle Racer::handle() { return track_.database().handle(); }
inline void Racer::line_up() { track_.line_up(); }

}  // namespace fluxmap_test

// Runs a few threads strictly one at a time and decides from a seed who takes the next step, so that a failure of a
// concurrent protocol can be replayed.
//
// The code under test calls schedule_hook at its named points; between two points a thread runs alone. Two ways to
// choose, because they find different bugs:
//   pct          every thread has a random priority, the highest runnable one runs; at a few random steps the running
//                thread falls below all others. Finds a bug of depth d with probability >= 1/(n k^(d-1)) (Burckhardt,
//                Kothari, Musuvathi, Nagarakatti, "A randomized scheduler with probabilistic guarantees of finding
//                bugs", ASPLOS 2010).
//   random_walk  a uniformly random thread at every step.
// Reorderings of weak memory are out of reach: every hand-over synchronizes. For the same reason a race detector sees
// no races between scheduled threads.
//
// Never hangs for ever: after max_steps the run turns into round robin, after twice as many (or when no point is
// reached for the time `stall`: a thread waits for one that stands still) the threads run free, and if even that does
// not end, the process aborts and names the seed. The first two only set diverged().
#pragma once

#include "support/seed.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace fluxmap_test {

enum class PctMode : std::uint8_t { by_seed, pct, random_walk };  // by_seed: random_walk for odd seeds

struct PctOptions {
  std::uint64_t seed = 0;
  unsigned change_points = 3;          // steps at which the running thread loses its priority
  std::uint64_t expected_steps = 400;  // the range in which they lie: about what steps() says after a usual run
  std::uint64_t max_steps = 200'000;   // beyond it is a livelock
  std::uint64_t max_in_a_row = 2'000;  // then the thread is taken to wait for others without saying so, and demoted
  PctMode mode = PctMode::by_seed;
  std::chrono::milliseconds stall{20'000};    // without a step for that long, a thread must be blocked for real
  std::chrono::milliseconds give_up{60'000};  // running free for that long, it is blocked for good
};

struct PctStep {
  unsigned thread = 0;
  unsigned point = 0;
  bool spinning = false;
  friend bool operator==(const PctStep&, const PctStep&) = default;
};

class PctScheduler {
 public:
  static constexpr unsigned k_end = ~0U;  // the point in the trace at which a body ended

  explicit PctScheduler(PctOptions options) : options_(options) {}
  PctScheduler(const PctScheduler&) = delete;
  PctScheduler& operator=(const PctScheduler&) = delete;

  // Runs every body on a thread of its own until all have ended, then rethrows the first failure: of the invariant,
  // else of the body with the lowest index. May be called again; the same bodies take the same steps again.
  void run(std::vector<std::function<void()>> bodies);

  // The calling thread offers to be interrupted. Nothing happens on threads that this scheduler does not run.
  void point(unsigned id) { reached(id, false); }
  // The same, and the caller waits for another thread: all others come before it.
  void spin_point(unsigned id) { reached(id, true); }

  // Called after every step while all threads stand still; points it reaches itself are ignored. When it throws, it is
  // not called again and run() rethrows once the bodies have ended.
  void set_invariant(std::function<void()> invariant) { invariant_ = std::move(invariant); }

  // Of the last run; call when it is over. Steps of a run gone free are counted but not traced.
  std::vector<PctStep> trace() const { return trace_; }
  std::uint64_t steps() const { return steps_.load(std::memory_order_relaxed); }  // the run is over: nobody writes
  bool diverged() const { return diverged_; }
  bool random_walk() const {
    return options_.mode == PctMode::random_walk || (options_.mode == PctMode::by_seed && options_.seed % 2 != 0);
  }

  // The scheduler that runs the calling thread, or null.
  static PctScheduler* current() { return current_thread().scheduler; }

 private:
  struct Worker {
    std::condition_variable wake;
    std::thread thread;
    std::exception_ptr failure;
    std::int64_t priority = 0;
    bool finished = false;
    bool may_leave = false;  // guarded by mutex_
  };
  struct ThisThread {
    PctScheduler* scheduler = nullptr;
    std::size_t index = 0;
    bool inside = false;  // in the scheduler or the invariant: points are ignored
  };
  static constexpr std::size_t k_nobody = ~std::size_t{0};

  static ThisThread& current_thread() {
    thread_local ThisThread self;
    return self;
  }

  void reset(std::size_t count);
  void worker_main(std::size_t index, const std::function<void()>& body);
  void reached(unsigned id, bool spinning);
  void record(std::size_t self, unsigned id, bool spinning);
  void check_invariant();
  std::size_t choose(std::size_t self, bool spinning);
  std::size_t choose_highest();
  std::size_t choose_random(std::size_t self, bool spinning);
  void wait_for_turn(std::size_t self);
  void hand_over(std::size_t self, std::size_t next);
  void go_free_locked();
  void watch_until_finished();
  void report(const char* what) const;
  void report_last_steps() const;

  const PctOptions options_;
  std::function<void()> invariant_;

  // The baton: only the worker `turn_` (or, before and after a run, the caller) touches the fields below. The mutex
  // that passes the baton on orders their accesses.
  SplitMix random_{0};
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::uint64_t> change_steps_;  // descending: the next one is last
  std::int64_t lowest_ = 0;                  // priority of the thread demoted last
  std::uint64_t in_a_row_ = 0;
  std::vector<PctStep> trace_;
  std::exception_ptr invariant_failure_;
  bool round_robin_ = false;

  std::mutex mutex_;
  std::condition_variable all_finished_;
  std::size_t turn_ = k_nobody;    // guarded by mutex_
  std::size_t running_ = 0;        // bodies not ended; guarded by mutex_
  bool diverged_ = false;          // guarded by mutex_ during a run
  std::atomic<bool> free_{false};  // written under mutex_; read at every point
  std::atomic<std::uint64_t> steps_{0};
};

// What the schedule points of the code under test call: forwards to the scheduler of the calling thread, if any.
inline void schedule_hook(unsigned id, bool spinning) {
  if (PctScheduler* scheduler = PctScheduler::current()) {
    if (spinning) {
      scheduler->spin_point(id);
    } else {
      scheduler->point(id);
    }
  }
}

inline void PctScheduler::run(std::vector<std::function<void()>> bodies) {
  if (current() != nullptr) throw std::logic_error("PctScheduler::run called from a scheduled thread");
  if (bodies.empty()) return;
  reset(bodies.size());
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    workers_[i]->thread = std::thread([this, i, &body = bodies[i]] { worker_main(i, body); });
  }
  const std::size_t first = random_walk() ? choose_random(k_nobody, false) : choose_highest();
  hand_over(k_nobody, first);
  watch_until_finished();
  // One after another, so that destructors of thread-locals do not run beside each other: they may touch the state
  // under test, and the next run must find it the same.
  for (auto& worker : workers_) {
    {
      const std::lock_guard lock(mutex_);
      worker->may_leave = true;
      worker->wake.notify_one();
    }
    worker->thread.join();
  }
  if (invariant_failure_) std::rethrow_exception(invariant_failure_);
  for (auto& worker : workers_) {
    if (worker->failure) std::rethrow_exception(worker->failure);
  }
}

inline void PctScheduler::reset(std::size_t count) {
  random_ = SplitMix(options_.seed);
  trace_.clear();
  steps_.store(0, std::memory_order_relaxed);     // no worker exists yet
  free_.store(false, std::memory_order_relaxed);  // likewise
  invariant_failure_ = nullptr;
  round_robin_ = diverged_ = false;
  in_a_row_ = 0;
  lowest_ = 0;
  turn_ = k_nobody;
  running_ = count;
  workers_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    workers_.push_back(std::make_unique<Worker>());
    workers_.back()->priority = static_cast<std::int64_t>(i) + 1;
  }
  for (std::size_t i = count; i > 1; --i) {
    std::swap(workers_[i - 1]->priority, workers_[random_.below(i)]->priority);
  }
  change_steps_.clear();
  for (unsigned i = 0; i < options_.change_points; ++i) {
    change_steps_.push_back(1 + random_.below(std::max<std::uint64_t>(1, options_.expected_steps)));
  }
  std::sort(change_steps_.begin(), change_steps_.end(), std::greater<>());
}

inline void PctScheduler::worker_main(std::size_t index, const std::function<void()>& body) {
  Worker& worker = *workers_[index];
  ThisThread& self = current_thread();
  self = {this, index, false};
  wait_for_turn(index);
  try {
    body();
  } catch (...) {
    worker.failure = std::current_exception();
  }
  self.inside = true;                            // destructors of thread-locals must not be scheduled any more
  if (!free_.load(std::memory_order_acquire)) {  // acquire: pairs with the release in go_free_locked
    record(index, k_end, false);
    worker.finished = true;
    check_invariant();
    in_a_row_ = 0;
    const std::size_t next = choose(index, false);
    if (next != k_nobody) hand_over(k_nobody, next);
  }
  std::unique_lock lock(mutex_);
  if (--running_ == 0) all_finished_.notify_one();
  worker.wake.wait(lock, [&] { return worker.may_leave; });
}

inline void PctScheduler::reached(unsigned id, bool spinning) {
  ThisThread& self = current_thread();
  if (self.scheduler != this || self.inside) return;
  if (free_.load(std::memory_order_acquire)) {       // acquire: pairs with the release in go_free_locked
    steps_.fetch_add(1, std::memory_order_relaxed);  // a tally, and the watchdog's sign of life
    if (spinning) std::this_thread::yield();
    return;
  }
  self.inside = true;
  record(self.index, id, spinning);
  check_invariant();
  const std::size_t next = choose(self.index, spinning);
  if (next != self.index) {
    in_a_row_ = 0;
    hand_over(self.index, next);
  }
  self.inside = false;
}

inline void PctScheduler::record(std::size_t self, unsigned id, bool spinning) {
  steps_.fetch_add(1, std::memory_order_relaxed);  // read by the watchdog, which only looks for change
  trace_.push_back({static_cast<unsigned>(self), id, spinning});
}

inline void PctScheduler::check_invariant() {
  if (!invariant_ || invariant_failure_) return;
  try {
    invariant_();
  } catch (...) {
    invariant_failure_ = std::current_exception();  // thrown from here it would tear through the code under test
  }
}

// Who runs next, after a step of `self`; k_nobody when all have ended.
inline std::size_t PctScheduler::choose(std::size_t self, bool spinning) {
  const std::uint64_t step = steps_.load(std::memory_order_relaxed);  // written by baton holders only
  if (!round_robin_ && step > options_.max_steps) {
    report("no end in sight, going on in round robin");
    report_last_steps();
    round_robin_ = true;
    const std::lock_guard lock(mutex_);
    diverged_ = true;
  }
  if (round_robin_) {
    if (step > 2 * options_.max_steps) {
      const std::lock_guard lock(mutex_);
      go_free_locked();
    }
    for (std::size_t i = 1; i <= workers_.size(); ++i) {
      const std::size_t next = (self + i) % workers_.size();
      if (!workers_[next]->finished) return next;
    }
    return k_nobody;
  }
  const bool stuck = ++in_a_row_ > options_.max_in_a_row;
  if (stuck) in_a_row_ = 0;
  bool demoted = spinning || stuck;
  if (random_walk()) return choose_random(self, demoted);
  while (!change_steps_.empty() && step >= change_steps_.back()) {
    change_steps_.pop_back();
    demoted = true;
  }
  if (demoted) workers_[self]->priority = --lowest_;
  return choose_highest();
}

inline std::size_t PctScheduler::choose_highest() {
  std::size_t best = k_nobody;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i]->finished) continue;
    if (best == k_nobody || workers_[i]->priority > workers_[best]->priority) best = i;
  }
  return best;
}

inline std::size_t PctScheduler::choose_random(std::size_t self, bool spinning) {
  std::size_t candidates = 0;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    candidates += !workers_[i]->finished && !(spinning && i == self) ? 1U : 0U;
  }
  if (candidates == 0) return self != k_nobody && !workers_[self]->finished ? self : k_nobody;
  std::size_t pick = static_cast<std::size_t>(random_.below(candidates));
  for (std::size_t i = 0;; ++i) {
    if (workers_[i]->finished || (spinning && i == self)) continue;
    if (pick-- == 0) return i;
  }
}

inline void PctScheduler::wait_for_turn(std::size_t self) {
  std::unique_lock lock(mutex_);
  // relaxed: free_ is written under the mutex we hold.
  workers_[self]->wake.wait(lock, [&] { return turn_ == self || free_.load(std::memory_order_relaxed); });
}

// Passes the baton to `next`; `self` then waits for its return, unless it is k_nobody.
inline void PctScheduler::hand_over(std::size_t self, std::size_t next) {
  {
    const std::lock_guard lock(mutex_);
    turn_ = next;
  }
  workers_[next]->wake.notify_one();
  if (self != k_nobody) wait_for_turn(self);
}

inline void PctScheduler::go_free_locked() {
  report("no thread gets on, letting all run free");
  diverged_ = true;
  free_.store(true, std::memory_order_release);  // pairs with the acquire of the points: the baton is gone
  for (auto& worker : workers_) worker->wake.notify_one();
}

// What the caller of run() does meanwhile: wait, and look now and then whether anything moves.
inline void PctScheduler::watch_until_finished() {
  const auto done = [&] { return running_ == 0; };
  std::uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  // relaxed: free_ is written under the mutex we hold.
  while (!free_.load(std::memory_order_relaxed)) {
    if (all_finished_.wait_for(lock, options_.stall, done)) return;
    const std::uint64_t now = steps();
    if (now == seen && !free_.load(std::memory_order_relaxed)) go_free_locked();
    seen = now;
  }
  if (all_finished_.wait_for(lock, options_.give_up, done)) return;
  report("blocked for good, aborting");
  std::abort();
}

inline void PctScheduler::report(const char* what) const {
  std::fprintf(stderr, "[pct] seed %llu, step %llu: %s\n", static_cast<unsigned long long>(options_.seed),
               static_cast<unsigned long long>(steps()), what);
}

// Where the threads go round in circles, for whoever holds the baton.
inline void PctScheduler::report_last_steps() const {
  constexpr std::size_t k_shown = 24;
  std::fprintf(stderr, "[pct]   last steps, as thread:point:");
  for (std::size_t i = trace_.size() - std::min(trace_.size(), k_shown); i < trace_.size(); ++i) {
    std::fprintf(stderr, " %u:%u%s", trace_[i].thread, trace_[i].point, trace_[i].spinning ? "(spins)" : "");
  }
  std::fprintf(stderr, "\n");
}

}  // namespace fluxmap_test

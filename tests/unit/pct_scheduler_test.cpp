// The scheduler of the schedule tests: replays, finds planted races, and always ends.
#include "support/pct_scheduler.hpp"
#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace fluxmap_test;
using Bodies = std::vector<std::function<void()>>;

// Points as the code under test has them: it knows only the hook.
void at(unsigned id) { schedule_hook(id, false); }
template <class Condition>
void wait_until(unsigned id, Condition holds) {
  while (!holds()) schedule_hook(id, true);
}

Bodies copies(unsigned count, const std::function<void()>& body) { return Bodies(count, body); }

void ten_points() {
  for (unsigned i = 0; i < 10; ++i) at(i);
}

PctOptions short_run(std::uint64_t seed, PctMode mode) {
  PctOptions options;
  options.seed = seed;
  options.expected_steps = 10;
  options.mode = mode;
  return options;
}

// The first of `seeds` seeds under which `attempt` returns true; `seeds` when there is none.
template <class Attempt>
std::uint64_t first_hit(std::uint64_t seeds, Attempt attempt) {
  for (std::uint64_t s = 0; s < seeds; ++s) {
    if (attempt(s)) return s;
  }
  return seeds;
}

}  // namespace

TEST_CASE("the same seed takes the same steps, another seed others", "[pct]") {
  for (const PctMode mode : {PctMode::pct, PctMode::random_walk}) {
    std::set<std::string> shapes;
    for (std::uint64_t s = 0; s < 30; ++s) {
      PctOptions options = short_run(s, mode);
      options.expected_steps = 30;
      PctScheduler one(options);
      PctScheduler two(options);
      one.run(copies(3, ten_points));
      two.run(copies(3, ten_points));
      CHECK(one.trace() == two.trace());
      CHECK(one.steps() == 33);  // and one each for the end
      CHECK(one.steps() == one.trace().size());
      CHECK_FALSE(one.diverged());
      const auto first = one.trace();
      one.run(copies(3, ten_points));
      CHECK(one.trace() == first);
      std::string shape;
      for (const PctStep& step : first) shape += static_cast<char>('0' + step.thread);
      shapes.insert(shape);
    }
    CHECK(shapes.size() > 15);
  }
}

TEST_CASE("the parity of the seed chooses the mode", "[pct]") {
  CHECK_FALSE(PctScheduler({.seed = 2}).random_walk());
  CHECK(PctScheduler({.seed = 3}).random_walk());
  CHECK(PctScheduler({.seed = 2, .mode = PctMode::random_walk}).random_walk());
  CHECK_FALSE(PctScheduler({.seed = 3, .mode = PctMode::pct}).random_walk());
}

TEST_CASE("without change points priorities run the threads one after another", "[pct]") {
  PctScheduler scheduler({.seed = 7, .change_points = 0, .mode = PctMode::pct});
  scheduler.run(copies(4, ten_points));
  unsigned switches = 0;
  const auto trace = scheduler.trace();
  for (std::size_t i = 1; i < trace.size(); ++i) switches += trace[i].thread != trace[i - 1].thread ? 1U : 0U;
  CHECK(switches == 3);
}

TEST_CASE("threads run strictly one at a time", "[pct]") {
  for (std::uint64_t s = 0; s < 20; ++s) {
    PctScheduler scheduler({.seed = s, .expected_steps = 200});
    unsigned plain = 0;  // not atomic: the hand-over alone must order the accesses, as a race detector can tell
    std::atomic<int> inside{0};
    std::atomic<bool> overlap{false};
    scheduler.run(copies(4, [&] {
      for (unsigned i = 0; i < 50; ++i) {
        if (inside.fetch_add(1) != 0) overlap = true;
        ++plain;
        inside.fetch_sub(1);
        at(i);
      }
    }));
    CHECK(plain == 200);
    CHECK_FALSE(overlap);
  }
}

TEST_CASE("a lost update is found and replayed", "[pct]") {
  for (const PctMode mode : {PctMode::pct, PctMode::random_walk}) {
    const auto loses_update = [&](std::uint64_t s) {
      PctScheduler scheduler(short_run(s, mode));
      unsigned counter = 0;
      scheduler.run(copies(2, [&] {
        const unsigned seen = counter;
        at(1);
        counter = seen + 1;
        at(2);
      }));
      return counter != 2;
    };
    const std::uint64_t hit = first_hit(100, loses_update);
    CHECK(hit < 100);
    for (int again = 0; again < 3; ++again) CHECK(loses_update(hit));
  }
}

TEST_CASE("a bug that needs one switch late in a long run is found", "[pct]") {
  // PCT's strength: the writer must stop exactly between its two stores and stay stopped while the reader runs through.
  const auto torn = [](std::uint64_t s) {
    PctOptions options;
    options.seed = s;
    options.expected_steps = 60;
    options.mode = PctMode::pct;
    PctScheduler scheduler(options);
    unsigned left = 0;
    unsigned right = 0;
    bool seen = false;
    scheduler.run({[&] {
                     for (unsigned i = 0; i < 20; ++i) at(i);
                     left = 1;
                     at(100);
                     right = 1;
                     for (unsigned i = 0; i < 10; ++i) at(i);
                   },
                   [&] {
                     for (unsigned i = 0; i < 20; ++i) at(i);
                     seen = left != right;
                   }});
    return seen;
  };
  CHECK(first_hit(500, torn) < 500);
}

TEST_CASE("waiting for another thread ends under every seed", "[pct]") {
  for (std::uint64_t s = 0; s < 200; ++s) {
    PctScheduler scheduler({.seed = s, .expected_steps = 30});
    unsigned stage = 0;
    Bodies chain;
    for (unsigned i = 0; i < 4; ++i) {
      chain.push_back([&stage, i] {
        at(1);
        wait_until(2, [&] { return stage == 3 - i; });  // the last thread goes first
        at(3);
        ++stage;
      });
    }
    scheduler.run(chain);
    CHECK(stage == 4);
    CHECK_FALSE(scheduler.diverged());
    CHECK(scheduler.steps() < 1000);
  }
}

TEST_CASE("a retry loop that does not call itself waiting ends too", "[pct]") {
  for (std::uint64_t s = 0; s < 20; ++s) {
    PctScheduler scheduler({.seed = s, .max_in_a_row = 50});
    bool ready = false;
    const auto retry = [&] {
      while (!ready) at(1);
    };
    scheduler.run({retry, retry, [&] {
                     ten_points();
                     ready = true;
                   }});
    CHECK_FALSE(scheduler.diverged());
  }
}

TEST_CASE("a livelock ends in round robin, then in free running", "[pct]") {
  for (const std::uint64_t patience : {1'500U, 5'000U}) {  // steps until the threads give way: before and after free
    for (std::uint64_t s = 0; s < 4; ++s) {
      PctScheduler scheduler({.seed = s, .max_steps = 1'000});
      std::atomic<unsigned> ended{0};
      scheduler.run(copies(3, [&] {
        wait_until(1, [&] { return scheduler.steps() > patience; });
        ++ended;
      }));
      CHECK(scheduler.diverged());
      CHECK(scheduler.steps() > patience);
      CHECK(ended == 3);
    }
  }
}

TEST_CASE("a thread blocked by one that stands still sets all free", "[pct]") {
  // Under some seed the owner of the mutex is stopped inside and the other blocks without telling.
  bool diverged = false;
  for (std::uint64_t s = 0; s < 50 && !diverged; ++s) {
    PctOptions options = short_run(s, PctMode::pct);
    options.stall = std::chrono::milliseconds(50);
    PctScheduler scheduler(options);
    std::mutex mutex;
    unsigned passed = 0;
    scheduler.run(copies(2, [&] {
      at(1);
      const std::lock_guard lock(mutex);
      at(2);
      ++passed;
    }));
    CHECK(passed == 2);
    diverged = scheduler.diverged();
  }
  CHECK(diverged);
}

TEST_CASE("the invariant is called after every step and may use hooked code", "[pct]") {
  for (std::uint64_t s = 0; s < 10; ++s) {
    PctScheduler scheduler({.seed = s, .expected_steps = 60});
    std::uint64_t calls = 0;
    std::uint64_t last_step = 0;
    std::array<unsigned, 2> account{50, 50};
    bool balanced = true;
    scheduler.set_invariant([&] {
      ++calls;
      balanced = balanced && account[0] + account[1] == 100 && scheduler.steps() == last_step + 1;
      last_step = scheduler.steps();
      at(99);  // ignored
      wait_until(98, [] { return true; });
    });
    scheduler.run(copies(3, [&] {
      for (unsigned i = 0; i < 10; ++i) {
        --account[0], ++account[1];
        at(i);
      }
    }));
    CHECK(calls == scheduler.steps());
    CHECK(calls == 33);
    CHECK(balanced);
  }
}

TEST_CASE("a violated invariant ends the run with its exception, after the bodies", "[pct]") {
  PctScheduler scheduler({.seed = 4});
  unsigned done = 0;
  unsigned calls = 0;
  scheduler.set_invariant([&] {
    if (++calls == 5) throw std::domain_error("broken");
  });
  const auto body = [&]() noexcept {  // noexcept: the exception must not pass through here
    ten_points();
    ++done;
  };
  CHECK_THROWS_AS(scheduler.run(copies(2, body)), std::domain_error);
  CHECK(done == 2);
  CHECK(calls == 5);
}

TEST_CASE("an exception of a body comes out of run when all have ended", "[pct]") {
  for (std::uint64_t s = 0; s < 10; ++s) {
    PctScheduler scheduler({.seed = s});
    unsigned done = 0;
    const Bodies bodies{[&] {
                          ten_points();
                          ++done;
                        },
                        [] {
                          at(1);
                          throw std::out_of_range("first");
                        },
                        [] { throw std::domain_error("second"); }};
    CHECK_THROWS_AS(scheduler.run(bodies), std::out_of_range);
    CHECK(done == 1);
    CHECK_NOTHROW(scheduler.run(copies(2, ten_points)));  // nothing sticks
  }
}

TEST_CASE("points on threads of nobody are ignored", "[pct]") {
  CHECK(PctScheduler::current() == nullptr);
  schedule_hook(1, false);
  schedule_hook(1, true);
  PctScheduler scheduler({.seed = 1});
  scheduler.point(1);
  scheduler.spin_point(1);
  CHECK(scheduler.steps() == 0);
  scheduler.run({});
  CHECK(scheduler.steps() == 0);

  PctScheduler other({.seed = 2});
  scheduler.run({[&] {
    other.point(5);  // not its thread
    std::thread([] { ten_points(); }).join();
    at(1);
    CHECK(PctScheduler::current() == &scheduler);
    CHECK_THROWS_AS(other.run({[] {}}), std::logic_error);
  }});
  CHECK(other.steps() == 0);
  CHECK(scheduler.steps() == 2);
  CHECK(PctScheduler::current() == nullptr);
}

TEST_CASE("thread-local destructors of the bodies run one after another, unscheduled", "[pct]") {
  static std::atomic<int> inside{0};
  static std::atomic<int> destroyed{0};
  static std::atomic<bool> overlap{false};
  struct AtExit {
    bool armed = false;
    ~AtExit() {
      if (!armed) return;
      if (inside.fetch_add(1) != 0) overlap = true;
      at(1);
      ++destroyed;
      inside.fetch_sub(1);
    }
  };
  for (std::uint64_t s = 0; s < 10; ++s) {
    PctScheduler scheduler({.seed = s});
    scheduler.run(copies(4, [] {
      static thread_local AtExit local;
      local.armed = true;
      at(2);
    }));
    CHECK(scheduler.steps() == 8);
  }
  CHECK(destroyed == 40);
  CHECK_FALSE(overlap);
}

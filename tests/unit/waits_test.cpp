// The threads of upkeep wait for as long as they are told to, whatever the length: no duration makes them spin.
#include <fluxmap/detail/platform/deadline.hpp>
#include <fluxmap/detail/upkeep/auto_vacuum.hpp>
#include <fluxmap/detail/upkeep/expirer.hpp>

#include <atomic>
#include <chrono>
#include <limits>
#include <thread>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using fluxmap::ManualClock;
using fluxmap::detail::AutoVacuum;
using fluxmap::detail::Deadline;
using fluxmap::detail::Expirer;
using fluxmap::detail::k_no_deadline;
using fluxmap::detail::steady_after;
using fluxmap::detail::Timer;
using fluxmap::detail::TimingWheel;

namespace {

// Returns when a thread that is called every millisecond has been so twenty times.
void let_others_run() {
  std::atomic<int> runs{0};
  AutoVacuum often(1ms, [&](const auto&) { runs.fetch_add(1); });
  while (runs.load() < 20) std::this_thread::yield();
}

}  // namespace

TEST_CASE("a_moment_that_is_too_far_off_is_far_off") {
  const auto now = std::chrono::steady_clock::now();
  for (const std::chrono::milliseconds time :
       {std::chrono::milliseconds::max(), std::chrono::milliseconds::max() - 1ms,
        std::chrono::milliseconds::max() / 1'000'000, std::chrono::milliseconds(24h * 365 * 200)}) {
    CHECK(steady_after(time) > now + 24h * 365);
  }
  CHECK(steady_after(1h) >= now + 1h);
  CHECK(steady_after(1h) < now + 2h);
}

TEST_CASE("an_interval_of_any_length_is_waited_for") {
  for (const std::chrono::milliseconds interval :
       {std::chrono::milliseconds::max(), std::chrono::milliseconds::max() - 1ms,
        std::chrono::milliseconds::max() / 1'000'000 + 1ms, std::chrono::milliseconds(24h * 365 * 200)}) {
    INFO("interval " << interval.count() << " ms");
    std::atomic<int> runs{0};
    AutoVacuum upkeep(interval, [&](const auto&) { runs.fetch_add(1); });
    let_others_run();
    CHECK(runs.load() == 0);
  }
}

TEST_CASE("a_deadline_of_any_distance_is_waited_for") {
  constexpr Deadline k_least = std::numeric_limits<Deadline>::min();
  for (const auto start : {ManualClock::time_point::min(), ManualClock::time_point(-1h), ManualClock::time_point(0ns),
                           ManualClock::time_point::max()}) {
    for (const Deadline at : {k_least, Deadline{-1}, Deadline{0}, k_no_deadline / 2, k_no_deadline - 1}) {
      INFO("clock at " << start.time_since_epoch().count() << " ns, deadline " << at);
      ManualClock clock(start);
      TimingWheel wheel;
      Timer timer(at);
      wheel.start(fluxmap::detail::as_deadline(start));
      wheel.add(timer, nullptr);
      const bool due = at <= fluxmap::detail::as_deadline(start);
      std::atomic<int> runs{0};
      Expirer expirer(
          wheel, clock,
          [&] {
            runs.fetch_add(1);
            return false;
          },
          [] { return true; });
      expirer.start();
      let_others_run();
      // It looks ten times a second, because the clock may be set; what is due is asked for again and again.
      if (due) CHECK(runs.load() > 0);
      expirer.stop();
      wheel.remove(timer);
    }
  }
}

// The timing wheel: every timer is due at its deadline and not before, whatever the distance and the steps of time.
#include <fluxmap/detail/index/timing_wheel.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "support/catch.hpp"
#include "support/seed.hpp"

using fluxmap::detail::Deadline;
using fluxmap::detail::k_no_deadline;
using fluxmap::detail::Timer;
using fluxmap::detail::TimingWheel;

namespace {

constexpr Deadline k_start = 1'700'000'000'000'000;

std::vector<Timer*> all_due(TimingWheel& wheel, Deadline now) {
  std::vector<Timer*> found;
  std::array<Timer*, 7> some;
  for (bool more = true; more;) {
    const std::size_t count = wheel.take_due(now, some, more);
    found.insert(found.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return found;
}

}  // namespace

TEST_CASE("a_timer_is_due_at_its_deadline_and_not_before") {
  for (const Deadline distance : {Deadline{0}, Deadline{1}, Deadline{1023}, Deadline{1024}, Deadline{65'536},
                                  Deadline{67'108'864}, Deadline{86'400'000'000}, Deadline{3'000'000'000'000}}) {
    Timer timer(k_start + distance);
    TimingWheel wheel;
    wheel.start(k_start);
    CHECK(wheel.next() == k_no_deadline);
    CHECK(wheel.add(timer, nullptr));
    CHECK(wheel.waiting() == 1);
    if (distance > 0) CHECK(all_due(wheel, k_start + distance - 1).empty());
    CHECK(all_due(wheel, k_start + distance) == std::vector<Timer*>{&timer});
    CHECK(wheel.waiting() == 0);
    CHECK(all_due(wheel, k_start + 2 * distance + 1).empty());
  }
}

TEST_CASE("what_is_taken_out_is_not_due") {
  Timer first(k_start + 5000), second(k_start + 5000);
  TimingWheel wheel;
  wheel.start(k_start);
  wheel.add(first, nullptr);
  wheel.add(second, nullptr);
  wheel.remove(first);
  wheel.remove(first);
  CHECK(all_due(wheel, k_start + 10'000) == std::vector<Timer*>{&second});
  wheel.remove(second);
  CHECK(wheel.waiting() == 0);
}

TEST_CASE("a_clock_that_is_set_back_makes_nothing_due_and_loses_nothing") {
  Timer timer(k_start + 5000);
  TimingWheel wheel;
  wheel.start(k_start);
  wheel.add(timer, nullptr);
  CHECK(all_due(wheel, k_start - 1'000'000'000).empty());
  CHECK(all_due(wheel, k_start + 5000) == std::vector<Timer*>{&timer});
}

TEST_CASE("a_timer_added_after_the_clock_was_set_back_is_due_by_the_new_time") {
  constexpr Deadline k_hour = 3'600'000'000;
  Timer before(k_start + 5000), long_before(k_start + 30 * 24 * k_hour);
  Timer after(k_start - k_hour + 1'000'000), soon(k_start - k_hour + 1);
  TimingWheel wheel;
  wheel.start(k_start);
  wheel.add(before, nullptr);
  wheel.add(long_before, nullptr);
  CHECK(all_due(wheel, k_start + 1000).empty());
  Deadline now = k_start - k_hour;
  CHECK(wheel.add(after, nullptr));
  CHECK(wheel.add(soon, nullptr));
  CHECK(wheel.next() <= now + 1);
  CHECK(all_due(wheel, now + 1) == std::vector<Timer*>{&soon});
  CHECK(all_due(wheel, now + 999'999).empty());
  CHECK(wheel.next() <= now + 1'000'000);
  CHECK(all_due(wheel, now + 1'000'000) == std::vector<Timer*>{&after});
  CHECK(all_due(wheel, k_start + 5000) == std::vector<Timer*>{&before});
  now = k_start - 400 * 24 * k_hour;  // once more, and by more than the wheels reach
  CHECK(all_due(wheel, now).empty());
  CHECK(all_due(wheel, k_start + 30 * 24 * k_hour) == std::vector<Timer*>{&long_before});
}

TEST_CASE("a_timer_added_after_the_clock_has_wavered_is_due_at_its_deadline") {
  Timer sooner(k_start - 15'000), later(k_start - 5000), far(k_start + 1'000'000);
  TimingWheel wheel;
  wheel.start(k_start);
  wheel.add(far, nullptr);
  wheel.add(sooner, nullptr);
  wheel.add(later, nullptr);
  CHECK(all_due(wheel, k_start - 20'000).empty());
  CHECK(all_due(wheel, k_start - 15'000) == std::vector<Timer*>{&sooner});
  CHECK(all_due(wheel, k_start - 5001).empty());
  CHECK(all_due(wheel, k_start) == std::vector<Timer*>{&later});
  CHECK(all_due(wheel, k_start + 1'000'000) == std::vector<Timer*>{&far});
}

TEST_CASE("deadlines_before_1970_and_at_the_ends_of_time_are_due_in_their_order") {
  constexpr Deadline k_least = std::numeric_limits<Deadline>::min();
  const std::vector<Deadline> times{k_least,
                                    k_least + 1,
                                    k_least + 5'000'000'000'000,
                                    -1'700'000'000'000'000,
                                    -1'000'000'000,
                                    -2048,
                                    -1025,
                                    -1024,
                                    -1,
                                    0,
                                    1,
                                    k_start,
                                    k_no_deadline / 2,
                                    k_no_deadline - 5'000'000'000'000,
                                    k_no_deadline - 2000,
                                    k_no_deadline - 2,
                                    k_no_deadline - 1};
  for (std::size_t first = 0; first < times.size(); ++first) {
    INFO("from " << times[first]);
    std::deque<Timer> timers;
    TimingWheel wheel;
    wheel.start(times[first]);
    for (const Deadline at : times) wheel.add(timers.emplace_back(at), nullptr);
    for (std::size_t i = first; i < times.size(); ++i) {
      INFO("at " << times[i]);
      CHECK(wheel.next() <= times[i]);
      const std::size_t due = all_due(wheel, times[i]).size();
      CHECK(due == (i == first ? first + 1 : 1));
    }
    CHECK(wheel.waiting() == 0);
    CHECK(wheel.next() == k_no_deadline);
  }
}

TEST_CASE("random_timers_are_due_in_every_step_as_a_sorted_list_says") {
  const std::uint64_t seed = fluxmap_test::seed("timing wheel");
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    std::deque<Timer> timers;
    std::vector<Timer*> waiting;
    TimingWheel wheel;
    Deadline now = k_start, latest = now;  // where it has been, but for what was set back by more than a little
    wheel.start(now);
    for (int step = 0; step < 60; ++step) {
      for (int i = 0; i < 5; ++i) {
        waiting.push_back(
            &timers.emplace_back(now + static_cast<Deadline>(random() % (std::uint64_t{1} << random() % 42))));
        wheel.add(*waiting.back(), nullptr);
      }
      if (step % 3 == 0 && !waiting.empty()) {
        const std::size_t at = random() % waiting.size();
        wheel.remove(*waiting[at]);
        waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(at));
      }
      const Deadline next = wheel.next();
      for (const Timer* timer : waiting) REQUIRE((timer->at <= latest || next <= timer->at));
      if (random() % 8 == 0) {
        now -= static_cast<Deadline>(random() % (std::uint64_t{1} << random() % 40));
      } else {
        now += static_cast<Deadline>(random() % (std::uint64_t{1} << random() % 40));
      }
      if (latest - now > 50'000 && latest - now < 80'000) now = latest;  // whether that is a little is not told here
      latest = latest - now > 50'000 ? now : std::max(latest, now);
      std::vector<Timer*> due = all_due(wheel, now);
      std::vector<Timer*> expected;
      for (Timer* timer : waiting) {
        if (timer->at <= now) expected.push_back(timer);
      }
      std::erase_if(waiting, [&](const Timer* timer) { return timer->at <= now; });
      std::sort(due.begin(), due.end());
      std::sort(expected.begin(), expected.end());
      REQUIRE(due == expected);
      REQUIRE(wheel.waiting() == waiting.size());
    }
  }
}

TEST_CASE("many_timers_that_are_due_later_in_this_tick_do_not_come_round_for_ever") {
  constexpr Deadline k_tick = 1'000'000 * 1024;  // where a tick begins
  std::deque<Timer> timers;
  TimingWheel wheel;
  wheel.start(k_tick);
  for (int i = 0; i < 1000; ++i) wheel.add(timers.emplace_back(k_tick + 1000), nullptr);
  std::array<Timer*, 7> some;
  bool more = true;
  for (int round = 0; more && round < 1000; ++round) CHECK(wheel.take_due(k_tick + 999, some, more) == 0);
  CHECK_FALSE(more);
  CHECK(all_due(wheel, k_tick + 1000).size() == 1000);
}

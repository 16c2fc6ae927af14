// The pauses between attempts that fail.
#include <fluxmap/detail/upkeep/retry_pause.hpp>

#include <algorithm>
#include <chrono>

#include "support/catch.hpp"

namespace {

using fluxmap::detail::RetryPause;
using namespace std::chrono_literals;

constexpr RetryPause::Clock::time_point k_start{1000h};

TEST_CASE("the_first_attempt_does_not_wait") { CHECK(RetryPause().until() <= k_start); }

TEST_CASE("the_pause_doubles_with_every_failure_up_to_the_longest") {
  RetryPause pause;
  auto now = k_start;
  auto expected = RetryPause::k_first;
  int attempts = 0;
  while (now < k_start + 24h) {
    pause.failed(now, now);
    CHECK(pause.until() - now == expected);
    now = pause.until();
    expected = std::min(2 * expected, RetryPause::k_longest);
    ++attempts;
  }
  CHECK(expected == RetryPause::k_longest);
  CHECK(attempts < 24 * 12 + 10);
}

TEST_CASE("the_pause_is_not_shorter_than_what_has_failed_took") {
  RetryPause pause;
  pause.failed(k_start, k_start + 1h);
  CHECK(pause.until() == k_start + 2h);
  pause.failed(k_start + 2h, k_start + 2h);
  CHECK(pause.until() == k_start + 2h + 2 * RetryPause::k_first);
}

TEST_CASE("after_a_success_the_pauses_begin_anew") {
  RetryPause pause;
  for (int i = 0; i < 10; ++i) pause.failed(k_start, k_start);
  pause.succeeded();
  CHECK(pause.until() <= k_start);
  pause.failed(k_start, k_start);
  CHECK(pause.until() == k_start + RetryPause::k_first);
}

}  // namespace

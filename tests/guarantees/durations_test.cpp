// Durations at the ends of their type: every option takes them or refuses them by name, and they mean what they say.
#include <fluxmap/fluxmap.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "shared.hpp"
#include "support/catch.hpp"
#include "support/persistent.hpp"
#include "support/run.hpp"

using namespace fluxmap_test;
using namespace std::chrono_literals;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using Numbers = fluxmap::Database<std::uint64_t, std::uint64_t>;

TEST_CASE("a_flush_interval_of_any_length_is_waited_for") {
  for (const milliseconds interval : {milliseconds::max(), milliseconds::max() - 1ms, milliseconds::max() / 1'000'000,
                                      milliseconds(24h * 365 * 300)}) {
    INFO("interval " << interval.count() << " ms");
    const auto slow_disk = std::make_shared<MemoryDisk>(), quick_disk = std::make_shared<MemoryDisk>();
    const auto slow =
        builder_on<std::uint64_t, std::uint64_t>(slow_disk, Level::relaxed).flush_interval(interval).build();
    const auto quick = builder_on<std::uint64_t, std::uint64_t>(quick_disk, Level::relaxed).flush_interval(1ms).build();
    const std::uint64_t before = slow->stats().log_syncs;
    auto handle = slow->handle(), other = quick->handle();
    for (std::uint64_t i = 0; i < 10; ++i) {
      put(handle, i, i);
      put(other, i, i);
      while (quick->stats().log_syncs <= i / 2) std::this_thread::yield();  // time goes by
    }
    CHECK(slow->stats().log_syncs == before);
    run(slow->flush());
    CHECK(slow->stats().log_syncs == before + 1);
    put(handle, std::uint64_t{11}, std::uint64_t{11});
    run(slow->close());
    run(quick->close());
  }
}

TEST_CASE("durations_that_are_not_positive_are_refused_by_name") {
  for (const milliseconds time : {milliseconds::min(), milliseconds(-1), milliseconds(0)}) {
    const auto refused = [](const auto& builder, const char* name) {
      try {
        builder.build();
      } catch (const boost::system::system_error& error) {
        return error.code() == errc::invalid_option && std::string(error.what()).find(name) != std::string::npos;
      }
      return false;
    };
    CHECK(refused(Numbers::builder().auto_vacuum({.interval = time}), "interval"));
    CHECK(refused(Numbers::builder().flush_interval(time), "flush_interval"));
    CHECK(refused(Numbers::builder().time_to_live(time), "time_to_live"));
  }
}

TEST_CASE("an_interval_of_any_length_does_not_hold_up_the_end") {
  for (const milliseconds time : {milliseconds::max(), milliseconds::max() - 1ms, milliseconds(1)}) {
    const auto disk = std::make_shared<MemoryDisk>();
    const auto database = builder_on<std::uint64_t, std::uint64_t>(disk, Level::relaxed)
                              .auto_vacuum({.interval = time})
                              .flush_interval(time)
                              .time_to_live(time)
                              .build();
    auto handle = database->handle();
    put(handle, std::uint64_t{1}, std::uint64_t{1});
    run(database->close());
  }
}

TEST_CASE("a_retry_policy_of_any_pauses_still_retries") {
  const auto database = Numbers::builder().build();
  auto handle = database->handle();
  for (const microseconds backoff : {microseconds::min(), microseconds(-1), microseconds(0), microseconds::max()}) {
    for (const microseconds cap : {microseconds::min(), microseconds(-1), microseconds(0), microseconds(1)}) {
      int attempts = 0;
      run(handle.transaction(
          [&](auto& tx) -> asio::awaitable<void> {
            ++attempts;
            tx.get(1);
            if (attempts < 4) co_await handle.insert(1, static_cast<std::uint64_t>(attempts));
            tx.insert(2, 2);
          },
          {.retry = {.backoff = backoff, .backoff_cap = cap, .reserve_after = 0}}));
      CHECK(attempts == 4);
    }
  }
}

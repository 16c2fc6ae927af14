// Time to live: what has expired is never returned, and really goes.
#include <fluxmap/fluxmap.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "shared.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"

using namespace fluxmap_test;
using namespace std::chrono_literals;
using fluxmap::ExpiresAfter;
using fluxmap::ManualClock;
using Expiring = fluxmap::Database<std::string, int>;

namespace {

auto with(const std::shared_ptr<ManualClock>& clock) { return Expiring::builder().clock(clock); }

}  // namespace

TEST_CASE("an_expired_entry_is_never_returned") {
  const auto clock = std::make_shared<ManualClock>();
  const auto store = with(clock).build();
  auto handle = store->handle();
  run(handle.insert("a", 1, ExpiresAfter{100ms}));
  put(handle, std::string("b"), 2);
  clock->advance(99ms);
  CHECK(handle.get("a") == 1);
  clock->advance(1ms);
  CHECK_FALSE(handle.get("a"));
  CHECK_FALSE(handle.contains("a"));
  CHECK(handle.get_many(std::vector<std::string>{"a", "b"})[0] == std::nullopt);
  CHECK(keys_of(handle.range("", "z")) == std::vector<std::string>{"b"});
  CHECK(keys_of(handle.prefix_scan("a")).empty());
  CHECK(run(handle.remove("a")) == std::nullopt);
  CHECK(run(handle.insert_if_absent("a", 3)));
  CHECK(handle.get("a") == 3);
}

TEST_CASE("a_transaction_has_one_now") {
  const auto clock = std::make_shared<ManualClock>();
  const auto store = with(clock).build();
  auto handle = store->handle();
  run(handle.insert("a", 1, ExpiresAfter{10ms}));
  run(handle.insert("b", 1, ExpiresAfter{10ms}));
  auto transaction = handle.begin();
  REQUIRE(transaction.get("a") != nullptr);
  clock->advance(1h);
  CHECK(transaction.get("b") != nullptr);  // a moment ago it was there, so for this transaction it is
  transaction.insert("c", 1);
  CHECK(commits(transaction));
  CHECK_FALSE(handle.contains("b"));
}

TEST_CASE("expiry_does_not_abort_who_saw_nothing_there") {
  const auto clock = std::make_shared<ManualClock>();
  const auto store = with(clock).build();
  auto handle = store->handle();
  run(handle.insert("a", 1, ExpiresAfter{10ms}));
  clock->advance(10ms);
  auto transaction = handle.begin();
  CHECK(transaction.get("a") == nullptr);
  CHECK(transaction.range("", "z").empty());
  run(store->vacuum());  // the tombstone is committed now, or was before
  transaction.insert("c", 1);
  CHECK(commits(transaction));
}

TEST_CASE("who_saw_a_value_that_expired_since_conflicts", "[trap-15]") {
  const auto clock = std::make_shared<ManualClock>();
  const auto store = with(clock).build();
  auto handle = store->handle();
  run(handle.insert("a", 1, ExpiresAfter{10ms}));
  auto transaction = handle.begin();
  REQUIRE(transaction.get("a") != nullptr);
  clock->advance(10ms);
  run(handle.insert("a", 2));
  transaction.insert("c", 1);
  CHECK_FALSE(commits(transaction));
}

TEST_CASE("expired_entries_are_freed_and_counted") {
  const auto clock = std::make_shared<ManualClock>();
  const auto store = with(clock).time_to_live(1s).build();
  auto handle = store->handle();
  for (int i = 0; i < 1000; ++i) put(handle, std::to_string(i), i);
  run(handle.insert("long", 1, ExpiresAfter{1h}));
  CHECK(store->size() == 1001);
  clock->advance(2s);
  run(store->vacuum());
  const auto stats = store->stats();
  CHECK(stats.keys == 1);
  CHECK(stats.expirations == 1000);
  CHECK(handle.contains("long"));
  for (int i = 0; i < 1000 && store->stats().entries > 1; ++i) run(store->vacuum());
  CHECK(store->stats().entries == 1);
  clock->advance(2h);
  run(store->vacuum());
  for (int i = 0; i < 1000 && store->stats().entries > 0; ++i) run(store->vacuum());
  CHECK(store->stats().memory_bytes == 0);
}

TEST_CASE("the_last_write_decides_when_an_entry_expires") {
  const auto clock = std::make_shared<ManualClock>();
  const auto store = with(clock).time_to_live(10s).build();
  auto handle = store->handle();
  put(handle, std::string("a"), 1);
  run(handle.insert("b", 1, ExpiresAfter{1s}));
  clock->advance(9s);
  put(handle, std::string("a"), 2);
  put(handle, std::string("c"), 1);
  run(handle.update("a", [](const int* old) { return *old + 1; }));
  CHECK_FALSE(handle.contains("b"));
  clock->advance(9s);
  run(store->vacuum());
  CHECK(handle.get("a") == 3);
  run(handle.transaction([](auto& tx) { tx.insert("d", 1, ExpiresAfter{5s}); }));
  clock->advance(2s);
  CHECK_FALSE(handle.contains("a"));
  CHECK(handle.contains("d"));
  clock->advance(3s);
  CHECK_FALSE(handle.contains("d"));
}

TEST_CASE("a_time_to_live_that_is_not_positive_is_refused") {
  const auto store = with(std::make_shared<ManualClock>()).build();
  auto handle = store->handle();
  CHECK(code_of([&] { run(handle.insert("a", 1, ExpiresAfter{0ms})); }) == errc::invalid_option);
  CHECK(code_of([&] { run(handle.insert("a", 1, ExpiresAfter{-1ms})); }) == errc::invalid_option);
  CHECK(store->size() == 0);
  run(handle.insert("a", 1, ExpiresAfter{std::chrono::milliseconds::max()}));
  CHECK(handle.contains("a"));
}

TEST_CASE("deadlines_survive_a_restart_and_run_while_the_database_is_closed", "[trap-15]") {
  const auto directory = std::filesystem::temp_directory_path() / "fluxmap_time_to_live_test";
  std::filesystem::remove_all(directory);
  for (const bool checkpoint : {false, true}) {
    INFO("checkpoint " << checkpoint);
    const auto clock = std::make_shared<ManualClock>();
    const auto builder = with(clock).durability_relaxed({.directory = directory});
    {
      const auto store = builder.build();
      auto handle = store->handle();
      run(handle.insert("a", 1, ExpiresAfter{10s}));
      put(handle, std::string("b"), 2);
      run(handle.insert("c", 3, ExpiresAfter{100s}));
      if (checkpoint) run(store->checkpoint());
      run(store->close());
    }
    clock->advance(10s);
    {
      const auto store = builder.build();
      auto handle = store->handle();
      CHECK(keys_of(handle.range("", "z")) == std::vector<std::string>{"b", "c"});
      clock->advance(90s);
      CHECK(keys_of(handle.range("", "z")) == std::vector<std::string>{"b"});
      run(store->close());
    }
    std::filesystem::remove_all(directory);
  }
}

TEST_CASE("the_wall_clock_expires_by_itself") {
  Expiring store;
  auto handle = store.handle();
  run(handle.insert("a", 1, ExpiresAfter{5ms}));
  while (store.stats().expirations == 0) std::this_thread::yield();
  CHECK_FALSE(handle.contains("a"));
  CHECK(store.size() == 0);
}

TEST_CASE("what_is_written_after_the_clock_was_set_back_expires_by_the_new_time") {
  for (const std::chrono::milliseconds back :
       {std::chrono::milliseconds(1h), std::chrono::milliseconds(2s), std::chrono::milliseconds(24h * 365 * 60)}) {
    INFO("set back by " << back.count() << " ms");
    const auto clock = std::make_shared<ManualClock>();
    const auto store = with(clock).build();
    auto handle = store->handle();
    run(handle.insert("before", 1, ExpiresAfter{1s}));
    run(store->vacuum());
    clock->advance(10ms);
    run(store->vacuum());
    clock->advance(-back);
    run(handle.insert("a", 1, ExpiresAfter{1s}));
    run(handle.insert("b", 1, ExpiresAfter{3s}));
    clock->advance(999ms);
    CHECK(handle.contains("a"));
    clock->advance(2ms);
    CHECK_FALSE(handle.contains("a"));
    // By itself, without a call.
    const auto until = std::chrono::steady_clock::now() + 60s;
    while (store->stats().expirations == 0 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    CHECK(store->stats().expirations == 1);
    clock->advance(2s);
    run(store->vacuum());
    while (store->stats().expirations < 2 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    CHECK(store->stats().expirations >= 2);
    CHECK_FALSE(handle.contains("b"));
    CHECK(handle.contains("before") == (back > 3s));
    clock->advance(back);
    run(store->vacuum());
    while (store->size() > 0 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    CHECK(store->size() == 0);
  }
}

TEST_CASE("entries_expire_before_1970_and_at_the_ends_of_the_clock") {
  using TimePoint = fluxmap::Clock::time_point;
  const auto directory = std::filesystem::temp_directory_path() / "fluxmap_ends_of_the_clock_test";
  for (const TimePoint start : {TimePoint::min(), TimePoint::min() + 1ns, TimePoint(-24h * 365 * 100), TimePoint(-1ms),
                                TimePoint(-1ns), TimePoint(0ns), TimePoint::max() - 1h, TimePoint::max()}) {
    INFO("clock at " << start.time_since_epoch().count() << " ns");
    std::filesystem::remove_all(directory);
    const auto clock = std::make_shared<ManualClock>(start);
    const auto builder = with(clock).max_memory(1 << 20).durability_relaxed({.directory = directory});
    {
      const auto store = builder.build();
      auto handle = store->handle();
      run(handle.insert("short", 1, ExpiresAfter{1ms}));
      run(handle.insert("hour", 1, ExpiresAfter{1h}));
      run(handle.insert("longest", 1, ExpiresAfter{std::chrono::milliseconds::max()}));
      run(handle.insert("almost", 1, ExpiresAfter{std::chrono::milliseconds::max() / 1000}));
      run(handle.transaction([](auto& tx) { tx.insert("tx", 1, ExpiresAfter{1ms}); }));
      CHECK(handle.contains("short"));
      run(store->checkpoint());
      run(store->close());
    }
    const auto store = builder.build();
    auto handle = store->handle();
    CHECK(store->size() == 5);
    clock->advance(1ms);
    const bool moves = clock->now() != start;  // it has stopped at its end
    CHECK(moves == (start != TimePoint::max()));
    CHECK(handle.contains("short") != moves);
    CHECK(handle.contains("tx") != moves);
    CHECK(handle.contains("hour"));
    CHECK(handle.contains("longest"));
    CHECK(handle.contains("almost"));
    store->scan_metadata([](const auto&) {});
    const auto until = std::chrono::steady_clock::now() + 60s;
    while (moves && store->size() > 3 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    CHECK(store->size() == (moves ? 3 : 5));
    run(store->close());
  }
  std::filesystem::remove_all(directory);
}

TEST_CASE("a_manual_clock_stops_at_its_ends") {
  using TimePoint = fluxmap::Clock::time_point;
  ManualClock clock(TimePoint::max() - 1s);
  clock.advance(2s);
  CHECK(clock.now() == TimePoint::max());
  clock.advance(-1s);
  CHECK(clock.now() == TimePoint::max() - 1s);
  ManualClock early(TimePoint::min() + 1s);
  early.advance(std::chrono::nanoseconds::min());
  CHECK(early.now() == TimePoint::min());
  early.advance(std::chrono::nanoseconds::max());
  CHECK(early.now() == TimePoint(-1ns));
}

TEST_CASE("a_time_to_live_of_any_length_is_taken_or_refused_by_name") {
  using std::chrono::milliseconds;
  for (const milliseconds time : {milliseconds::min(), milliseconds(-1), milliseconds(0)}) {
    CHECK(code_of([&] { with(std::make_shared<ManualClock>()).time_to_live(time).build(); }) == errc::invalid_option);
    const auto store = with(std::make_shared<ManualClock>()).build();
    CHECK(code_of([&] { run(store->handle().insert("a", 1, ExpiresAfter{time})); }) == errc::invalid_option);
    CHECK(code_of([&] {
            run(store->handle().transaction([&](auto& tx) { tx.insert("a", 1, ExpiresAfter{time}); }));
          }) == errc::invalid_option);
  }
  for (const milliseconds time : {milliseconds::max(), milliseconds::max() - 1ms, milliseconds::max() / 1000,
                                  milliseconds::max() / 1000 + 1ms, milliseconds::max() / 1'000'000}) {
    const auto clock = std::make_shared<ManualClock>();
    const auto store = with(clock).time_to_live(time).build();
    auto handle = store->handle();
    put(handle, std::string("a"), 1);
    run(handle.insert_if_absent("b", 1));
    run(handle.update("c", [](const int*) { return 1; }));
    run(handle.transaction([](auto& tx) { tx.insert("d", 1); }));
    clock->advance(24h * 365 * 10);
    run(store->vacuum());
    CHECK(store->size() == 4);
  }
}

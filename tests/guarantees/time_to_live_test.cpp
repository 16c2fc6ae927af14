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

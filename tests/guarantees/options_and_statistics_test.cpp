// The builder's options, and the numbers that a database tells about itself.
#include <chrono>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "guarantees/shared.hpp"

namespace {

using namespace fluxmap_test;
using namespace std::chrono_literals;

using Store = fluxmap::Database<std::string, int>;

// The message of the system_error that f() throws.
template <class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const boost::system::system_error& error) {
    CHECK(error.code() == errc::invalid_option);
    return error.what();
  }
  return "no error";
}

// Waits for a condition that another thread brings about.
template <class Condition>
bool comes_true(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

TEST_CASE("the_builder_makes_databases_in_memory_by_default") {
  auto builder = Store::builder();
  const auto first = builder.build();
  const auto second = builder.in_memory().build();
  auto handle = first->handle();
  put(handle, std::string("k"), 1);
  CHECK(first->size() == 1);
  CHECK(second->size() == 0);
  CHECK(run(builder.async_build())->size() == 0);
}

TEST_CASE("an_option_out_of_range_is_refused_by_name") {
  for (const double p : {0.0, 1.0, -0.5, 1.5, std::numeric_limits<double>::quiet_NaN(),
                         std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    CAPTURE(p);
    CHECK_THAT(message_of([&] { Store::builder().skiplist_p(p).build(); }), fluxmap_test::contains_text("skiplist_p"));
    CHECK_THAT(message_of([&] { run(Store::builder().skiplist_p(p).async_build()); }),
               fluxmap_test::contains_text("skiplist_p"));
  }
  for (const auto interval : {0ms, -1ms}) {
    CHECK_THAT(message_of([&] { Store::builder().auto_vacuum({.interval = interval}).build(); }),
               fluxmap_test::contains_text("auto_vacuum"));
  }
  Store store;
  auto handle = store.handle();
  bool called = false;
  CHECK_THAT(message_of([&] { run(handle.transaction([&](auto&) { called = true; }, {.retry = {.attempts = 0}})); }),
             fluxmap_test::contains_text("attempts"));
  CHECK_FALSE(called);
}

TEST_CASE("every_tower_probability_in_the_open_interval_works") {
  for (const double p : {std::numeric_limits<double>::min(), 0.01, 0.25, 0.5, 0.99, 0.999999}) {
    CAPTURE(p);
    auto store = fluxmap::Database<int, int>::builder().skiplist_p(p).build();
    auto handle = store->handle();
    run(handle.transaction([](auto& tx) {
      for (int i = 0; i < 300; ++i) tx.insert(i * 7 % 300, i);
    }));
    const auto keys = keys_of(handle.range(-1, 1000));
    REQUIRE(keys.size() == 300);
    for (int i = 0; i < 300; ++i) CHECK(keys[static_cast<std::size_t>(i)] == i);
  }
}

TEST_CASE("the_counters_are_exact_at_rest") {
  Store store;
  auto handle = store.handle();
  const auto fresh = store.stats();
  CHECK(fresh.keys + fresh.versions + fresh.entries + fresh.memory_bytes + fresh.commits == 0);

  put(handle, std::string("a"), 1);
  put(handle, std::string("b"), 1);
  put(handle, std::string("a"), 2);
  run(handle.insert_if_absent("a", 3));  // writes nothing
  run(handle.remove("none"));            // writes nothing
  run(handle.transaction([](auto& tx) { tx.get("a"); }));
  CHECK(store.stats().commits == 3);
  CHECK(store.stats().keys == 2);
  CHECK(store.size() == 2);

  run(handle.remove("b"));
  CHECK(store.size() == 1);
  CHECK(store.stats().commits == 4);
  CHECK(store.stats().entries == 2);
  CHECK(run(handle.evict("a")));
  CHECK_FALSE(run(handle.evict("a")));
  CHECK(store.stats().evictions == 1);
  CHECK(store.size() == 0);

  run(handle.transaction([](auto& tx) {
    for (const char* key : {"x", "y", "z"}) tx.insert(key, 1);
    tx.remove("x");
    tx.insert("none", 1);
    tx.remove("none");
  }));
  CHECK(store.size() == 2);
  CHECK(store.stats().commits == 6);

  run(handle.transaction(
      [&, attempt = 0](auto& tx) mutable -> asio::awaitable<void> {
        tx.get("y");
        if (++attempt < 3) co_await handle.insert("y", attempt);
        tx.insert("done", attempt);
      },
      {.retry = {.backoff = 0us}}));
  const auto after = store.stats();
  CHECK(after.conflicts == 2);
  CHECK(after.retries == 2);
  CHECK(after.commits == 9);
  CHECK(after.active_transactions == 0);
  CHECK(after.keys == store.size());
  CHECK(after.expirations + after.log_bytes + after.log_syncs + after.recovered_commits + after.truncated_bytes == 0);
}

TEST_CASE("open_transactions_and_streams_are_counted_until_they_end") {
  Store store;
  auto handle = store.handle();
  put(handle, std::string("k"), 1);
  {
    auto writer = handle.begin();
    auto reader = handle.begin({.read_only = true});
    auto stream = handle.range_stream("a", "z");
    auto of_reader = reader.range_stream("a", "z");  // part of its transaction
    CHECK(store.stats().active_transactions == 3);
    put(handle, std::string("k"), 2);
    put(handle, std::string("k"), 3);
    CHECK(store.stats().oldest_snapshot_age == 2);
    writer.rollback();
    CHECK(store.stats().active_transactions == 2);
    auto moved = std::move(reader);
    CHECK(store.stats().active_transactions == 2);
  }
  CHECK(store.stats().active_transactions == 0);
  CHECK(store.stats().oldest_snapshot_age == 0);
}

TEST_CASE("vacuum_frees_what_no_snapshot_can_see_and_reports_it") {
  Store store;
  auto handle = store.handle();
  for (const char* key : {"a", "b", "c"}) put(handle, std::string(key), 1);
  const auto bytes = store.stats().memory_bytes;
  CHECK(bytes > 0);
  auto reader = handle.begin({.read_only = true});
  for (const char* key : {"a", "b", "c"}) run(handle.remove(key));
  put(handle, std::string("a"), 2);

  const auto kept = run(store.vacuum());
  CHECK(kept.entries == 0);
  CHECK(kept.versions + store.stats().versions == 3 + 3 + 1);
  CHECK(kept.kept == 3);
  CHECK(reader.range("a", "z").size() == 3);
  const auto before = store.stats();

  reader.rollback();
  const auto report = run(store.vacuum());
  CHECK(report.entries == 2);
  CHECK(report.versions == before.versions - 1);
  CHECK(report.kept == 0);
  CHECK(report.elapsed > 0ns);
  const auto after = store.stats();
  CHECK(after.versions == 1);
  CHECK(after.entries == 1);
  CHECK(after.keys == 1);
  CHECK(before.memory_bytes - after.memory_bytes == report.bytes);
  CHECK(after.vacuumed_entries == 2);
  CHECK(after.vacuumed_versions == 6);

  const auto idle = run(store.vacuum());
  CHECK(idle.versions + idle.entries + idle.bytes + idle.kept == 0);
  run(handle.remove("a"));
  run(store.vacuum());
  CHECK(store.stats().memory_bytes == 0);
  CHECK(store.stats().versions == 0);
}

TEST_CASE("memory_follows_what_keys_and_values_own") {
  fluxmap::Database<std::string, std::string> store;
  auto handle = store.handle();
  put(handle, std::string("k"), std::string());
  const auto small = store.stats().memory_bytes;
  put(handle, std::string("k"), std::string(100'000, 'x'));
  run(store.vacuum());
  CHECK(store.stats().memory_bytes >= small + 100'000);
  CHECK(store.stats().memory_bytes <= small + 101'000);
  put(handle, std::string("k"), std::string());
  run(store.vacuum());
  CHECK(store.stats().memory_bytes <= small + 1000);
}

TEST_CASE("chains_stay_short_without_vacuum_however_old_the_oldest_reader") {
  fluxmap::Database<int, int> store;
  auto handle = store.handle();
  put(handle, 1, 0);
  auto reader = handle.begin({.read_only = true});
  for (int i = 1; i <= 10'000; ++i) put(handle, 1, i);
  CHECK(store.stats().versions <= 200);  // what the reader sees, and what piles up between two looks at the snapshots
  CHECK(*reader.get(1) == 0);
  run(store.vacuum());
  CHECK(store.stats().versions == 2);
}

TEST_CASE("auto_vacuum_vacuums_by_itself_and_stops_with_the_database") {
  auto store = Store::builder().auto_vacuum({.interval = 1ms}).build();
  auto handle = store->handle();
  for (int i = 0; i < 100; ++i) put(handle, std::to_string(i), i);
  for (int i = 0; i < 100; ++i) run(handle.remove(std::to_string(i)));
  CHECK(comes_true([&] { return store->stats().entries == 0; }));
  CHECK(store->stats().vacuumed_entries == 100);
  put(handle, std::string("k"), 1);
  run(handle.remove("k"));
  CHECK(comes_true([&] { return store->stats().vacuumed_entries == 101; }));  // it goes on
  run(store->close());
  store.reset();
}

TEST_CASE("auto_vacuum_leaves_what_a_snapshot_needs") {
  auto store = Store::builder().auto_vacuum({.interval = 1ms}).build();
  auto handle = store->handle();
  put(handle, std::string("needed"), 1);
  auto reader = handle.begin({.read_only = true});
  run(handle.remove("needed"));
  for (int round = 0; round < 5; ++round) {  // each shows that a vacuum has run
    const auto before = store->stats().vacuumed_entries;
    put(handle, std::string("marker"), 1);
    run(handle.remove("marker"));
    reader.contains("marker");
    auto fresh = handle.begin();
    fresh.rollback();
    if (round == 4) reader.rollback();
    if (round == 4) CHECK(comes_true([&] { return store->stats().vacuumed_entries > before; }));
    if (round < 4) CHECK(*reader.get("needed") == 1);
  }
  CHECK(comes_true([&] { return store->stats().entries == 0; }));
}

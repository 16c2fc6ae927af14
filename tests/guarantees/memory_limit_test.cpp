// A memory limit: what is live stays below it, whatever is evicted; and eviction is a commit like any other.
#include <fluxmap/fluxmap.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "shared.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/scale.hpp"

using namespace fluxmap_test;
using fluxmap::Eviction;
using Limited = fluxmap::Database<int, std::string>;

namespace {

constexpr std::size_t k_limit = std::size_t{256} << 10;
const std::vector<Eviction> k_policies{Eviction::lru, Eviction::lfu, Eviction::random, Eviction::arc};

auto limited(Eviction eviction, std::size_t bytes = k_limit) {
  return Limited::builder().max_memory(bytes).eviction(eviction).build();
}

}  // namespace

TEST_CASE("memory_stays_below_the_limit_with_every_policy") {
  for (const Eviction eviction : k_policies) {
    INFO("policy " << static_cast<int>(eviction));
    const auto store = limited(eviction);
    auto handle = store->handle();
    std::uint64_t most = 0;
    for (int i = 0; i < 5000; ++i) {
      put(handle, i * 37 % 3001, std::string(static_cast<std::size_t>(i % 400), 'x'));
      if (i % 3 == 0) static_cast<void>(handle.get(i % 50));
      most = std::max(most, store->stats().memory_bytes);
    }
    const auto stats = store->stats();
    CHECK(most <= k_limit);
    CHECK(stats.memory_bytes >= k_limit * 3 / 4);
    CHECK(stats.evictions > 1000);
    CHECK(stats.keys == handle.range(-1, 10'000).size());
    CHECK(stats.entries <= stats.keys + 64);  // what is evicted is freed without a vacuum
  }
}

TEST_CASE("lru_evicts_what_was_not_used_for_longest") {
  const auto store = limited(Eviction::lru, 64 << 10);
  auto handle = store->handle();
  for (int i = 0; i < 100; ++i) put(handle, i, std::string(100, 'x'));
  for (int i = 200; i < 1000; ++i) {
    for (int hot = 0; hot < 10; ++hot) REQUIRE(handle.contains(hot));
    put(handle, i, std::string(100, 'x'));
  }
  CHECK(handle.contains(999));
  CHECK_FALSE(handle.contains(50));
  CHECK_FALSE(handle.contains(300));
  CHECK(store->stats().evictions > 500);
}

TEST_CASE("lfu_keeps_what_is_used_often_over_what_was_used_last") {
  const auto store = limited(Eviction::lfu, 64 << 10);
  auto handle = store->handle();
  for (int i = 0; i < 10; ++i) put(handle, i, std::string(100, 'x'));
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 10; ++i) REQUIRE(handle.contains(i));
  }
  for (int i = 100; i < 2000; ++i) put(handle, i, std::string(100, 'x'));
  for (int i = 0; i < 10; ++i) CHECK(handle.contains(i));
  CHECK(handle.contains(1999));
}

TEST_CASE("arc_keeps_what_was_used_twice_through_a_scan_of_new_keys") {
  const auto store = limited(Eviction::arc, 64 << 10);
  auto handle = store->handle();
  for (int i = 0; i < 50; ++i) put(handle, i, std::string(100, 'x'));
  for (int i = 0; i < 50; ++i) REQUIRE(handle.contains(i));
  for (int i = 1000; i < 4000; ++i) put(handle, i, std::string(100, 'x'));
  int kept = 0;
  for (int i = 0; i < 50; ++i) kept += handle.contains(i) ? 1 : 0;
  CHECK(kept >= 45);
}

TEST_CASE("without_eviction_writes_beyond_the_limit_fail_and_removals_make_room") {
  const auto store = limited(Eviction::none, 64 << 10);
  auto handle = store->handle();
  int count = 0;
  while (!code_of([&] { put(handle, count, std::string(100, 'x')); })) ++count;
  CHECK(count > 100);
  CHECK(code_of([&] { put(handle, count, std::string(100, 'x')); }) == errc::memory_limit);
  CHECK(store->stats().memory_bytes <= (64 << 10));
  CHECK(store->size() == static_cast<std::size_t>(count));
  // What takes no more than it frees is let through, in a transaction too.
  CHECK_FALSE(code_of([&] { put(handle, 0, std::string(100, 'y')); }));
  auto transaction = handle.begin();
  transaction.insert(count + 1, std::string(100, 'x'));
  transaction.insert(count + 2, std::string(100, 'x'));
  CHECK(code_of([&] { run(transaction.commit()); }) == errc::memory_limit);
  CHECK(store->size() == static_cast<std::size_t>(count));
  for (int i = 0; i < 20; ++i) CHECK(run(handle.remove(i)));
  CHECK_FALSE(code_of([&] { put(handle, count, std::string(100, 'x')); }));
  CHECK(store->stats().evictions == 0);
}

TEST_CASE("an_entry_larger_than_the_limit_is_refused_and_nothing_is_lost") {
  for (const Eviction eviction : k_policies) {
    const auto store = limited(eviction, 64 << 10);
    auto handle = store->handle();
    for (int i = 0; i < 10; ++i) put(handle, i, std::string("kept"));
    CHECK(code_of([&] { put(handle, 99, std::string(100'000, 'x')); }) == errc::memory_limit);
    CHECK(code_of([&] { run(handle.update(3, [](const std::string*) { return std::string(100'000, 'x'); })); }) ==
          errc::memory_limit);
    CHECK(store->size() == 10);
    CHECK(handle.get(3) == "kept");
  }
}

TEST_CASE("an_open_snapshot_does_not_see_an_eviction", "[trap-15]") {
  const auto store = limited(Eviction::lru, 64 << 10);
  auto handle = store->handle();
  for (int i = 0; i < 100; ++i) put(handle, i, std::string(100, 'x'));
  auto reader = handle.begin({.read_only = true});
  for (int i = 1000; i < 3000; ++i) put(handle, i, std::string(100, 'x'));
  CHECK_FALSE(handle.contains(0));
  CHECK(reader.range(0, 100).size() == 100);
  CHECK(store->stats().pinned_versions >= 100);
  reader.rollback();
  run(store->vacuum());
  CHECK(store->stats().memory_bytes <= (64 << 10));
  CHECK(store->stats().pinned_versions == 0);
}

TEST_CASE("a_transaction_conflicts_with_the_eviction_of_what_it_read") {
  const auto store = limited(Eviction::lru);
  auto handle = store->handle();
  put(handle, 1, std::string("a"));
  auto transaction = handle.begin();
  REQUIRE(transaction.get(1) != nullptr);
  CHECK(run(handle.evict(1)));
  transaction.insert(2, "b");
  CHECK_FALSE(commits(transaction));
  CHECK(store->stats().evictions == 1);
}

TEST_CASE("an_evicted_key_does_not_come_back_after_a_restart", "[trap-15]") {
  const auto directory = std::filesystem::temp_directory_path() / "fluxmap_memory_limit_test";
  std::filesystem::remove_all(directory);
  for (const bool full : {true, false}) {
    auto builder = Limited::builder().max_memory(64 << 10).eviction(Eviction::lru);
    full ? builder.durability_full({.directory = directory}) : builder.durability_relaxed({.directory = directory});
    std::vector<int> keys;
    {
      const auto store = builder.build();
      auto handle = store->handle();
      for (int i = 0; i < 400; ++i) put(handle, i, std::string(200, 'x'));
      keys = keys_of(handle.range(-1, 1000));
      CHECK(store->stats().evictions > 50);
      CHECK(keys.size() < 300);
      run(store->close());
    }
    const auto store = builder.build();
    auto handle = store->handle();
    const auto again = keys_of(handle.range(-1, 1000));
    CHECK(std::includes(keys.begin(), keys.end(), again.begin(), again.end()));
    CHECK(again.size() + 32 >= keys.size());
    run(store->close());
    std::filesystem::remove_all(directory);
  }
}

TEST_CASE("metadata_tells_size_accesses_and_the_time_of_the_last_one") {
  const auto clock = std::make_shared<fluxmap::ManualClock>();
  const auto store = Limited::builder().max_memory(1 << 20).clock(clock).build();
  auto handle = store->handle();
  put(handle, 1, std::string(1000, 'x'));
  put(handle, 2, std::string());
  clock->advance(std::chrono::seconds(10));
  for (int i = 0; i < 3; ++i) REQUIRE(handle.contains(1));
  std::vector<int> keys;
  store->scan_metadata([&](const fluxmap::KeyMetadata<int>& key) {
    keys.push_back(key.key);
    if (key.key == 1) {
      CHECK(key.size > 1000);
      CHECK(key.access_count == 4);
      CHECK(key.last_access == clock->now());
    } else {
      CHECK(key.access_count == 1);
      CHECK(key.last_access < clock->now());
    }
  });
  CHECK(keys == std::vector{1, 2});
}

TEST_CASE("bad_options_of_memory_are_refused") {
  CHECK(code_of([] { Limited::builder().max_memory(0).build(); }) == errc::invalid_option);
  CHECK(code_of([] { Limited::builder().time_to_live(std::chrono::milliseconds(0)).build(); }) == errc::invalid_option);
  CHECK(code_of([] { Limited::builder().clock(nullptr).build(); }) == errc::invalid_option);
}

TEST_CASE("threads_at_the_limit_keep_it_and_lose_no_key_from_the_books") {
  for (const Eviction eviction : k_policies) {
    INFO("policy " << static_cast<int>(eviction));
    const auto store = limited(eviction, 128 << 10);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 3; ++thread) {
      threads.emplace_back([&, thread] {
        auto handle = store->handle();
        for (int i = 0; i < static_cast<int>(scaled(4000)); ++i) {
          const int key = (i * 7 + thread * 13) % 1500;
          if (i % 5 == 4) {
            run(handle.remove(key));
          } else {
            put(handle, key, std::string(static_cast<std::size_t>(i % 200), 'x'));
          }
          static_cast<void>(handle.get(key / 2));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    auto handle = store->handle();
    run(store->vacuum());
    const auto stats = store->stats();
    CHECK(stats.memory_bytes <= (128 << 10));
    CHECK(stats.keys == handle.range(-1, 10'000).size());
    CHECK(stats.entries == stats.keys);
    CHECK(stats.versions == stats.keys);
    // Every key is still known to the policy: all can be made to go.
    for (int i = 0; i < 3000; ++i) put(handle, 10'000 + i, std::string(100, 'x'));
    if (eviction == Eviction::lru) CHECK(handle.range(-1, 10'000).empty());
    for (const int key : keys_of(handle.range(-1, 100'000))) run(handle.remove(key));
    run(store->vacuum());
    CHECK(store->stats().entries == 0);
  }
}

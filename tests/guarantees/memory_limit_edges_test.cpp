// A memory limit at its edges: what was acknowledged stays for the sake of its own insertion, what cannot fit is
// refused before anything has happened, and what has expired or is superseded is not counted against the living.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "shared.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/scale.hpp"
#include "support/scratch_directory.hpp"
#include "support/seed.hpp"

using namespace fluxmap_test;
using namespace std::chrono_literals;
using fluxmap::Eviction;
using fluxmap::ExpiresAfter;
using Limited = fluxmap::Database<int, std::string>;
using LimitedHandle = decltype(std::declval<Limited&>().handle());

namespace {

constexpr std::size_t k_limit = std::size_t{64} << 10;
const std::vector<Eviction> k_policies{Eviction::lru, Eviction::lfu, Eviction::random, Eviction::arc};

auto limited(Eviction eviction, std::size_t bytes = k_limit) {
  return Limited::builder().max_memory(bytes).eviction(eviction).build();
}

std::string text(std::size_t size) { return std::string(size, 'x'); }

struct Way {
  const char* name;
  std::function<void(LimitedHandle&, int, std::string)> write;
};
const std::vector<Way> k_ways{
    {"insert", [](LimitedHandle& handle, int key, std::string value) { put(handle, key, std::move(value)); }},
    {"insert with a time to live",
     [](LimitedHandle& handle, int key, std::string value) {
       run(handle.insert(key, std::move(value), ExpiresAfter{1h}));
     }},
    {"insert_if_absent",
     [](LimitedHandle& handle, int key, std::string value) {
       if (!run(handle.insert_if_absent(key, value))) put(handle, key, std::move(value));
     }},
    {"update", [](LimitedHandle& handle, int key,
                  std::string value) { run(handle.update(key, [&](const std::string*) { return value; })); }},
    {"transaction",
     [](LimitedHandle& handle, int key, std::string value) {
       auto transaction = handle.begin();
       static_cast<void>(transaction.contains(key));
       transaction.insert(key, std::move(value));
       run(transaction.commit());
     }},
};

constexpr int k_small = 200;  // keys from 0, before the large one comes

void fill(LimitedHandle& handle) {
  for (int key = 0; key < k_small; ++key) put(handle, key, text(20));
  for (int round = 0; round < 5; ++round) {
    for (int key = 0; key < k_small; key += 2) static_cast<void>(handle.contains(key));
  }
}

// The sum of the sizes of what is there.
std::size_t sizes(LimitedHandle& handle) {
  std::size_t sum = 0;
  for (const auto& item : handle.range(-1, 1'000'000)) sum += item.second.size();
  return sum;
}

}  // namespace

TEST_CASE("an_acknowledged_write_is_never_evicted_by_its_own_insertion_under_any_policy") {
  for (const Eviction eviction : k_policies) {
    for (const Way& way : k_ways) {
      for (const int key : {1, 10'000}) {  // one that is there already, and a new one
        std::size_t largest = 0;
        std::size_t least_refused = ~std::size_t{0};
        std::vector<std::size_t> lengths{k_limit / 2, k_limit * 3 / 4, k_limit - k_limit / 32, k_limit};
        for (std::size_t length = k_limit - 2200; length < k_limit + 100; length += 93 * std::min(k_sanitizer_cost, 5U))
          lengths.push_back(length);
        for (const std::size_t length : lengths) {
          INFO("policy " << static_cast<int>(eviction) << ", " << way.name << ", key " << key << ", " << length);
          const auto store = limited(eviction);
          auto handle = store->handle();
          fill(handle);
          const auto before = store->stats();
          REQUIRE(before.evictions == 0);
          const auto code = code_of([&] { way.write(handle, key, text(length)); });
          const auto after = store->stats();
          if (code) {
            REQUIRE(code == errc::memory_limit);
            REQUIRE(after.evictions == 0);
            REQUIRE(after.keys == k_small);
            REQUIRE(handle.get(1) == text(20));
            least_refused = std::min(least_refused, length);
          } else {
            REQUIRE(handle.get(key) == text(length));
            REQUIRE(after.memory_bytes <= k_limit);
            largest = std::max(largest, length);
          }
        }
        CHECK(largest < least_refused);
        CHECK(largest + 1024 > k_limit);  // what can fit is let through
        CHECK(least_refused <= k_limit);
      }
    }
  }
}

TEST_CASE("the_only_entry_stays_and_makes_room_for_the_next_one") {
  for (const Eviction eviction : k_policies) {
    const auto store = limited(eviction);
    auto handle = store->handle();
    for (int i = 0; i < 50; ++i) {
      const int key = i % 3;
      put(handle, key, text(k_limit - k_limit / 40 + static_cast<std::size_t>(i)));
      REQUIRE(handle.contains(key));
      REQUIRE(store->size() == 1);
      REQUIRE(store->stats().memory_bytes <= k_limit);
    }
  }
}

TEST_CASE("an_overwrite_with_a_larger_value_does_not_evict_its_own_key") {
  for (const Eviction eviction : k_policies) {
    INFO("policy " << static_cast<int>(eviction));
    SplitMix random(seed("an_overwrite_with_a_larger_value"));
    const auto store = limited(eviction);
    auto handle = store->handle();
    for (int i = 0; i < 2000; ++i) {
      const int key = static_cast<int>(random.below(60));
      std::string value = text(random.below(10) == 0 ? random.below(k_limit / 2) : random.below(2000));
      put(handle, key, value);
      REQUIRE(handle.get(key) == value);
      REQUIRE(store->stats().memory_bytes <= k_limit);
      for (int hot = 0; hot < 20; ++hot) static_cast<void>(handle.get(static_cast<int>(random.below(60))));
    }
    CHECK(store->stats().evictions > 100);
  }
}

TEST_CASE("a_transaction_stays_whole_or_is_refused_before_anything_happened") {
  for (const Eviction eviction : k_policies) {
    SplitMix random(seed("a_transaction_whose_writes_fit"));
    int refused = 0, accepted = 0;
    for (unsigned round = 0; round < 60 / std::min(k_sanitizer_cost, 2U); ++round) {
      INFO("policy " << static_cast<int>(eviction) << ", round " << round);
      const auto store = limited(eviction);
      auto handle = store->handle();
      fill(handle);
      auto transaction = handle.begin();
      std::map<int, std::string> writes;
      const std::size_t total = k_limit / 2 + random.below(k_limit * 7 / 10);
      std::size_t weight = 0;
      while (weight < total) {
        const int key = static_cast<int>(random.below(1000));
        std::string& value = writes[key];
        if (!value.empty()) weight -= value.size() + 100;
        value = text(1 + (random.below(2) == 0 ? random.below(50) : random.below(4000)));
        weight += value.size() + 100;
        transaction.insert(key, value);
      }
      const auto code = code_of([&] { run(transaction.commit()); });
      if (code) {
        REQUIRE(code == errc::memory_limit);
        REQUIRE(store->size() == k_small);
        REQUIRE(store->stats().evictions == 0);
        REQUIRE(weight > k_limit * 3 / 4);
        ++refused;
        continue;
      }
      ++accepted;
      for (const auto& [key, value] : writes) REQUIRE(handle.get(key) == value);
      REQUIRE(store->stats().memory_bytes <= k_limit);
    }
    CHECK(refused > 0);
    CHECK(accepted > 0);
  }
}

TEST_CASE("of_two_large_entries_written_at_the_same_time_one_stays") {
  for (const Eviction eviction : k_policies) {
    INFO("policy " << static_cast<int>(eviction));
    const auto store = limited(eviction);
    std::barrier<> round(3);
    std::vector<std::thread> threads;
    const auto rounds = static_cast<int>(scaled(1500));
    for (int thread = 0; thread < 2; ++thread) {
      threads.emplace_back([&, thread] {
        auto handle = store->handle();
        for (int i = 0; i < rounds; ++i) {
          round.arrive_and_wait();
          put(handle, 2 * i + thread, text(k_limit * 6 / 10));
          round.arrive_and_wait();
        }
      });
    }
    int lost = 0;
    std::uint64_t most = 0;
    auto handle = store->handle();
    for (int i = 0; i < rounds; ++i) {
      round.arrive_and_wait();
      round.arrive_and_wait();
      lost += handle.contains(2 * i) || handle.contains(2 * i + 1) ? 0 : 1;
      most = std::max(most, store->stats().memory_bytes);
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(lost == 0);
    CHECK(most <= k_limit);
  }
}

TEST_CASE("writes_that_wait_for_the_disk_together_keep_the_limit_when_they_are_acknowledged") {
  const ScratchDirectory directory;
  const auto store = Limited::builder().max_memory(k_limit).durability_full({.directory = directory.path()}).build();
  asio::thread_pool pool(2);
  for (int round = 0; round < 10; ++round) {
    std::vector<std::future<void>> done;
    for (int i = 0; i < 20; ++i) {
      done.push_back(asio::co_spawn(
          pool,
          [](LimitedHandle handle, int key) -> asio::awaitable<void> {
            if (key % 2 == 0) {
              co_await handle.insert(key, text(k_limit / 5));
            } else {
              co_await handle.transaction([key](auto& tx) { tx.insert(key, text(k_limit / 5)); });
            }
          }(store->handle(), 20 * round + i),
          asio::use_future));
    }
    for (auto& one : done) one.get();
    run(store->flush());  // of the evictions, which nobody waits for
    CHECK(store->stats().memory_bytes <= k_limit);
    CHECK(store->size() >= 3);
  }
  run(store->close());
}

TEST_CASE("what_has_expired_is_not_counted_against_the_living") {
  for (const Eviction eviction : k_policies) {
    for (const bool removed_before : {false, true}) {
      INFO("policy " << static_cast<int>(eviction));
      const auto clock = std::make_shared<fluxmap::ManualClock>();
      const auto store = Limited::builder().max_memory(k_limit).eviction(eviction).clock(clock).build();
      auto handle = store->handle();
      for (int key = 0; key < 100; ++key) put(handle, key, text(100));  // the least recently and least often used
      int next = 1000;
      for (int round = 0; round < 5; ++round) {
        const int first = next;
        while (store->stats().memory_bytes < k_limit * 9 / 10) {
          run(handle.insert(next++, text(100), ExpiresAfter{1000ms}));
        }
        for (int key = first; key < next; ++key) REQUIRE(handle.contains(key));
        clock->advance(1000ms);
        while (removed_before && store->stats().keys > 100) std::this_thread::yield();  // the thread that removes them
        for (int i = 0; i < (next - first) / 2; ++i) {
          run(handle.insert(50'000 + i, text(150), ExpiresAfter{500ms}));
        }
        clock->advance(500ms);
      }
      CHECK(store->stats().evictions == 0);
      for (int key = 0; key < 100; ++key) REQUIRE(handle.contains(key));
    }
  }
}

TEST_CASE("without_eviction_what_has_expired_makes_no_write_fail") {
  const auto clock = std::make_shared<fluxmap::ManualClock>();
  const auto store = Limited::builder().max_memory(k_limit).eviction(Eviction::none).clock(clock).build();
  auto handle = store->handle();
  for (int round = 0; round < 20; ++round) {
    int count = 0;
    while (!code_of([&] {
      run(handle.insert(count, text(100), ExpiresAfter{10ms}));
      ++count;
    })) {
    }
    CHECK(count > 150);
    CHECK(handle.range(-1, 100'000).size() == static_cast<std::size_t>(count));
    clock->advance(10ms);
    // In a transaction as large as all of them together.
    auto transaction = handle.begin();
    for (int i = 0; i < count * 3 / 4; ++i) transaction.insert(1000 + i, text(100), ExpiresAfter{10ms});
    CHECK_FALSE(code_of([&] { run(transaction.commit()); }));
    clock->advance(10ms);
  }
  CHECK(store->stats().evictions == 0);
}

TEST_CASE("without_eviction_two_writes_do_not_both_take_the_last_room") {
  const auto store = limited(Eviction::none);
  std::barrier<> round(5);
  std::vector<std::thread> threads;
  const auto rounds = static_cast<int>(scaled(1000));
  std::atomic<int> accepted{0};
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      auto handle = store->handle();
      for (int i = 0; i < rounds; ++i) {
        round.arrive_and_wait();
        if (!code_of([&] { put(handle, thread, text(k_limit * 3 / 10)); })) accepted.fetch_add(1);
        round.arrive_and_wait();
        static_cast<void>(run(handle.remove(thread)));
        round.arrive_and_wait();
      }
    });
  }
  for (int i = 0; i < rounds; ++i) {
    accepted = 0;
    round.arrive_and_wait();
    round.arrive_and_wait();
    const int count = accepted.load();
    if (count > 3 || count == 0) CHECK(count == 3);
    round.arrive_and_wait();
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_CASE("what_a_transaction_has_superseded_is_freed_when_its_own_snapshot_is_gone") {
  for (const bool evicts : {true, false}) {
    INFO("evicts " << evicts);
    const auto store = limited(evicts ? Eviction::lru : Eviction::none, std::size_t{1} << 20);
    auto handle = store->handle();
    for (int round = 0; round < 5; ++round) {  // one large value
      auto transaction = handle.begin();
      static_cast<void>(transaction.contains(1));
      transaction.insert(1, text(500'000));
      run(transaction.commit());
      CHECK(store->stats().memory_bytes <= std::uint64_t{1} << 20);
    }
    run(handle.remove(1));
    for (int round = 0; round < 5; ++round) {  // many small ones
      auto transaction = handle.begin();
      for (int key = 0; key < 1500; ++key) transaction.insert(key, text(300));
      run(transaction.commit());
      CHECK(store->stats().memory_bytes <= std::uint64_t{1} << 20);
    }
    CHECK(store->size() == 1500);
  }
}

TEST_CASE("memory_of_what_was_evicted_at_once_goes_back_to_the_system") {
  constexpr std::size_t k_large = (std::size_t{160} << 20) / k_sanitizer_cost;
  const auto store = limited(Eviction::lru, k_large);
  auto handle = store->handle();
  for (int key = 0; key < static_cast<int>(140'000 / k_sanitizer_cost); ++key) put(handle, key, text(1000));
  const std::uint64_t full = resident_bytes();
  put(handle, 1'000'000, text(k_large * 9 / 10));
  const auto stats = store->stats();
  CHECK(stats.memory_bytes <= k_large);
  CHECK(stats.entries <= stats.keys + 64);
  CHECK(handle.contains(1'000'000));
  run(handle.remove(1'000'000));
  for (int i = 0; i < 200; ++i) put(handle, i, text(10));
  if (full != 0) CHECK(resident_bytes() < full / 2);
}

TEST_CASE("a_directory_that_is_too_large_is_opened_and_what_has_expired_goes_first") {
  const auto clock = std::make_shared<fluxmap::ManualClock>();
  for (const Eviction eviction : k_policies) {
    const ScratchDirectory directory;
    auto builder = Limited::builder().durability_relaxed({.directory = directory.path()}).clock(clock);
    {
      const auto store = builder.build();
      auto handle = store->handle();
      for (int key = 0; key < 200; ++key) put(handle, key, text(100));
      for (int key = 1000; key < 1400; ++key) run(handle.insert(key, text(100), ExpiresAfter{1000ms}));
      run(store->close());
    }
    clock->advance(1000ms);
    {
      const auto store = builder.max_memory(k_limit).eviction(eviction).build();
      auto handle = store->handle();
      CHECK(handle.range(-1, 10'000).size() == 200);
      CHECK(store->stats().memory_bytes <= k_limit);
      CHECK(store->stats().evictions == 0);
      run(store->close());
    }
    {
      const auto store = builder.max_memory(k_limit / 4).eviction(eviction).build();
      auto handle = store->handle();
      CHECK(handle.range(-1, 10'000).size() > 30);
      CHECK(store->stats().memory_bytes <= k_limit / 4);
      CHECK(sizes(handle) <= k_limit / 4);
      run(store->close());
    }
  }
}

// What was removed, has expired or was evicted goes by itself: the writer that has left it frees it, however busy it
// is.
#include <fluxmap/fluxmap.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "shared.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"

using namespace fluxmap_test;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

// Counts what a walk costs: a scan compares each entry that it meets with the end of its range.
struct CountingLess {
  using is_transparent = void;
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    ++calls;
    return a < b;
  }
  inline static thread_local std::uint64_t calls = 0;
};

using Key = std::uint64_t;
using Numbers = fluxmap::Database<Key, Key, CountingLess>;
constexpr Key k_end = ~Key{0};

// Entries that a writer, or one that helps, may have before itself: those since its view of the snapshots was
// refreshed.
constexpr std::uint64_t k_not_yet = 300;

asio::awaitable<void> fill(Numbers::key_type first, Key count, fluxmap::Handle<Key, Key, CountingLess> handle) {
  for (Key key = first; key < first + count; ++key) co_await handle.insert(key, key);
}

template <class Source>
std::optional<Key> first_of(Source& source) {
  auto stream = source.range_stream(Key{0}, k_end);
  const auto at = stream.begin();
  return at == stream.end() ? std::nullopt : std::optional((*at).first);
}

using TakeFirst = std::function<asio::awaitable<bool>(fluxmap::Handle<Key, Key, CountingLess>&)>;

asio::awaitable<bool> take_first(fluxmap::Handle<Key, Key, CountingLess>& handle) {
  const std::optional<Key> key = first_of(handle);
  if (!key) co_return false;
  co_await handle.remove(*key);
  co_return true;
}
asio::awaitable<bool> take_first_in_transaction(fluxmap::Handle<Key, Key, CountingLess>& handle) {
  bool taken = false;
  co_await handle.transaction([&](auto& tx) {
    const std::optional<Key> key = first_of(tx);
    taken = key && tx.remove(*key);
  });
  co_return taken;
}

// Takes all there is; the comparisons that each tenth of it cost.
asio::awaitable<void> take_all(fluxmap::Handle<Key, Key, CountingLess> handle, const TakeFirst& take, Key count,
                               std::vector<std::uint64_t>& tenths) {
  for (int tenth = 0; tenth < 10; ++tenth) {
    const std::uint64_t before = CountingLess::calls;
    for (Key i = 0; i < count / 10; ++i) {
      const bool taken = co_await take(handle);
      REQUIRE(taken);
    }
    tenths.push_back(CountingLess::calls - before);
  }
  const bool more = co_await take(handle);
  CHECK_FALSE(more);
}

}  // namespace

TEST_CASE("taking_the_first_again_and_again_costs_the_same_to_the_end") {
  constexpr Key k_count = 10'000;
  const bool vacuums = GENERATE(false, true);
  const bool in_transactions = GENERATE(false, true);
  CAPTURE(vacuums, in_transactions);
  auto builder = Numbers::builder();
  if (vacuums) builder.auto_vacuum({.interval = 1ms});
  const auto database = builder.build();
  run(fill(0, k_count, database->handle()));
  std::vector<std::uint64_t> tenths;
  run(take_all(database->handle(), in_transactions ? &take_first_in_transaction : &take_first, k_count, tenths));
  CAPTURE(tenths);
  CHECK(tenths.back() < 2 * tenths.front() + k_count / 10 * k_not_yet / 4);
  CHECK(database->stats().entries <= k_not_yet);
}

TEST_CASE("taking_the_first_again_and_again_in_one_transaction_costs_the_same_to_the_end") {
  constexpr Key k_count = 5'000;
  Numbers database;
  run(fill(0, k_count, database.handle()));
  std::vector<std::uint64_t> tenths;
  run([](Numbers& of, std::vector<std::uint64_t>& costs) -> asio::awaitable<void> {
    auto handle = of.handle();
    co_await handle.transaction([&](auto& tx) {
      costs.clear();
      for (int tenth = 0; tenth < 10; ++tenth) {
        const std::uint64_t before = CountingLess::calls;
        for (Key i = 0; i < k_count / 10; ++i) REQUIRE(tx.remove(first_of(tx).value()));
        costs.push_back(CountingLess::calls - before);
      }
      REQUIRE_FALSE(first_of(tx));
    });
  }(database, tenths));
  CAPTURE(tenths);
  CHECK(tenths.back() < 4 * tenths.front());
  CHECK(database.size() == 0);
}

// The shortened walk must see what the transaction itself, or a rollback, has put back before its beginning, and the
// commit must still notice what others have.
TEST_CASE("what_comes_back_before_a_cleared_beginning_is_found") {
  Numbers database;
  auto handle = database.handle();
  run(fill(10, 10, database.handle()));
  const auto clear = [](auto& tx, Key count) {
    for (Key i = 0; i < count; ++i) tx.remove(first_of(tx).value());
  };
  SECTION("its own insert") {
    auto tx = handle.begin();
    clear(tx, 3);
    tx.insert(11, 1);
    CHECK(first_of(tx) == 11);
    tx.remove(11);
    CHECK(first_of(tx) == 13);
    tx.insert(5, 1);
    CHECK(first_of(tx) == 5);
    CHECK(tx.range(Key{0}, k_end).size() == 8);
    CHECK(commits(tx));
  }
  SECTION("its own insert beside a stream that has not begun") {
    auto tx = handle.begin();
    clear(tx, 3);
    auto stream = tx.range_stream(Key{0}, k_end);
    tx.insert(11, 1);
    CHECK((*stream.begin()).first == 11);
    CHECK(first_of(tx) == 11);
  }
  SECTION("a rollback") {
    auto tx = handle.begin();
    clear(tx, 1);
    const auto before = tx.savepoint();
    clear(tx, 3);
    CHECK(first_of(tx) == 14);
    tx.rollback_to(before);
    CHECK(first_of(tx) == 11);
    CHECK(commits(tx));
  }
  SECTION("another one's insert") {
    const Key theirs = GENERATE(Key{0}, Key{9}, Key{11}, Key{13});
    CAPTURE(theirs);
    run(handle.remove(11));
    auto tx = handle.begin();
    clear(tx, 3);
    CHECK(first_of(tx) == 14);
    auto other = database.handle();
    run(other.insert(theirs, 1));
    tx.insert(100, 1);
    CHECK_FALSE(commits(tx));
  }
  SECTION("another one's insert behind what was looked at") {
    auto tx = handle.begin();
    clear(tx, 3);
    auto other = database.handle();
    run(other.insert(15, 1));
    tx.insert(100, 1);
    CHECK(commits(tx));
    CHECK(database.size() == 8);
  }
}

TEST_CASE("a_writer_that_never_rests_frees_what_it_removes") {
  constexpr Key k_pairs = 50'000;
  const bool vacuums = GENERATE(false, true);
  auto builder = Numbers::builder();
  if (vacuums) builder.auto_vacuum({.interval = 1ms});
  const auto database = builder.build();
  std::uint64_t most = 0;
  run([](Numbers& of, std::uint64_t& entries) -> asio::awaitable<void> {
    auto handle = of.handle();
    for (Key key = 0; key < k_pairs; ++key) {
      co_await handle.insert(key * 7919 % 1'000'003, key);
      co_await handle.remove(key * 7919 % 1'000'003);
      if (key % 1000 == 999) entries = std::max(entries, of.stats().entries);
    }
  }(*database, most));
  CHECK(most <= k_not_yet);
}

// The old reader began before all of them: nothing that it may see is in the way.
TEST_CASE("a_queue_does_not_grow_beside_an_old_reader") {
  Numbers database;
  auto reading = database.handle();
  const auto reader = reading.begin({.read_only = true});
  std::uint64_t most = 0;
  run([](Numbers& of, std::uint64_t& entries) -> asio::awaitable<void> {
    auto handle = of.handle();
    for (Key key = 0; key < 20'000; ++key) {
      co_await handle.insert(key, key);
      const bool taken = co_await take_first_in_transaction(handle);
      REQUIRE(taken);
      if (key % 100 == 99) entries = std::max(entries, of.stats().entries);
    }
  }(database, most));
  CHECK(most <= k_not_yet);
}

// What an old reader has held up is nobody's any more when it ends: whoever walks over it takes it away.
TEST_CASE("committers_take_away_what_they_walk_over") {
  constexpr Key k_count = 5'000;
  Numbers database;
  run(fill(0, k_count, database.handle()));
  {
    auto reading = database.handle();
    auto reader = reading.begin({.read_only = true});
    REQUIRE(reader.get(Key{1}) != nullptr);
    std::thread([&] {  // on another thread: its work is on another list
      run([](Numbers& of) -> asio::awaitable<void> {
        auto handle = of.handle();
        for (Key key = 0; key < k_count; ++key) co_await handle.remove(key);
      }(database));
    })
        .join();
    CHECK(database.stats().entries >= k_count);
  }
  constexpr Key k_more = 100;
  run(fill(k_count, k_more, database.handle()));
  std::vector<std::uint64_t> tenths;
  run(take_all(database.handle(), GENERATE(false, true) ? &take_first_in_transaction : &take_first, k_more, tenths));
  CAPTURE(tenths);
  CHECK(tenths.back() < k_more / 10 * k_not_yet);
  CHECK(database.stats().entries <= k_not_yet);
}

TEST_CASE("expired_keys_that_are_never_written_again_are_freed_without_a_vacuum") {
  constexpr Key k_count = 20'000;
  const auto clock = std::make_shared<fluxmap::ManualClock>();
  const auto database = Numbers::builder().clock(clock).time_to_live(1s).build();
  run(fill(0, k_count, database->handle()));
  auto reading = database->handle();
  std::optional reader = reading.begin({.read_only = true});
  REQUIRE(reader->get(Key{1}) != nullptr);
  clock->advance(2s);
  while (database->stats().expirations < k_count) std::this_thread::yield();
  CHECK(database->stats().entries == k_count);  // the reader's
  reader.reset();
  while (database->stats().entries > 0) std::this_thread::yield();
  CHECK(database->stats().memory_bytes == 0);
}

TEST_CASE("memory_freed_by_eviction_comes_back_by_itself") {
  constexpr Key k_count = 20'000;
  const auto database = Numbers::builder().max_memory(1 << 20).build();
  auto reading = database->handle();
  std::optional reader = reading.begin({.read_only = true});
  run(fill(0, k_count / 2, database->handle()));
  std::optional later = reading.begin({.read_only = true});
  run(fill(k_count / 2, k_count / 2, database->handle()));
  REQUIRE(database->stats().evictions > 0);
  reader.reset();
  later.reset();
  const auto finished = [&] {
    const fluxmap::Stats stats = database->stats();
    return stats.entries == stats.keys && stats.versions == stats.keys;
  };
  const auto until = std::chrono::steady_clock::now() + 30s;
  while (!finished() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  CHECK(finished());
  CHECK(database->stats().memory_bytes <= 1 << 20);
}

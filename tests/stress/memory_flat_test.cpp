// However long it runs, memory follows what is alive: not the number of writes, and not the age of the oldest reader.
#include <fluxmap/fluxmap.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/random_history.hpp"
#include "support/run.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/tagged.hpp"

namespace {

using namespace fluxmap_test;
namespace asio = boost::asio;

using Database = fluxmap::Database<std::uint64_t, std::uint64_t>;
using Transaction = fluxmap::Transaction<std::uint64_t, std::uint64_t, std::less<>>;

constexpr unsigned k_threads = 4;
constexpr std::uint64_t k_keys = 100;
constexpr unsigned k_rounds = 16;  // numbers are looked at between them: they are exact only while nothing is under way
// Bags of retired memory and the allocator's arenas. A thread that loses its core inside a guard holds up what the
// others retire until it runs again: tens of MiB on a busy machine. A leak would be hundreds.
constexpr std::uint64_t k_rss_slack = 96U << 20;

// Versions that committers have not got round to: each prunes only the chains that it writes, by a view of the
// snapshots that is up to a few dozen of its commits old.
constexpr std::uint64_t slack(std::uint64_t open_transactions) {
  return k_threads * (64 + open_transactions / 2) + 4 * k_keys;
}

// Watches resident memory: it may grow until the warm-up is over.
class Residence {
 public:
  void warmed_up() { at_first_ = resident_bytes(); }
  void check() const {
    const std::uint64_t now = resident_bytes();
    CAPTURE(at_first_, now);
    CHECK(now <= at_first_ + k_rss_slack);
  }

 private:
  std::uint64_t at_first_ = 0;
};

struct HighWater {
  std::uint64_t entries = 0, versions = 0, bytes = 0;
  void see(const fluxmap::Stats& now) {
    entries = std::max(entries, now.entries);
    versions = std::max(versions, now.versions);
    bytes = std::max(bytes, now.memory_bytes);
  }
};

// Overwrites keys by coroutines on a pool, `count` times in several rounds.
HighWater overwrite(Database& database, std::uint64_t count, std::uint64_t seed, Residence* residence = nullptr) {
  HighWater most;
  for (unsigned round = 0; round < k_rounds; ++round) {
    run_on_pool(k_threads, k_threads, [&](unsigned number) -> asio::awaitable<void> {
      SplitMix random(seed + round * k_threads + number);
      auto handle = database.handle();
      for (std::uint64_t i = 0; i < count / k_rounds / k_threads; ++i) {
        co_await handle.insert(random.below(k_keys), i);
        if (i % 4096 == 0) co_await hop();
      }
    });
    most.see(database.stats());
    if (residence != nullptr) round == 0 ? residence->warmed_up() : residence->check();
  }
  return most;
}

asio::awaitable<void> fill(Database& database) {
  auto handle = database.handle();
  for (std::uint64_t key = 0; key < k_keys; ++key) co_await handle.insert(key, key + 1'000'000'000);
}

void check_no_more_than_the_keys(Database& database) {
  run([](Database& db) -> asio::awaitable<void> {
    co_await db.vacuum();
    co_await db.vacuum();
  }(database));
  const fluxmap::Stats stats = database.stats();
  CHECK(stats.active_transactions == 0);
  CHECK(stats.versions == stats.keys);
  CHECK(stats.entries == stats.keys);
}

TEST_CASE("ten_million_overwrites_beside_an_ancient_reader_leave_memory_flat", "[stress]") {
  const std::uint64_t start = seed("overwrites");
  Database database;
  run(fill(database));
  {
    auto handle = database.handle();
    Transaction ancient = handle.begin({.read_only = true});
    std::vector<const std::uint64_t*> pointers;
    for (std::uint64_t key = 0; key < k_keys; key += 2) pointers.push_back(ancient.get(key));

    Residence residence;
    const HighWater most = overwrite(database, scaled(10'000'000), start, &residence);
    CHECK(most.versions <= 2 * k_keys + slack(1));  // the newest ones, and what the reader sees

    for (std::uint64_t key = 0; key < k_keys; ++key) {
      const std::uint64_t* const value = ancient.get(key);
      REQUIRE(value != nullptr);
      CHECK(*value == key + 1'000'000'000);
      if (key % 2 == 0) CHECK(value == pointers[key / 2]);
    }
    CHECK(ancient.range(0U, k_keys).size() == k_keys);
  }
  check_no_more_than_the_keys(database);
}

// Keys that are new each time: what vacuum unlinks must be freed, and found no more.
TEST_CASE("inserting_and_removing_ever_new_keys_leaves_memory_flat", "[stress]") {
  constexpr std::uint64_t k_window = 500, k_vacuum_every = 500;
  using Texts = fluxmap::Database<std::string, std::string>;
  Texts database;
  HighWater most;
  Residence residence;
  const std::uint64_t length = scaled(2'000'000) / k_rounds / k_threads;
  for (unsigned round = 0; round < k_rounds; ++round) {
    run_on_pool(k_threads, k_threads, [&](unsigned number) -> asio::awaitable<void> {
      auto handle = database.handle();
      const auto key = [&](std::uint64_t i) {
        return "a key of coroutine " + std::to_string(number) + ": " + std::to_string(i);
      };
      for (std::uint64_t i = round * length; i < (round + 1) * length; ++i) {
        co_await handle.insert(key(i), std::string(i % 100, 'x'));
        if (i >= k_window) {
          const auto removed = co_await handle.remove(key(i - k_window));
          expect(removed && removed->size() == (i - k_window) % 100, "the wrong value was removed");
        }
        if (i % k_vacuum_every == 0) {
          co_await database.vacuum();
          co_await hop();
        }
      }
    });
    most.see(database.stats());
    round == 0 ? residence.warmed_up() : residence.check();
  }

  // Alive, and removed since the last vacuum, which may meet entries that another one holds just then.
  constexpr std::uint64_t k_most = k_threads * (k_window + 4 * k_vacuum_every);
  CHECK(most.entries <= k_most);
  CHECK(most.versions <= 2 * k_most);
  CHECK(most.bytes <= k_most * 500);
  run([](Texts& db) -> asio::awaitable<void> {
    co_await db.vacuum();
    co_await db.vacuum();
  }(database));
  const fluxmap::Stats stats = database.stats();
  CHECK(stats.keys == k_threads * k_window);
  CHECK(stats.versions == stats.keys);
  CHECK(stats.entries == stats.keys);
  CHECK(database.handle().range("", "~").size() == stats.keys);
}

// A commit that fails has linked entries for its new keys already: they go, too.
TEST_CASE("failed_commits_of_ever_new_keys_leave_memory_flat", "[stress]") {
  Database database;
  run([](Database& db) -> asio::awaitable<void> {
    auto handle = db.handle();
    std::uint64_t most = 0;
    for (std::uint64_t i = 0; i < scaled(100'000); ++i) {
      Transaction loser = handle.begin();
      loser.get(std::uint64_t{0});
      for (std::uint64_t key = 1; key <= 4; ++key) loser.insert(10 * i + key, i);
      co_await handle.insert(0, i);
      bool conflict = false;
      try {
        co_await loser.commit();
      } catch (const boost::system::system_error& error) {
        conflict = error.code() == fluxmap::errc::serialization_conflict;
      }
      expect(conflict, "a transaction has committed on top of what it did not read");
      if (i % 100 == 0) co_await db.vacuum();
      most = std::max(most, db.stats().entries);
    }
    CHECK(most <= 1 + 4 * 101);
  }(database));
  CHECK(database.size() == 1);
  check_no_more_than_the_keys(database);
}

// What the open transactions see is kept, what lies between is not.
TEST_CASE("ten_thousand_idle_transactions_keep_what_they_see_and_no_more", "[stress]") {
  const std::uint64_t open = k_sanitizer_cost == 1 ? 10'000 : 1'000;
  constexpr std::uint64_t k_commits_between = 3;
  SplitMix random(seed("idle transactions"));
  Database database;
  run(fill(database));
  auto handle = database.handle();
  {
    struct Idle {
      Transaction transaction;
      std::uint64_t key, value;
      const std::uint64_t* pointer;
    };
    std::vector<Idle> idle;
    run([](auto& db, auto& list, auto& rnd, std::uint64_t count) -> asio::awaitable<void> {
      auto writer = db.handle(), reader = db.handle();
      for (std::uint64_t i = 0; i < count; ++i) {
        for (std::uint64_t n = 0; n < k_commits_between; ++n) co_await writer.insert(rnd.below(k_keys), 10 * i + n);
        Transaction transaction = reader.begin({.read_only = i % 2 == 0});
        const std::uint64_t key = rnd.below(k_keys);
        const std::uint64_t* value = transaction.get(key);
        expect(value != nullptr, "a key is not there");
        list.push_back({std::move(transaction), key, *value, value});
      }
    }(database, idle, random, open));
    CHECK(database.stats().active_transactions == open);
    const std::uint64_t seen = database.stats().versions;
    CHECK(seen <= k_keys + open * k_commits_between);

    const HighWater most = overwrite(database, scaled(1'000'000), random());
    CAPTURE(seen);
    CHECK(most.versions <= seen + k_keys + slack(open));

    for (Idle& one : idle) {  // a read-write one that cannot be refreshed still reads its snapshot
      const std::uint64_t* const value = one.transaction.get(one.key);
      if (value != one.pointer || *value != one.value) FAIL("an idle transaction does not see what it did");
    }
    std::vector<Idle> others;  // half of them end: the rest is kept
    for (std::size_t i = 0; i < idle.size(); i += 2) others.push_back(std::move(idle[i]));
    idle.clear();
    CHECK(database.stats().active_transactions == others.size());
    run([](Database& db) -> asio::awaitable<void> { co_await db.vacuum(); }(database));
    for (const Idle& one : others) {
      if (*one.pointer != one.value) FAIL("a version was freed under an idle transaction");
    }
  }
  check_no_more_than_the_keys(database);
}

}  // namespace

// Who conflicts with whom, who never does, and what a conflict tells.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "guarantees/shared.hpp"

namespace {

using namespace fluxmap_test;

using Store = fluxmap::Database<std::string, int>;

struct Point {
  int x = 0;
  int y = 0;
  auto operator<=>(const Point&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const Point& p) { return out << '(' << p.x << '|' << p.y << ')'; }
};
struct Opaque {
  int id = 0;
  auto operator<=>(const Opaque&) const = default;
};

// Two transactions that read a key, one of which overwrites it first; hands over the loser's exception.
template <class Key>
std::optional<fluxmap::ConflictError> conflict_on(const Key& key, const Key& other) {
  fluxmap::Database<Key, int> store;
  auto handle = store.handle();
  auto loser = handle.begin();
  loser.get(key);
  loser.insert(other, 1);
  put(handle, key, 2);
  try {
    run(loser.commit());
  } catch (const fluxmap::ConflictError& error) {
    CHECK(error.code() == errc::serialization_conflict);
    CHECK(fluxmap::is_retryable(error.code()));
    CHECK_FALSE(handle.contains(other));
    CHECK_FALSE(loser.active());
    return error;
  }
  return std::nullopt;
}

// Lets the others of the same executor run.
asio::awaitable<void> turn() { co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable); }

}  // namespace

TEST_CASE("blind_writes_of_the_same_key_do_not_conflict_and_the_later_commit_wins") {
  Store store;
  auto handle = store.handle();
  auto first = handle.begin();
  auto second = handle.begin();
  first.insert("k", 1);
  second.insert("k", 2);
  put(handle, std::string("k"), 3);
  CHECK(commits(second));
  CHECK(commits(first));
  CHECK(handle.get("k") == 1);
  CHECK(store.stats().conflicts == 0);
}

TEST_CASE("a_transaction_conflicts_when_what_it_read_was_overwritten_by_one_that_committed_first") {
  Store store;
  auto handle = store.handle();
  put(handle, std::string("k"), 1);
  auto reader = handle.begin();
  using Transaction = decltype(reader);
  const auto [how, read] = GENERATE(table<std::string, bool (*)(Transaction&)>(
      {{"get", [](Transaction& t) { return *t.get("k") == 1; }},
       {"contains", [](Transaction& t) { return t.contains("k"); }},
       {"get_many", [](Transaction& t) { return t.get_many(std::array{"j", "k", "l"}).at(1) != nullptr; }},
       {"range", [](Transaction& t) { return t.range("a", "z").size() == 1; }},
       {"range_stream", [](Transaction& t) { return t.range_stream("a", "z").next().has_value(); }},
       {"prefix_scan", [](Transaction& t) { return t.prefix_scan("k").size() == 1; }},
       {"prefix_scan_stream", [](Transaction& t) { return t.prefix_scan_stream("k").next().has_value(); }},
       {"remove", [](Transaction& t) { return t.remove("k"); }}}));
  CAPTURE(how);
  CHECK(read(reader));
  reader.insert("result", 1);
  SECTION("by an overwrite with the same value") { put(handle, std::string("k"), 1); }
  SECTION("by a removal") { run(handle.remove("k")); }
  SECTION("by an update") {
    run(handle.update("k", [](const int* old) { return *old; }));
  }
  SECTION("by an eviction") { CHECK(run(handle.evict("k"))); }
  SECTION("by a transaction") {
    auto writer = handle.begin();
    writer.insert("k", 5);
    REQUIRE(commits(writer));
  }
  CHECK_FALSE(commits(reader));
  CHECK_FALSE(handle.contains("result"));
}

TEST_CASE("nothing_but_an_overwritten_read_makes_a_conflict") {
  Store store;
  auto handle = store.handle();
  for (const char* key : {"b", "c", "d", "e", "own"}) put(handle, std::string(key), 1);
  auto transaction = handle.begin();
  const auto overwrite = [&](const char* key) {
    put(handle, std::string(key), 9);
    run(handle.remove(key));
    put(handle, std::string(key), 9);
  };
  SECTION("other keys are read") {
    transaction.get("b");
    overwrite("c");
  }
  SECTION("a key is written, read back and overwritten by another") {
    transaction.insert("own", 2);
    CHECK(*transaction.get("own") == 2);
    overwrite("own");
  }
  SECTION("a scan has met an own write that another overwrites") {
    transaction.insert("own", 2);
    CHECK(transaction.range("o", "p").size() == 1);
    overwrite("own");
  }
  SECTION("an own write removed in the database") {
    transaction.insert("own", 2);
    CHECK(transaction.range("o", "p").size() == 1);
    run(handle.remove("own"));
  }
  SECTION("the end of a range is not in it, nor what precedes its begin") {
    CHECK(transaction.range("c", "e").size() == 2);
    overwrite("e");
    overwrite("bz");
    overwrite("b");
  }
  SECTION("what borders on a prefix") {
    CHECK(transaction.prefix_scan("c").size() == 1);
    overwrite("d");
    overwrite("b\xff");
  }
  SECTION("a stream that was made and not asked") {
    auto stream = transaction.range_stream("a", "z");
    overwrite("b");
  }
  SECTION("an empty and an inverted range hold nothing") {
    CHECK(transaction.range("c", "c").empty());
    CHECK(transaction.range("e", "b").empty());
    overwrite("c");
  }
  SECTION("another transaction that wrote what was read did not commit") {
    transaction.get("c");
    auto other = handle.begin();
    other.insert("c", 5);
    other.rollback();
  }
  SECTION("another transaction commits the read key later") {
    transaction.get("c");
    transaction.insert("x", 1);
    auto other = handle.begin();
    other.insert("c", 5);
    CHECK(commits(transaction));
    CHECK(commits(other));
    return;
  }
  transaction.insert("result", 1);
  CHECK(commits(transaction));
  CHECK(handle.get("result") == 1);
  CHECK(store.stats().conflicts == 0);
}

TEST_CASE("a_read_only_transaction_never_aborts_and_makes_nobody_abort") {
  Store store;
  auto handle = store.handle();
  for (const char* key : {"a", "b", "c"}) put(handle, std::string(key), 1);
  auto reader = handle.begin({.read_only = true});
  CHECK(*reader.get("a") == 1);
  auto writer = handle.begin();
  CHECK(writer.range("a", "d").size() == 3);
  for (const char* key : {"a", "b", "c", "bb"}) writer.insert(key, 2);
  writer.remove("c");
  CHECK(reader.range("a", "d").size() == 3);
  CHECK(commits(writer));
  CHECK(*reader.get("a") == 1);
  CHECK(*reader.get("b") == 1);
  CHECK(*reader.get("c") == 1);
  CHECK_FALSE(reader.contains("bb"));
  CHECK(reader.range("a", "d").size() == 3);
  CHECK(commits(reader));
  CHECK(store.stats().conflicts == 0);
}

TEST_CASE("a_read_write_transaction_that_wrote_nothing_commits_though_it_was_overwritten") {
  Store store;
  auto handle = store.handle();
  for (const char* key : {"a", "b"}) put(handle, std::string(key), 1);
  auto transaction = handle.begin();
  CHECK(*transaction.get("a") == 1);
  put(handle, std::string("a"), 2);
  put(handle, std::string("b"), 2);
  SECTION("and reads on, at the same moment") { CHECK(*transaction.get("b") == 1); }
  SECTION("and took its writes back") {
    const auto savepoint = transaction.savepoint();
    transaction.insert("x", 1);
    transaction.rollback_to(savepoint);
  }
  CHECK(commits(transaction));
  CHECK_FALSE(handle.contains("x"));
}

TEST_CASE("a_transaction_that_has_read_something_overwritten_learns_it_from_its_next_write_or_read") {
  Store store;
  auto handle = store.handle();
  for (const char* key : {"a", "b"}) put(handle, std::string(key), 1);
  auto transaction = handle.begin();
  CHECK(*transaction.get("a") == 1);
  SECTION("a write after reads of the old moment") {
    put(handle, std::string("a"), 2);
    put(handle, std::string("b"), 2);
    CHECK(*transaction.get("b") == 1);
    CHECK(code_of([&] { transaction.insert("x", 1); }) == errc::serialization_conflict);
    CHECK(code_of([&] { transaction.remove("b"); }) == errc::serialization_conflict);
  }
  SECTION("a read after a write") {
    transaction.insert("x", 1);
    put(handle, std::string("a"), 2);
    put(handle, std::string("b"), 2);
    CHECK(code_of([&] { transaction.get("b"); }) == errc::serialization_conflict);
    CHECK_FALSE(commits(transaction));
  }
  transaction.rollback();
  CHECK_FALSE(handle.contains("x"));
}

TEST_CASE("commits_to_keys_not_read_are_seen_by_later_reads_of_an_open_transaction") {
  Store store;
  auto handle = store.handle();
  for (const char* key : {"a", "b"}) put(handle, std::string(key), 1);
  auto transaction = handle.begin();
  CHECK(*transaction.get("a") == 1);
  transaction.insert("x", 1);
  const int* const a = transaction.get("a");
  put(handle, std::string("b"), 2);
  put(handle, std::string("c"), 2);
  run(handle.remove("b"));
  put(handle, std::string("b"), 3);
  CHECK(*transaction.get("b") == 3);
  CHECK(*transaction.get("c") == 2);
  put(handle, std::string("d"), 4);
  CHECK(keys_of(transaction.range("a", "e")) == std::vector<std::string>{"a", "b", "c", "d"});
  CHECK(a == transaction.get("a"));
  CHECK(*a == 1);
  CHECK(commits(transaction));
}

TEST_CASE("a_stream_goes_on_when_the_transactions_snapshot_moves_forward") {
  Store store;
  auto handle = store.handle();
  for (const char* key : {"a", "c", "e"}) put(handle, std::string(key), 1);
  auto transaction = handle.begin();
  auto stream = transaction.range_stream("a", "z");
  CHECK(stream.next()->first == "a");
  put(handle, std::string("d"), 2);
  put(handle, std::string("e"), 2);
  run(handle.remove("c"));
  CHECK(stream.next()->first == "d");
  const auto item = stream.next();
  CHECK(item->first == "e");
  CHECK(item->second == 2);
  CHECK_FALSE(stream.next().has_value());
  transaction.insert("result", 1);
  CHECK(commits(transaction));
}

TEST_CASE("a_long_transaction_is_not_starved_by_short_ones") {
  Store store;
  auto handle = store.handle();
  put(handle, std::string("hot"), 0);
  asio::io_context context(1);
  bool done = false;
  int attempts = 0;
  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> {
        for (int i = 1;; ++i) {  // overwrites what the long one reads whenever it gets a turn
          if (done) co_return;
          co_await handle.insert("hot", i);
          co_await turn();
        }
      },
      asio::detached);
  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> {
        co_await handle.transaction([&](auto& tx) -> asio::awaitable<void> {
          ++attempts;
          const int before = *tx.get("hot");
          for (int i = 0; i < 10; ++i) co_await turn();
          tx.insert("result", before);
        });
        done = true;
      },
      asio::detached);
  context.run();
  CHECK(done);
  CHECK(attempts > 1);
  CHECK(attempts <= 10);  // it announces its reads after four failures
  CHECK(store.stats().reservations > 0);
  CHECK(handle.contains("result"));
}

// A transaction that has lost much work announces early, and whoever would overwrite what it has read waits for it.
TEST_CASE("a_long_transaction_announces_after_its_first_failure_and_the_next_ones_while_they_read") {
  fluxmap::Database<int, int> store;
  auto handle = store.handle();
  auto other = store.handle();
  constexpr int k_keys = 64;
  for (int key = 0; key < k_keys; ++key) put(handle, int{key}, 0);
  const auto read_all = [&](auto& tx) {
    for (int key = 0; key < k_keys; ++key) tx.get(key);
  };
  int attempts = 0;
  run(handle.transaction([&](auto& tx) {
    CHECK(store.stats().reservations == static_cast<std::uint64_t>(attempts));
    read_all(tx);
    if (attempts++ == 0) put(other, 3, 1);
    tx.insert(1000, attempts);
  }));
  CHECK(attempts == 2);
  CHECK(store.stats().reservations == 1);

  // The next ones need not fail first: the other's write of what one has read comes after its commit. Unless the
  // machine is away for longer than others wait for an announcement of this kind, so there is more than one try.
  bool in_order = false;
  for (int round = 0; round < 200 && !in_order; ++round) {
    asio::io_context context(1);
    attempts = 0;
    bool long_done = false;
    bool reading = false;
    std::optional<bool> came_after;
    const auto long_one = [&]() -> asio::awaitable<void> {
      co_await handle.transaction([&](auto& tx) -> asio::awaitable<void> {
        ++attempts;
        read_all(tx);
        reading = true;
        for (int i = 0; i < 3; ++i) co_await turn();
        tx.insert(1000, 5);
      });
      long_done = true;
    };
    const auto short_one = [&]() -> asio::awaitable<void> {
      while (!reading) co_await turn();
      co_await other.insert(40, round);
      came_after = long_done;
    };
    asio::co_spawn(context, long_one(), asio::detached);
    asio::co_spawn(context, short_one(), asio::detached);
    context.run();
    CHECK(store.stats().reservations > 1);
    in_order = attempts == 1 && came_after == true;
  }
  CHECK(in_order);

  // It wears off where there are no more conflicts.
  const auto before = store.stats().reservations;
  for (int i = 0; i < 40; ++i) {
    run(handle.transaction([&](auto& tx) {
      read_all(tx);
      tx.insert(1000, i);
    }));
  }
  CHECK(store.stats().reservations > before);
  CHECK(store.stats().reservations < before + 20);
}

TEST_CASE("a_closure_that_commits_by_itself_does_not_step_aside_for_its_own_announcement") {
  fluxmap::Database<int, int> store;
  auto handle = store.handle();
  constexpr int k_keys = 100;
  for (int key = 0; key < k_keys; ++key) put(handle, int{key}, 0);
  asio::io_context context(1);
  int attempts = 0;
  bool suspended = false;
  const auto one = [&]() -> asio::awaitable<void> {
    co_await handle.transaction([&](auto& tx) -> asio::awaitable<void> {
      for (int key = 0; key < k_keys; ++key) tx.get(key);
      if (++attempts == 1) throw fluxmap::ConflictError("as if a read had met one");
      tx.insert(5, 7);
      CHECK(store.stats().reservations == 1);
      asio::post(context, [&] { suspended = true; });
      co_await tx.commit();
      CHECK_FALSE(suspended);
    });
  };
  asio::co_spawn(context, one(), asio::detached);
  context.run();
  CHECK(attempts == 2);
  CHECK(handle.get(5) == 7);
}

TEST_CASE("a_transaction_that_is_moved_out_of_its_closure_goes_on_by_itself") {
  fluxmap::Database<int, int> store;
  auto handle = store.handle();
  constexpr int k_keys = 100;
  for (int key = 0; key < k_keys; ++key) put(handle, int{key}, 0);
  std::optional<decltype(handle.begin())> kept;
  run(handle.transaction([&](auto& tx) {
    for (int key = 0; key < k_keys; ++key) tx.get(key);
    if (!kept) {
      kept.emplace(std::move(tx));
      throw fluxmap::ConflictError("the closure runs again, with another transaction");
    }
    tx.insert(1000, 1);
  }));
  CHECK(handle.get(1000) == 1);
  for (int key = 0; key < k_keys; ++key) CHECK(*kept->get(key) == 0);  // nothing of the other one is looked at
  kept->insert(1001, 2);
  CHECK(commits(*kept));
  CHECK(handle.get(1001) == 2);
}

TEST_CASE("a_commit_steps_aside_for_one_transaction_and_not_for_those_that_come_after_it") {
  fluxmap::Database<int, int> store;
  auto handle = store.handle();
  auto other = store.handle();
  constexpr int k_keys = 64;
  for (int key = 0; key < k_keys; ++key) put(handle, int{key}, 0);
  asio::io_context context(1);
  bool written = false;
  int long_ones = 0;
  const auto many_long_ones = [&]() -> asio::awaitable<void> {  // nearly always one of them stands announced
    for (; !written && long_ones < 1000; ++long_ones) {
      co_await handle.transaction(
          [&](auto& tx) -> asio::awaitable<void> {
            for (int key = 0; key < k_keys; ++key) tx.get(key);
            if (long_ones == 0) put(other, 3, 1);  // without an announcement yet
            for (int i = 0; i < 2; ++i) co_await turn();
            tx.insert(1000, long_ones);
          },
          {.retry = {.attempts = long_ones == 0 ? 1U : 64U}});
    }
  };
  const auto conflict_first = [&]() -> asio::awaitable<void> {
    try {
      co_await many_long_ones();
    } catch (const fluxmap::ConflictError&) {  // the first one, which makes the handle expect conflicts
      ++long_ones;
    }
    co_await many_long_ones();
  };
  const auto short_one = [&]() -> asio::awaitable<void> {
    while (store.stats().reservations == 0) co_await turn();
    co_await other.insert(40, 2);
    written = true;
  };
  asio::co_spawn(context, conflict_first(), asio::detached);
  asio::co_spawn(context, short_one(), asio::detached);
  context.run();
  CHECK(written);
  CHECK(store.stats().reservations >= 1);
  CHECK(long_ones < 10);
}

// The others step aside for it, but not for ever.
TEST_CASE("an_announced_transaction_is_validated_like_any_other") {
  fluxmap::Database<int, int> store;
  auto handle = store.handle();
  auto other = store.handle();
  put(handle, 1, 0);
  int attempts = 0;
  run(handle.transaction(
      [&](auto& tx) -> asio::awaitable<void> {
        const int seen = *tx.get(1);
        if (++attempts <= 2) co_await other.insert(1, attempts);  // the second time after a while
        tx.insert(2, seen);
      },
      {.retry = {.reserve_after = 1}}));
  CHECK(store.stats().reservations > 0);
  CHECK(attempts == 3);
  CHECK(handle.get(2) == 2);
}

TEST_CASE("a_conflict_names_the_key") {
  CHECK(conflict_on<int>(-17, 1).value().key() == "-17");
  CHECK(conflict_on<std::uint64_t>(~std::uint64_t{0}, 1).value().key() == "18446744073709551615");
  CHECK(conflict_on<std::string>("stock/42", "x").value().key() == "\"stock/42\"");
  CHECK(conflict_on<Point>({3, 4}, {0, 0}).value().key() == "(3|4)");
  CHECK_THAT(conflict_on<Point>({3, 4}, {0, 0}).value().what(), fluxmap_test::contains_text("(3|4)"));
  CHECK_THAT(conflict_on<std::string>("stock/42", "x").value().what(), fluxmap_test::contains_text("stock/42"));
}

TEST_CASE("a_conflict_on_a_key_that_cannot_be_formatted_has_no_key_and_works_all_the_same") {
  const auto error = conflict_on<Opaque>({1}, {2});
  REQUIRE(error.has_value());
  CHECK(error->key().empty());
  CHECK_THAT(error->what(), fluxmap_test::contains_text("serialization conflict"));
}

TEST_CASE("a_conflict_names_the_key_however_it_was_read_and_wherever_it_shows") {
  Store store;
  auto handle = store.handle();
  for (const char* key : {"a", "b", "c"}) put(handle, std::string(key), 1);
  const bool at_commit = GENERATE(true, false);
  auto transaction = handle.begin();
  std::string expected = "\"b\"";
  SECTION("a key overwritten in a range") {
    CHECK(transaction.range("a", "c").size() == 2);
    put(handle, std::string("b"), 2);
  }
  SECTION("a key removed from a range") {
    CHECK(transaction.range("a", "c").size() == 2);
    run(handle.remove("b"));
  }
  SECTION("a key new in a range") {
    CHECK(transaction.range("a", "c").size() == 2);
    put(handle, std::string("bb"), 2);
    expected = "\"bb\"";
  }
  SECTION("an absent key") {
    CHECK(transaction.get("none") == nullptr);
    put(handle, std::string("none"), 2);
    expected = "\"none\"";
  }
  transaction.insert("result", 1);
  std::string named;
  try {
    if (at_commit) {
      run(transaction.commit());
    } else {
      put(handle, std::string("z"), 2);  // meeting it makes the transaction look whether it is still current
      transaction.get("z");
    }
  } catch (const fluxmap::ConflictError& error) {
    named = error.key();
  }
  CHECK(named == expected);
}

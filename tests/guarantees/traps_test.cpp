// The traps of the design that need neither a log nor two threads at the same instruction: each with a fixed order of
// events. Their concurrent versions are in tests/schedule and tests/stress.
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "guarantees/shared.hpp"

namespace {

using namespace fluxmap_test;

using Store = fluxmap::Database<std::string, int>;
using Handle = decltype(std::declval<Store&>().handle());
using Items = std::vector<std::pair<std::string, int>>;

void remove(Handle& handle, const std::string& key) { run(handle.remove(key)); }

// The keys that another transaction sees in every way there is to look.
std::vector<std::string> seen_by_all(Store& store, const std::string& first, const std::string& last) {
  Handle handle = store.handle();
  const std::vector<std::string> keys = keys_of(handle.range(first, last));
  auto transaction = handle.begin();
  auto reader = handle.begin({.read_only = true});
  CHECK(keys_of(transaction.range(first, last)) == keys);
  CHECK(keys_of(reader.range_stream(first, last)) == keys);
  for (const std::string& key : keys) {
    CHECK(handle.get(key).has_value());
    CHECK(transaction.contains(key));
    CHECK(reader.contains(key));
  }
  return keys;
}

}  // namespace

TEST_CASE("an_acknowledged_commit_is_seen_by_every_thread", "[trap-03]") {
  fluxmap::Database<int, int> store;
  std::atomic<int> acknowledged{0};
  std::atomic<bool> seen{true};
  constexpr int k_commits = 2000;
  std::thread other([&] {
    auto handle = store.handle();
    for (int last = 0; last < k_commits;) {
      last = acknowledged.load();
      if (last == 0) continue;
      auto transaction = handle.begin();
      auto reader = handle.begin({.read_only = true});
      const int* const by_transaction = transaction.get(0);
      const int* const by_reader = reader.get(0);
      const bool ok = handle.get(0).value_or(0) >= last && by_transaction != nullptr && *by_transaction >= last &&
                      by_reader != nullptr && *by_reader >= last && handle.range(0, 1).at(0).second >= last;
      if (!ok) seen = false;
    }
  });
  auto handle = store.handle();
  for (int i = 1; i <= k_commits; ++i) {
    auto transaction = handle.begin();
    transaction.insert(0, i);
    run(transaction.commit());
    acknowledged = i;
  }
  other.join();
  CHECK(seen);
}

TEST_CASE("an_aborted_insert_leaves_the_key_absent_for_everyone", "[trap-06]") {
  Store store;
  Handle handle = store.handle();
  put(handle, std::string("read"), 1);
  const auto before = store.stats();
  const bool with_vacuum = GENERATE(false, true);

  auto loser = handle.begin();
  loser.get("read");
  loser.insert("new", 1);
  put(handle, std::string("read"), 2);
  REQUIRE_FALSE(commits(loser));
  if (with_vacuum) run(store.vacuum());

  CHECK(seen_by_all(store, "a", "z") == std::vector<std::string>{"read"});
  CHECK_FALSE(handle.get("new").has_value());
  CHECK(store.stats().keys == before.keys);
  CHECK_FALSE(run(handle.remove("new")).has_value());
  CHECK(run(handle.insert_if_absent("new", 7)));
  CHECK(handle.get("new") == 7);
  run(store.vacuum());
  CHECK(handle.get("new") == 7);
  CHECK(store.stats().entries == 2);
}

TEST_CASE("an_aborted_insert_of_an_absent_key_does_not_make_its_readers_conflict", "[trap-06]") {
  Store store;
  Handle handle = store.handle();
  put(handle, std::string("read"), 1);
  auto reader = handle.begin();
  CHECK_FALSE(reader.contains("new"));
  CHECK(reader.range("m", "o").empty());

  auto loser = handle.begin();
  loser.get("read");
  loser.insert("new", 1);
  put(handle, std::string("read"), 2);
  REQUIRE_FALSE(commits(loser));

  reader.insert("x", 1);
  CHECK(commits(reader));
}

TEST_CASE("a_key_removed_and_vacuumed_can_be_inserted_again", "[trap-07]") {
  Store store;
  Handle handle = store.handle();
  for (int round = 0; round < 50; ++round) {
    put(handle, std::string("k"), round);
    auto late = handle.begin();  // writes the key in the middle of its removal and vacuum
    late.insert("k", 1000 + round);
    remove(handle, "k");
    if (round % 2 == 0) run(store.vacuum());
    CHECK(seen_by_all(store, "a", "z").empty());
    CHECK(commits(late));
    CHECK(handle.get("k") == 1000 + round);
    run(store.vacuum());
    CHECK(handle.get("k") == 1000 + round);
  }
  CHECK(store.stats().entries == 1);
  CHECK(store.size() == 1);
}

TEST_CASE("a_read_of_a_key_that_vacuum_has_unlinked_still_conflicts_with_its_reinsertion", "[trap-07]") {
  Store store;
  Handle handle = store.handle();
  put(handle, std::string("k"), 1);
  remove(handle, "k");
  auto reader = handle.begin();
  CHECK_FALSE(reader.contains("k"));
  CHECK(reader.range("j", "l").empty());
  CHECK(run(store.vacuum()).entries == 1);
  SECTION("nobody comes") {
    reader.insert("x", 1);
    CHECK(commits(reader));
  }
  SECTION("somebody inserts it") {
    put(handle, std::string("k"), 2);
    reader.insert("x", 1);
    CHECK_FALSE(commits(reader));
  }
}

TEST_CASE("what_changes_inside_a_scanned_range_is_a_conflict", "[trap-10]") {
  Store store;
  Handle handle = store.handle();
  for (const char* key : {"b", "d", "f"}) put(handle, std::string(key), 1);
  const bool by_stream = GENERATE(false, true);
  const auto scan = [&](auto& transaction, const char* first, const char* last) {
    return by_stream ? keys_of(transaction.range_stream(first, last)) : keys_of(transaction.range(first, last));
  };
  auto reader = handle.begin();

  SECTION("a new key in between") {
    CHECK(scan(reader, "a", "z").size() == 3);
    put(handle, std::string("c"), 1);
  }
  SECTION("a new key before the first one found") {
    CHECK(scan(reader, "a", "z").size() == 3);
    put(handle, std::string("a"), 1);
  }
  SECTION("a new key after the last one found") {
    CHECK(scan(reader, "a", "z").size() == 3);
    put(handle, std::string("y"), 1);
  }
  SECTION("a removal of the first, the last, and one in between") {
    const char* const removed = GENERATE("b", "d", "f");
    CHECK(scan(reader, "a", "z").size() == 3);
    remove(handle, removed);
  }
  SECTION("a removal, and the key put back") {
    CHECK(scan(reader, "a", "z").size() == 3);
    remove(handle, "d");
    put(handle, std::string("d"), 1);
  }
  SECTION("a new value") {
    CHECK(scan(reader, "a", "z").size() == 3);
    put(handle, std::string("d"), 2);
  }
  SECTION("a key in an empty range") {
    CHECK(scan(reader, "g", "i").empty());
    put(handle, std::string("g"), 1);
  }
  SECTION("a key in an empty range at the end of the map") {
    CHECK(scan(reader, "x", "z").empty());
    put(handle, std::string("y"), 1);
  }
  reader.insert("result", 1);
  CHECK_FALSE(commits(reader));
}

TEST_CASE("a_scan_that_was_stopped_early_has_read_up_to_its_last_item", "[trap-10]") {
  Store store;
  Handle handle = store.handle();
  for (const char* key : {"b", "d", "f"}) put(handle, std::string(key), 1);
  auto reader = handle.begin();
  auto stream = reader.range_stream("a", "z");
  REQUIRE(stream.next()->first == "b");
  REQUIRE(stream.next()->first == "d");
  reader.insert("result", 1);

  SECTION("what lies beyond is not read") {
    const auto [key, removed] = GENERATE(std::pair{"f", true}, std::pair{"f", false}, std::pair{"e", false});
    if (removed) {
      remove(handle, key);
    } else {
      put(handle, std::string(key), 2);
    }
    CHECK(commits(reader));
  }
  SECTION("what lies before, and the last item, is") {
    const auto [key, removed] = GENERATE(std::pair{"a", false}, std::pair{"b", true}, std::pair{"c", false},
                                         std::pair{"d", true}, std::pair{"d", false});
    if (removed) {
      remove(handle, key);
    } else {
      put(handle, std::string(key), 2);
    }
    CHECK_FALSE(commits(reader));
  }
}

TEST_CASE("a_removed_key_stays_removed_in_every_scan", "[trap-10]") {
  Store store;
  Handle handle = store.handle();
  for (const char* key : {"a", "b", "c"}) put(handle, std::string(key), 1);
  auto old_reader = handle.begin({.read_only = true});  // keeps the value under the tombstone alive
  remove(handle, "b");
  for (int i = 0; i < 40; ++i) put(handle, std::string("a"), i);  // committers prune
  CHECK(seen_by_all(store, "a", "z") == std::vector<std::string>{"a", "c"});
  run(store.vacuum());
  CHECK(seen_by_all(store, "a", "z") == std::vector<std::string>{"a", "c"});
  CHECK(old_reader.range("a", "z") == Items{{"a", 1}, {"b", 1}, {"c", 1}});
  old_reader.rollback();
  run(store.vacuum());
  CHECK(seen_by_all(store, "a", "z") == std::vector<std::string>{"a", "c"});
  CHECK(store.stats().entries == 2);
}

TEST_CASE("an_own_removal_hides_the_key_until_it_is_written_again", "[trap-10]") {
  Store store;
  Handle handle = store.handle();
  for (const char* key : {"a", "b", "c"}) put(handle, std::string(key), 1);
  auto transaction = handle.begin();
  CHECK(transaction.remove("b"));
  CHECK_FALSE(transaction.remove("b"));
  CHECK(keys_of(transaction.range("a", "z")) == std::vector<std::string>{"a", "c"});
  CHECK(transaction.get("b") == nullptr);
  transaction.insert("b", 2);
  CHECK(transaction.range("a", "z") == Items{{"a", 1}, {"b", 2}, {"c", 1}});
  CHECK(transaction.remove("b"));
  CHECK(commits(transaction));
  CHECK(seen_by_all(store, "a", "z") == std::vector<std::string>{"a", "c"});
}

TEST_CASE("reads_made_since_a_savepoint_count_after_it_was_rolled_back", "[trap-11]") {
  Store store;
  Handle handle = store.handle();
  put(handle, std::string("read"), 1);
  auto transaction = handle.begin();
  transaction.insert("before", 1);
  const auto savepoint = transaction.savepoint();
  std::string overwritten;
  SECTION("a key") {
    CHECK(transaction.get("read") != nullptr);
    overwritten = "read";
  }
  SECTION("an absent key") {
    CHECK(transaction.get("none") == nullptr);
    overwritten = "none";
  }
  SECTION("a range") {
    CHECK(transaction.range("p", "s").size() == 1);
    overwritten = "q";
  }
  SECTION("a removal of an absent key") {
    CHECK_FALSE(transaction.remove("none"));
    overwritten = "none";
  }
  transaction.insert("after", 1);
  transaction.rollback_to(savepoint);
  put(handle, overwritten, 2);
  CHECK_FALSE(commits(transaction));
  CHECK_FALSE(handle.contains("before"));
}

TEST_CASE("versions_that_a_validator_needs_are_not_pruned", "[trap-14]") {
  Store store;
  Handle handle = store.handle();
  put(handle, std::string("k"), 0);
  auto reader = handle.begin();
  CHECK(*reader.get("k") == 0);
  reader.insert("result", 1);
  SECTION("overwritten many times: a conflict however little of the chain is left") {
    for (int i = 1; i <= 200; ++i) put(handle, std::string("k"), i);
    run(store.vacuum());
    CHECK_FALSE(commits(reader));
  }
  SECTION("removed, vacuumed, and put back") {
    remove(handle, "k");
    run(store.vacuum());
    put(handle, std::string("k"), 0);
    run(store.vacuum());
    CHECK_FALSE(commits(reader));
  }
  SECTION("untouched: vacuum and commits elsewhere do not make a conflict") {
    for (int i = 1; i <= 200; ++i) put(handle, std::string("other"), i);
    run(store.vacuum());
    CHECK(commits(reader));
  }
}

TEST_CASE("an_upsert_of_an_absent_key_conflicts_with_a_read_of_it", "[trap-16]") {
  Store store;
  Handle handle = store.handle();
  auto reader = handle.begin();
  CHECK(reader.get("k") == nullptr);
  reader.insert("seen/none", 1);
  SECTION("insert") { put(handle, std::string("k"), 1); }
  SECTION("insert_if_absent") { CHECK(run(handle.insert_if_absent("k", 1))); }
  SECTION("update") {
    CHECK(run(handle.update("k", [](const int* old) { return old == nullptr ? 1 : *old; })) == 1);
  }
  SECTION("a transaction that has read it absent too") {
    auto upsert = handle.begin();
    CHECK_FALSE(upsert.contains("k"));
    upsert.insert("k", 1);
    CHECK(commits(upsert));
  }
  CHECK_FALSE(commits(reader));
  CHECK_FALSE(handle.contains("seen/none"));
}

TEST_CASE("two_upserts_of_an_absent_key_that_both_read_it_do_not_both_commit", "[trap-16]") {
  Store store;
  Handle handle = store.handle();
  auto first = handle.begin();
  auto second = handle.begin();
  for (auto* transaction : {&first, &second}) {
    CHECK(transaction->get("k") == nullptr);
    transaction->insert("k", transaction == &first ? 1 : 2);
  }
  CHECK(commits(second));
  CHECK_FALSE(commits(first));
  CHECK(handle.get("k") == 2);
}

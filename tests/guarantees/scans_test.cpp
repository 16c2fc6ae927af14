// What reads hand over: ranges, prefixes, streams, many keys at once, other orders of keys, other types to look them
// up.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "guarantees/shared.hpp"

namespace {

using namespace fluxmap_test;

using Store = fluxmap::Database<std::string, int>;
using Numbers = fluxmap::Database<int, int>;
using Handle = decltype(std::declval<Store&>().handle());
using Keys = std::vector<std::string>;

static_assert(std::ranges::input_range<fluxmap::RangeStream<int, int>>);
static_assert(
    std::same_as<std::ranges::range_value_t<fluxmap::RangeStream<int, int>>, std::pair<const int&, const int&>>);

// A key that counts how often one is made.
struct Name {
  std::string text;
  explicit Name(std::string_view from) : text(from) { ++made; }
  Name(const Name& other) : text(other.text) { ++made; }
  Name(Name&&) noexcept = default;
  inline static std::size_t made = 0;
};
struct ByText {
  using is_transparent = void;
  bool operator()(const Name& a, const Name& b) const { return a.text < b.text; }
  bool operator()(const Name& a, std::string_view b) const { return a.text < b; }
  bool operator()(std::string_view a, const Name& b) const { return a < b.text; }
};

// An order chosen at run time; there is no default.
struct Directed {
  explicit Directed(bool downwards) : down(downwards) {}
  bool down;
  bool operator()(int a, int b) const { return down ? b < a : a < b; }
};

struct ByLastDigit {
  bool operator()(int a, int b) const { return a % 10 < b % 10; }
};

// Every way to scan [first, last).
template <class Database, class K>
auto scan_every_way(Database& store, const K& first, const K& last) {
  auto handle = store.handle();
  auto transaction = handle.begin();
  auto reader = handle.begin({.read_only = true});
  const auto keys = keys_of(handle.range(first, last));
  CHECK(keys_of(handle.range_stream(first, last)) == keys);
  CHECK(keys_of(transaction.range(first, last)) == keys);
  CHECK(keys_of(transaction.range_stream(first, last)) == keys);
  CHECK(keys_of(reader.range(first, last)) == keys);
  CHECK(keys_of(reader.range_stream(first, last)) == keys);
  return keys;
}
Keys prefix_every_way(Store& store, std::string_view prefix) {
  Handle handle = store.handle();
  auto transaction = handle.begin();
  const Keys keys = keys_of(handle.prefix_scan(prefix));
  CHECK(keys_of(handle.prefix_scan_stream(prefix)) == keys);
  CHECK(keys_of(transaction.prefix_scan(prefix)) == keys);
  CHECK(keys_of(transaction.prefix_scan_stream(prefix)) == keys);
  return keys;
}

}  // namespace

TEST_CASE("a_range_is_half_open_and_in_order") {
  Numbers store;
  auto handle = store.handle();
  CHECK(scan_every_way(store, 0, 100).empty());
  for (const int key : {30, 10, 50, 20, 40}) put(handle, key, 2 * key);
  CHECK(scan_every_way(store, 0, 100) == std::vector{10, 20, 30, 40, 50});
  CHECK(scan_every_way(store, 20, 40) == std::vector{20, 30});
  CHECK(scan_every_way(store, 21, 41) == std::vector{30, 40});
  CHECK(scan_every_way(store, 20, 20).empty());
  CHECK(scan_every_way(store, 40, 20).empty());
  CHECK(scan_every_way(store, 11, 19).empty());
  CHECK(scan_every_way(store, 51, 99).empty());
  CHECK(handle.range(20, 40) == std::vector<std::pair<int, int>>{{20, 40}, {30, 60}});
}

TEST_CASE("an_inverted_range_is_empty_among_own_writes_too") {
  Numbers store;
  auto handle = store.handle();
  auto transaction = handle.begin();
  for (int key = 0; key < 10; ++key) transaction.insert(key, 1);
  CHECK(transaction.range(7, 3).empty());
  CHECK(transaction.range(5, 5).empty());
  CHECK(keys_of(transaction.range(3, 5)) == std::vector{3, 4});
}

TEST_CASE("a_prefix_scan_finds_the_keys_that_begin_with_it_and_no_others") {
  Store store;
  Handle handle = store.handle();
  for (const char* key :
       {"a", "ab", "ab/", "ab/1", "ab/1/x", "ac", "b", "ab\xff", "ab\xff\xff", "\xff", "\xff\xff", ""}) {
    put(handle, std::string(key), 1);
  }
  put(handle, std::string("ab\0z", 4), 1);
  CHECK(prefix_every_way(store, "").size() == 13);
  CHECK(prefix_every_way(store, "ab/") == Keys{"ab/", "ab/1", "ab/1/x"});
  CHECK(prefix_every_way(store, "ab/1/x") == Keys{"ab/1/x"});
  CHECK(prefix_every_way(store, "ab/1/xy").empty());
  CHECK(prefix_every_way(store, "ab") ==
        Keys{"ab", std::string("ab\0z", 4), "ab/", "ab/1", "ab/1/x", "ab\xff", "ab\xff\xff"});
  CHECK(prefix_every_way(store, "ab\xff") == Keys{"ab\xff", "ab\xff\xff"});
  CHECK(prefix_every_way(store, "\xff") == Keys{"\xff", "\xff\xff"});
  CHECK(prefix_every_way(store, "\xff\xff\xff").empty());
  CHECK(prefix_every_way(store, "zzz").empty());
}

TEST_CASE("a_prefix_scan_finds_them_in_descending_order_too") {
  const auto check = [](auto& store) {
    auto handle = store.handle();
    const auto scan = [&](std::string_view prefix) {
      auto transaction = handle.begin();
      const Keys keys = keys_of(handle.prefix_scan(prefix));
      CHECK(keys_of(handle.prefix_scan_stream(prefix)) == keys);
      CHECK(keys_of(transaction.prefix_scan(prefix)) == keys);
      for (const std::string& key : keys) transaction.insert(key, 2);
      CHECK(keys_of(transaction.prefix_scan_stream(prefix)) == keys);  // own writes
      return keys;
    };
    CHECK(scan("a").empty());
    for (const char* key : {"a", "ab", "ab/", "ab/1", "ab0", "ac", "b", "ab\xff", "ab\xff\xff", "\xff", "\xff\xff", "",
                            "\x7f", "\x7fz", "\x80"}) {
      run(handle.insert(key, 1));
    }
    CHECK(scan("").size() == 15);
    CHECK(scan("").front() == "\xff\xff");
    CHECK(scan("ab/") == Keys{"ab/1", "ab/"});
    CHECK(scan("ab") == Keys{"ab\xff\xff", "ab\xff", "ab0", "ab/1", "ab/", "ab"});
    CHECK(scan("ab\xff") == Keys{"ab\xff\xff", "ab\xff"});
    CHECK(scan("\xff") == Keys{"\xff\xff", "\xff"});
    CHECK(scan("\xff\xff\xff").empty());
    CHECK(scan("\x7f") == Keys{"\x7fz", "\x7f"});
    CHECK(scan("zzz").empty());

    auto transaction = handle.begin();  // it counts as read, to its ends and no further
    transaction.prefix_scan("ab/");
    transaction.insert("x", 1);
    run(handle.insert("ab0", 3));
    run(handle.insert("ab", 3));
    CHECK(commits(transaction));
    auto other = handle.begin();
    other.prefix_scan("ab/");
    other.insert("x", 1);
    run(handle.insert("ab/zz", 3));
    CHECK_FALSE(commits(other));
  };
  fluxmap::Database<std::string, int, std::greater<>> store;
  check(store);
  fluxmap::Database<std::string, int, std::greater<std::string>> exact;
  check(exact);
}

TEST_CASE("a_prefix_scan_of_wide_text_compares_its_characters") {
  fluxmap::Database<std::u16string, int> store;
  fluxmap::Database<std::u16string, int, std::greater<>> down;
  const std::vector<std::u16string> keys{u"a", u"b",      u"b\x00ff", u"b\xffff", u"b\xffff\xffff",
                                         u"c", u"\xffff", u"\xffffz"};
  for (const auto& key : keys) {
    run(store.handle().insert(key, 1));
    run(down.handle().insert(key, 1));
  }
  for (const std::u16string prefix : {u"", u"b", u"b\xffff", u"\xffff", u"x"}) {
    std::vector<std::u16string> expected;
    for (const auto& key : keys) {
      if (key.starts_with(prefix)) expected.push_back(key);
    }
    CHECK((keys_of(store.handle().prefix_scan(prefix)) == expected));
    std::reverse(expected.begin(), expected.end());
    CHECK((keys_of(down.handle().prefix_scan(prefix)) == expected));
  }
}

TEST_CASE("scans_merge_own_writes_and_removals") {
  Store store;
  Handle handle = store.handle();
  for (const char* key : {"b", "d", "f"}) put(handle, std::string(key), 1);
  auto transaction = handle.begin();
  for (const char* key : {"a", "c", "d", "g"}) transaction.insert(key, 2);
  transaction.remove("f");
  transaction.insert("h", 2);
  transaction.remove("h");
  using Items = std::vector<std::pair<std::string, int>>;
  CHECK(transaction.range("a", "z") == Items{{"a", 2}, {"b", 1}, {"c", 2}, {"d", 2}, {"g", 2}});
  CHECK(keys_of(transaction.range_stream("b", "g")) == Keys{"b", "c", "d"});
  CHECK(keys_of(transaction.prefix_scan("d")) == Keys{"d"});
  CHECK(keys_of(handle.range("a", "z")) == Keys{"b", "d", "f"});
}

TEST_CASE("a_transactions_stream_is_lazy_and_sees_own_writes_that_lie_ahead") {
  Store store;
  Handle handle = store.handle();
  for (const char* key : {"b", "d", "f"}) put(handle, std::string(key), 1);
  auto transaction = handle.begin();
  auto stream = transaction.range_stream("a", "z");
  CHECK(stream.next()->first == "b");
  transaction.insert("a", 2);  // behind
  transaction.insert("c", 2);  // ahead
  transaction.insert("d", 2);
  transaction.remove("f");
  CHECK(stream.next()->first == "c");
  const auto item = stream.next();
  CHECK(item->first == "d");
  CHECK(item->second == 2);
  transaction.insert("e", 2);
  CHECK(stream.next()->first == "e");
  CHECK_FALSE(stream.next().has_value());
  transaction.insert("y", 2);
  CHECK_FALSE(stream.next().has_value());  // an end is an end
}

TEST_CASE("a_stream_survives_moves_of_itself_and_of_its_transaction") {
  Numbers store;
  auto handle = store.handle();
  for (int key = 0; key < 6; ++key) put(handle, key, key);
  auto transaction = std::make_unique<decltype(handle.begin())>(handle.begin());
  auto stream = transaction->range_stream(0, 100);
  CHECK(stream.next()->first == 0);
  auto moved = std::make_unique<decltype(handle.begin())>(std::move(*transaction));
  transaction.reset();
  CHECK(stream.next()->first == 1);
  auto moved_stream = std::move(stream);
  CHECK(moved_stream.next()->first == 2);
  moved->insert(10, 10);
  std::vector<int> rest;
  while (const auto item = moved_stream.next()) rest.push_back(item->first);
  CHECK(rest == std::vector{3, 4, 5, 10});
}

TEST_CASE("a_handles_stream_keeps_the_snapshot_it_was_made_with") {
  constexpr int k_keys = 200;  // more than it looks up ahead
  const bool asked_before = GENERATE(true, false);
  Numbers store;
  auto handle = store.handle();
  for (int key = 0; key < k_keys; ++key) put(handle, key, 1);
  auto stream = [&] { return store.handle().range_stream(0, 1000); }();  // its handle is gone
  int count = 0;
  if (asked_before) {
    CHECK(stream.next()->second == 1);
    ++count;
  }
  for (int key = 0; key < k_keys; ++key) put(handle, key, 2);
  put(handle, 500, 2);
  run(handle.remove(3));
  run(handle.remove(150));
  run(store.vacuum());
  while (const auto item = stream.next()) {
    CHECK(item->second == 1);
    ++count;
  }
  CHECK(count == k_keys);
}

TEST_CASE("a_stream_is_an_input_range_for_views") {
  Numbers store;
  auto handle = store.handle();
  for (int key = 0; key < 10; ++key) put(handle, key, key);
  auto stream = handle.range_stream(0, 100);
  int sum = 0;
  for (const auto& [key, value] :
       stream | std::views::filter([](const auto& item) { return item.first % 2 == 1; }) | std::views::take(3)) {
    sum += value;
  }
  CHECK(sum == 1 + 3 + 5);
}

TEST_CASE("get_many_answers_in_the_order_asked_with_duplicates_and_absent_keys") {
  Store store;
  Handle handle = store.handle();
  for (const auto& [key, value] : {std::pair{"a", 1}, std::pair{"b", 2}, std::pair{"c", 3}})
    put(handle, std::string(key), value);
  const std::vector<std::string_view> asked{"c", "none", "a", "c", "", "b"};
  CHECK(handle.get_many(asked) == std::vector<std::optional<int>>{3, std::nullopt, 1, 3, std::nullopt, 2});
  CHECK(handle.get_many(Keys{}).empty());
  auto transaction = handle.begin();
  transaction.insert("none", 9);
  transaction.remove("a");
  const auto values = transaction.get_many(asked);
  REQUIRE(values.size() == 6);
  CHECK(*values[0] == 3);
  CHECK(*values[1] == 9);
  CHECK(values[2] == nullptr);
  CHECK(values[3] == values[0]);
  CHECK(values[4] == nullptr);
  CHECK(*values[5] == 2);
}

TEST_CASE("a_transparent_look_up_makes_no_key") {
  fluxmap::Database<Name, int, ByText> store;
  auto handle = store.handle();
  put(handle, Name("here"), 1);
  auto transaction = handle.begin();
  auto reader = handle.begin({.read_only = true});
  const std::string_view here = "here";
  const std::string_view none = "none";
  const std::size_t before = Name::made;
  CHECK(handle.get(here) == 1);
  CHECK(handle.contains(here));
  CHECK_FALSE(handle.contains(none));
  CHECK(handle.visit(here, [](const int&) {}));
  CHECK(handle.get_many(std::array{here, none}).at(0) == 1);
  CHECK(*transaction.get(here) == 1);
  CHECK(*reader.get(here) == 1);
  CHECK_FALSE(reader.contains(none));
  CHECK(Name::made == before);
  CHECK_FALSE(transaction.contains(none));  // remembers what it did not find
  CHECK(Name::made == before + 1);
}

TEST_CASE("an_integer_of_another_type_finds_the_key") {
  fluxmap::Database<std::int64_t, int> store;
  auto handle = store.handle();
  for (const std::int64_t key : {-1, 0, 1}) put(handle, key, static_cast<int>(key));
  CHECK(handle.get(-1) == -1);
  CHECK(handle.get(1U) == 1);
  CHECK(keys_of(handle.range(-5, 1U)) == std::vector<std::int64_t>{-1, 0});
}

TEST_CASE("keys_are_ordered_by_the_comparator_given_to_the_builder") {
  using Chosen = fluxmap::Database<int, int, Directed>;
  CHECK(code_of([] { Chosen::builder().build(); }) == errc::invalid_option);
  auto store = Chosen::builder().comparator(Directed(true)).build();
  auto handle = store->handle();
  for (int key = 0; key < 10; ++key) put(handle, key, key);
  CHECK(scan_every_way(*store, 7, 3) == std::vector{7, 6, 5, 4});
  CHECK(scan_every_way(*store, 3, 7).empty());
  auto transaction = handle.begin();
  transaction.insert(20, 20);
  transaction.insert(-3, -3);
  CHECK(keys_of(transaction.range(30, 7)) == std::vector{20, 9, 8});
  CHECK(keys_of(transaction.range(1, -10)) == std::vector{1, 0, -3});
  CHECK(commits(transaction));
  CHECK(keys_of(handle.range(100, 8)) == std::vector{20, 9});
}

TEST_CASE("visit_shows_the_value_in_place_and_may_use_the_database") {
  fluxmap::Database<int, std::string> store;
  auto handle = store.handle();
  put(handle, 1, std::string(100, 'x'));
  put(handle, 2, std::string("two"));
  const std::string* first = nullptr;
  std::optional<std::string> inner;
  CHECK(handle.visit(1, [&](const std::string& value) {
    first = &value;
    put(handle, 1, std::string("overwritten"));
    inner = handle.get(2);
    CHECK(value == std::string(100, 'x'));
    CHECK(handle.visit(2, [&](const std::string& two) { CHECK(two == *inner); }));
  }));
  CHECK(inner == "two");
  CHECK(handle.get(1) == "overwritten");
  CHECK_FALSE(handle.visit(3, [](const std::string&) { FAIL("there is no such key"); }));
}

TEST_CASE("std_greater_orders_downwards") {
  fluxmap::Database<int, int, std::greater<>> store;
  auto handle = store.handle();
  for (const int key : {1, 5, 3}) put(handle, key, key);
  CHECK(scan_every_way(store, 9, 0) == std::vector{5, 3, 1});
  CHECK(scan_every_way(store, 5, 1) == std::vector{5, 3});
}

TEST_CASE("keys_that_the_comparator_calls_equal_are_one_key") {
  fluxmap::Database<int, std::string, ByLastDigit> store;
  auto handle = store.handle();
  put(handle, 12, std::string("first"));
  put(handle, 22, std::string("second"));
  CHECK(store.size() == 1);
  CHECK(handle.get(2) == "second");
  auto reader = handle.begin();
  CHECK(reader.contains(32));
  put(handle, 42, std::string("third"));
  reader.insert(1, "result");
  CHECK_FALSE(commits(reader));
}

TEST_CASE("a_pointer_from_get_stays_good_until_the_transaction_ends") {
  fluxmap::Database<int, std::string> store;
  auto handle = store.handle();
  const std::string text(100, 'x');
  put(handle, 1, text);
  auto writer = handle.begin();
  auto reader = handle.begin({.read_only = true});
  const std::string* const by_writer = writer.get(1);
  const std::string* const by_reader = reader.get(1);
  writer.insert(2, std::string(100, 'y'));
  const std::string* const own = writer.get(2);
  for (int i = 0; i < 100; ++i) put(handle, 1, std::string(100, static_cast<char>('a' + i % 26)));
  run(handle.remove(1));
  run(store.vacuum());
  for (int i = 0; i < 100; ++i) {
    put(handle, 2, std::string(100, 'z'));
    writer.insert(100 + i, "more");
  }
  run(store.vacuum());
  CHECK(*by_writer == text);
  CHECK(*by_reader == text);
  CHECK(*own == std::string(100, 'y'));
  CHECK(reader.get(1) == by_reader);
}

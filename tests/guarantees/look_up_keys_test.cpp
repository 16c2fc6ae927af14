// Look-up keys of other types than Key: whatever Key cannot hold is absent, and as a bound lies where its value lies.
// A program of its own: many types of databases.
// Without threads.
#include <array>
#include <chrono>
#include <cmath>
#include <compare>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <valarray>
#include <vector>

#include "guarantees/shared.hpp"

namespace {

using namespace fluxmap_test;

constexpr std::uint64_t k_beyond_32 = (std::uint64_t{1} << 32) + 5;
constexpr std::int64_t k_beyond_53 = (std::int64_t{1} << 53) + 1;  // lies between two doubles
constexpr double k_infinity = std::numeric_limits<double>::infinity();
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

// Is in no order that the library knows.
template <class T>
struct Downwards {
  bool operator()(const T& a, const T& b) const { return a > b; }
};

// Whether every call says that there is no such key, and leaves what is there.
template <class Database, class K>
bool is_absent(Database& store, const K& key) {
  auto handle = store.handle();
  const std::size_t before = store.size();
  bool absent = !handle.get(key) && !handle.contains(key) && !handle.visit(key, [](const auto&) {});
  const std::vector<K> keys{key, key};
  for (const auto& value : handle.get_many(keys)) absent = absent && !value;
  absent = absent && !run(handle.remove(key)) && !run(handle.evict(key));
  auto transaction = handle.begin();
  absent = absent && transaction.get(key) == nullptr && !transaction.contains(key) && !transaction.remove(key);
  for (const auto* const value : transaction.get_many(keys)) absent = absent && value == nullptr;
  absent = absent && commits(transaction);
  return absent && store.size() == before;
}

// Whether every call finds a key.
template <class Database, class K>
bool is_present(Database& store, const K& key) {
  auto handle = store.handle();
  auto transaction = handle.begin();
  const std::vector<K> keys{key};
  return handle.get(key) && handle.contains(key) && handle.get_many(keys).at(0) && transaction.get(key) != nullptr &&
         transaction.contains(key);
}

// The same range by every call, on a handle and in a transaction.
template <class Database, class First, class Last>
auto range_every_way(Database& store, const First& first, const Last& last) {
  auto handle = store.handle();
  auto transaction = handle.begin();
  const auto keys = keys_of(handle.range(first, last));
  CHECK(keys_of(handle.range_stream(first, last)) == keys);
  CHECK(keys_of(transaction.range(first, last)) == keys);
  CHECK(keys_of(transaction.range_stream(first, last)) == keys);
  // and what a transaction has written itself
  auto own = handle.begin();
  for (const auto& [key, value] : handle.range_stream(first, last)) own.insert(key, value);
  CHECK(keys_of(own.range(first, last)) == keys);
  return keys;
}

template <class Database, class Keys>
void fill(Database& store, const Keys& keys) {
  auto handle = store.handle();
  for (const auto& key : keys) run(handle.insert(key, 1));
}

}  // namespace

TEST_CASE("an_integer_that_the_key_type_cannot_hold_is_absent") {
  fluxmap::Database<std::uint32_t, int> store;
  fill(store, std::vector<std::uint32_t>{0, 5, 0xffffffff});
  CHECK(is_absent(store, k_beyond_32));
  CHECK(is_absent(store, std::int64_t{-1}));
  CHECK(is_absent(store, std::int8_t{-1}));
  CHECK(is_absent(store, std::numeric_limits<std::int64_t>::min()));
  CHECK_FALSE(store.handle().remove(k_beyond_32, asio::use_future).get());
  CHECK_FALSE(store.handle().evict(k_beyond_32, asio::use_future).get());
  CHECK(store.size() == 3);
  CHECK(is_absent(store, std::numeric_limits<std::uint64_t>::max()));
  CHECK(is_present(store, 5));
  CHECK(is_present(store, std::uint64_t{5}));
  CHECK(is_present(store, std::int64_t{0xffffffff}));
  CHECK(is_present(store, '\5'));
}

TEST_CASE("an_integer_bound_lies_where_its_value_lies") {
  fluxmap::Database<std::uint8_t, int> store;
  fill(store, std::vector<std::uint8_t>{0, 1, 200, 255});
  using Keys = std::vector<std::uint8_t>;
  CHECK(range_every_way(store, 0, 256) == Keys{0, 1, 200, 255});
  CHECK(range_every_way(store, -1, 1000) == Keys{0, 1, 200, 255});
  CHECK(range_every_way(store, 1, k_beyond_32) == Keys{1, 200, 255});
  CHECK(range_every_way(store, std::numeric_limits<std::int64_t>::min(), 200) == Keys{0, 1});
  CHECK(range_every_way(store, 256, 300).empty());
  CHECK(range_every_way(store, 1000, 2000).empty());
  CHECK(range_every_way(store, -10, -5).empty());
  CHECK(range_every_way(store, -10, 0).empty());
  CHECK(range_every_way(store, 300, -5).empty());
}

TEST_CASE("a_bound_lies_where_its_value_lies_in_descending_order_too") {
  using Keys = std::vector<std::uint8_t>;
  fluxmap::Database<std::uint8_t, int, std::greater<>> down;
  fill(down, Keys{0, 1, 200, 255});
  CHECK(range_every_way(down, 255, -1) == Keys{255, 200, 1, 0});
  CHECK(range_every_way(down, 256, 0) == Keys{255, 200, 1});
  CHECK(range_every_way(down, 1000, -1000) == Keys{255, 200, 1, 0});
  CHECK(range_every_way(down, 1000, 256).empty());
  CHECK(range_every_way(down, 200.5, 0.5) == Keys{200, 1});
  CHECK(range_every_way(down, 200.0, 1.0) == Keys{200});
  CHECK(range_every_way(down, 254.5, -0.5) == Keys{200, 1, 0});
  CHECK(range_every_way(down, k_infinity, -k_infinity) == Keys{255, 200, 1, 0});
  CHECK(range_every_way(down, -1, -2).empty());
  CHECK(range_every_way(down, 0, 256).empty());
  CHECK(is_absent(down, 256));
}

TEST_CASE("in_an_order_of_the_users_a_bound_that_the_key_type_cannot_hold_is_refused") {
  fluxmap::Database<std::uint8_t, int, Downwards<std::uint8_t>> store;
  using Keys = std::vector<std::uint8_t>;
  fill(store, Keys{0, 1, 200, 255});
  auto handle = store.handle();
  CHECK(range_every_way(store, 255, 0) == Keys{255, 200, 1});
  CHECK(range_every_way(store, 200.0, std::int64_t{0}) == Keys{200, 1});
  CHECK(code_of([&] { handle.range(256, 0); }) == errc::invalid_key);
  CHECK(code_of([&] { handle.range_stream(255, -1); }) == errc::invalid_key);
  CHECK(code_of([&] { handle.begin().range(200.5, 0); }) == errc::invalid_key);
  CHECK(is_absent(store, 256));
  CHECK(is_absent(store, -1));
  CHECK(is_absent(store, 0.5));
  CHECK(is_present(store, 200.0));
}

TEST_CASE("fractions_infinities_and_what_is_no_number_are_absent_among_integers") {
  fluxmap::Database<std::int64_t, int> store;
  using Keys = std::vector<std::int64_t>;
  constexpr std::int64_t k_min = std::numeric_limits<std::int64_t>::min(), k_max = -(k_min + 1);
  fill(store, Keys{k_min, -1, 0, 3, k_beyond_53, k_max});
  CHECK(is_absent(store, 3.5));
  CHECK(is_absent(store, 0.5F));
  CHECK(is_absent(store, -0.5L));
  CHECK(is_absent(store, k_infinity));
  CHECK(is_absent(store, -k_infinity));
  CHECK(is_absent(store, k_nan));
  CHECK(is_absent(store, 9223372036854775808.0));  // 2^63
  CHECK(is_absent(store, 9007199254740992.0));     // 2^53: its neighbour is there
  CHECK(is_present(store, 3.0));
  CHECK(is_present(store, -0.0));
  CHECK(is_present(store, -9223372036854775808.0));
  CHECK(range_every_way(store, -0.5, 3.0) == Keys{0});
  CHECK(range_every_way(store, -1.5, 3.5) == Keys{-1, 0, 3});
  CHECK(range_every_way(store, 3.5F, 9007199254740992.0) == Keys{});
  CHECK(range_every_way(store, 3.5F, 9007199254740994.0) == Keys{k_beyond_53});
  CHECK(range_every_way(store, -k_infinity, k_infinity) == Keys{k_min, -1, 0, 3, k_beyond_53, k_max});
  CHECK(range_every_way(store, -1e300, 1e300) == Keys{k_min, -1, 0, 3, k_beyond_53, k_max});
  CHECK(range_every_way(store, k_max, 9223372036854775808.0) == Keys{k_max});
  CHECK(range_every_way(store, k_nan, k_infinity).empty());
  CHECK(range_every_way(store, 0, k_nan).empty());
}

TEST_CASE("integers_and_wider_fractions_that_no_floating_key_equals_are_absent") {
  fluxmap::Database<double, int> store;
  using Keys = std::vector<double>;
  const double power = 9007199254740992.0;  // 2^53
  fill(store, Keys{-k_infinity, 0.1, 1, power, power + 2, k_infinity});
  CHECK(is_absent(store, k_beyond_53));
  CHECK(is_absent(store, static_cast<std::uint64_t>(k_beyond_53)));
  CHECK(is_present(store, k_beyond_53 - 1));
  CHECK(is_present(store, k_beyond_53 + 1));
  CHECK(is_present(store, 1));
  CHECK(is_present(store, true));
  CHECK(is_absent(store, 0.1F));
  CHECK(is_absent(store, 0.1L));
  CHECK(is_present(store, static_cast<long double>(0.1)));
  CHECK(is_present(store, std::numeric_limits<float>::infinity()));
  CHECK(is_absent(store, std::numeric_limits<long double>::max()));
  CHECK(range_every_way(store, k_beyond_53, k_infinity) == Keys{power + 2});
  CHECK(range_every_way(store, 1, k_beyond_53) == Keys{1, power});
  CHECK(range_every_way(store, 1, k_beyond_53 - 1) == Keys{1});
  CHECK(range_every_way(store, 0.1F, 2) == Keys{1});  // 0.1F is greater
  CHECK(range_every_way(store, std::numeric_limits<long double>::lowest(), std::numeric_limits<long double>::max()) ==
        Keys{0.1, 1, power, power + 2});
}

TEST_CASE("numbers_inside_other_types_are_not_cut") {
  using Pair = std::pair<std::uint32_t, std::uint32_t>;
  using Wide = std::pair<std::uint64_t, std::int64_t>;
  using Keys = std::vector<Pair>;
  const Keys keys{{0, 0}, {5, 1}, {5, 0xffffffff}, {6, 0}, {0xffffffff, 0xffffffff}};
  fluxmap::Database<Pair, int> store;
  fill(store, keys);
  CHECK(is_absent(store, Wide{k_beyond_32, 1}));
  CHECK(is_absent(store, Wide{5, -1}));
  CHECK(is_absent(store, Wide{5, k_beyond_32 - 4}));
  CHECK(is_present(store, Wide{5, 1}));
  CHECK(is_present(store, std::pair{5, 1}));
  CHECK(range_every_way(store, Wide{5, 0}, Wide{6, 1}) == Keys{{5, 1}, {5, 0xffffffff}, {6, 0}});
  CHECK(range_every_way(store, Wide{5, -1}, Wide{5, k_beyond_32}) == Keys{{5, 1}, {5, 0xffffffff}});
  CHECK(range_every_way(store, Wide{5, k_beyond_32}, Wide{k_beyond_32, 0}) == Keys{{6, 0}, {0xffffffff, 0xffffffff}});
  CHECK(range_every_way(store, Wide{0xffffffff, k_beyond_32}, Wide{k_beyond_32, 0}).empty());
  CHECK(range_every_way(store, std::pair{-1, 7}, std::pair{5.5, -7}) == Keys{{0, 0}, {5, 1}, {5, 0xffffffff}});
  CHECK(range_every_way(store, std::pair{0, k_nan}, Wide{k_beyond_32, 0}).empty());
  fluxmap::Database<Pair, int, std::greater<>> down;
  fill(down, keys);
  CHECK(is_absent(down, Wide{k_beyond_32, 1}));
  CHECK(range_every_way(down, Wide{k_beyond_32, 0}, Wide{5, k_beyond_32}) == Keys{{0xffffffff, 0xffffffff}, {6, 0}});
  CHECK(range_every_way(down, Wide{5, k_beyond_32}, Wide{5, -1}) == Keys{{5, 0xffffffff}, {5, 1}});
  CHECK(range_every_way(down, Wide{6, 0}, std::pair{-1, 0}) == Keys{{6, 0}, {5, 0xffffffff}, {5, 1}, {0, 0}});
}

TEST_CASE("durations_of_another_period_are_looked_up_exactly") {
  using namespace std::chrono;
  fluxmap::Database<milliseconds, int> store;
  fill(store, std::vector{-1500ms, 0ms, 1500ms, milliseconds::max()});
  CHECK(is_present(store, 1500000us));
  CHECK(is_absent(store, 1500001us));
  CHECK(is_absent(store, 2s));
  CHECK(is_absent(store, hours::max()));
  CHECK(is_absent(store, nanoseconds(-1)));
  CHECK(range_every_way(store, 1499999999ns, 1500000001ns) == std::vector{1500ms});
  CHECK(range_every_way(store, nanoseconds(1), hours::max()) == std::vector{1500ms, milliseconds::max()});
  CHECK(range_every_way(store, hours::min(), nanoseconds(-1)) == std::vector{-1500ms});
  CHECK(range_every_way(store, hours::min(), 1ns) == std::vector{-1500ms, 0ms});
}

namespace {

// Made from a number that it would cut.
struct Id {
  explicit Id(std::uint32_t n) : number(n) {}
  std::uint32_t number;
  friend auto operator<=>(const Id&, const Id&) = default;
};
struct Counter {
  operator std::uint64_t() const { return value; }
  std::uint64_t value;
};
// Compares with what no Id is made from, and not with everything.
struct ByText {
  using is_transparent = void;
  bool operator()(const Id& a, const Id& b) const { return a < b; }
  bool operator()(const Id& a, std::string_view b) const { return std::to_string(a.number) < b; }
  bool operator()(std::string_view a, const Id& b) const { return a < std::to_string(b.number); }
};

// The concepts say what the calls take.
using fluxmap::ExactKey, fluxmap::InsertableKey, fluxmap::KeyRange, fluxmap::LookupKey;
using NotTransparent = std::less<std::string>;
static_assert(LookupKey<std::string_view, std::string> && LookupKey<char[2], std::string, NotTransparent>);
static_assert(LookupKey<std::filesystem::path, std::string> && LookupKey<std::int64_t, std::uint8_t>);
static_assert(LookupKey<std::pair<int, double>, std::pair<std::int64_t, int>>);
static_assert(!LookupKey<int, std::string> && !LookupKey<const char*, std::uint32_t>);
static_assert(!LookupKey<std::pair<int, std::string>, std::pair<int, int>>);
static_assert(LookupKey<std::string_view, Id, ByText> && !LookupKey<Counter, Id, ByText>);
static_assert(ExactKey<Counter, std::uint64_t> && !ExactKey<std::string_view, Id>);
static_assert(ExactKey<std::chrono::seconds, std::chrono::milliseconds> &&
              !ExactKey<std::chrono::duration<double>, std::chrono::milliseconds>);
static_assert(InsertableKey<const char*, std::string>);
static_assert(!InsertableKey<std::string_view, std::string>);  // it converts only explicitly
static_assert(KeyRange<std::vector<int>> && KeyRange<int[3]> && KeyRange<std::valarray<int>>);
static_assert(KeyRange<std::filesystem::directory_iterator>);  // by functions of its namespace
static_assert(!KeyRange<int>);

}  // namespace

TEST_CASE("a_key_that_is_made_from_a_number_is_not_made_from_one_that_it_would_cut") {
  fluxmap::Database<Id, int, std::less<Id>> store;
  fill(store, std::vector{Id(5)});
  CHECK(is_absent(store, k_beyond_32));
  CHECK(is_absent(store, -1));
  CHECK(is_absent(store, 5.5));
  CHECK(is_present(store, 5));
  CHECK(is_present(store, std::uint64_t{5}));
  auto handle = store.handle();
  CHECK(handle.range(0, 10).size() == 1);
  CHECK(code_of([&] { handle.range(0, k_beyond_32); }) == errc::invalid_key);
}

TEST_CASE("text_is_looked_up_in_its_own_order_by_whatever_turns_into_it") {
  fluxmap::Database<std::string, int> store;  // a path has another order: "a.b" is behind "a/b"
  const std::vector<std::string> keys{"a", "a.b", "a/b", "a/c", "b"};
  fill(store, keys);
  for (const auto& key : keys) CHECK(is_present(store, std::filesystem::path(key)));
  CHECK(is_absent(store, std::filesystem::path("a-b")));
  CHECK(is_present(store, std::string_view("a.b")));
  CHECK(range_every_way(store, std::filesystem::path("a.b"), "b") == std::vector<std::string>{"a.b", "a/b", "a/c"});
}

TEST_CASE("a_key_to_be_written_that_the_key_type_cannot_hold_is_refused_and_not_cut") {
  fluxmap::Database<std::uint32_t, int> store;
  auto handle = store.handle();
  run(handle.insert(5, 1));
  const auto refuses = [&](const auto& key) {
    const auto give = [](const int*) { return 7; };
    bool refused = code_of([&] { run(handle.insert(key, 7)); }) == errc::invalid_key &&
                   code_of([&] { run(handle.insert_if_absent(key, 7)); }) == errc::invalid_key &&
                   code_of([&] { run(handle.update(key, give)); }) == errc::invalid_key &&
                   code_of([&] { handle.insert(key, 7, asio::use_future).get(); }) == errc::invalid_key &&
                   code_of([&] { handle.insert_if_absent(key, 7, asio::use_future).get(); }) == errc::invalid_key &&
                   code_of([&] { handle.update(key, give, asio::use_future).get(); }) == errc::invalid_key;
    auto transaction = handle.begin();
    refused = refused && code_of([&] { transaction.insert(key, 7); }) == errc::invalid_key && commits(transaction);
    return refused && store.size() == 1 && handle.get(5) == 1;
  };
  CHECK(refuses(k_beyond_32));
  CHECK(refuses(-1));
  CHECK(refuses(5.5));
  CHECK(refuses(k_infinity));
  CHECK(refuses(k_nan));
  CHECK(refuses(Counter{k_beyond_32}));
  run(handle.insert(5.0, 2));
  run(handle.insert(std::uint64_t{6}, 2));
  run(handle.insert({}, 2));
  run(handle.insert({7}, 2));
  CHECK(keys_of(handle.range(0, 100)) == std::vector{0U, 5U, 6U, 7U});

  fluxmap::Database<std::pair<std::uint8_t, std::string>, int> pairs;
  auto other = pairs.handle();
  run(other.insert({1, "a"}, 1));
  run(other.insert(std::pair{2, "b"}, 1));
  run(other.insert({3, "c"}, 1, fluxmap::ExpiresAfter{std::chrono::hours(1)}));
  run(other.insert_if_absent({4, "d"}, 1));
  run(other.update({5, "e"}, [](const int*) { return 1; }));
  other.insert({6, "f"}, 1, asio::use_future).get();
  run(other.transaction([](auto& tx) { tx.insert({7, "g"}, 1); }));
  CHECK(code_of([&] { run(other.insert(std::pair{257, "a"}, 2)); }) == errc::invalid_key);
  CHECK(other.get(std::pair{1, "a"}) == 1);
  CHECK(pairs.size() == 7);
}

TEST_CASE("a_look_up_of_what_cannot_be_there_is_a_call_like_others") {
  fluxmap::Database<std::uint8_t, int> store;
  auto handle = store.handle();
  auto ended = handle.begin();
  ended.rollback();
  CHECK(code_of([&] { ended.get(256); }) == errc::transaction_inactive);
  CHECK(code_of([&] { ended.remove(256); }) == errc::transaction_inactive);
  auto reader = handle.begin({.read_only = true});
  CHECK(reader.get(256) == nullptr);
  CHECK(code_of([&] { reader.remove(256); }) == errc::read_only);
  run(store.close());
  CHECK(code_of([&] { handle.get(256); }) == errc::closed);
  CHECK(code_of([&] { run(handle.remove(256)); }) == errc::closed);
  CHECK(code_of([&] { reader.get(256); }) == errc::closed);
}

TEST_CASE("a_range_with_bounds_of_other_types_counts_as_read") {
  fluxmap::Database<std::uint8_t, int> up;
  fluxmap::Database<std::uint8_t, int, std::greater<>> down;
  const auto check = [](auto& store, auto first, auto last, std::uint8_t inside, std::optional<std::uint8_t> outside) {
    auto handle = store.handle();
    run(handle.insert(7, 1));
    for (const bool conflict : {true, false}) {
      if (!conflict && !outside) continue;
      auto transaction = handle.begin();
      transaction.range(first, last);
      transaction.insert(std::uint8_t{99}, 1);
      run(handle.insert(conflict ? inside : *outside, 2));
      CHECK(commits(transaction) != conflict);
    }
  };
  check(up, -1, 256, 255, std::nullopt);
  check(up, 199.5, 1000, 255, std::uint8_t{199});
  check(up, -5, 10.5, 10, std::uint8_t{11});
  check(down, 256, -1, 255, std::nullopt);
  check(down, 1000, 199.5, 200, std::uint8_t{199});
  check(down, 10.5, -5, 0, std::uint8_t{11});
}

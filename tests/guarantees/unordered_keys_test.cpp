// Keys that are not equal to themselves, as a NaN: nothing is less or greater, so they have no place among the others.
// A program of its own: many types of databases.
// Without threads.
#include <array>
#include <cmath>
#include <compare>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "guarantees/shared.hpp"
#include "support/persistent.hpp"

namespace {

using namespace fluxmap_test;

constexpr double k_infinity = std::numeric_limits<double>::infinity();
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

struct Point {
  double x, y;
  friend auto operator<=>(const Point&, const Point&) = default;
};
struct Named {  // no equality of its own
  std::string name;
  std::array<float, 2> place;
  friend bool operator<(const Named& a, const Named& b) {
    return std::tie(a.name, a.place) < std::tie(b.name, b.place);
  }
};
class Celsius {  // whose inside cannot be seen
 public:
  explicit Celsius(double degrees) : degrees_(degrees) {}
  friend bool operator==(const Celsius& a, const Celsius& b) { return a.degrees_ == b.degrees_; }
  friend bool operator<(const Celsius& a, const Celsius& b) { return a.degrees_ < b.degrees_; }

 private:
  double degrees_;
};
class Kelvin {
 public:
  explicit Kelvin(double degrees) : degrees_(degrees) {}
  friend auto operator<=>(const Kelvin&, const Kelvin&) = default;

 private:
  double degrees_;
};

struct Reading {  // what a key is made from
  double degrees;
};
class Fahrenheit {
 public:
  explicit Fahrenheit(double degrees) : degrees_(degrees) {}
  explicit Fahrenheit(const Reading& reading) : degrees_(reading.degrees) {}
  friend auto operator<=>(const Fahrenheit&, const Fahrenheit&) = default;

 private:
  double degrees_;
};

struct Downwards {
  bool operator()(double a, double b) const { return a > b; }
};
// An order in which a NaN has a place: behind all others.
struct Total {
  bool operator()(double a, double b) const { return std::isnan(b) ? !std::isnan(a) : a < b; }
};

// Whether a key is refused wherever it comes in, and found nowhere, beside others that stay what they are.
template <class Compare = std::less<>, class Key>
bool is_refused(const Key& bad, const std::vector<Key>& good) {
  fluxmap::Database<Key, int, Compare> store;
  auto handle = store.handle();
  bool refused = true;
  const auto check = [&] {
    const auto give = [](const int*) { return 7; };
    const auto is_invalid = [](auto&& f) { return code_of(f) == errc::invalid_key; };
    refused = refused && is_invalid([&] { run(handle.insert(bad, 7)); });
    refused = refused && is_invalid([&] { run(handle.insert(bad, 7, fluxmap::ExpiresAfter{std::chrono::hours(1)})); });
    refused = refused && is_invalid([&] { run(handle.insert_if_absent(bad, 7)); });
    refused = refused && is_invalid([&] { run(handle.update(bad, give)); });
    auto transaction = handle.begin();
    refused = refused && is_invalid([&] { transaction.insert(bad, 7); });
    refused = refused && !handle.get(bad) && !handle.contains(bad) && transaction.get(bad) == nullptr;
    refused = refused && !handle.get_many(std::vector{bad}).at(0) && !transaction.remove(bad) && commits(transaction);
    refused = refused && !run(handle.remove(bad)) && !run(handle.evict(bad));
    for (const Key& key : good) {
      refused = refused && handle.range(bad, key).empty() && handle.range(key, bad).empty();
    }
  };
  check();
  for (std::size_t i = 0; i < good.size(); ++i) run(handle.insert(good[i], static_cast<int>(i)));
  check();
  for (std::size_t i = 0; i < good.size(); ++i) refused = refused && handle.get(good[i]) == static_cast<int>(i);
  return refused && store.size() == good.size();
}

}  // namespace

TEST_CASE("a_key_that_is_not_equal_to_itself_is_refused_and_hides_no_other") {
  CHECK(is_refused(k_nan, {1.0, -k_infinity, k_infinity, 0.0}));
  CHECK(is_refused<std::greater<>>(-k_nan, {1.0, -k_infinity, k_infinity}));
  CHECK(is_refused<Downwards>(k_nan, {1.0, -k_infinity, k_infinity}));
  CHECK(is_refused(std::pair(1, k_nan), {{1, 1.0}, {2, 1.0}}));
  CHECK(is_refused(std::tuple(1, std::optional(std::vector{1.0, k_nan})), {{1, std::nullopt}, {1, std::vector{1.0}}}));
  CHECK(is_refused(Point{1, k_nan}, {{1, 1}, {2, 1}}));
  CHECK(is_refused(Named{"a", {1, NAN}}, {{"a", {1, 1}}, {"b", {1, 1}}}));
  CHECK(is_refused(Celsius(k_nan), {Celsius(1), Celsius(2)}));
  CHECK(is_refused(Kelvin(k_nan), {Kelvin(1), Kelvin(2)}));
}

TEST_CASE("a_look_up_by_what_is_no_number_finds_nothing_and_a_bound_that_is_none_is_around_nothing") {
  fluxmap::Database<double, int> store;
  auto handle = store.handle();
  for (const double key : {-1.0, 0.0, 1.0}) run(handle.insert(key, 1));
  CHECK_FALSE(handle.contains(std::numeric_limits<float>::quiet_NaN()));
  CHECK_FALSE(handle.contains(std::numeric_limits<long double>::quiet_NaN()));
  CHECK(handle.range(-k_infinity, k_nan).empty());
  CHECK(handle.range(k_nan, k_infinity).empty());
  CHECK(handle.range(std::numeric_limits<float>::quiet_NaN(), 5).empty());
  CHECK(handle.contains(-0.0));
  run(handle.insert(-0.0, 2));
  CHECK(store.size() == 3);
}

TEST_CASE("a_key_that_a_constructor_makes_unordered_is_found_nowhere") {
  fluxmap::Database<Fahrenheit, int> store;
  auto handle = store.handle();
  run(handle.insert(Fahrenheit(1), 1));
  const Reading good{1}, bad{k_nan};
  CHECK(handle.get(good) == 1);
  CHECK_FALSE(handle.contains(bad));
  CHECK_FALSE(handle.get(bad));
  CHECK(handle.get_many(std::vector{bad, good}) == std::vector<std::optional<int>>{{}, 1});
  CHECK_FALSE(run(handle.remove(bad)));
  CHECK_FALSE(run(handle.evict(bad)));
  auto transaction = handle.begin();
  CHECK_FALSE(transaction.contains(bad));
  CHECK_FALSE(transaction.remove(bad));
  CHECK(store.size() == 1);
}

TEST_CASE("a_comparator_that_gives_a_nan_a_place_is_believed") {
  fluxmap::Database<double, int, Total> store;
  auto handle = store.handle();
  for (const double key : {1.0, k_nan, k_infinity, -1.0}) run(handle.insert(key, 1));
  run(handle.insert(k_nan, 2));
  CHECK(store.size() == 4);
  CHECK(handle.get(k_nan) == 2);
  CHECK(handle.range(0.0, k_nan).size() == 2);
  CHECK(run(handle.remove(k_nan)) == 2);
  CHECK(store.size() == 3);
}

TEST_CASE("other_keys_are_found_again_after_one_was_refused") {
  auto disk = std::make_shared<MemoryDisk>();
  {
    auto store = open_on<double, int>(disk, Level::full);
    auto handle = store->handle();
    CHECK(code_of([&] { run(handle.insert(k_nan, 1)); }) == errc::invalid_key);
    for (int key = 0; key < 100; ++key) run(handle.insert(key, key));
    CHECK(code_of([&] { run(handle.insert(k_nan, 1)); }) == errc::invalid_key);
    CHECK(store->size() == 100);
    run(store->close());
  }
  auto store = open_on<double, int>(disk, Level::full);
  CHECK(store->size() == 100);
  for (int key = 0; key < 100; ++key) CHECK(store->handle().get(key) == key);
}

TEST_CASE("a_directory_with_a_key_that_is_not_equal_to_itself_is_told_and_opened_without_it_on_demand") {
  for (const bool checkpoint : {false, true}) {
    auto disk = std::make_shared<MemoryDisk>();
    {
      fluxmap::DatabaseBuilder<double, int, Total> builder;  // writes what 0.1.0 did with every comparator
      builder.durability_full(in_directory());
      fluxmap::detail::BuilderAccess::use(builder, std::make_shared<FaultyFileSystem>(disk));
      auto store = builder.build();
      auto handle = store->handle();
      for (const double key : {3.0, k_nan, 1.0, 2.0}) run(handle.insert(key, static_cast<int>(key == key ? key : 7)));
      run(handle.insert(4.0, 4));
      if (checkpoint) run(store->checkpoint());
      run(store->close());
    }
    std::string text;
    try {
      static_cast<void>(open_on<double, int>(disk, Level::full));
    } catch (const boost::system::system_error& error) {
      CHECK(error.code() == errc::invalid_key);
      text = error.what();
    }
    CHECK(text.find(k_directory) != std::string::npos);
    CHECK(text.find("at offset") != std::string::npos);
    CHECK(text.find("leave_out_invalid_keys()") != std::string::npos);
    {
      auto store = builder_on<double, int>(disk, Level::full).leave_out_invalid_keys().build();
      CHECK(keys_of(store->handle().range(-k_infinity, k_infinity)) == std::vector{1.0, 2.0, 3.0, 4.0});
      run(store->checkpoint());
    }
    auto store = open_on<double, int>(disk, Level::full);  // the checkpoint has not got it any more
    CHECK(keys_of(store->handle().range(-k_infinity, k_infinity)) == std::vector{1.0, 2.0, 3.0, 4.0});
  }
}

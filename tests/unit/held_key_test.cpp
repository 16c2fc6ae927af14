// Keys made from look-up keys of other types: numbers lie where mathematics puts them, inside other types too.
#include <fluxmap/detail/front/held_key.hpp>
#include <fluxmap/detail/front/lookup_key.hpp>

#include <atomic>
#include <chrono>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/seed.hpp"

namespace {

using fluxmap::detail::Fit;
using fluxmap::detail::given_key;
using fluxmap::detail::lookup_key;
using fluxmap::detail::place_key;
using fluxmap::detail::Way;
using fluxmap::detail::way_to;
using namespace std::chrono_literals;

constexpr std::uint64_t k_beyond_32 = (std::uint64_t{1} << 32) + 5;
constexpr double k_infinity = std::numeric_limits<double>::infinity();
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

template <class Key, class K>
bool is(const K& key, const Key& same) {
  const auto placed = place_key<Key>(key);
  return placed.fit == Fit::exact && placed.value == same;
}
// Lies between the key before `next` and `next`.
template <class Key, class K>
bool is_below(const K& key, const Key& next) {
  const auto placed = place_key<Key>(key);
  return placed.fit == Fit::below && placed.value == next;
}
template <class Key, class K>
bool is_past(const K& key) {
  return place_key<Key>(key).fit == Fit::past;
}

enum Plain : std::uint8_t { first = 1, last = 255 };
enum Wide : int { beyond = 257 };

// Made from a number that it would cut.
struct Id {
  Id(std::uint32_t n) : number(n) {}
  std::uint32_t number;
  friend auto operator<=>(const Id&, const Id&) = default;
};
struct Counter {
  operator std::uint64_t() const { return value; }
  std::uint64_t value;
};
struct AnyNumber {
  using is_transparent = void;
  bool operator()(auto a, auto b) const { return a < b; }
};

}  // namespace

TEST_CASE("integers_lie_where_mathematics_puts_them") {
  CHECK(is<std::uint32_t>(5, 5U));
  CHECK(is<std::uint32_t>(std::int64_t{0xffffffff}, 0xffffffffU));
  CHECK(is_past<std::uint32_t>(k_beyond_32));
  CHECK(is_below<std::uint32_t>(-1, 0U));
  CHECK(is_below<std::uint64_t>(std::numeric_limits<std::int64_t>::min(), std::uint64_t{0}));
  CHECK(is<std::int8_t>(-128L, std::int8_t{-128}));
  CHECK(is_past<std::int8_t>(128U));
  CHECK(is_past<std::int8_t>(255));
  CHECK(is_past<std::int64_t>(~std::uint64_t{0}));
  CHECK(is_below<std::int32_t>(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int32_t>::min()));
  CHECK(is<bool>(1, true));
  CHECK(is_past<bool>(2));
  CHECK(is_below<bool>(-1, false));
  CHECK(is_below<bool>(0.5, true));
  CHECK(is<char>(97, 'a'));
  CHECK(is_past<char>(97 + 256));
  CHECK(is<char>(u'a', 'a'));
  CHECK(is<Plain>(1, first));
  CHECK(is_past<Plain>(beyond));
  CHECK(is<std::uint8_t>(last, std::uint8_t{255}));
  CHECK(is_past<std::uint8_t>(beyond));
  CHECK(is<std::uint32_t>(Counter{5}, 5U));
  CHECK(is_past<std::uint32_t>(Counter{k_beyond_32}));
  CHECK(is_past<std::uint32_t>(std::atomic<std::uint64_t>(k_beyond_32)));
}

#ifdef __SIZEOF_INT128__
TEST_CASE("integers_of_128_bits_do_too") {
  __extension__ typedef __int128 Signed;
  __extension__ typedef unsigned __int128 Unsigned;
  const Signed power = Signed{1} << 64;
  CHECK(is_past<std::uint64_t>(power + 5));
  CHECK(is_below<std::uint64_t>(-power + 5, std::uint64_t{0}));
  CHECK(is<std::uint64_t>(power - 1, ~std::uint64_t{0}));
  CHECK(is<Signed>(18446744073709551616.0, power));
  CHECK(is_past<Signed>(~Unsigned{0}));
  CHECK(is_below<Unsigned>(Signed{-1}, Unsigned{0}));
  CHECK(is_past<Unsigned>(1e39));
  CHECK(is_below<double>(power + 1, 18446744073709555712.0));
  CHECK(is_below<float>(~Unsigned{0}, std::numeric_limits<float>::infinity()));
}
#endif

TEST_CASE("fractions_and_infinities_lie_between_and_around_integers") {
  constexpr std::int64_t k_min = std::numeric_limits<std::int64_t>::min(), k_max = -(k_min + 1);
  CHECK(is<std::int64_t>(-9223372036854775808.0, k_min));
  CHECK(is_past<std::int64_t>(9223372036854775808.0));
  CHECK(is_past<std::int64_t>(k_infinity));
  CHECK(is_below<std::int64_t>(-k_infinity, k_min));
  CHECK(is_below<std::int64_t>(-1e300, k_min));
  CHECK(is_below<std::int64_t>(3.5F, std::int64_t{4}));
  CHECK(is_below<std::int64_t>(-3.5, std::int64_t{-3}));
  CHECK(is<std::int64_t>(-0.0, std::int64_t{0}));
  CHECK(is_below<std::uint64_t>(-0.5, std::uint64_t{0}));
  CHECK(is_past<std::uint64_t>(18446744073709551616.0));
  CHECK(place_key<std::int64_t>(k_nan).fit == Fit::unordered);
  CHECK(is<std::int64_t>(9223372036854775807.0L, k_max) == (std::numeric_limits<long double>::digits >= 63));
}

TEST_CASE("integers_and_wider_fractions_lie_between_floating_numbers") {
  const double power = 9007199254740992.0;  // 2^53
  const auto odd = static_cast<std::int64_t>(power) + 1;
  CHECK(is_below<double>(odd, power + 2));
  CHECK(is_below<double>(-odd, -power));
  CHECK(is<double>(odd - 1, power));
  CHECK(is_below<double>(~std::uint64_t{0}, 18446744073709551616.0));
  CHECK(is<double>(true, 1.0));
  CHECK(is<double>(0.1F, static_cast<double>(0.1F)));
  CHECK(is_below<float>(0.1, 0.1F));
  CHECK(is_below<float>(1e300, std::numeric_limits<float>::infinity()));
  CHECK(is_below<float>(-1e300, std::numeric_limits<float>::lowest()));
  CHECK(is<float>(-k_infinity, -std::numeric_limits<float>::infinity()));
  CHECK(is_below<float>(16777217, 16777218.0F));
  CHECK(is_below<float>(1e-300, std::numeric_limits<float>::denorm_min()));
  CHECK(place_key<float>(k_nan).fit == Fit::unordered);
}

// Against long double, which holds them all, where it has 64 bits.
TEST_CASE("random_numbers_of_any_two_types_lie_as_long_doubles_do") {
  if constexpr (std::numeric_limits<long double>::digits >= 64) {
    fluxmap_test::SplitMix random(fluxmap_test::seed("held_key"));
    const auto check = [&]<class Key, class K>(Key, K) {
      for (int i = 0; i < 2000; ++i) {
        const std::uint64_t bits = random() >> random.below(64);
        K key = static_cast<K>(bits);
        if constexpr (std::floating_point<K>) {
          key = static_cast<K>(static_cast<double>(static_cast<std::int64_t>(bits)) / 4);
        } else if (random.below(2) == 0) {
          key = static_cast<K>(0 - bits);
        }
        const auto placed = place_key<Key>(key);
        const auto exact = static_cast<long double>(key), value = static_cast<long double>(placed.value);
        const auto max = static_cast<long double>(std::numeric_limits<Key>::max());
        INFO(exact << " among " << sizeof(Key) << " bytes");
        Key before = placed.value;
        const bool has_before = before != std::numeric_limits<Key>::lowest();
        if constexpr (std::integral<Key>) {
          if (has_before) before = static_cast<Key>(before - 1);
        } else {
          before = std::nextafter(before, -std::numeric_limits<Key>::infinity());
        }
        switch (placed.fit) {
          case Fit::exact:
            REQUIRE(value == exact);
            break;
          case Fit::below:
            REQUIRE(exact < value);
            if (has_before) REQUIRE(static_cast<long double>(before) < exact);
            break;
          case Fit::past:
            REQUIRE(exact > max);
            break;
          default:
            REQUIRE(false);
        }
      }
    };
    const auto check_key = [&](auto key) {
      check(key, std::int8_t{});
      check(key, std::uint16_t{});
      check(key, std::int32_t{});
      check(key, std::uint32_t{});
      check(key, std::int64_t{});
      check(key, std::uint64_t{});
      check(key, float{});
      check(key, double{});
    };
    check_key(std::int8_t{});
    check_key(std::uint8_t{});
    check_key(std::int16_t{});
    check_key(std::uint32_t{});
    check_key(std::int64_t{});
    check_key(std::uint64_t{});
    check_key(float{});
    check_key(double{});
  }
}

TEST_CASE("parts_lie_where_the_first_inexact_one_puts_them") {
  using Place = std::tuple<std::string, std::uint8_t, std::string>;
  const auto at = [](const char* text, int number, const char* more = "m") {
    return std::tuple(std::string_view(text), number, more);
  };
  CHECK(is<Place>(at("a", 3), Place("a", 3, "m")));
  CHECK(is_below<Place>(at("a", 256), Place(std::string("a\0", 2), 0, "")));
  CHECK(is_below<Place>(at("a", -1), Place("a", 0, "")));
  CHECK(is_below<std::tuple<std::uint8_t, std::uint8_t>>(std::pair(3, 300),
                                                         std::tuple(std::uint8_t{4}, std::uint8_t{0})));
  CHECK(is_past<std::pair<std::uint8_t, std::uint8_t>>(std::pair(255, 300)));
  CHECK(is_past<std::pair<std::uint8_t, std::string>>(std::pair(256, "a")));
  CHECK(is_below<std::pair<std::uint8_t, std::string>>(std::pair(5.5, "z"), std::pair(std::uint8_t{6}, std::string())));
  CHECK(place_key<std::pair<int, double>>(std::pair(1.0, k_nan)).fit == Fit::unordered);
  using Nested = std::pair<std::pair<bool, std::uint8_t>, std::optional<std::uint8_t>>;
  CHECK(is_below<Nested>(std::pair(std::pair(0, 255), 256), Nested({true, 0}, std::nullopt)));
  CHECK(is_below<Nested>(std::pair(std::pair(0, 1), -1), Nested({false, 1}, 0)));
  CHECK(is_past<Nested>(std::pair(std::pair(1, 255), 256)));
  using Maybe = std::optional<std::uint32_t>;
  CHECK(is<Maybe>(5L, Maybe(5)));
  CHECK(is<Maybe>(std::optional<std::int64_t>(), Maybe()));
  CHECK(is<Maybe>(std::nullopt, Maybe()));
  CHECK(is_below<Maybe>(std::optional(-1), Maybe(0)));
  CHECK(is_past<Maybe>(k_beyond_32));
  // Where what follows is not known there is no telling.
  CHECK(place_key<std::pair<std::uint8_t, Id>>(std::pair(-1, 5U)).fit == Fit::unknown);
  CHECK(place_key<std::pair<std::uint8_t, Id>>(std::pair(1, 5)).fit == Fit::exact);
  CHECK(place_key<std::pair<std::uint8_t, Id>>(std::pair(1, k_beyond_32)).fit == Fit::unknown);
}

TEST_CASE("durations_and_points_in_time_lie_where_their_lengths_put_them") {
  using Days = std::chrono::duration<std::int32_t, std::ratio<86400>>;
  CHECK(is<std::chrono::milliseconds>(2s, 2000ms));
  CHECK(is_below<std::chrono::milliseconds>(1500001us, 1501ms));
  CHECK(is_below<std::chrono::milliseconds>(-1500001us, -1500ms));
  CHECK(is_past<std::chrono::milliseconds>(std::chrono::hours::max()));
  CHECK(is_below<std::chrono::milliseconds>(std::chrono::hours::min(), std::chrono::milliseconds::min()));
  CHECK(is<Days>(48h, Days(2)));
  CHECK(is_below<Days>(24h + 1ns, Days(2)));
  CHECK(is_below<std::chrono::duration<std::uint8_t>>(-1s, std::chrono::duration<std::uint8_t>(0)));
  CHECK(is<std::chrono::seconds>(std::chrono::duration<double>(2), 2s));
  CHECK(is_below<std::chrono::seconds>(std::chrono::duration<double>(2.5), 3s));
  using Seconds = std::chrono::time_point<std::chrono::system_clock, std::chrono::seconds>;
  using Millis = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;
  CHECK(is_below<Seconds>(Millis(1500ms), Seconds(2s)));
  CHECK(is<Seconds>(Millis(2000ms), Seconds(2s)));
  static_assert(way_to<std::chrono::milliseconds, std::chrono::duration<double>>() == Way::none);
  static_assert(way_to<Seconds, std::chrono::time_point<std::chrono::steady_clock>>() == Way::none);
}

TEST_CASE("a_constructor_is_not_given_a_number_that_it_would_cut") {
  static_assert(way_to<Id, std::uint16_t>() == Way::constructor);
  static_assert(way_to<Id, int>() == Way::given);
  CHECK(place_key<Id>(5).fit == Fit::exact);
  CHECK(place_key<Id>(-1).fit == Fit::unknown);
  CHECK(place_key<Id>(5.5).fit == Fit::unknown);
  CHECK(place_key<Id>(k_nan).fit == Fit::unordered);
  CHECK(given_key<Id>(5)->number == 5);
  CHECK_FALSE(given_key<Id>(k_beyond_32));
  using Named = std::pair<Id, std::string>;
  CHECK_FALSE(given_key<Named>(std::pair(k_beyond_32, "a")));
  CHECK(given_key<Named>(std::pair(5, "a"))->second == "a");
  CHECK_FALSE(given_key<std::uint32_t>(k_nan));
  CHECK(given_key<double>(std::numeric_limits<float>::quiet_NaN()));  // a NaN still, of which the writer is told
  static_assert(way_to<std::string, int>() == Way::none && way_to<std::uint32_t, std::string>() == Way::none);
}

TEST_CASE("every_comparator_is_asked_about_numbers_of_its_own_keys_only") {
  CHECK_FALSE(lookup_key<std::uint32_t>(AnyNumber(), -1));
  CHECK(*lookup_key<std::uint32_t>(AnyNumber(), 5.0) == 5U);
  CHECK_FALSE(lookup_key<std::uint32_t>(std::less<std::uint32_t>(), k_beyond_32));
  CHECK_FALSE(lookup_key<std::uint32_t>(std::ranges::less(), 0.5));
  CHECK_FALSE(lookup_key<std::tuple<std::uint32_t>>(std::less<>(), std::tuple(-1)));
  const std::tuple<std::string_view, int> same("a", 1);
  CHECK(&*lookup_key<std::tuple<std::string, int>>(std::less<>(), same) == &same);  // no number of another type
}

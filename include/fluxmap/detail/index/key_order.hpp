// What is known of the order of keys: its direction, and which keys have no place in it. · layer: index
#pragma once

#include <fluxmap/detail/platform/fields.hpp>
#include <fluxmap/detail/platform/number.hpp>
#include <fluxmap/error.hpp>

#include <array>
#include <chrono>
#include <compare>
#include <concepts>
#include <cstddef>
#include <functional>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// The character of a type whose natural order is that of its characters, one after the other; else void.
template <class Text>
struct TextOf {
  using Char = void;
};
template <class C, class Allocator>
struct TextOf<std::basic_string<C, std::char_traits<C>, Allocator>> {
  using Char = C;
};
template <class C>
struct TextOf<std::basic_string_view<C, std::char_traits<C>>> {
  using Char = C;
};
template <class Text>
using text_char_t = typename TextOf<Text>::Char;

enum class Direction : unsigned char {
  ascending,   // the natural order of the keys
  descending,  // its reverse
  own,         // the comparator's own
};

// Comparing as the standard library does: Key's own order, or that of what each key is turned into without a loss.
template <class Compare, class Key>
inline constexpr Direction k_direction = Direction::own;
template <class Key>
inline constexpr Direction k_direction<std::less<>, Key> = Direction::ascending;
template <class Key>
inline constexpr Direction k_direction<std::ranges::less, Key> = Direction::ascending;
template <class Key>
inline constexpr Direction k_direction<std::less<Key>, Key> = Direction::ascending;
template <class Key>
inline constexpr Direction k_direction<std::less<const Key>, Key> = Direction::ascending;
template <class Key>
inline constexpr Direction k_direction<std::greater<>, Key> = Direction::descending;
template <class Key>
inline constexpr Direction k_direction<std::ranges::greater, Key> = Direction::descending;
template <class Key>
inline constexpr Direction k_direction<std::greater<Key>, Key> = Direction::descending;
template <class Key>
inline constexpr Direction k_direction<std::greater<const Key>, Key> = Direction::descending;
// Strings compared as views.
template <class C, class Allocator>
inline constexpr Direction
    k_direction<std::less<std::basic_string_view<C>>, std::basic_string<C, std::char_traits<C>, Allocator>> =
        Direction::ascending;
template <class C, class Allocator>
inline constexpr Direction
    k_direction<std::greater<std::basic_string_view<C>>, std::basic_string<C, std::char_traits<C>, Allocator>> =
        Direction::descending;

// Keys that are not equal to themselves (a NaN, or what has one inside) are less than nothing and greater than nothing:
// every key would seem equal to them.

template <class T>
concept ThreeWay = requires(const T& value) {
  { value <=> value } -> std::convertible_to<std::partial_ordering>;
};
template <class T>
concept Equality = requires(const T& value) {
  { value == value } -> std::convertible_to<bool>;
};
template <class T>
inline constexpr bool k_is_template = false;
template <template <class...> class Template, class... T>
inline constexpr bool k_is_template<Template<T...>> = true;

// What decides whether a T is equal to itself: the types that are in it, and f for each of these.
template <class T>
struct PartsOf;
template <class T, class U>
struct PartsOf<std::pair<T, U>> {
  using Types = FieldList<T, U>;
  static bool all(const std::pair<T, U>& pair, auto f) { return f(pair.first) && f(pair.second); }
};
template <class... T>
struct PartsOf<std::tuple<T...>> {
  using Types = FieldList<T...>;
  static bool all(const std::tuple<T...>& tuple, auto f) {
    return std::apply([&](const auto&... part) { return (f(part) && ...); }, tuple);
  }
};
template <class T>
struct PartsOf<std::optional<T>> {
  using Types = FieldList<T>;
  static bool all(const std::optional<T>& value, auto f) { return !value || f(*value); }
};
template <class T>
struct PartsOfRange {
  using Types = FieldList<std::remove_cvref_t<decltype(*std::begin(std::declval<const T&>()))>>;
  static bool all(const T& range, auto f) {
    for (const auto& element : range) {
      if (!f(element)) return false;
    }
    return true;
  }
};
template <class T, std::size_t N>
struct PartsOf<T[N]> : PartsOfRange<T[N]> {};
template <class T, std::size_t N>
struct PartsOf<std::array<T, N>> : PartsOfRange<std::array<T, N>> {};
template <class T, class Allocator>
struct PartsOf<std::vector<T, Allocator>> : PartsOfRange<std::vector<T, Allocator>> {
  using Types = FieldList<T>;  // which need not be complete yet
};
template <class Char, class Traits, class Allocator>
struct PartsOf<std::basic_string<Char, Traits, Allocator>> {
  using Types = FieldList<>;
};
template <class Rep, class Period>
struct PartsOf<std::chrono::duration<Rep, Period>> {
  using Types = FieldList<Rep>;
  static bool all(const std::chrono::duration<Rep, Period>& duration, auto f) { return f(duration.count()); }
};
template <class Clock, class Duration>
struct PartsOf<std::chrono::time_point<Clock, Duration>> {
  using Types = FieldList<Duration>;
  static bool all(const std::chrono::time_point<Clock, Duration>& time, auto f) { return f(time.time_since_epoch()); }
};
template <class T>
concept HasParts = requires { typename PartsOf<T>::Types; };

// Whether a T may be unequal to itself. `Around`: the types that it is inside of, which are being asked already.
template <class T, class... Around>
consteval bool may_differ_from_itself();

template <class... Around, class... T>
consteval bool may_any_differ(FieldList<T...>) {
  return (may_differ_from_itself<std::remove_cvref_t<T>, Around...>() || ...);
}

template <class T, class... Around>
consteval bool may_differ_from_itself() {
  if constexpr ((std::same_as<T, Around> || ...)) {
    return false;
  } else if constexpr (std::floating_point<T>) {
    return true;
  } else if constexpr (HasParts<T>) {
    return may_any_differ<T, Around...>(typename PartsOf<T>::Types());
  } else if constexpr (!std::is_class_v<T>) {
    return false;
  } else if constexpr (has_visible_fields<T>()) {
    return may_any_differ<T, Around...>(field_types_t<T>());
  } else if constexpr (ThreeWay<T>) {
    return !std::convertible_to<std::compare_three_way_result_t<T>, std::weak_ordering>;
  } else {
    // Whatever it is made of, it says itself. (The equality of a template may be declared and not compile.)
    return !k_is_template<T> && Equality<T>;
  }
}

template <class T>
bool is_equal_to_itself(const T& value) {
  if constexpr (!may_differ_from_itself<T>()) {
    static_cast<void>(value);
    return true;
  } else if constexpr (HasParts<T>) {
    return PartsOf<T>::all(value, [](const auto& part) { return is_equal_to_itself(part); });
  } else if constexpr (Equality<T> && (!k_is_template<T> || !ThreeWay<T>)) {
    const T& same = value;
    return value == same;
  } else if constexpr (ThreeWay<T>) {
    const T& same = value;
    return std::is_eq(value <=> same);
  } else {
    return with_fields(value, [](const auto&... field) { return (is_equal_to_itself(field) && ...); });
  }
}

// Whether the order has a place for the key, or look-up key. A comparator of the user's may give a NaN one: it does if
// it tells it from an infinity.
template <class Key, class Compare, class K>
bool has_place(const Compare& compare, const K& key) {
  if constexpr (std::floating_point<K> && std::same_as<K, Key> && k_direction<Compare, Key> == Direction::own) {
    constexpr K k_end = std::numeric_limits<K>::infinity();
    return is_equal_to_itself(key) || compare(key, k_end) || compare(k_end, key) || compare(key, -k_end) ||
           compare(-k_end, key);
  } else {
    static_cast<void>(compare);
    return is_equal_to_itself(key);
  }
}

// For keys that are to be written.
template <class Key, class Compare>
void check_place(const Compare& compare, const Key& key) {
  if (!has_place<Key>(compare, key)) {
    throw_error(errc::invalid_key, "fluxmap: the key is not equal to itself, as a NaN, and has no place in the order");
  }
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

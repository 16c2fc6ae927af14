// Keys made from look-up keys of other types: the equal one, or where it would lie. Nothing is ever cut. · layer: front
//
// Numbers are compared as mathematics does, in pairs, tuples, optionals, durations and points in time too; the rest is
// left to Key's constructors, which are not given a number that they would cut.
#pragma once

#include <fluxmap/detail/index/key_order.hpp>
#include <fluxmap/detail/platform/number.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <limits>
#include <optional>
#include <ratio>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class T>
inline constexpr bool k_is_parts = false;
template <class T, class U>
inline constexpr bool k_is_parts<std::pair<T, U>> = true;
template <class... T>
inline constexpr bool k_is_parts<std::tuple<T...>> = true;
template <class T>
inline constexpr bool k_is_optional = false;
template <class T>
inline constexpr bool k_is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool k_is_duration = false;
template <class Rep, class Period>
inline constexpr bool k_is_duration<std::chrono::duration<Rep, Period>> = true;
template <class T>
inline constexpr bool k_is_time_point = false;
template <class Clock, class Duration>
inline constexpr bool k_is_time_point<std::chrono::time_point<Clock, Duration>> = true;

// Gives a constructor the number that it asks for, and notes if that was not the same one.
template <class S>
struct Given {
  const S& number;
  Fit& fit;
  template <Number T>
  operator T() const noexcept {  // NOLINT(google-explicit-constructor)
    const Placed<T> placed = place_number<T>(number);
    if (placed.fit != Fit::exact) fit = placed.fit == Fit::unordered ? Fit::unordered : Fit::unknown;
    return placed.value;
  }
};

template <class Key, class K>
concept TakesWhole = requires(const K& key) { Key{key}; };

enum class Way : unsigned char {
  none,
  same,      // K is Key
  number,    // of two numbers
  proxy,     // of a class that stands for a number
  optional,  // of an optional
  value,     // of the value of an optional
  parts,     // part by part
  duration,
  time_point,
  given,        // Key's constructor, with a number that it might cut
  constructor,  // Key's constructor
};

// How a Key is made from a K.
template <class Key, class K>
consteval Way way_to() {
  if constexpr (std::same_as<Key, K>) {
    return Way::same;
  } else if constexpr (Number<Key> && Number<K>) {
    return Way::number;
  } else if constexpr (Number<Key> && NumberProxy<K>) {
    return Way::proxy;
  } else if constexpr (Number<Key>) {
    return Way::none;  // a conversion of the language's might cut
  } else if constexpr (k_is_optional<Key> && k_is_optional<K>) {
    return way_to<typename Key::value_type, typename K::value_type>() == Way::none ? Way::none : Way::optional;
  } else if constexpr (k_is_optional<Key> && !std::same_as<K, std::nullopt_t>) {
    return way_to<typename Key::value_type, K>() == Way::none ? Way::none : Way::value;
  } else if constexpr (k_is_parts<Key> && k_is_parts<K>) {
    if constexpr (std::tuple_size_v<Key> != std::tuple_size_v<K>) {
      return Way::none;
    } else {
      return []<std::size_t... I>(std::index_sequence<I...>) {
        return ((way_to<std::remove_cvref_t<std::tuple_element_t<I, Key>>,
                        std::remove_cvref_t<std::tuple_element_t<I, K>>>() != Way::none) &&
                ...);
      }(std::make_index_sequence<std::tuple_size_v<Key>>())
                 ? Way::parts
                 : Way::none;
    }
  } else if constexpr (k_is_duration<Key> && k_is_duration<K>) {
    using Ratio = std::ratio_divide<typename K::period, typename Key::period>;
    constexpr bool k_integers = std::integral<typename Key::rep> && std::integral<typename K::rep>;
    return Number<typename Key::rep> && Number<typename K::rep> && (k_integers || (Ratio::num == 1 && Ratio::den == 1))
               ? Way::duration
               : Way::none;
  } else if constexpr (k_is_time_point<Key> && k_is_time_point<K>) {
    return std::same_as<typename Key::clock, typename K::clock> &&
                   way_to<typename Key::duration, typename K::duration>() != Way::none
               ? Way::time_point
               : Way::none;
  } else if constexpr ((Number<K> || NumberProxy<K>) && !TakesWhole<Key, K>) {
    return std::constructible_from<Key, const Given<K>&> && !NumberProxy<K> ? Way::given : Way::none;
  } else {
    return std::constructible_from<Key, const K&> ? Way::constructor : Way::none;
  }
}

// Whether numbers of different types meet on that way, inside of others too: left to the language they might be cut, or
// compared otherwise than mathematics does.
template <class Key, class K, bool Inside = false>
consteval bool mixes_numbers() {
  constexpr Way way = way_to<Key, K>();
  if constexpr (way == Way::number || way == Way::proxy || way == Way::duration || way == Way::time_point) {
    return true;
  } else if constexpr (way == Way::given) {
    return Inside;  // else it is Key's own affair how it is compared with a number
  } else if constexpr (way == Way::optional) {
    return mixes_numbers<typename Key::value_type, typename K::value_type, true>();
  } else if constexpr (way == Way::value) {
    return mixes_numbers<typename Key::value_type, K, true>();
  } else if constexpr (way == Way::parts) {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return (mixes_numbers<std::remove_cvref_t<std::tuple_element_t<I, Key>>,
                            std::remove_cvref_t<std::tuple_element_t<I, K>>, true>() ||
              ...);
    }(std::make_index_sequence<std::tuple_size_v<Key>>());
  } else {
    return false;
  }
}

// Gives a key its least value. False: there is none, or it is not known.
template <class T>
bool lower(T& value) {
  if constexpr (Number<T>) {
    lower_number(value);
    return true;
  } else if constexpr (!std::is_void_v<text_char_t<T>>) {
    value = T();
    return true;
  } else if constexpr (k_is_optional<T>) {
    value.reset();
    return true;
  } else if constexpr (k_is_parts<T>) {
    return std::apply([](auto&... part) { return (lower(part) && ...); }, value);
  } else if constexpr (k_is_duration<T>) {
    typename T::rep count{};
    const bool lowered = lower(count);
    value = T(count);
    return lowered;
  } else if constexpr (k_is_time_point<T>) {
    typename T::duration time{};
    const bool lowered = lower(time);
    value = T(time);
    return lowered;
  } else {
    static_cast<void>(value);
    return false;
  }
}

// Makes a key the next one: exact; past: it is the last; unknown.
template <class T>
Fit raise(T& value);

template <std::size_t I, class T>
Fit raise_parts(T& value) {  // the parts before I
  if constexpr (I == 0) {
    static_cast<void>(value);
    return Fit::past;
  } else {
    auto& part = std::get<I - 1>(value);
    const Fit raised = raise(part);
    if (raised != Fit::past) return raised;
    if (!lower(part)) return Fit::unknown;
    return raise_parts<I - 1>(value);
  }
}

template <class T>
Fit raise(T& value) {
  if constexpr (Number<T>) {
    return raise_number(value) ? Fit::exact : Fit::past;
  } else if constexpr (!std::is_void_v<text_char_t<T>> && requires { value.push_back({}); }) {
    using Char = text_char_t<T>;
    value.push_back(std::same_as<Char, char> ? Char{} : std::numeric_limits<Char>::min());
    return Fit::exact;
  } else if constexpr (k_is_optional<T>) {
    if (value) return raise(*value);
    if constexpr (std::default_initializable<typename T::value_type>) {
      value.emplace();
      return lower(*value) ? Fit::exact : Fit::unknown;
    } else {
      return Fit::unknown;
    }
  } else if constexpr (k_is_parts<T>) {
    return raise_parts<std::tuple_size_v<T>>(value);
  } else if constexpr (k_is_duration<T>) {
    auto count = value.count();
    const Fit raised = raise(count);
    value = T(count);
    return raised;
  } else if constexpr (k_is_time_point<T>) {
    auto time = value.time_since_epoch();
    const Fit raised = raise(time);
    value = T(time);
    return raised;
  } else {
    static_cast<void>(value);
    return Fit::unknown;
  }
}

// The least Key, in its natural order, that is not below the look-up key.
template <class Key, class K>
Placed<Key> place_key(const K& key);

// Of parts that have been placed each for itself, from number I on: the first that is not exact decides, and those
// behind it become the least.
template <std::size_t I, class Parts>
Fit settle(Parts& keys, const Fit* fits) {
  if constexpr (I == std::tuple_size_v<Parts>) {
    return Fit::exact;
  } else {
    auto& key = std::get<I>(keys);
    if (fits[I] != Fit::exact && fits[I] != Fit::below) return fits[I];
    const Fit rest = fits[I] == Fit::exact ? settle<I + 1>(keys, fits) : Fit::past;
    if (rest != Fit::past) return rest;
    if (fits[I] == Fit::exact) {  // above all keys that begin like this
      const Fit raised = raise(key);
      if (raised != Fit::exact) return raised;
    }
    const bool lowered = [&]<std::size_t... J>(std::index_sequence<J...>) {
      return (lower(std::get<I + 1 + J>(keys)) && ...);
    }(std::make_index_sequence<std::tuple_size_v<Parts> - I - 1>());
    return lowered ? Fit::below : Fit::unknown;
  }
}

template <class Key, class K, std::size_t... I>
Placed<Key> place_parts(const K& key, std::index_sequence<I...>) {
  std::tuple<Placed<std::remove_cvref_t<std::tuple_element_t<I, Key>>>...> placed{
      place_key<std::remove_cvref_t<std::tuple_element_t<I, Key>>>(std::get<I>(key))...};
  const Fit fits[] = {std::get<I>(placed).fit..., Fit::exact};
  Fit fit = Fit::exact;
  for (const Fit one : fits) {
    if (one == Fit::unordered) fit = one;
  }
  if (fit == Fit::exact) {
    auto keys = std::tie(std::get<I>(placed).value...);
    fit = settle<0>(keys, fits);
  }
  return {Key(std::move(std::get<I>(placed).value)...), fit};
}

template <class Key, class K>
Placed<Key> place_duration(const K& key) {
  using Ratio = std::ratio_divide<typename K::period, typename Key::period>;
  if constexpr (Ratio::num == 1 && Ratio::den == 1) {
    const auto count = place_number<typename Key::rep>(key.count());
    return {Key(count.value), count.fit};
  } else {
    const Int128 scaled = static_cast<Int128>(key.count()) * Ratio::num, rest = scaled % Ratio::den;
    const auto count = place_number<typename Key::rep>(scaled / Ratio::den + (rest > 0 ? 1 : 0));
    return {Key(count.value), rest != 0 && count.fit == Fit::exact ? Fit::below : count.fit};
  }
}

template <class Key, class K>
Placed<Key> place_key(const K& key) {
  constexpr Way way = way_to<Key, K>();
  static_assert(way != Way::none,
                "fluxmap: a key of this type cannot be looked up: Key can neither be compared with it nor made from it "
                "without the risk that a number is cut; convert it to Key");
  if constexpr (way == Way::same) {
    return {key, is_equal_to_itself(key) ? Fit::exact : Fit::unordered};
  } else if constexpr (way == Way::number) {
    return place_number<Key>(key);
  } else if constexpr (way == Way::proxy) {
    return place_number<Key>(+key);
  } else if constexpr (way == Way::optional) {
    if (!key) return {Key(), Fit::exact};
    auto placed = place_key<typename Key::value_type>(*key);
    return {Key(std::move(placed.value)), placed.fit};
  } else if constexpr (way == Way::value) {
    auto placed = place_key<typename Key::value_type>(key);
    return {Key(std::move(placed.value)), placed.fit};
  } else if constexpr (way == Way::parts) {
    return place_parts<Key>(key, std::make_index_sequence<std::tuple_size_v<Key>>());
  } else if constexpr (way == Way::duration) {
    return place_duration<Key>(key);
  } else if constexpr (way == Way::time_point) {
    auto placed = place_key<typename Key::duration>(key.time_since_epoch());
    return {Key(placed.value), placed.fit};
  } else if constexpr (way == Way::given) {
    Fit fit = Fit::exact;
    Key made(Given<K>{key, fit});
    return {std::move(made), fit};
  } else if constexpr (way == Way::constructor) {
    return {Key(key), Fit::exact};
  }
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

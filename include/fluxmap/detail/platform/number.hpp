// Numbers of different types, compared as mathematics does and not as the language does. · layer: platform
//
// -1 is less than 5U here, 2^53 + 1 is not the double 2^53, and 3.5 lies between two integers.
#pragma once

#include <fluxmap/config.hpp>

#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace fluxmap::inline FLUXMAP_ABI::detail {

#ifdef __SIZEOF_INT128__
__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 Uint128;
template <class T>
concept Integer = std::integral<T> || std::same_as<T, Int128> || std::same_as<T, Uint128>;
#else
using Int128 = std::intmax_t;
using Uint128 = std::uintmax_t;
template <class T>
concept Integer = std::integral<T>;
#endif

// An enumeration that the language takes for a number.
template <class T>
concept PlainEnum = std::is_enum_v<T> && std::is_convertible_v<T, std::underlying_type_t<T>>;

// bool and characters too.
template <class T>
concept Number = Integer<T> || std::floating_point<T> || PlainEnum<T>;

// A class that stands for one number: a proxy, an atomic, a constant.
template <class T>
concept NumberProxy =
    std::is_class_v<T> && requires(const T& value) { requires Number<std::remove_cvref_t<decltype(+value)>>; };

template <class T>
inline constexpr bool k_signed = std::is_signed_v<T> || std::same_as<T, Int128>;  // is_signed: not in strict mode
template <Integer T>
inline constexpr int k_digits = std::same_as<T, bool> ? 1 : 8 * int{sizeof(T)} - (k_signed<T> ? 1 : 0);
template <Integer T>
inline constexpr T k_greatest = static_cast<T>(~Uint128{0} >> (8 * int{sizeof(Uint128)} - k_digits<T>));
template <Integer T>
inline constexpr T k_least = k_signed<T> ? static_cast<T>(-k_greatest<T> - 1) : T{0};

// How a value lies among those of a type T, or what became of it on the way.
enum class Fit : unsigned char {
  exact,      // it is one of them
  below,      // it is none, and lies just below the one that is given
  past,       // it lies above all of them
  unordered,  // it is no number
  unknown,    // it is none of them, and the order of T is not known
};

// The least value of T that is not below the one asked for. Where the fit is past, unordered or unknown: any.
template <class T>
struct Placed {
  T value;
  Fit fit;
};

template <Integer T, Integer S>
constexpr bool holds(S number) noexcept {
  if constexpr (k_signed<S>) {
    if (number < 0) return k_signed<T> && static_cast<Int128>(number) >= static_cast<Int128>(k_least<T>);
  }
  return static_cast<Uint128>(number) <= static_cast<Uint128>(k_greatest<T>);
}

template <Number T, Number S>
Placed<T> place_number(S number) noexcept {
  if constexpr (std::same_as<T, S>) {
    return {number, number == number ? Fit::exact : Fit::unordered};
  } else if constexpr (std::is_enum_v<S>) {
    return place_number<T>(static_cast<std::underlying_type_t<S>>(number));
  } else if constexpr (std::is_enum_v<T>) {
    const auto placed = place_number<std::underlying_type_t<T>>(number);
    return {static_cast<T>(placed.value), placed.fit};
  } else if constexpr (Integer<T> && Integer<S>) {
    if (holds<T>(number)) return {static_cast<T>(number), Fit::exact};
    if (number < S{0}) return {k_least<T>, Fit::below};
    return {k_greatest<T>, Fit::past};
  } else if constexpr (Integer<T>) {
    if (number != number) return {T{}, Fit::unordered};
    const S above = std::ceil(number), limit = std::ldexp(S{1}, k_digits<T>);  // infinite where S does not reach so far
    if (above >= limit) return {k_greatest<T>, Fit::past};
    if (above < (k_signed<T> ? -limit : S{0})) return {k_least<T>, Fit::below};
    return {static_cast<T>(above), above == number ? Fit::exact : Fit::below};
  } else if constexpr (Integer<S>) {
    const T near = static_cast<T>(number);  // the one below or the one above
    const Placed<S> back = place_number<S>(near);
    if (back.fit == Fit::exact && back.value == number) return {near, Fit::exact};
    const bool is_less = back.fit == Fit::exact && back.value < number;
    return {is_less ? std::nextafter(near, std::numeric_limits<T>::infinity()) : near, Fit::below};
  } else {
    using To = std::numeric_limits<T>;
    if (number != number) return {To::quiet_NaN(), Fit::unordered};
    if constexpr (sizeof(S) > sizeof(T)) {
      if (number > static_cast<S>(To::max())) {
        return {To::infinity(), number == std::numeric_limits<S>::infinity() ? Fit::exact : Fit::below};
      }
      if (number < static_cast<S>(To::lowest())) {
        const bool infinite = number == -std::numeric_limits<S>::infinity();
        return {infinite ? -To::infinity() : To::lowest(), infinite ? Fit::exact : Fit::below};
      }
    }
    const T near = static_cast<T>(number);
    if (static_cast<S>(near) == number) return {near, Fit::exact};
    const bool is_less = static_cast<S>(near) < number;
    return {is_less ? std::nextafter(near, To::infinity()) : near, Fit::below};
  }
}

// The least value of the type. `value` becomes it.
template <Number T>
void lower_number(T& value) noexcept {
  if constexpr (std::is_enum_v<T>) {
    value = static_cast<T>(k_least<std::underlying_type_t<T>>);
  } else if constexpr (std::floating_point<T>) {
    value = -std::numeric_limits<T>::infinity();
  } else {
    value = k_least<T>;
  }
}

// Makes it the next one. False: it is the last.
template <Number T>
bool raise_number(T& value) noexcept {
  if constexpr (std::is_enum_v<T>) {
    auto number = static_cast<std::underlying_type_t<T>>(value);
    if (!raise_number(number)) return false;
    value = static_cast<T>(number);
  } else if constexpr (std::floating_point<T>) {
    if (value == std::numeric_limits<T>::infinity()) return false;
    value = std::nextafter(value, std::numeric_limits<T>::infinity());
  } else {
    if (value == k_greatest<T>) return false;
    value = static_cast<T>(value + 1);
  }
  return true;
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

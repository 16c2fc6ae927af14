// The fields of an aggregate, found without its help. · layer: platform
//
// Not Boost.PFR: version 1.81 makes g++ 12 crash on every aggregate that has an array of strings or vectors in it, and
// takes neither C arrays nor base classes.
//
// Fields are counted by what the aggregate can be initialised with, and taken apart by a structured binding of as many
// names; a wrong count would not compile. So where there is a doubt (a base class that has members, a union, more than
// 64 fields), the fields are not visible, and whoever asks does without them.
#pragma once

#include <fluxmap/config.hpp>

#include <boost/preprocessor/punctuation/comma_if.hpp>
#include <boost/preprocessor/repetition/enum.hpp>
#include <boost/preprocessor/repetition/enum_params.hpp>
#include <boost/preprocessor/repetition/repeat_from_to.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

inline constexpr std::size_t k_max_fields = 64;

// Stand for a field of any type, also one that can only be moved; for a base class; for one without members; for a
// union; for a field that is a reference. Never called, but clang warns where a constructor template of a field's would
// call it and it has no definition.
struct AnyField {
  template <class Field>
  operator Field() const&& noexcept {  // NOLINT(google-explicit-constructor)
    std::terminate();
  }
};
template <class T>
struct AnyBase {
  template <class Base>
    requires(std::is_base_of_v<Base, T> && !std::same_as<Base, T>)
  operator Base() const&& noexcept {  // NOLINT
    std::terminate();
  }
};
template <class T>
struct AnyEmptyBase {
  template <class Base>
    requires(std::is_base_of_v<Base, T> && !std::same_as<Base, T> && std::is_empty_v<Base>)
  operator Base() const&& noexcept {  // NOLINT
    std::terminate();
  }
};
struct AnyUnion {
  template <class Field>
    requires(std::is_union_v<Field>)
  operator Field() const&& noexcept {  // NOLINT
    std::terminate();
  }
};

struct AnyReference {
  template <class Field>
  operator Field&() const&& noexcept {  // NOLINT
    std::terminate();
  }
};
// For no field at all, but for one that takes whatever it is given.
struct NoField {};

template <std::size_t, class T>
using Repeat = T;
template <std::size_t N>
using Indices = std::make_index_sequence<N>;

// Whether T takes so many fields of any type.
template <class T, std::size_t... I>
consteval bool takes_any(std::index_sequence<I...>) {
  return requires { T{Repeat<I, AnyField>{}...}; };
}
// The same with one field in braces: its default, or some of its elements.
template <class T, std::size_t... I, std::size_t... J, std::size_t... K>
consteval bool takes_braces(std::index_sequence<I...>, std::index_sequence<J...>, std::index_sequence<K...>) {
  return requires { T{Repeat<I, AnyField>{}..., {Repeat<J, AnyField>{}...}, Repeat<K, AnyField>{}...}; };
}
// The same with one given.
template <class T, class One, std::size_t... I, std::size_t... J>
consteval bool takes_between(std::index_sequence<I...>, std::index_sequence<J...>) {
  return requires { T{Repeat<I, AnyField>{}..., One{}, Repeat<J, AnyField>{}...}; };
}

template <class... T>
struct FieldList {};

// Instead of a function: for the types of the fields, as they were declared.
struct WantTypes {};

// takes_defaults<T, Tail...>(n): whether T takes n times {}, which is one field each, C arrays included, and then
// these. with_fields: calls f with n fields. The names are short because there are thousands of them.
#define FLUXMAP_DEFAULT(z, n, unused) \
  {                                   \
  }
#define FLUXMAP_TYPE(z, n, unused) BOOST_PP_COMMA_IF(n) decltype(a##n)
#define FLUXMAP_FIELDS(z, n, unused)                                                             \
  template <class T, class... Tail>                                                              \
  consteval bool takes_defaults(std::integral_constant<std::size_t, n>) {                        \
    return requires { T{BOOST_PP_ENUM_##z(n, FLUXMAP_DEFAULT, ~), Tail{}...}; };                 \
  }                                                                                              \
  template <class T, class F>                                                                    \
  constexpr decltype(auto) with_fields(T& value, F& f, std::integral_constant<std::size_t, n>) { \
    [[maybe_unused]] auto& [BOOST_PP_ENUM_PARAMS_Z(z, n, a)] = value;                            \
    if constexpr (std::same_as<F, WantTypes>) {                                                  \
      return FieldList<BOOST_PP_REPEAT_##z(n, FLUXMAP_TYPE, ~)>();                               \
    } else {                                                                                     \
      return f(BOOST_PP_ENUM_PARAMS_Z(z, n, a));                                                 \
    }                                                                                            \
  }
BOOST_PP_REPEAT_FROM_TO(1, 66, FLUXMAP_FIELDS, ~)
#undef FLUXMAP_FIELDS
#undef FLUXMAP_TYPE
#undef FLUXMAP_DEFAULT

template <class T, class... Tail>
consteval bool takes_defaults(std::integral_constant<std::size_t, 0>) {
  return requires { T{Tail{}...}; };
}

// Where T is not an aggregate, or its fields cannot be told: not visible.
struct FieldCount {
  bool visible = false;
  std::size_t count = 0;  // without base classes, which are empty then
  std::size_t bases = 0;
};

// How many fields with defaults, from the bottom; one more than the most: too many.
template <class T, std::size_t N = 0>
consteval std::size_t count_defaults() {
  if constexpr (N <= k_max_fields) {
    if constexpr (takes_defaults<T>(std::integral_constant<std::size_t, N + 1>())) return count_defaults<T, N + 1>();
  }
  return N;
}
// How many of any type, from the top: an aggregate takes fewer only if the rest have defaults. Elements of C arrays
// count one by one.
template <class T, std::size_t N = k_max_fields + 1>
consteval std::size_t count_any() {
  if constexpr (N == 0 || takes_any<T>(Indices<N>())) {
    return N;
  } else {
    return count_any<T, N - 1>();
  }
}
// How many of `Flat` the field that begins with number `At` takes: more than one if it is a C array. `N` is tried.
template <class T, std::size_t Flat, std::size_t At, std::size_t N = 0>
consteval std::size_t width_at() {
  if constexpr (N == 0) {
    if constexpr (takes_braces<T>(Indices<At>(), Indices<0>(), Indices<Flat - At - 1>())) {
      return 1;
    } else {
      return width_at<T, Flat, At, 2>();
    }
  } else if constexpr (At + N > Flat) {
    return 1;
  } else if constexpr (takes_braces<T>(Indices<At>(), Indices<N>(), Indices<Flat - At - N>()) &&
                       !takes_braces<T>(Indices<At>(), Indices<N>(), Indices<Flat - At - N + 1>())) {
    return N;
  } else {
    return width_at<T, Flat, At, N + 1>();
  }
}
template <class T, std::size_t Flat, std::size_t At = 0>
consteval std::size_t count_wide() {
  if constexpr (At == Flat) {
    return 0;
  } else {
    return 1 + count_wide<T, Flat, At + width_at<T, Flat, At>()>();
  }
}

// Whether field `At` takes a `One`, and not just anything. `Flat`: 0 where the fields have defaults.
template <class T, class One, std::size_t Flat, std::size_t At>
consteval bool takes_at() {
  if constexpr (Flat == 0) {
    using Before = std::integral_constant<std::size_t, At>;
    return takes_defaults<T, One>(Before()) && !takes_defaults<T, NoField>(Before());
  } else {
    using Before = Indices<At>;
    using After = Indices<Flat - At - 1>;
    return takes_between<T, One>(Before(), After()) && !takes_between<T, NoField>(Before(), After());
  }
}
template <class T, std::size_t Flat, std::size_t Count, std::size_t At = 0>
consteval std::size_t count_bases() {
  if constexpr (At < Count) {
    if constexpr (takes_at<T, AnyBase<T>, Flat, At>()) return 1 + count_bases<T, Flat, Count, At + 1>();
  }
  return 0;
}
template <class T, std::size_t Flat, std::size_t... I>
consteval bool are_empty(std::index_sequence<I...>) {
  return (takes_at<T, AnyEmptyBase<T>, Flat, I>() && ...);
}
template <class T, std::size_t Flat, std::size_t... I>
consteval bool has_union(std::index_sequence<I...>) {
  return (takes_at<T, AnyUnion, Flat, I>() || ...);
}

// `Count` fields and base classes, each of which is a union only if it takes one at one of the places of `Flat`, or of
// itself.
template <class T, std::size_t Flat, std::size_t Count>
consteval FieldCount check_fields() {
  constexpr std::size_t bases = count_bases<T, Flat, Count>();
  constexpr bool visible = Count <= k_max_fields && are_empty<T, Flat>(Indices<bases>()) &&
                           !has_union<T, Flat>(Indices<Flat == 0 ? Count : Flat>());
  return {visible, Count - bases, bases};
}

template <class T>
consteval FieldCount count_fields() {
  if constexpr (!std::is_class_v<T> || !std::is_aggregate_v<T>) {
    return {};
  } else if constexpr (requires { T{}; }) {
    constexpr std::size_t count = count_defaults<T>();
    using Next = std::integral_constant<std::size_t, count>;
    if constexpr (count > k_max_fields) {
      return {};
    } else if constexpr (takes_defaults<T, AnyField>(Next())) {  // it has a default only where none is given
      constexpr std::size_t any = count_any<T>();
      return {any <= k_max_fields, any, 0};
    } else if constexpr (takes_defaults<T, AnyReference>(Next())) {
      return {};
    } else {
      return check_fields<T, 0, count>();
    }
  } else {
    constexpr std::size_t flat = count_any<T>();
    if constexpr (flat == 0 || flat > k_max_fields) {
      return {};
    } else {
      return check_fields<T, flat, count_wide<T, flat>()>();
    }
  }
}

template <class T>
inline constexpr FieldCount k_fields = count_fields<std::remove_const_t<T>>();

template <class T>
consteval bool has_visible_fields() {
  return k_fields<T>.visible;
}

// Calls f with the fields of an aggregate, possibly const, whose fields are visible. A bit-field can only be handed on
// as a value, or const.
template <class T, class F>
constexpr decltype(auto) with_fields(T& value, F&& f) {
  if constexpr (k_fields<T>.count == 0) {
    static_cast<void>(value);
    return f();
  } else {
    return with_fields(value, f, std::integral_constant<std::size_t, k_fields<T>.count>());
  }
}

// Stands for an empty base class where an aggregate is made of its fields.
struct DefaultBase {
  template <class Base>
  operator Base() const {  // NOLINT(google-explicit-constructor)
    return Base();
  }
};

template <class T>
auto field_types() {
  if constexpr (k_fields<T>.count == 0) {
    return FieldList<>();
  } else {
    using Count = std::integral_constant<std::size_t, k_fields<T>.count>;
    return decltype(with_fields(std::declval<T&>(), std::declval<WantTypes&>(), Count()))();
  }
}
// FieldList of the types of its fields, as they were declared.
template <class T>
using field_types_t = decltype(field_types<T>());

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

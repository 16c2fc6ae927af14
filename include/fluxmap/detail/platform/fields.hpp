// The fields of an aggregate, as a tuple of references. · layer: platform
//
// Not Boost.PFR: version 1.81 makes g++ 12 crash on every aggregate that has an array of strings or vectors in it.
#pragma once

#include <fluxmap/config.hpp>

#include <boost/preprocessor/repetition/enum_params.hpp>
#include <boost/preprocessor/repetition/repeat_from_to.hpp>

#include <cstddef>
#include <exception>
#include <tuple>
#include <type_traits>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

inline constexpr std::size_t k_max_fields = 64;

// Stands for a field of any type, also one that can only be moved. Never called, but clang warns where a constructor
// template of a field's would call it and it has no definition.
struct AnyField {
  template <class Field>
  operator Field() const&& noexcept {  // NOLINT(google-explicit-constructor)
    std::terminate();
  }
};

template <class T, std::size_t... I>
consteval bool takes_fields(std::index_sequence<I...>) {
  return requires { T{(static_cast<void>(I), AnyField{})...}; };
}

// From the top: an aggregate takes fewer initialisers than it has fields only if the rest have defaults.
template <class T, std::size_t N = k_max_fields + 1>
consteval std::size_t count_fields() {
  if constexpr (N == 0 || takes_fields<T>(std::make_index_sequence<N>())) {
    return N;
  } else {
    return count_fields<T, N - 1>();
  }
}

#define FLUXMAP_TIE_FIELDS(z, n, unused)                                        \
  template <class T>                                                            \
  constexpr auto tie_fields(T& value, std::integral_constant<std::size_t, n>) { \
    auto& [BOOST_PP_ENUM_PARAMS(n, field)] = value;                             \
    return std::tie(BOOST_PP_ENUM_PARAMS(n, field));                            \
  }
BOOST_PP_REPEAT_FROM_TO(1, 65, FLUXMAP_TIE_FIELDS, ~)
#undef FLUXMAP_TIE_FIELDS

template <class T>
constexpr std::tuple<> tie_fields(T&, std::integral_constant<std::size_t, 0>) {
  return {};
}

// T is a class and an aggregate, without bases, C arrays and bit-fields; possibly const.
template <class T>
constexpr auto tie_fields(T& value) {
  constexpr std::size_t count = count_fields<std::remove_const_t<T>>();
  static_assert(count <= k_max_fields, "fluxmap: an aggregate of more than 64 fields; specialise what is asked of it");
  return tie_fields(value, std::integral_constant<std::size_t, count>());
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// Hashes of keys, for those who remember keys that are gone. · layer: platform
#pragma once

#include <fluxmap/detail/platform/random.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ranges>
#include <tuple>
#include <type_traits>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class T>
concept StdHashable = requires(const T& value) { std::hash<T>()(value); };
template <class T>
concept TupleLike = requires { std::tuple_size<T>::value; };

// True for what std::hash takes, and pairs, tuples and ranges of it. `Around`: the types that T is inside of: a range
// of itself, such as a path, has no end.
template <class T, class... Around>
consteval bool has_key_hash() {
  if constexpr ((std::same_as<T, Around> || ...)) {
    return false;
  } else if constexpr (StdHashable<T>) {
    return true;
  } else if constexpr (TupleLike<T>) {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return (has_key_hash<std::remove_const_t<std::tuple_element_t<I, T>>, T, Around...>() && ...);
    }(std::make_index_sequence<std::tuple_size_v<T>>());
  } else if constexpr (std::ranges::range<const T>) {
    return has_key_hash<std::remove_cvref_t<std::ranges::range_reference_t<const T>>, T, Around...>();
  } else {
    return false;
  }
}

template <class T>
std::uint64_t key_hash(const T& value) {
  if constexpr (StdHashable<T>) {
    return mix_bits(std::hash<T>()(value));
  } else if constexpr (TupleLike<T>) {
    std::uint64_t hash = 0;
    std::apply([&](const auto&... part) { ((hash = mix_bits(hash ^ key_hash(part))), ...); }, value);
    return hash;
  } else if constexpr (has_key_hash<T>()) {
    std::uint64_t hash = 0;
    for (const auto& part : value) hash = mix_bits(hash ^ key_hash(part));
    return hash;
  } else {
    return 0;
  }
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// The key a search is made with. · layer: front
#pragma once

#include <fluxmap/config.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class Compare>
concept Transparent = requires {
  typename Compare::is_transparent;
};

// A look-up key as the index should be searched with: itself where the comparator takes it as it is, else one Key made
// from it, once, instead of one for every comparison. Integers are always converted: mixed-sign comparisons would
// follow the language's rules and not the keys' order.
template <class Key, class Compare, class K>
decltype(auto) lookup_key(const K& key) {
  if constexpr (std::same_as<K, Key>) {
    return static_cast<const K&>(key);
  } else if constexpr (std::integral<K> && std::integral<Key>) {
    return static_cast<Key>(key);
  } else if constexpr (Transparent<Compare>) {
    return static_cast<const K&>(key);
  } else {
    static_assert(std::constructible_from<Key, const K&>, "the comparator is not transparent: look up with a Key");
    return Key(key);
  }
}

// A Key of its own.
template <class Key, class K>
Key owned_key(const K& key) {
  if constexpr (std::integral<K> && std::integral<Key>) {
    return static_cast<Key>(key);
  } else {
    static_assert(std::constructible_from<Key, const K&>, "Key must be constructible from the look-up key");
    return Key(key);
  }
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

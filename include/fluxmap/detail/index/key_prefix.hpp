// The first eight bytes of a key as a number that orders as the keys do. · layer: index
//
// Kept beside pointers, so that most comparisons of a search need not touch the entry. prefix(a) < prefix(b) implies
// a < b; equal prefixes say nothing, except where the prefix is the whole key.
#pragma once

#include <fluxmap/config.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class Key>
concept IntegerKey = std::integral<Key> && !std::same_as<Key, bool> && sizeof(Key) <= sizeof(std::uint64_t);
// Types whose order under std::less is that of their bytes. A class that merely converts to one may have an order of
// its own.
template <class Key>
inline constexpr bool k_is_text = false;
template <class Allocator>
inline constexpr bool k_is_text<std::basic_string<char, std::char_traits<char>, Allocator>> = true;
template <>
inline constexpr bool k_is_text<std::string_view> = true;
template <std::size_t N>
inline constexpr bool k_is_text<char[N]> = true;
template <class Key>
concept TextKey = k_is_text<Key>;

template <class Key, class Compare>
struct KeyPrefix {
  // Only for the order that the prefix reproduces.
  static constexpr bool k_ordered = std::same_as<Compare, std::less<>> || std::same_as<Compare, std::less<Key>>;
  static constexpr bool k_exact = k_ordered && IntegerKey<Key>;
  static constexpr bool k_text = k_ordered && TextKey<Key>;

  // True if keys of type K, which may be a look-up key, have one.
  template <class K>
  static constexpr bool k_has = (k_exact && std::same_as<K, Key>) || (k_text && TextKey<K>);

  template <class K>
  static std::uint64_t of(const K& key) noexcept {
    if constexpr (!k_has<K>) {
      static_cast<void>(key);
      return 0;
    } else if constexpr (k_exact) {
      if constexpr (std::signed_integral<Key>) {
        return static_cast<std::uint64_t>(static_cast<std::int64_t>(key)) ^ (std::uint64_t{1} << 63);
      } else {
        return static_cast<std::uint64_t>(key);
      }
    } else {
      const std::string_view text(key);
      std::uint64_t prefix = 0;
      for (std::size_t i = 0; i < sizeof(prefix); ++i) {
        prefix = prefix << 8 | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0U);
      }
      return prefix;
    }
  }
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

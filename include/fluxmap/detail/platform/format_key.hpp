// A key as text, for error messages. · layer: platform
#pragma once

#include <fluxmap/config.hpp>

#include <concepts>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class Key>
concept Streamable = requires(std::ostream& out, const Key& key) { out << key; };

// Empty where the key cannot be formatted, or where formatting fails: a message is never worth another error.
template <class Key>
std::string format_key(const Key& key) noexcept {
  try {
    if constexpr (std::is_convertible_v<const Key&, std::string_view>) {
      return '"' + std::string(std::string_view(key)) + '"';
    } else if constexpr (std::integral<Key> && !std::same_as<Key, bool> && sizeof(Key) > 1) {
      return std::to_string(key);
    } else if constexpr (Streamable<Key>) {
      std::ostringstream out;
      out << key;
      return out.str();
    }
  } catch (...) {
  }
  return {};
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// MemorySize: what a key or a value weighs.
#pragma once

#include <fluxmap/config.hpp>

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI {

// MemorySize<T>::of(x): the bytes that x takes, itself included: sizeof plus what it owns on the heap. Specialise it
// for your own types that own memory; the default counts sizeof alone. `of` must not throw and must give the same
// answer for the same object as long as it is not changed.
template <class T>
struct MemorySize {
  static constexpr std::size_t of(const T&) noexcept { return sizeof(T); }
};

template <class Char, class Traits>
struct MemorySize<std::basic_string<Char, Traits>> {
  static std::size_t of(const std::basic_string<Char, Traits>& text) noexcept {
    using String = std::basic_string<Char, Traits>;
    // Short strings live inside the object; asking an empty one tells how long "short" is, without naming a library.
    static const std::size_t inside = String().capacity();
    return sizeof(String) + (text.capacity() > inside ? (text.capacity() + 1) * sizeof(Char) : 0);
  }
};

template <class T, class U>
struct MemorySize<std::pair<T, U>> {
  static constexpr std::size_t of(const std::pair<T, U>& pair) noexcept {
    return sizeof(pair) - sizeof(T) - sizeof(U) + MemorySize<T>::of(pair.first) + MemorySize<U>::of(pair.second);
  }
};

template <class... T>
struct MemorySize<std::tuple<T...>> {
  static constexpr std::size_t of(const std::tuple<T...>& tuple) noexcept {
    return std::apply(
        [](const T&... part) {
          return sizeof(std::tuple<T...>) + (std::size_t{0} + ... + (MemorySize<T>::of(part) - sizeof(T)));
        },
        tuple);
  }
};

template <class T>
struct MemorySize<std::optional<T>> {
  static constexpr std::size_t of(const std::optional<T>& value) noexcept {
    return sizeof(value) + (value ? MemorySize<T>::of(*value) - sizeof(T) : 0);
  }
};

template <class T, std::size_t N>
struct MemorySize<std::array<T, N>> {
  static constexpr std::size_t of(const std::array<T, N>& values) noexcept {
    std::size_t bytes = 0;
    for (const T& value : values) bytes += MemorySize<T>::of(value);
    return bytes;
  }
};

template <class T>
struct MemorySize<std::vector<T>> {
  static std::size_t of(const std::vector<T>& values) noexcept {
    std::size_t bytes = sizeof(values) + (values.capacity() - values.size()) * sizeof(T);
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) return bytes + values.size() * sizeof(T);
    for (const T& value : values) bytes += MemorySize<T>::of(value);
    return bytes;
  }
};

template <class K, class V, class C>
struct MemorySize<std::map<K, V, C>> {
  static std::size_t of(const std::map<K, V, C>& map) noexcept {
    std::size_t bytes = sizeof(map);
    for (const auto& [key, value] : map) bytes += 4 * sizeof(void*) + MemorySize<K>::of(key) + MemorySize<V>::of(value);
    return bytes;
  }
};

}  // namespace fluxmap::inline FLUXMAP_ABI

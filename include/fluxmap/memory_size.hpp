// MemorySize: what a key or a value weighs.
#pragma once

#include <fluxmap/detail/platform/fields.hpp>
#include <fluxmap/detail/platform/heap_bytes.hpp>

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

// `MemorySize<T>::of`: the bytes that a T takes, itself included: sizeof plus what it owns on the heap, with what the
// allocator adds. Built in for what Codec is built in for; plain aggregates count field by field, C arrays included.
// Whatever else there is counts sizeof alone: classes with private members, and aggregates that have a base class with
// members, a union, a reference or more than 64 fields, for their fields cannot be seen. Specialise it for those of
// your types that own memory. `of` must not throw and must give the same answer for the same object as long as it is
// not changed.
template <class T>
struct MemorySize {
  // The bytes that `value` takes.
  // Complexity: O(1) for each field and element. Strings, and vectors of numbers, count as one.
  // Exceptions: none.
  static constexpr std::size_t of(const T& value) noexcept {
    if constexpr (std::is_trivially_destructible_v<T>) {
      static_cast<void>(value);
      return sizeof(T);
    } else if constexpr (!detail::has_visible_fields<T>()) {
      static_cast<void>(value);
      return sizeof(T);
    } else {
      return detail::with_fields(value, [](const auto&... field) {
        return sizeof(T) +
               (std::size_t{0} + ... + (MemorySize<std::remove_cvref_t<decltype(field)>>::of(field) - sizeof(field)));
      });
    }
  }
};

template <class Char, class Traits>
struct MemorySize<std::basic_string<Char, Traits>> {
  static std::size_t of(const std::basic_string<Char, Traits>& text) noexcept {
    using String = std::basic_string<Char, Traits>;
    // Short strings live inside the object; asking an empty one tells how long "short" is, without naming a library.
    static const std::size_t inside = String().capacity();
    return sizeof(String) + (text.capacity() > inside ? detail::heap_bytes((text.capacity() + 1) * sizeof(Char)) : 0);
  }
};

template <class T>
struct MemorySize<const T> : MemorySize<T> {};

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
struct MemorySize<T[N]> {
  static constexpr std::size_t of(const T (&values)[N]) noexcept {
    std::size_t bytes = 0;
    for (const T& value : values) bytes += MemorySize<T>::of(value);
    return bytes;
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
    std::size_t bytes = sizeof(values) + detail::heap_bytes(values.capacity() * sizeof(T));
    if constexpr (!std::is_arithmetic_v<T> && !std::is_enum_v<T>) {
      for (const T& value : values) bytes += MemorySize<T>::of(value) - sizeof(T);
    }
    return bytes;
  }
};

template <class K, class V, class C>
struct MemorySize<std::map<K, V, C>> {
  static std::size_t of(const std::map<K, V, C>& map) noexcept {
    std::size_t bytes = sizeof(map);
    for (const auto& node : map) {
      bytes += detail::heap_bytes(4 * sizeof(void*) + sizeof(node)) - sizeof(node);
      bytes += MemorySize<std::pair<const K, V>>::of(node);
    }
    return bytes;
  }
};

}  // namespace fluxmap::inline FLUXMAP_ABI

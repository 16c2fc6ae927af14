// Codecs of text, tuples, containers and durations. · vocabulary
#pragma once

#include <fluxmap/detail/codec/values.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI {

template <class Char, class Traits, class Allocator>
struct Codec<std::basic_string<Char, Traits, Allocator>> {
  using String = std::basic_string<Char, Traits, Allocator>;

  static void encode(const String& text, Encoder& out) {
    out.write_length(text.size());
    detail::encode_elements(std::span(text.data(), text.size()), out);
  }
  static String decode(Decoder& in) {
    if constexpr (std::same_as<Char, char>) {
      const Bytes bytes = in.read(in.read_length());
      return String(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    } else {
      // The characters are copied where they are in memory as on the disk, and decoded one by one otherwise.
      String text(detail::decode_count(sizeof(Char), in), Char());
      if constexpr (detail::CopiedRaw<Char>) {
        detail::decode_raw(std::span(text.data(), text.size()), in);
      } else {
        for (Char& character : text) character = Codec<Char>::decode(in);
      }
      return text;
    }
  }
  static void spell(detail::Spelling& out) {
    if constexpr (detail::k_character<Char> && sizeof(Char) == 1) return out.add("string");
    out.template add_list<Char>("string<", ">");
  }
};

template <class T, class U>
struct Codec<std::pair<T, U>> {
  static void encode(const std::pair<T, U>& pair, Encoder& out) {
    Codec<std::remove_cv_t<T>>::encode(pair.first, out);
    Codec<std::remove_cv_t<U>>::encode(pair.second, out);
  }
  static std::pair<T, U> decode(Decoder& in) {
    return std::pair<T, U>{Codec<std::remove_cv_t<T>>::decode(in), Codec<std::remove_cv_t<U>>::decode(in)};
  }
  static void spell(detail::Spelling& out) { out.add_list<T, U>("pair<", ">"); }
};

template <class... T>
struct Codec<std::tuple<T...>> {
  static void encode(const std::tuple<T...>& tuple, Encoder& out) {
    std::apply([&](const T&... part) { (Codec<std::remove_cv_t<T>>::encode(part, out), ...); }, tuple);
  }
  static std::tuple<T...> decode(Decoder& in) { return std::tuple<T...>{Codec<std::remove_cv_t<T>>::decode(in)...}; }
  static void spell(detail::Spelling& out) { out.add_list<T...>("tuple<", ">"); }
};

template <>
struct Codec<std::tuple<>> {
  static void encode(const std::tuple<>&, Encoder& out) { detail::write_zero(out); }
  static std::tuple<> decode(Decoder& in) {
    detail::read_zero(in);
    return {};
  }
  static void spell(detail::Spelling& out) { out.add("tuple<>"); }
};

template <class T>
struct Codec<std::optional<T>> {
  static void encode(const std::optional<T>& value, Encoder& out) {
    Codec<bool>::encode(value.has_value(), out);
    if (value.has_value()) Codec<std::remove_cv_t<T>>::encode(*value, out);
  }
  static std::optional<T> decode(Decoder& in) {
    if (!Codec<bool>::decode(in)) return std::nullopt;
    return std::optional<T>(std::in_place, Codec<std::remove_cv_t<T>>::decode(in));
  }
  static void spell(detail::Spelling& out) { out.add_list<T>("optional<", ">"); }
};

// Only inside an aggregate. Its bytes are those of a std::array.
template <class T, std::size_t N>
struct Codec<T[N]> {
  static void encode(const T (&values)[N], Encoder& out) { detail::encode_elements(std::span<const T>(values), out); }
  static void decode_into(T (&values)[N], Decoder& in) {
    if constexpr (detail::CopiedRaw<T>) {
      detail::decode_raw(std::span<T>(values), in);
    } else {
      for (T& value : values) {
        if constexpr (std::is_array_v<T>) {
          Codec<T>::decode_into(value, in);
        } else {
          value = Codec<T>::decode(in);
        }
      }
    }
  }
  static void spell(detail::Spelling& out) { Codec<std::array<T, N>>::spell(out); }
};

template <class T, std::size_t N>
struct Codec<std::array<T, N>> {
  using Array = std::array<T, N>;

  static void encode(const Array& values, Encoder& out) {
    if constexpr (N == 0) return detail::write_zero(out);
    detail::encode_elements(std::span<const T>(values), out);
  }
  static Array decode(Decoder& in) {
    if constexpr (N == 0) {
      detail::read_zero(in);
      return {};
    } else if constexpr (detail::CopiedRaw<T>) {
      Array values{};
      detail::decode_raw(std::span<T>(values), in);
      return values;
    } else {
      return decode_each(in, std::make_index_sequence<N>());
    }
  }
  static void spell(detail::Spelling& out) {
    out.add("array<");
    out.add(static_cast<std::intmax_t>(N));
    out.template add_list<T>(",", ">");
  }

 private:
  template <std::size_t... I>
  static Array decode_each(Decoder& in, std::index_sequence<I...>) {
    return Array{{(static_cast<void>(I), Codec<std::remove_cv_t<T>>::decode(in))...}};
  }
};

template <class T, class Allocator>
struct Codec<std::vector<T, Allocator>> {
  using Vector = std::vector<T, Allocator>;

  static void encode(const Vector& values, Encoder& out) {
    out.write_length(values.size());
    if constexpr (detail::CopiedRaw<T>) {
      detail::encode_elements(std::span<const T>(values), out);
    } else {
      const detail::Nesting level(out);
      for (const auto& value : values) {
        const std::size_t before = out.size();
        Codec<T>::encode(value, out);
        detail::pad_element(before, out);
      }
    }
  }
  static Vector decode(Decoder& in) {
    if constexpr (detail::CopiedRaw<T>) {
      Vector values(detail::decode_count(sizeof(T), in));
      detail::decode_raw(std::span<T>(values), in);
      return values;
    } else {
      const std::size_t count = detail::decode_count(1, in);
      const detail::Nesting level(in);
      Vector values;
      values.reserve(std::min(count, in.remaining() / ((sizeof(T) + 15) / 16)));
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t before = in.position();
        values.push_back(Codec<T>::decode(in));
        detail::pad_element(before, in);
      }
      return values;
    }
  }
  static void spell(detail::Spelling& out) { out.template add_list<T>("vector<", ">"); }
};

template <class K, class V, class C, class Allocator>
struct Codec<std::map<K, V, C, Allocator>> {
  using Map = std::map<K, V, C, Allocator>;

  static void encode(const Map& map, Encoder& out) {
    out.write_length(map.size());
    const detail::Nesting level(out);
    for (const auto& [key, value] : map) {
      const std::size_t before = out.size();
      Codec<K>::encode(key, out);
      Codec<V>::encode(value, out);
      detail::pad_element(before, out);
    }
  }
  static Map decode(Decoder& in) {
    const std::size_t count = detail::decode_count(1, in);
    const detail::Nesting level(in);
    Map map;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t before = in.position();
      K key = Codec<K>::decode(in);
      if (!map.empty() && !map.key_comp()(std::prev(map.end())->first, key)) {
        detail::throw_decode_failed("a key out of order", before);
      }
      V value = Codec<V>::decode(in);
      detail::pad_element(before, in);
      map.emplace_hint(map.end(), std::move(key), std::move(value));
    }
    return map;
  }
  static void spell(detail::Spelling& out) { out.template add_list<K, V>("map<", ">"); }
};

template <class Rep, class Period>
struct Codec<std::chrono::duration<Rep, Period>> {
  using Duration = std::chrono::duration<Rep, Period>;

  static void encode(const Duration& duration, Encoder& out) { Codec<Rep>::encode(duration.count(), out); }
  static Duration decode(Decoder& in) { return Duration(Codec<Rep>::decode(in)); }
  static void spell(detail::Spelling& out) {
    out.template add_list<Rep>("duration<", ",");
    out.add(Period::num);
    out.add("/");
    out.add(Period::den);
    out.add(">");
  }
};

}  // namespace fluxmap::inline FLUXMAP_ABI

// Codecs of numbers, enumerations and aggregates, and what those of containers share. · vocabulary
#pragma once

#include <fluxmap/coder.hpp>
#include <fluxmap/detail/codec/spelling.hpp>
#include <fluxmap/detail/platform/fields.hpp>

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI {

namespace detail {

// Levels of vectors, maps and aggregates: bounds the stack that a recursive type takes.
inline constexpr unsigned k_max_nesting = 512;

// One level of nesting, as long as it lives. Both directions have the same bound: what was written can be read.
template <class Coder>
class Nesting {
 public:
  explicit Nesting(Coder& coder) : coder_(coder) {
    if (coder.nesting_ == k_max_nesting) {
      if constexpr (std::same_as<Coder, Decoder>) throw_decode_failed("a value nested too deeply", coder.position());
      throw std::length_error("fluxmap: a value nested too deeply");
    }
    ++coder.nesting_;
  }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;
  ~Nesting() { --coder_.nesting_; }

 private:
  Coder& coder_;
};

template <class T>
inline constexpr bool k_character = false;
template <>
inline constexpr bool k_character<char> = true;
template <>
inline constexpr bool k_character<wchar_t> = true;
template <>
inline constexpr bool k_character<char8_t> = true;
template <>
inline constexpr bool k_character<char16_t> = true;
template <>
inline constexpr bool k_character<char32_t> = true;

template <class T>
concept CodecFloat = std::floating_point<T> && (sizeof(T) == 4 || sizeof(T) == 8) && std::numeric_limits<T>::is_iec559;

template <class T>
concept CodecAggregate = std::is_class_v<T> && std::is_aggregate_v<T>;

template <class T>
inline constexpr bool k_has_codec =
    std::is_enum_v<T> || std::same_as<T, bool> || CodecInteger<T> || CodecFloat<T> || CodecAggregate<T>;

// In memory as on the disk: many at once are copied as one.
template <class T>
consteval bool is_copied_raw() {
  if constexpr (std::is_enum_v<T>) return is_copied_raw<std::underlying_type_t<T>>();
  return (CodecInteger<T> || CodecFloat<T>) && (sizeof(T) == 1 || std::endian::native == std::endian::little);
}

// Only built-in codecs say so: a user's own one for an enumeration is respected.
template <class T>
concept CopiedRaw = requires { requires Codec<T>::copied_raw; };

inline void write_zero(Encoder& out) { out.write_integer(std::uint8_t{0}); }

inline void read_zero(Decoder& in) {
  if (in.read_integer<std::uint8_t>() != 0) throw_decode_failed("not the zero byte expected", in.position() - 1);
}

template <class T>
void encode_elements(std::span<const T> values, Encoder& out) {
  if constexpr (CopiedRaw<T>) {
    out.write(std::as_bytes(values));
  } else {
    for (const T& value : values) Codec<std::remove_cv_t<T>>::encode(value, out);
  }
}

// Fills `values` with the next bytes; T is CopiedRaw.
template <class T>
void decode_raw(std::span<T> values, Decoder& in) {
  const Bytes bytes = in.read(values.size_bytes());
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
}

// The number of elements, each of which takes at least `least` bytes.
inline std::size_t decode_count(std::size_t least, Decoder& in) {
  const std::size_t start = in.position();
  const std::size_t count = in.read_length();
  if (count > in.remaining() / least) throw_decode_failed("a length beyond the bytes that are left", start);
  return count;
}

// After an element of a vector or map, which began where `before` says.
inline void pad_element(std::size_t before, Encoder& out) {
  if (out.size() == before) write_zero(out);
}
inline void pad_element(std::size_t before, Decoder& in) {
  if (in.position() == before) read_zero(in);
}

template <class T, class Fields = field_types_t<T>>
struct AggregateCodec;

template <class T, class... Field>
struct AggregateCodec<T, FieldList<Field...>> {
  static_assert(!(std::is_reference_v<Field> || ...),
                "fluxmap has no codec for an aggregate with a reference in it: specialise fluxmap::Codec<T>");

  static void encode(const T& value, Encoder& out) {
    if constexpr (sizeof...(Field) == 0) return write_zero(out);
    const Nesting level(out);
    with_fields(value, [&](const Field&... field) { (Codec<std::remove_cv_t<Field>>::encode(field, out), ...); });
  }
  static T decode(Decoder& in) {
    if constexpr (sizeof...(Field) == 0) read_zero(in);
    const Nesting level(in);
    using Bases = std::make_index_sequence<k_fields<T>.bases>;
    if constexpr (std::move_constructible<T>) {
      Decoder again = in;
      T value = decode_fields(in, Bases());
      if (has_bit_fields(value)) check(value, again, in);
      return value;
    } else {
      return decode_fields(in, Bases());
    }
  }
  static void spell(Spelling& out) { out.add_aggregate<T, Field...>(); }

 private:
  template <std::size_t... Base>
  static T decode_fields(Decoder& in, std::index_sequence<Base...>) {
    if constexpr ((std::is_array_v<Field> || ...)) {  // it cannot be handed over
      static_assert(std::default_initializable<T> && !(std::is_const_v<Field> || ...),
                    "fluxmap has a codec for an aggregate with a C array only if it has a default and no constants: "
                    "specialise fluxmap::Codec<T>");
      T value{};
      with_fields(value, [&](Field&... field) { (decode_into(field, in), ...); });
      return value;
    } else {
      return T{Repeat<Base, DefaultBase>{}..., Codec<std::remove_cv_t<Field>>::decode(in)...};  // braces: in order
    }
  }
  template <class Part>
  static void decode_into(Part& part, Decoder& in) {
    if constexpr (std::is_array_v<Part>) {
      Codec<Part>::decode_into(part, in);
    } else {
      part = Codec<Part>::decode(in);
    }
  }

  // A reference to a bit-field is one to a copy. Known when compiling, with optimisation.
  static bool has_bit_fields(const T& value) noexcept {
    const auto from = reinterpret_cast<std::uintptr_t>(std::addressof(value));
    const auto is_outside = [&](const auto& field) {
      using Part = std::remove_cvref_t<decltype(field)>;
      if constexpr (std::is_enum_v<Part> || std::integral<Part>) {
        return reinterpret_cast<std::uintptr_t>(std::addressof(field)) - from >= sizeof(T);
      } else {
        return false;
      }
    };
    return with_fields(value, [&](const Field&... field) { return (is_outside(field) || ...); });
  }
  // What a bit-field cannot hold it has not written.
  static void check(const T& value, Decoder& again, const Decoder& in) {
    const std::size_t start = again.position();
    const Bytes read = again.read(in.position() - start);
    Encoder out;
    encode(value, out);
    const Bytes written = out.bytes();
    if (!std::equal(read.begin(), read.end(), written.begin(), written.end())) {
      throw_decode_failed("a number that its bit-field cannot hold", start);
    }
  }
};

}  // namespace detail

// Numbers, enumerations and aggregates are the primary template, not specialisations, so that no partial specialisation
// of a user's is ambiguous with them.

template <class T>
struct Codec {
  static_assert(detail::k_has_codec<T>,
                "fluxmap has no codec for this type: specialise fluxmap::Codec<T> (see fluxmap/codec.hpp)");
  static_assert(
      !detail::CodecAggregate<T> || detail::has_visible_fields<T>(),
      "fluxmap cannot see the fields of this aggregate, for it has a base class with members, a union, or more "
      "than 64 fields: specialise fluxmap::Codec<T> (see fluxmap/codec.hpp)");

  // Whether many at once are copied as they lie in memory. For the built-in codecs only.
  static constexpr bool copied_raw = detail::is_copied_raw<T>();

  // Appends the value's bytes.
  // Complexity: linear in the value.
  // Exceptions: std::bad_alloc; std::length_error for a value that is nested too deeply.
  static void encode(const T& value, Encoder& out) {
    if constexpr (std::is_enum_v<T>) {
      Codec<std::underlying_type_t<T>>::encode(static_cast<std::underlying_type_t<T>>(value), out);
    } else if constexpr (std::same_as<T, bool>) {
      out.write_integer(static_cast<std::uint8_t>(value));
    } else if constexpr (detail::CodecInteger<T>) {
      out.write_integer(value);
    } else if constexpr (detail::CodecFloat<T>) {
      out.write_integer(std::bit_cast<Bits>(value));
    } else if constexpr (detail::CodecAggregate<T>) {
      detail::AggregateCodec<T>::encode(value, out);
    }
  }

  // Reads what encode has written.
  // Complexity: linear in the value.
  // Errors: errc::decode_failed.
  // Exceptions: std::bad_alloc.
  static T decode(Decoder& in) {
    if constexpr (std::is_enum_v<T>) {
      return static_cast<T>(Codec<std::underlying_type_t<T>>::decode(in));
    } else if constexpr (std::same_as<T, bool>) {
      const auto byte = in.read_integer<std::uint8_t>();
      if (byte > 1) detail::throw_decode_failed("neither false nor true", in.position() - 1);
      return byte == 1;
    } else if constexpr (detail::CodecInteger<T>) {
      return in.read_integer<T>();
    } else if constexpr (detail::CodecFloat<T>) {
      return std::bit_cast<T>(in.read_integer<Bits>());
    } else if constexpr (detail::CodecAggregate<T>) {
      return detail::AggregateCodec<T>::decode(in);
    }
  }

  // The type, as codec_fingerprint() spells it. For the built-in codecs only.
  // Complexity: linear in the text.
  // Exceptions: std::bad_alloc.
  static void spell(detail::Spelling& out) {
    if constexpr (std::is_enum_v<T>) {
      out.add("enum:");
      out.add_type<std::underlying_type_t<T>>();
    } else if constexpr (std::same_as<T, bool>) {
      out.add("bool");
    } else if constexpr (detail::CodecInteger<T> || detail::CodecFloat<T>) {
      out.add(detail::k_character<T> ? "c" : detail::CodecFloat<T> ? "f" : std::signed_integral<T> ? "i" : "u");
      out.add(std::intmax_t{8 * sizeof(T)});
    } else if constexpr (detail::CodecAggregate<T>) {
      detail::AggregateCodec<T>::spell(out);
    }
  }

 private:
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
};

}  // namespace fluxmap::inline FLUXMAP_ABI

// Codec: how keys and values become the bytes that reach the disk, and values again.
//
// The format is the same on every machine. Numbers are little-endian; a "length" is a LEB128 varint (7 bits a byte,
// lowest first, the highest bit says that another follows), in its shortest form.
//
//   integers, characters      their bytes                     std::pair, std::tuple   the parts, in order
//   bool                      0 or 1                          std::array              the elements
//   enumerations              the underlying integer          std::optional           0, or 1 and the value
//   float, double             IEEE 754; every NaN stays       std::vector             length, then the elements
//   std::basic_string         length, then the characters     std::map                length, then key, value, ...,
//   std::chrono::duration     the count                                               strictly ascending by key
//   aggregates                the fields, in order            what has no parts       a zero byte
//   C arrays in aggregates    the elements
//
// An aggregate is a struct without constructors and private members, of at most 64 fields, which may be aggregates
// themselves, but neither unions nor references. Its base classes must be empty. With a C array among its fields it
// needs a default, and neither constants nor bit-fields; a bit-field is otherwise an integer like others (of which
// -Wconversion warns). Types may be recursive (a tree whose children are a vector of
// itself). An element of a vector or map whose codec writes nothing is followed by a zero byte, so that a length never
// promises more elements than there are bytes. An enumeration takes any value of its underlying type, named or not.
// Otherwise, bytes that no value is written as do not decode.
#pragma once

#include <fluxmap/config.hpp>
#include <fluxmap/detail/platform/fields.hpp>
#include <fluxmap/error.hpp>

#include <boost/core/type_name.hpp>
#include <boost/endian/conversion.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeindex>
#include <typeinfo>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI {

// A view of bytes; owns nothing.
using Bytes = std::span<const std::byte>;

namespace detail {

template <class T>
concept CodecInteger = std::integral<T> && !std::same_as<std::remove_cv_t<T>, bool> && sizeof(T) <= 8;

[[noreturn, gnu::cold]] inline void throw_decode_failed(const char* reason, std::size_t position) {
  const std::string text = std::string("fluxmap: ").append(reason).append(" at byte ").append(std::to_string(position));
  throw_error(errc::decode_failed, text.c_str());
}

template <class Coder>
class Nesting;

}  // namespace detail

// Appends bytes to a vector, its own or one that it is given.
//
// Thread safety: none.
// Exceptions: std::bad_alloc; then nothing was appended.
class Encoder {
 public:
  // Appends to a vector of its own.
  // Complexity: O(1).
  Encoder() noexcept : out_(&own_) {}
  // Appends to `out`, which must outlive the encoder.
  // Complexity: O(1).
  explicit Encoder(std::vector<std::byte>& out) noexcept : out_(&out) {}
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  // The bytes as they are; without their length. They must not be the encoder's own.
  // Complexity: O(bytes), amortised.
  void write(Bytes bytes) {
    if (bytes.empty()) return;
    // Not insert(): g++ 12 warns at -O3 that it overflows the vector.
    const std::size_t before = out_->size();
    out_->resize(before + bytes.size());
    std::memcpy(out_->data() + before, bytes.data(), bytes.size());
  }

  // sizeof(T) bytes, little-endian. Give T where the argument's type depends on the platform.
  // Complexity: O(1), amortised.
  template <detail::CodecInteger T>
  void write_integer(T value) {
    const auto stored = boost::endian::native_to_little(static_cast<std::make_unsigned_t<T>>(value));
    write(std::as_bytes(std::span(&stored, 1)));
  }

  // A length: 1 byte below 128, 2 below 16384, and so on up to 10.
  // Complexity: O(1), amortised.
  void write_length(std::size_t length) {
    std::uint64_t rest = length;
    std::array<std::byte, k_max_length_bytes> bytes;  // NOLINT: only what has been written is read
    std::size_t size = 0;
    for (; rest >= 0x80; rest >>= 7) bytes[size++] = static_cast<std::byte>(rest | 0x80);
    bytes[size++] = static_cast<std::byte>(rest);
    write(Bytes(bytes.data(), size));
  }

  // All bytes of the vector, those before the first write included.
  // Complexity: O(1).
  std::size_t size() const noexcept { return out_->size(); }
  // Likewise; valid until the next write.
  // Complexity: O(1).
  Bytes bytes() const noexcept { return *out_; }
  // Empties the vector, whose memory stays.
  // Complexity: O(1).
  void clear() noexcept { out_->clear(); }

 private:
  friend class detail::Nesting<Encoder>;
  static constexpr std::size_t k_max_length_bytes = 10;

  std::vector<std::byte> own_;
  std::vector<std::byte>* out_;
  unsigned nesting_ = 0;
};

// Reads bytes from front to back, and never past their end. Does not own the bytes. Cheap to copy, which is how to look
// ahead.
//
// Thread safety: none.
// Errors: of every read errc::decode_failed, where it would go past the end, with a text that says why and where. The
// decoder is then of no further use.
class Decoder {
 public:
  // Reads `bytes`, which must outlive the decoder and what read() hands out.
  // Complexity: O(1).
  explicit Decoder(Bytes bytes) noexcept : bytes_(bytes) {}

  // The next `size` bytes: a view of what the decoder was given.
  // Complexity: O(1).
  Bytes read(std::size_t size) {
    if (size > remaining()) detail::throw_decode_failed("the bytes end too early", position_);
    const Bytes part = bytes_.subspan(position_, size);
    position_ += size;
    return part;
  }

  // What write_integer<T> has written.
  // Complexity: O(1).
  template <detail::CodecInteger T>
  T read_integer() {
    std::make_unsigned_t<T> stored{};
    std::memcpy(&stored, read(sizeof(stored)).data(), sizeof(stored));
    return static_cast<T>(boost::endian::little_to_native(stored));
  }

  // What write_length has written. Any value may come out of damaged bytes: check it against remaining() before setting
  // memory aside.
  // Complexity: O(1).
  // Errors: errc::decode_failed also where it is longer than it needs to be or does not fit a std::size_t.
  std::size_t read_length() {
    const std::size_t start = position_;
    std::uint64_t length = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = read_integer<std::uint8_t>();
      if (shift == 63 && byte > 1) detail::throw_decode_failed("a length beyond 64 bits", start);
      length |= std::uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80) != 0) continue;
      if (byte == 0 && shift != 0) detail::throw_decode_failed("a length longer than it needs to be", start);
      if (length > std::numeric_limits<std::size_t>::max()) detail::throw_decode_failed("a length too great", start);
      return static_cast<std::size_t>(length);
    }
  }

  // Bytes that are left.
  // Complexity: O(1).
  std::size_t remaining() const noexcept { return bytes_.size() - position_; }
  // Bytes that have been read.
  // Complexity: O(1).
  std::size_t position() const noexcept { return position_; }

 private:
  friend class detail::Nesting<Decoder>;

  Bytes bytes_;
  std::size_t position_ = 0;
  unsigned nesting_ = 0;
};

// Codec<T> writes and reads a T. Built in for the types listed in codec.hpp; one is needed only by a database that is
// kept on disk. Specialise it for your own types, in any translation unit that uses them and before the first use:
//
//   template <>
//   struct fluxmap::Codec<Account> {
//     static constexpr std::string_view name = "bank.Account/1";  // optional, see codec_fingerprint
//     static void encode(const Account& account, Encoder& out) {
//       Codec<std::string>::encode(account.owner(), out);
//       out.write_integer<std::int64_t>(account.cents());
//     }
//     static Account decode(Decoder& in) {
//       std::string owner = Codec<std::string>::decode(in);  // one statement each: arguments have no order
//       const auto cents = in.read_integer<std::int64_t>();
//       return Account(std::move(owner), cents);
//     }
//   };
//
// decode must read exactly what encode has written, and must be ready for any bytes at all: it throws
// errc::decode_failed, through the decoder or by itself, rather than make a T that breaks its rules.
// Neither may touch bytes that are not its own. A T needs no default constructor, only a move constructor.
//
// Of the built-in ones decode does not believe a length: what it sets aside is at most 16 bytes for each byte that is
// left.
//
// Thread safety: all calls, with an encoder or decoder each. One of your own is called by several threads at once.
// Complexity: of the built-in ones linear in the value, time and space.
// Errors: of decode errc::decode_failed, for bytes that encode would not have written.
// Exceptions: of the built-in ones std::bad_alloc, and of encode std::length_error for a value that is nested more than
// 512 levels of vectors, maps and aggregates deep. What one of your own throws comes through.
template <class T>
struct Codec;

// Decodes a T from all of `bytes`.
// Complexity: that of its codec.
// Errors: errc::decode_failed where they are no T, or more than one.
// Exceptions: those of its codec.
template <class T>
T decode_all(Bytes bytes) {
  Decoder in(bytes);
  T value = Codec<T>::decode(in);
  if (in.remaining() != 0) detail::throw_decode_failed("more bytes than the value takes", in.position());
  return value;
}

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

// The text that codec_fingerprint() hashes, while it is put together.
class Spelling {
 public:
  void add(std::string_view text) { text_ += text; }
  void add(std::intmax_t number) { text_ += std::to_string(number); }

  template <class T>
  void add_type() {
    using Plain = std::remove_cv_t<T>;
    if constexpr (requires { std::string_view(Codec<Plain>::name); }) {
      add("user:");
      add(std::string_view(Codec<Plain>::name));
    } else if constexpr (requires(Spelling& out) { Codec<Plain>::spell(out); }) {
      Codec<Plain>::spell(*this);
    } else {
      add("user:");
      add(boost::core::type_name<Plain>());
    }
  }

  template <class... T>
  void add_list(const char* open, const char* close) {
    add(open);
    std::string_view separator;
    ((add(separator), add_type<T>(), separator = ","), ...);
    add(close);
  }

  // A recursive type would be spelt without end: inside itself it is "^" and how many aggregates further out it began.
  template <class T, class... Fields>
  void add_aggregate() {
    const auto found = std::find(open_.rbegin(), open_.rend(), std::type_index(typeid(T)));
    if (found != open_.rend()) {
      add("^");
      return add(found - open_.rbegin() + 1);
    }
    open_.emplace_back(typeid(T));
    add_list<Fields...>("{", "}");
    open_.pop_back();
  }

  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
  std::vector<std::type_index> open_;  // the aggregates around this place
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

namespace detail {

// "map<string,{i64,optional<f64>}>", for instance.
template <class T>
std::string codec_spelling() {
  Spelling spelling;
  spelling.add_type<T>();
  return spelling.text();
}

}  // namespace detail

// A number that stands for the type as its bytes are written: a directory records those of its keys and values, and is
// not opened as anything else. It is the FNV-1a hash (64 bits) of a text that is the same with every compiler:
//
//   i8 ... u64, f32, f64, bool      by size and sign: long and long long are one type
//   c8, c16, c32                    characters, by size: wchar_t is c16 on some platforms and c32 on others, and cannot
//                                   be exchanged between them
//   enum:u8                         the enumerators may change
//   {i32,string}                    an aggregate is its fields: it may be renamed, and so may they, but a field that is
//                                   added, removed or moved makes another type. ^1, ^2: the aggregate this many levels
//                                   further out
//   string, string<c16>, pair<A,B>, tuple<A,B>, optional<A>, vector<A>, array<3,A>, map<A,B>, duration<i64,1/1000>
//                                   comparators, traits and allocators do not count; a C array is an array
//   user:name                       a type with a specialised codec: Codec<T>::name (anything that converts to
//                                   std::string_view) where there is one
//
// Without a `name` it is the name of the C++ type. So renaming the type, or moving it to another namespace, makes the
// directories written before unreadable, and compilers may differ about the names of templates: give a name to what
// lives long. Change the name when the codec's bytes change their meaning.
//
// Complexity: linear in the text.
// Exceptions: std::bad_alloc.
template <class T>
std::uint64_t codec_fingerprint() {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char character : detail::codec_spelling<T>()) {
    hash = (hash ^ static_cast<unsigned char>(character)) * 0x100000001b3ULL;
  }
  return hash;
}

}  // namespace fluxmap::inline FLUXMAP_ABI

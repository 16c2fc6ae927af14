// Encoder and Decoder: bytes written and read one after the other, with bounds. codec.hpp tells the form of numbers.
#pragma once

#include <fluxmap/config.hpp>
#include <fluxmap/error.hpp>

#include <boost/endian/conversion.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
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

}  // namespace fluxmap::inline FLUXMAP_ABI

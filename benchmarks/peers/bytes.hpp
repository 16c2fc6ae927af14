// Keys and values as bytes, for the stores that know nothing else. Big-endian numbers sort as they count.
#pragma once

#include "../suite/kinds.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace fluxmap_bench {

template <class Key>
class KeyBytes;

template <>
class KeyBytes<std::uint64_t> {
 public:
  explicit KeyBytes(std::uint64_t key) {
    for (std::size_t i = bytes_.size(); i-- > 0; key >>= 8) bytes_[i] = static_cast<char>(key & 0xff);
  }
  std::string_view view() const { return {bytes_.data(), bytes_.size()}; }
  static std::uint64_t key_of(std::string_view bytes) {
    std::uint64_t key = 0;
    for (const char c : bytes) key = key << 8 | static_cast<unsigned char>(c);
    return key;
  }

 private:
  std::array<char, 8> bytes_;
};

template <>
class KeyBytes<std::string> {
 public:
  explicit KeyBytes(std::string_view key) : key_(key) {}
  std::string_view view() const { return key_; }
  static std::string_view key_of(std::string_view bytes) { return bytes; }

 private:
  std::string_view key_;
};

inline std::string_view bytes_of(const std::uint64_t& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
inline std::string_view bytes_of(const std::string& value) { return value; }

template <class Value>
ValueView<Value> value_of(std::string_view bytes) {
  if constexpr (std::is_same_v<Value, std::string>) {
    return bytes;
  } else {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
}

}  // namespace fluxmap_bench

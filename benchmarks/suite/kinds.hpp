// Kinds of keys and values. Everything is told by numbers: a key's text is made of its number, a value's of one word
// that names its key (see make_value). Text is made where it is used; that takes a few nanoseconds, the same for every
// system.
#pragma once

#include <boost/describe.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace fluxmap_bench {

enum class Kind { u64_u64, u64_s100, s16_u64, s16_s100 };

struct KindInfo {
  Kind kind;
  std::string_view name;
  std::string_view meaning;
};

BOOST_DESCRIBE_STRUCT(KindInfo, (), (name, meaning))

inline constexpr std::array<KindInfo, 4> k_kinds{{
    {Kind::u64_u64, "u64-u64", "uint64 -> uint64"},
    {Kind::u64_s100, "u64-s100", "uint64 -> string of 100 bytes"},
    {Kind::s16_u64, "s16-u64", "string of 16 bytes -> uint64"},
    {Kind::s16_s100, "s16-s100", "string of 16 bytes -> string of 100 bytes"},
}};

inline const KindInfo& info_of(Kind kind) { return k_kinds[static_cast<std::size_t>(kind)]; }

template <class Key>
class KeyText;

template <>
class KeyText<std::uint64_t> {
 public:
  explicit KeyText(std::uint64_t number) : number_(number) {}
  std::uint64_t view() const { return number_; }
  static std::uint64_t number_of(std::uint64_t key) { return key; }

 private:
  std::uint64_t number_;
};

// Sixteen hexadecimal digits: in the order of the numbers.
template <>
class KeyText<std::string> {
 public:
  explicit KeyText(std::uint64_t number) {
    for (std::size_t i = k_length; i-- > 0; number >>= 4) text_[i] = "0123456789abcdef"[number & 15];
  }
  std::string_view view() const { return {text_.data(), text_.size()}; }
  static std::uint64_t number_of(std::string_view key) {
    std::uint64_t number = 0;
    for (const char c : key) number = number << 4 | static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    return number;
  }

 private:
  static constexpr std::size_t k_length = 16;
  std::array<char, k_length> text_;
};

template <class Key>
using KeyView = decltype(std::declval<const KeyText<Key>&>().view());

// get(key) of each, for those who have no call for several keys at once.
template <class Key, class Get>
auto values_of(const std::vector<KeyText<Key>>& keys, Get get) {
  std::vector<std::invoke_result_t<Get&, KeyView<Key>>> values;
  values.reserve(keys.size());
  for (const auto& key : keys) values.push_back(get(key.view()));
  return values;
}

template <class Value>
struct ValueText;

template <>
struct ValueText<std::uint64_t> {
  using View = std::uint64_t;
  static std::uint64_t make(std::uint64_t word) { return word; }
  static std::uint64_t word(std::uint64_t value) { return value; }
};

template <>
struct ValueText<std::string> {
  using View = std::string_view;
  static std::string make(std::uint64_t word) {
    std::string value(k_length, '.');
    std::memcpy(value.data(), &word, sizeof word);
    std::memcpy(value.data() + k_length - sizeof word, &word, sizeof word);
    return value;
  }
  // Its two ends must agree; a torn value names no key.
  static std::uint64_t word(std::string_view value) {
    std::uint64_t word = 0;
    std::uint64_t again = 1;
    if (value.size() != k_length) return ~std::uint64_t{0};
    std::memcpy(&word, value.data(), sizeof word);
    std::memcpy(&again, value.data() + k_length - sizeof again, sizeof again);
    return word == again ? word : ~word;
  }

 private:
  static constexpr std::size_t k_length = 100;
};

template <class Value>
using ValueView = typename ValueText<Value>::View;

}  // namespace fluxmap_bench

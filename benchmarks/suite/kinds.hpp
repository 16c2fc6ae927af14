// Kinds of keys and values. Everything is told by numbers: a key's text is made of its number, a value's of one word
// that names its key (see make_value). Text is made where it is used; that takes a few nanoseconds, the same for every
// system.
#pragma once

#include <boost/describe.hpp>

#include <algorithm>
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

enum class Kind { u64_u64, u64_s100, s16_u64, s16_s100, key16_u64, tenant30_u64 };

struct KindInfo {
  Kind kind;
  std::string_view name;
  std::string_view meaning;
};

BOOST_DESCRIBE_STRUCT(KindInfo, (), (name, meaning))

inline constexpr std::array<KindInfo, 6> k_kinds{{
    {Kind::u64_u64, "u64-u64", "uint64 -> uint64"},
    {Kind::u64_s100, "u64-s100", "uint64 -> string of 100 bytes"},
    {Kind::s16_u64, "s16-u64", "string of 16 bytes -> uint64"},
    {Kind::s16_s100, "s16-s100", "string of 16 bytes -> string of 100 bytes"},
    {Kind::key16_u64, "key16-u64", "\"key:\" and 12 digits -> uint64"},
    {Kind::tenant30_u64, "tenant-u64", "\"tenant-00017/user:\" and 12 digits -> uint64"},
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

// How text names a number. Hexadecimal digits differ early; what people call their keys begins alike.
enum class KeyForm : std::uint8_t { hexadecimal, key, tenant };

// Of all text keys of this process: a process measures one kind at a time, and a type for each form would be one more
// instance of every system to compile. Set before a filling.
inline KeyForm key_form = KeyForm::hexadecimal;

inline KeyForm form_of(Kind kind) {
  return kind == Kind::key16_u64 ? KeyForm::key : kind == Kind::tenant30_u64 ? KeyForm::tenant : KeyForm::hexadecimal;
}
// The numbers of keys lie below two to this power.
inline unsigned key_bits(Kind kind) { return form_of(kind) == KeyForm::hexadecimal ? 63 : 39; }

// In the order of the numbers.
template <>
class KeyText<std::string> {
 public:
  explicit KeyText(std::uint64_t number) {
    switch (key_form) {
      case KeyForm::hexadecimal:
        for (std::size_t i = 16; i-- > 0; number >>= 4) text_[i] = "0123456789abcdef"[number & 15];
        size_ = 16;
        break;
      case KeyForm::key:
        add("key:");
        add_digits(std::min(number, k_most), 12);
        break;
      case KeyForm::tenant:  // 128 of them
        add("tenant-");
        add_digits(std::min(number, k_most) >> 32, 5);
        add("/user:");
        add_digits(std::min(number, k_most), 12);
        break;
    }
  }
  std::string_view view() const { return {text_.data(), size_}; }
  static std::uint64_t number_of(std::string_view key) {
    std::uint64_t number = 0;
    if (key_form == KeyForm::hexadecimal) {
      for (const char c : key) number = number << 4 | static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    } else {
      for (const char c : key.substr(key.size() - 12)) number = 10 * number + static_cast<std::uint64_t>(c - '0');
    }
    return number;
  }

 private:
  static constexpr std::uint64_t k_most = 999'999'999'999;

  void add(std::string_view text) {
    std::memcpy(text_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void add_digits(std::uint64_t number, std::size_t digits) {
    for (std::size_t i = size_ + digits; i-- > size_; number /= 10) text_[i] = static_cast<char>('0' + number % 10);
    size_ += digits;
  }

  std::array<char, 30> text_;
  std::size_t size_ = 0;
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

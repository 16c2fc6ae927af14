// A value that proves itself, and the two kinds of keys that go with it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

namespace fluxmap_test {

// Carries the unique number of the write it comes from, the key it was written to, and words that follow from both: a
// torn, freed or misplaced value does not add up. Words is the size: up to about a dozen the engine keeps a first
// version inside its entry, beyond that apart from it.
template <std::size_t Words>
class Tagged {
 public:
  // `where`, if given, always points to the object that this value has been moved to last.
  Tagged(std::uint64_t write, std::int64_t key, Tagged** where = nullptr) : write_(write), key_(key), where_(where) {
    for (std::size_t i = 0; i < Words; ++i) words_[i] = word(i);
    report();
  }
  Tagged(const Tagged& other) : write_(other.write_), key_(other.key_), words_(other.words_) {}
  Tagged(Tagged&& other) noexcept : write_(other.write_), key_(other.key_), words_(other.words_), where_(other.where_) {
    report();
  }
  Tagged& operator=(const Tagged& other) {
    write_ = other.write_;
    key_ = other.key_;
    words_ = other.words_;
    return *this;
  }
  ~Tagged() { write_ = 0; }

  std::uint64_t write() const { return write_; }
  std::int64_t key() const { return key_; }
  bool intact(std::int64_t key) const {
    bool good = write_ != 0 && key_ == key;
    for (std::size_t i = 0; i < Words; ++i) good = good && words_[i] == word(i);
    return good;
  }

 private:
  std::uint64_t word(std::size_t i) const {
    std::uint64_t x = write_ * 0x9e3779b97f4a7c15ULL + static_cast<std::uint64_t>(key_) + i;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    return x ^ (x >> 27);
  }
  void report() {
    if (where_ != nullptr) *where_ = this;
  }

  std::uint64_t write_;
  std::int64_t key_;
  std::array<std::uint64_t, Words> words_;
  Tagged** where_ = nullptr;
};

[[noreturn]] inline void fail_stress(const std::string& what) { throw std::logic_error(what); }
inline void expect(bool good, const char* what) {
  if (!good) fail_stress(what);
}

// Gives way to other threads now and then: the engine compares keys in the middle of commits, so that the windows
// between the steps of the protocol are met by chance, too.
struct YieldingLess {
  using is_transparent = void;
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    thread_local std::uint32_t calls = 0;
    if (++calls % 19 == 0) std::this_thread::yield();
    return a < b;
  }
};

// Keys by number; the history checker knows keys as numbers only.
struct NumberKeys {
  using Key = std::int64_t;
  using Compare = std::less<>;
  static constexpr bool k_has_prefixes = false;
  static Key key(std::int64_t number) { return number; }
  static std::int64_t number(const Key& key) { return key; }
};

struct YieldingNumberKeys : NumberKeys {
  using Compare = YieldingLess;
};

struct TextKeys {
  using Key = std::string;
  using Compare = std::less<>;
  static constexpr bool k_has_prefixes = true;
  static constexpr std::int64_t k_group = 4;  // keys with one prefix
  static constexpr std::int64_t k_digit = 100;

  // Ordered as the numbers are: "group 01/03" is number 7.
  static Key key(std::int64_t number) { return prefix(number / k_group) + two_digits(number % k_group); }
  static std::int64_t number(std::string_view key) {
    return two_numbers(key.substr(6, 2)) * k_group + two_numbers(key.substr(9, 2));
  }
  static std::string prefix(std::int64_t group) { return "group " + two_digits(group) + '/'; }

 private:
  static std::string two_digits(std::int64_t n) {
    expect(n >= 0 && n < k_digit, "TextKeys: too many keys");
    return {static_cast<char>('0' + n / 10), static_cast<char>('0' + n % 10)};
  }
  static std::int64_t two_numbers(std::string_view text) {
    expect(text.size() == 2, "a key that nobody wrote");
    return (text[0] - '0') * 10 + (text[1] - '0');
  }
};

}  // namespace fluxmap_test

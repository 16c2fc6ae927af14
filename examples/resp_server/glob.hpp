// Glob patterns as Redis has them: * ? [a-z] [^a-z] and \ to take the next character as it is.
//
// Only the last * has to be gone back to: what an earlier one could match the last one can too. So no pattern takes
// longer than its length times that of the text, whoever sends it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

namespace resp {

namespace detail {

// The class that begins behind the '[' at `at`; leaves `at` behind it. Without a ']' it ends with the pattern.
inline bool matches_class(std::string_view pattern, std::size_t& at, char c) noexcept {
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  bool matched = false;
  for (; at < pattern.size() && pattern[at] != ']'; ++at) {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      matched |= pattern[++at] == c;
    } else if (at + 2 < pattern.size() && pattern[at + 1] == '-') {
      auto first = static_cast<unsigned char>(pattern[at]);
      auto last = static_cast<unsigned char>(pattern[at + 2]);
      if (first > last) std::swap(first, last);
      matched |= first <= static_cast<unsigned char>(c) && static_cast<unsigned char>(c) <= last;
      at += 2;
    } else {
      matched |= pattern[at] == c;
    }
  }
  if (at < pattern.size()) ++at;
  return matched != negated;
}

// Whether the part of the pattern at `at`, which is no '*', matches the character; leaves `at` behind it.
inline bool matches_one(std::string_view pattern, std::size_t& at, char c) noexcept {
  const char p = pattern[at++];
  if (p == '?') return true;
  if (p == '[') return matches_class(pattern, at, c);
  if (p == '\\' && at < pattern.size()) return pattern[at++] == c;
  return p == c;
}

}  // namespace detail

inline bool glob_matches(std::string_view pattern, std::string_view text) noexcept {
  constexpr std::size_t none = std::string_view::npos;
  std::size_t p = 0, t = 0, star = none, resumed = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resumed = t;
      continue;
    }
    if (p < pattern.size() && detail::matches_one(pattern, p, text[t])) {
      ++t;
      continue;
    }
    if (star == none) return false;
    p = star + 1;
    t = ++resumed;  // the star takes one character more
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// What every text that matches begins with: where a walk in key order may start, and stop.
inline std::string_view literal_prefix(std::string_view pattern) noexcept {
  return pattern.substr(0, std::min(pattern.find_first_of("*?[\\"), pattern.size()));
}

}  // namespace resp

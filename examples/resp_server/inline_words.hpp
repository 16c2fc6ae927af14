// The words of an inline command, with the quotes and escapes of Redis: "a\x20b\n" and 'it\'s'.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace resp {

namespace detail {

inline bool is_blank(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0'; }
inline int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
inline char unescaped(char c) noexcept {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Appends what stands between quotes, `at` being behind the first; leaves `at` behind the last. False: there is none,
// or a word goes on right behind it.
inline bool take_quoted(std::string_view line, std::size_t& at, char quote, std::string& word) {
  while (at < line.size()) {
    const char c = line[at++];
    if (c == quote) return at == line.size() || is_blank(line[at]);
    if (c != '\\' || at == line.size()) {
      word += c;
    } else if (quote == '\'') {
      word += line[at] == '\'' ? line[at++] : c;  // the only escape there
    } else if (line[at] == 'x' && at + 2 < line.size() && hex_digit(line[at + 1]) >= 0 &&
               hex_digit(line[at + 2]) >= 0) {
      word += static_cast<char>(hex_digit(line[at + 1]) * 16 + hex_digit(line[at + 2]));
      at += 3;
    } else {
      word += unescaped(line[at++]);
    }
  }
  return false;
}

}  // namespace detail

// False: the quotes do not match.
inline bool split_words(std::string_view line, std::vector<std::string>& words) {
  for (std::size_t at = 0;;) {
    while (at < line.size() && detail::is_blank(line[at])) ++at;
    if (at == line.size()) return true;
    std::string& word = words.emplace_back();
    while (at < line.size() && !detail::is_blank(line[at])) {
      const char c = line[at++];
      if (c != '"' && c != '\'') {
        word += c;
      } else if (!detail::take_quoted(line, at, c, word)) {
        return false;
      }
    }
  }
}

}  // namespace resp

// What commands do with their arguments again and again: keywords, integers, and the errors in Redis's words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "integer.hpp"
#include "reply.hpp"
#include "spaces.hpp"

namespace resp {

inline constexpr std::string_view k_syntax_error = "ERR syntax error";
inline constexpr std::string_view k_not_an_integer = "ERR value is not an integer or out of range";
inline constexpr std::string_view k_too_long = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

inline char small_letter(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// `word` in letters of any size, `keyword` in small ones.
inline bool is_keyword(std::string_view word, std::string_view keyword) noexcept {
  if (word.size() != keyword.size()) return false;
  for (std::size_t at = 0; at < word.size(); ++at) {
    if (small_letter(word[at]) != keyword[at]) return false;
  }
  return true;
}

inline std::string small_letters(std::string_view word) {
  std::string small(word);
  for (char& c : small) c = small_letter(c);
  return small;
}

// Nothing: the error has been replied.
inline std::optional<std::int64_t> integer_or_error(std::string_view text, Reply& reply) {
  const auto value = parse_integer(text);
  if (!value) reply.error(k_not_an_integer);
  return value;
}

inline constexpr std::string_view k_no_such_database = "ERR DB index is out of range";

inline bool is_int(std::int64_t value) noexcept {
  return value >= std::numeric_limits<int>::min() && value <= std::numeric_limits<int>::max();
}

// Nothing: the error has been replied.
inline std::optional<unsigned> database_or_error(std::string_view text, Reply& reply) {
  const auto index = integer_or_error(text, reply);
  if (!index) return std::nullopt;
  if (*index >= 0 && *index < k_databases) return static_cast<unsigned>(*index);
  reply.error(is_int(*index) ? k_no_such_database
                             : "ERR value is out of range, value must between -2147483648 and 2147483647");
  return std::nullopt;
}

inline std::string wrong_number_of_arguments(std::string_view command) {
  return "ERR wrong number of arguments for '" + std::string(command) + "' command";
}

}  // namespace resp

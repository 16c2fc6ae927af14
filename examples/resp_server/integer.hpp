// Integers in decimal, as strictly as Redis reads them: no sign but '-', no leading zeros, no blanks, all of the text.
// What is written is exactly what is read.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace resp {

inline std::optional<std::int64_t> parse_integer(std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  const std::string_view digits = text.substr(text.front() == '-' ? 1 : 0);
  if (digits.empty() || (digits.front() == '0' && text.size() > 1)) return std::nullopt;  // "-0" neither
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return value;
}

}  // namespace resp

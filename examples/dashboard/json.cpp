#include "json.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace example {
namespace {

std::string quoted(std::string_view text) {
  constexpr std::string_view k_hex = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result.append(1, '\\').append(1, c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      const auto code = static_cast<unsigned char>(c);
      result.append("\\u00").append(1, k_hex[code >> 4]).append(1, k_hex[code & 15]);
    } else {
      result.append(1, c);
    }
  }
  return result.append("\"");
}

}  // namespace

JsonObject& JsonObject::raw(std::string_view name, std::string_view value) {
  if (!members_.empty()) members_.append(",");
  members_.append(quoted(name)).append(":").append(value);
  return *this;
}

JsonObject& JsonObject::add(std::string_view name, std::uint64_t value) { return raw(name, std::to_string(value)); }

JsonObject& JsonObject::add(std::string_view name, double value) {
  if (!std::isfinite(value)) return raw(name, "null");
  std::array<char, 32> text{};  // to_chars: whatever the locale says
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  return raw(name, std::string_view(text.data(), end.ptr));
}

JsonObject& JsonObject::add(std::string_view name, std::string_view value) { return raw(name, quoted(value)); }

JsonObject& JsonObject::add(std::string_view name, const JsonObject& value) { return raw(name, value.text()); }

}  // namespace example

// The command line of the dashboard.
#pragma once

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace example {

inline constexpr std::string_view k_usage =
    "usage: dashboard [--port N] [--seconds N] [--directory PATH] [--idle N]\n"
    "  --port N          listen on this port of the loopback address; 0, the default: on one that is free\n"
    "  --seconds N       end after so long; 0, the default: when interrupted\n"
    "  --directory PATH  where the database is kept; by default a temporary one, removed at the end\n"
    "  --idle N          close connections that are silent for so many seconds; 15 by default\n";

struct Options {
  std::uint16_t port = 0;
  std::uint32_t seconds = 0;
  std::uint32_t idle_seconds = 15;
  std::filesystem::path directory;  // empty: a temporary one
};

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// Nothing: it was not understood.
inline std::optional<Options> parse_options(const std::vector<std::string>& arguments) {
  Options options;
  if (arguments.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const std::string& name = arguments[i];
    const std::string& value = arguments[i + 1];
    bool understood = false;
    if (name == "--port") understood = parse_number(value, options.port);
    if (name == "--seconds") understood = parse_number(value, options.seconds);
    if (name == "--idle") understood = parse_number(value, options.idle_seconds) && options.idle_seconds > 0;
    if (name == "--directory") understood = !value.empty();
    if (!understood) return std::nullopt;
    if (name == "--directory") options.directory = value;
  }
  return options;
}

}  // namespace example

// Numbers in strings: INCR and its relatives.
#include <array>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "arguments.hpp"
#include "command.hpp"

namespace resp {
namespace {

void add(Call& call, std::int64_t by) {
  const Entry* const old = call.view.get(call.args[1]);
  std::int64_t value = 0;
  if (old != nullptr) {
    const auto number = integer_or_error(old->data, call.reply);
    if (!number) return;
    value = *number;
  }
  if (__builtin_add_overflow(value, by, &value)) {
    return call.reply.error("ERR increment or decrement would overflow");
  }
  call.view.put(call.args[1], std::to_string(value), old != nullptr ? old->deadline : 0);
  call.reply.integer(value);
}
void increment(Call& call) { add(call, 1); }
void decrement(Call& call) { add(call, -1); }
void increment_by(Call& call) {
  if (const auto by = integer_or_error(call.args[2], call.reply)) add(call, *by);
}
void decrement_by(Call& call) {
  const auto by = integer_or_error(call.args[2], call.reply);
  if (!by) return;
  if (*by == std::numeric_limits<std::int64_t>::min()) return call.reply.error("ERR decrement would overflow");
  add(call, -*by);
}

// Fractions -----------------------------------------------------------------------------------------------------------

// All of the text, without blanks in front, and no NaN.
std::optional<long double> parse_fraction(std::string_view text) {
  constexpr std::size_t longest = 5 * 1024 - 1;
  if (text.empty() || text.size() > longest || std::isspace(static_cast<unsigned char>(text[0])) != 0) return {};
  const std::string digits(text);
  char* end = nullptr;
  errno = 0;
  const long double value = std::strtold(digits.c_str(), &end);
  const bool out_of_range = errno == ERANGE && (std::isinf(value) || std::fpclassify(value) == FP_ZERO);
  if (end != digits.c_str() + digits.size() || out_of_range || std::isnan(value)) return {};
  return value;
}

// 17 digits behind the point, without zeros at the end.
std::string fraction_text(long double value) {
  constexpr std::size_t longest = 5 * 1024;
  std::string text(longest, '\0');
  const int length = std::snprintf(text.data(), text.size(), "%.17Lf", value);
  text.resize(static_cast<std::size_t>(length));
  text.resize(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

void increment_by_fraction(Call& call) {
  const Entry* const old = call.view.get(call.args[1]);
  const auto value = old != nullptr ? parse_fraction(old->data) : 0.0L;
  const auto by = parse_fraction(call.args[2]);
  if (!value || !by) return call.reply.error("ERR value is not a valid float");
  const long double sum = *value + *by;
  if (std::isnan(sum) || std::isinf(sum)) return call.reply.error("ERR increment would produce NaN or Infinity");
  const std::string text = fraction_text(sum);
  call.view.put(call.args[1], text, old != nullptr ? old->deadline : 0, Form::text);
  call.reply.bulk(text);
}

constexpr std::array k_commands{
    Command{"incr", 2, Kind::write, increment, k_grows | k_fast, 1, 1, 1},
    Command{"decr", 2, Kind::write, decrement, k_grows | k_fast, 1, 1, 1},
    Command{"incrby", 3, Kind::write, increment_by, k_grows | k_fast, 1, 1, 1},
    Command{"decrby", 3, Kind::write, decrement_by, k_grows | k_fast, 1, 1, 1},
    Command{"incrbyfloat", 3, Kind::write, increment_by_fraction, k_grows | k_fast, 1, 1, 1},
};

}  // namespace

const std::span<const Command> k_number_commands = k_commands;

}  // namespace resp

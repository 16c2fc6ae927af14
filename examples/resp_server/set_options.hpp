// The options of SET, apart from what they do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "arguments.hpp"
#include "command.hpp"
#include "deadline.hpp"

namespace resp {

struct SetOptions {
  bool if_absent = false;
  bool if_present = false;
  bool get = false;
  bool keep_deadline = false;
  std::int64_t deadline = 0;
};

// The deadline for a time to live that must be positive; nothing: the error has been replied.
inline std::optional<std::int64_t> positive_deadline(Call& call, std::string_view time, TimeUnit unit,
                                                     std::string_view command) {
  const auto value = integer_or_error(time, call.reply);
  if (!value) return std::nullopt;
  const auto deadline = *value > 0 ? deadline_of(*value, unit, call.view.now()) : std::nullopt;
  if (!deadline) call.reply.error("ERR invalid expire time in '" + std::string(command) + "' command");
  return deadline;
}

// EX, PX, EXAT or PXAT and its time at `at`, which is left at the last word of it. The same may stand there again, the
// last one counts; another than `unit` may not. False: it is none of them.
inline bool parse_expiry(Args args, std::size_t& at, std::optional<TimeUnit>& unit, std::string_view& time) {
  struct Option {
    std::string_view keyword;
    TimeUnit unit;
  };
  constexpr Option options[] = {
      {"ex", {true, true}}, {"px", {false, true}}, {"exat", {true, false}}, {"pxat", {false, false}}};
  for (const Option& option : options) {
    if (!is_keyword(args[at], option.keyword)) continue;
    if (at + 1 == args.size() || (unit && *unit != option.unit)) return false;
    unit = option.unit;
    time = args[++at];
    return true;
  }
  return false;
}

// Nothing: the error has been replied.
inline std::optional<SetOptions> parse_set_options(Call& call) {
  SetOptions options;
  std::optional<TimeUnit> unit;
  std::string_view time;
  for (std::size_t at = 3; at < call.args.size(); ++at) {
    const std::string_view word = call.args[at];
    if (is_keyword(word, "nx") && !options.if_present) {
      options.if_absent = true;
    } else if (is_keyword(word, "xx") && !options.if_absent) {
      options.if_present = true;
    } else if (is_keyword(word, "get")) {
      options.get = true;
    } else if (is_keyword(word, "keepttl") && !unit) {
      options.keep_deadline = true;
    } else if (options.keep_deadline || !parse_expiry(call.args, at, unit, time)) {
      call.reply.error(k_syntax_error);
      return std::nullopt;
    }
  }
  if (unit) {
    const auto deadline = positive_deadline(call, time, *unit, "set");
    if (!deadline) return std::nullopt;
    options.deadline = *deadline;
  }
  return options;
}

}  // namespace resp

// Times to live: EXPIRE and its relatives, TTL and its relatives, PERSIST.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "arguments.hpp"
#include "command.hpp"
#include "deadline.hpp"

namespace resp {
namespace {

struct Condition {
  bool if_none = false;     // NX: only where there is no deadline yet
  bool if_some = false;     // XX
  bool if_later = false;    // GT: no deadline counts as the last of all
  bool if_earlier = false;  // LT

  bool allows(std::int64_t old, std::int64_t deadline) const noexcept {
    if (if_none && old != 0) return false;
    if (if_some && old == 0) return false;
    if (if_later && (old == 0 || deadline <= old)) return false;
    return !if_earlier || old == 0 || deadline < old;
  }
};

std::optional<Condition> parse_condition(Call& call) {
  Condition condition;
  for (const std::string_view word : call.args.subspan(3)) {
    if (is_keyword(word, "nx")) {
      condition.if_none = true;
    } else if (is_keyword(word, "xx")) {
      condition.if_some = true;
    } else if (is_keyword(word, "gt")) {
      condition.if_later = true;
    } else if (is_keyword(word, "lt")) {
      condition.if_earlier = true;
    } else {
      call.reply.error("ERR Unsupported option " + std::string(word));
      return std::nullopt;
    }
  }
  if (condition.if_none && (condition.if_some || condition.if_later || condition.if_earlier)) {
    call.reply.error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return std::nullopt;
  }
  if (condition.if_later && condition.if_earlier) {
    call.reply.error("ERR GT and LT options at the same time are not compatible");
    return std::nullopt;
  }
  return condition;
}

void expire(Call& call, TimeUnit unit, std::string_view name) {
  const auto condition = parse_condition(call);
  if (!condition) return;
  const auto time = integer_or_error(call.args[2], call.reply);
  if (!time) return;
  const auto deadline = deadline_of(*time, unit, call.view.now());
  if (!deadline) return call.reply.error("ERR invalid expire time in '" + std::string(name) + "' command");
  const Entry* const entry = call.view.get(call.args[1]);
  if (entry == nullptr || !condition->allows(entry->deadline, *deadline)) return call.reply.integer(0);
  if (*deadline <= call.view.now()) {
    call.view.remove(call.args[1]);
  } else {
    call.view.put(call.args[1], std::string(entry->data), *deadline, form_of(*entry));
  }
  call.reply.integer(1);
}
void expire_in_seconds(Call& call) { expire(call, {true, true}, "expire"); }
void expire_in_milliseconds(Call& call) { expire(call, {false, true}, "pexpire"); }
void expire_at_second(Call& call) { expire(call, {true, false}, "expireat"); }
void expire_at_millisecond(Call& call) { expire(call, {false, false}, "pexpireat"); }

// -2: no such key; -1: no deadline.
void tell_deadline(Call& call, TimeUnit unit) {
  const Entry* const entry = call.view.get(call.args[1]);
  if (entry == nullptr) return call.reply.integer(-2);
  if (entry->deadline == 0) return call.reply.integer(-1);
  const std::int64_t time = unit.relative ? entry->deadline - call.view.now() : entry->deadline;
  call.reply.integer(unit.seconds ? (time + 500) / 1000 : time);
}
void seconds_left(Call& call) { tell_deadline(call, {true, true}); }
void milliseconds_left(Call& call) { tell_deadline(call, {false, true}); }
void second_of_expiry(Call& call) { tell_deadline(call, {true, false}); }
void millisecond_of_expiry(Call& call) { tell_deadline(call, {false, false}); }

void persist(Call& call) {
  const Entry* const entry = call.view.get(call.args[1]);
  if (entry == nullptr || entry->deadline == 0) return call.reply.integer(0);
  call.view.put(call.args[1], std::string(entry->data), 0, form_of(*entry));
  call.reply.integer(1);
}

constexpr std::array k_commands{
    Command{"expire", -3, Kind::write, expire_in_seconds, k_fast, 1, 1, 1},
    Command{"pexpire", -3, Kind::write, expire_in_milliseconds, k_fast, 1, 1, 1},
    Command{"expireat", -3, Kind::write, expire_at_second, k_fast, 1, 1, 1},
    Command{"pexpireat", -3, Kind::write, expire_at_millisecond, k_fast, 1, 1, 1},
    Command{"ttl", 2, Kind::read, seconds_left, k_fast, 1, 1, 1},
    Command{"pttl", 2, Kind::read, milliseconds_left, k_fast, 1, 1, 1},
    Command{"expiretime", 2, Kind::read, second_of_expiry, k_fast, 1, 1, 1},
    Command{"pexpiretime", 2, Kind::read, millisecond_of_expiry, k_fast, 1, 1, 1},
    Command{"persist", 2, Kind::write, persist, k_fast, 1, 1, 1},
};

}  // namespace

const std::span<const Command> k_expiry_commands = k_commands;

}  // namespace resp

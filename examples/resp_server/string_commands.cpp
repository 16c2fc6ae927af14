// Strings: GET, SET and what is made of them.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "arguments.hpp"
#include "command.hpp"
#include "set_options.hpp"

namespace resp {
namespace {

void reply_value(Reply& reply, const Entry* entry) {
  if (entry == nullptr) return reply.null();
  reply.bulk(entry->data);
}

void get(Call& call) { reply_value(call.reply, call.view.get(call.args[1])); }

void set(Call& call) {
  const auto options = parse_set_options(call);
  if (!options) return;
  const bool plain = !options->if_absent && !options->if_present && !options->get && !options->keep_deadline;
  // A plain SET does not look at what is there, so that two of them do not conflict.
  const Entry* const old = plain ? nullptr : call.view.get(call.args[1]);
  if (options->get) reply_value(call.reply, old);  // before it is overwritten
  const bool refused = (options->if_absent && old != nullptr) || (options->if_present && old == nullptr);
  if (!refused) {
    const bool keeps = options->keep_deadline && old != nullptr;
    call.view.put(call.args[1], std::string(call.args[2]), keeps ? old->deadline : options->deadline);
  }
  if (options->get) return;
  if (refused) return call.reply.null();
  call.reply.ok();
}

void set_if_absent(Call& call) {
  const bool absent = call.view.get(call.args[1]) == nullptr;
  if (absent) call.view.put(call.args[1], std::string(call.args[2]));
  call.reply.integer(absent ? 1 : 0);
}

void set_for(Call& call, TimeUnit unit, std::string_view name) {
  const auto deadline = positive_deadline(call, call.args[2], unit, name);
  if (!deadline) return;
  call.view.put(call.args[1], std::string(call.args[3]), *deadline);
  call.reply.ok();
}
void set_for_seconds(Call& call) { set_for(call, {true, true}, "setex"); }
void set_for_milliseconds(Call& call) { set_for(call, {false, true}, "psetex"); }

void get_and_set(Call& call) {
  reply_value(call.reply, call.view.get(call.args[1]));
  call.view.put(call.args[1], std::string(call.args[2]));
}

void get_and_delete(Call& call) {
  reply_value(call.reply, call.view.get(call.args[1]));
  call.view.remove(call.args[1]);
}

// The time to live is looked at only where there is a key.
void get_and_expire(Call& call) {
  std::optional<TimeUnit> unit;
  std::string_view time;
  bool persist = false;
  for (std::size_t at = 2; at < call.args.size(); ++at) {
    const std::string_view word = call.args[at];
    if (is_keyword(word, "persist") && !unit) {
      persist = true;
    } else if (persist || !parse_expiry(call.args, at, unit, time)) {
      return call.reply.error(k_syntax_error);
    }
  }
  const Entry* const entry = call.view.get(call.args[1]);
  if (entry == nullptr) return call.reply.null();
  std::int64_t deadline = 0;
  if (unit) {
    const auto asked = positive_deadline(call, time, *unit, "getex");
    if (!asked) return;
    deadline = *asked;
  }
  call.reply.bulk(entry->data);
  if (unit || (persist && entry->deadline != 0)) {
    call.view.put(call.args[1], std::string(entry->data), deadline, form_of(*entry));
  }
}

void get_many(Call& call) {
  call.reply.array(call.args.size() - 1);
  for (const std::string_view key : call.args.subspan(1)) reply_value(call.reply, call.view.get(key));
}

void put_pairs(Call& call) {
  for (std::size_t at = 1; at < call.args.size(); at += 2) call.view.put(call.args[at], std::string(call.args[at + 1]));
}
bool has_pairs(Call& call, std::string_view name) {
  if (call.args.size() % 2 == 1) return true;
  call.reply.error(wrong_number_of_arguments(name));
  return false;
}
void set_many(Call& call) {
  if (!has_pairs(call, "mset")) return;
  put_pairs(call);
  call.reply.ok();
}
void set_many_if_absent(Call& call) {
  if (!has_pairs(call, "msetnx")) return;
  bool absent = true;
  for (std::size_t at = 1; at < call.args.size(); at += 2) absent = absent && call.view.get(call.args[at]) == nullptr;
  if (absent) put_pairs(call);
  call.reply.integer(absent ? 1 : 0);
}

void append(Call& call) {
  const Entry* const old = call.view.get(call.args[1]);
  std::string data = old != nullptr ? old->data : std::string();
  if (data.size() + call.args[2].size() > call.shared.settings.max_bulk()) return call.reply.error(k_too_long);
  data += call.args[2];
  const std::size_t length = data.size();
  const Form form = old != nullptr ? Form::edited : Form::by_content;
  call.view.put(call.args[1], std::move(data), old != nullptr ? old->deadline : 0, form);
  call.reply.integer(length);
}

void length(Call& call) {
  const Entry* const entry = call.view.get(call.args[1]);
  call.reply.integer(entry != nullptr ? entry->data.size() : 0);
}

constexpr std::array k_commands{
    Command{"get", 2, Kind::read, get, k_fast, 1, 1, 1},
    Command{"set", -3, Kind::write, set, k_grows, 1, 1, 1},
    Command{"setnx", 3, Kind::write, set_if_absent, k_grows | k_fast, 1, 1, 1},
    Command{"setex", 4, Kind::write, set_for_seconds, k_grows, 1, 1, 1},
    Command{"psetex", 4, Kind::write, set_for_milliseconds, k_grows, 1, 1, 1},
    Command{"getset", 3, Kind::write, get_and_set, k_grows | k_fast, 1, 1, 1},
    Command{"getdel", 2, Kind::write, get_and_delete, k_fast, 1, 1, 1},
    Command{"getex", -2, Kind::write, get_and_expire, k_fast, 1, 1, 1},
    Command{"mget", -2, Kind::read, get_many, k_fast, 1, -1, 1},
    Command{"mset", -3, Kind::write, set_many, k_grows, 1, -1, 2},
    Command{"msetnx", -3, Kind::write, set_many_if_absent, k_grows, 1, -1, 2},
    Command{"append", 3, Kind::write, append, k_grows | k_fast, 1, 1, 1},
    Command{"strlen", 2, Kind::read, length, k_fast, 1, 1, 1},
};

}  // namespace

const std::span<const Command> k_string_commands = k_commands;

}  // namespace resp

// Keys, whatever they hold: DEL, EXISTS, TYPE, RENAME, COPY, MOVE.
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "arguments.hpp"
#include "command.hpp"

namespace resp {
namespace {

void remove(Call& call) {
  std::size_t removed = 0;
  for (const std::string_view key : call.args.subspan(1)) removed += call.view.remove(key) ? 1 : 0;
  call.reply.integer(removed);
}

void count_existing(Call& call) {  // a key that is named twice counts twice
  std::size_t there = 0;
  for (const std::string_view key : call.args.subspan(1)) there += call.view.get(key) != nullptr ? 1 : 0;
  call.reply.integer(there);
}

void type(Call& call) { call.reply.simple(call.view.get(call.args[1]) != nullptr ? "string" : "none"); }

// Where a key is moved to another name, its time to live goes along.
void rename(Call& call, bool if_absent) {
  const std::string_view from = call.args[1], to = call.args[2];
  const Entry* const entry = call.view.get(from);
  if (entry == nullptr) return call.reply.error("ERR no such key");
  const bool stays = from == to || (if_absent && call.view.get(to) != nullptr);
  if (!stays) {
    call.view.put(to, std::string(entry->data), entry->deadline, form_of(*entry));
    call.view.remove(from);
  }
  if (!if_absent) return call.reply.ok();
  call.reply.integer(stays ? 0 : 1);
}
void rename_always(Call& call) { rename(call, false); }
void rename_if_absent(Call& call) { rename(call, true); }

constexpr std::string_view k_same_object = "ERR source and destination objects are the same";

void copy(Call& call) {
  const unsigned source = call.view.database();
  unsigned target = source;
  bool replace = false;
  for (std::size_t at = 3; at < call.args.size(); ++at) {
    if (is_keyword(call.args[at], "replace")) {
      replace = true;
    } else if (is_keyword(call.args[at], "db") && at + 1 < call.args.size()) {
      const auto database = database_or_error(call.args[++at], call.reply);
      if (!database) return;
      target = *database;
    } else {
      return call.reply.error(k_syntax_error);
    }
  }
  if (source == target && call.args[1] == call.args[2]) return call.reply.error(k_same_object);
  const Entry* const entry = call.view.get(call.args[1]);
  if (entry == nullptr) return call.reply.integer(0);
  call.view.select(target);
  const bool refused = !replace && call.view.get(call.args[2]) != nullptr;
  if (!refused) call.view.put(call.args[2], std::string(entry->data), entry->deadline, form_of(*entry));
  call.view.select(source);
  call.reply.integer(refused ? 0 : 1);
}

void move(Call& call) {
  const unsigned source = call.view.database();
  const auto target = database_or_error(call.args[2], call.reply);
  if (!target) return;
  if (source == *target) return call.reply.error(k_same_object);
  const Entry* const entry = call.view.get(call.args[1]);
  if (entry == nullptr) return call.reply.integer(0);
  call.view.select(*target);
  const bool refused = call.view.get(call.args[1]) != nullptr;
  if (!refused) call.view.put(call.args[1], std::string(entry->data), entry->deadline, form_of(*entry));
  call.view.select(source);
  if (!refused) call.view.remove(call.args[1]);
  call.reply.integer(refused ? 0 : 1);
}

constexpr std::array k_commands{
    Command{"del", -2, Kind::write, remove, k_none, 1, -1, 1},
    Command{"unlink", -2, Kind::write, remove, k_fast, 1, -1, 1},
    Command{"exists", -2, Kind::read, count_existing, k_fast, 1, -1, 1},
    Command{"touch", -2, Kind::read, count_existing, k_fast, 1, -1, 1},
    Command{"type", 2, Kind::read, type, k_fast, 1, 1, 1},
    Command{"rename", 3, Kind::write, rename_always, k_none, 1, 2, 1},
    Command{"renamenx", 3, Kind::write, rename_if_absent, k_fast, 1, 2, 1},
    Command{"copy", -3, Kind::write, copy, k_grows, 1, 2, 1},
    Command{"move", 3, Kind::write, move, k_fast, 1, 1, 1},
};

}  // namespace

const std::span<const Command> k_key_commands = k_commands;

}  // namespace resp

// COMMAND: what the server can do.
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.hpp"
#include "command.hpp"
#include "glob.hpp"
#include "help.hpp"

namespace resp {
namespace {

bool is_subcommand(const Command& command) noexcept { return command.name.find('|') != command.name.npos; }

bool is_subcommand_of(const Command& command, const Command& container) noexcept {
  return command.name.size() > container.name.size() && command.name.starts_with(container.name) &&
         command.name[container.name.size()] == '|';
}

std::vector<const Command*> top_level() {
  std::vector<const Command*> commands;
  for (const Command& command : all_commands()) {
    if (!is_subcommand(command)) commands.push_back(&command);
  }
  return commands;
}

// As Redis 7 has it: name, arity, flags, three numbers of the keys, categories, hints, keys in detail, subcommands.
void describe(Reply& reply, const Command& command) {
  std::vector<std::string_view> flags;
  if (command.kind == Kind::write) flags.push_back("write");
  if (command.kind == Kind::read) flags.push_back("readonly");
  if (command.is(k_grows)) flags.push_back("denyoom");
  if (command.is(k_admin)) flags.push_back("admin");
  if (command.is(k_no_auth)) flags.push_back("no_auth");
  if (command.is(k_no_multi)) flags.push_back("no_multi");
  if (command.is(k_fast)) flags.push_back("fast");
  reply.array(10);
  reply.bulk(command.name);
  reply.integer(command.arity);
  reply.set(flags.size());
  for (const std::string_view flag : flags) reply.simple(flag);
  reply.integer(command.first_key);
  reply.integer(command.last_key);
  reply.integer(command.key_step);
  reply.set(0);
  reply.array(0);
  reply.array(0);
  std::vector<const Command*> subcommands;
  for (const Command& other : all_commands()) {
    if (is_subcommand_of(other, command)) subcommands.push_back(&other);
  }
  reply.array(subcommands.size());
  for (const Command* const subcommand : subcommands) describe(reply, *subcommand);
}

void describe_all(Call& call) {
  const auto commands = top_level();
  call.reply.array(commands.size());
  for (const Command* const command : commands) describe(call.reply, *command);
}

void count(Call& call) { call.reply.integer(top_level().size()); }

void list(Call& call) {
  std::string_view pattern = "*";
  if (call.args.size() != 2) {
    if (call.args.size() != 5 || !is_keyword(call.args[2], "filterby")) return call.reply.error(k_syntax_error);
    if (is_keyword(call.args[3], "pattern")) {
      pattern = call.args[4];
    } else if (is_keyword(call.args[3], "module") || is_keyword(call.args[3], "aclcat")) {
      return call.reply.array(0);  // there are none
    } else {
      return call.reply.error(k_syntax_error);
    }
  }
  std::vector<std::string_view> names;
  for (const Command& command : all_commands()) {
    if ((call.args.size() == 5 || !is_subcommand(command)) && glob_matches(pattern, command.name)) {
      names.push_back(command.name);
    }
  }
  call.reply.array(names.size());
  for (const std::string_view name : names) call.reply.bulk(name);
}

void info(Call& call) {
  if (call.args.size() == 2) return describe_all(call);
  call.reply.array(call.args.size() - 2);
  for (const std::string_view name : call.args.subspan(2)) {
    const Command* const found = find_command(name);
    if (found != nullptr) {
      describe(call.reply, *found);
    } else {
      call.reply.null_array();
    }
  }
}

void docs(Call& call) { call.reply.map(0); }  // for the hints of redis-cli, which can do without

void get_keys(Call& call) {
  const Args words = call.args.subspan(2);
  const Command* const command = find_command(words);
  if (command == nullptr) return call.reply.error("ERR Invalid command specified");
  if (command->first_key == 0) return call.reply.error("ERR The command has no key arguments");
  if (!command->takes(words.size())) return call.reply.error("ERR Invalid number of arguments specified for command");
  std::vector<std::string_view> keys;
  const auto size = static_cast<int>(words.size());
  const int last = command->last_key < 0 ? size + command->last_key : command->last_key;
  for (int at = command->first_key; at <= last && at < size; at += command->key_step) {
    keys.push_back(words[static_cast<std::size_t>(at)]);
  }
  call.reply.array(keys.size());
  for (const std::string_view key : keys) call.reply.bulk(key);
}

void help(Call& call) {
  reply_help(
      call, "COMMAND",
      {"(no subcommand)", "    All commands in detail.", "COUNT", "    How many there are.", "LIST", "    Their names.",
       "INFO [<command-name> ...]", "    Some of them in detail.", "DOCS [<command-name> ...]",
       "    Nothing: see the documentation of Redis.", "GETKEYS <full-command>", "    The keys in a whole command."});
}

constexpr std::array k_commands{
    Command{"command", -1, Kind::container, describe_all}, Command{"command|count", 2, Kind::plain, count},
    Command{"command|docs", -2, Kind::plain, docs},        Command{"command|getkeys", -4, Kind::plain, get_keys},
    Command{"command|info", -2, Kind::plain, info},        Command{"command|list", -2, Kind::plain, list},
    Command{"command|help", 2, Kind::plain, help},
};

}  // namespace

const std::span<const Command> k_command_commands = k_commands;

}  // namespace resp

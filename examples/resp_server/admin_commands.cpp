// What is said about the connection and the server, and not about keys.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "command.hpp"
#include "glob.hpp"
#include "info.hpp"

namespace resp {
namespace {

void unknown_subcommand(Call& call, std::string_view command) {
  call.reply.error("ERR unknown subcommand '" + std::string(call.args[1].substr(0, 128)) + "'. Try " +
                   std::string(command) + " HELP.");
}

void ping(Call& call) {
  if (call.args.size() > 2) return call.reply.error(wrong_number_of_arguments("ping"));
  if (call.args.size() == 2) return call.reply.bulk(call.args[1]);
  call.reply.simple("PONG");
}

void echo(Call& call) { call.reply.bulk(call.args[1]); }

void select(Call& call) {
  const auto index = integer_or_error(call.args[1], call.reply);
  if (!index) return;
  if (*index != 0) return call.reply.error("ERR DB index is out of range");
  call.reply.ok();
}

void time(Call& call) {
  const std::int64_t now = milliseconds_now();
  call.reply.array(2);
  call.reply.bulk(std::to_string(now / 1000));
  call.reply.bulk(std::to_string(now % 1000 * 1000));
}

void info(Call& call) {
  if (call.args.size() > 2) return call.reply.error(k_syntax_error);
  call.reply.verbatim(server_info(call.shared, call.args.size() == 2 ? small_letters(call.args[1]) : std::string()));
}

// CONFIG ------------------------------------------------------------------------------------------------------------

std::vector<std::pair<std::string, std::string>> configuration(const Options& options) {
  return {{"appendfsync", options.durability == Durability::full ? "always" : "everysec"},
          {"appendonly", options.durability == Durability::memory ? "no" : "yes"},
          {"bind", options.bind},
          {"client-query-buffer-limit", std::to_string(options.max_query)},
          {"databases", "1"},
          {"dir", options.directory},
          {"io-threads", std::to_string(options.threads)},
          {"maxclients", std::to_string(options.max_clients)},
          {"maxmemory", "0"},
          {"port", std::to_string(options.port)},
          {"proto-max-bulk-len", std::to_string(options.request.bulk)},
          {"save", ""},
          {"timeout", "0"}};
}

void config(Call& call) {
  if (is_keyword(call.args[1], "resetstat") && call.args.size() == 2) return call.reply.ok();
  if (!is_keyword(call.args[1], "get")) {
    if (is_keyword(call.args[1], "set")) return call.reply.error("ERR the configuration is that of the command line");
    return unknown_subcommand(call, "CONFIG");
  }
  if (call.args.size() < 3) return call.reply.error(wrong_number_of_arguments("config|get"));
  std::vector<std::pair<std::string, std::string>> found;
  for (auto& setting : configuration(call.shared.options)) {
    for (const std::string_view pattern : call.args.subspan(2)) {
      if (!glob_matches(small_letters(pattern), setting.first)) continue;
      found.push_back(std::move(setting));
      break;
    }
  }
  call.reply.map(found.size());
  for (const auto& [name, value] : found) {
    call.reply.bulk(name);
    call.reply.bulk(value);
  }
}

// COMMAND -----------------------------------------------------------------------------------------------------------

void describe(Reply& reply, const Command& command) {
  const bool keys = command.kind == Kind::read || command.kind == Kind::write;
  reply.array(6);
  reply.bulk(command.name);
  reply.integer(command.arity);
  reply.array(keys ? 1 : 0);
  if (keys) reply.simple(command.kind == Kind::write ? "write" : "readonly");
  reply.integer(command.first_key);
  reply.integer(command.last_key);
  reply.integer(command.key_step);
}

void command(Call& call) {
  const auto all = all_commands();
  if (call.args.size() == 1) {
    call.reply.array(all.size());
    for (const Command& one : all) describe(call.reply, one);
  } else if (is_keyword(call.args[1], "count")) {
    call.reply.integer(all.size());
  } else if (is_keyword(call.args[1], "docs")) {  // for the hints of redis-cli, which can do without
    call.reply.map(0);
  } else if (is_keyword(call.args[1], "list")) {
    call.reply.array(all.size());
    for (const Command& one : all) call.reply.bulk(one.name);
  } else if (is_keyword(call.args[1], "info")) {
    call.reply.array(call.args.size() - 2);
    for (const std::string_view name : call.args.subspan(2)) {
      const Command* const found = find_command(name);
      if (found != nullptr) {
        describe(call.reply, *found);
      } else {
        call.reply.null_array();
      }
    }
  } else {
    unknown_subcommand(call, "COMMAND");
  }
}

// The client --------------------------------------------------------------------------------------------------------

bool is_name(std::string_view name) noexcept {
  return name.find_first_not_of(
             "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~") ==
         std::string_view::npos;
}
constexpr std::string_view k_bad_name = "ERR Client names cannot contain spaces, newlines or special characters.";

void client(Call& call) {
  const std::size_t size = call.args.size();
  const std::string_view what = call.args[1];
  const auto takes = [&](std::string_view name, std::size_t arguments) {
    if (size == arguments) return true;
    call.reply.error(wrong_number_of_arguments("client|" + std::string(name)));
    return false;
  };
  if (is_keyword(what, "setname")) {
    if (!takes("setname", 3)) return;
    if (!is_name(call.args[2])) return call.reply.error(k_bad_name);
    call.client.name = call.args[2];
    call.reply.ok();
  } else if (is_keyword(what, "getname")) {
    if (!takes("getname", 2)) return;
    if (call.client.name.empty()) return call.reply.null();
    call.reply.bulk(call.client.name);
  } else if (is_keyword(what, "id")) {
    if (takes("id", 2)) call.reply.integer(call.client.id);
  } else if (is_keyword(what, "setinfo")) {  // what libraries say of themselves
    if (takes("setinfo", 4)) call.reply.ok();
  } else {
    unknown_subcommand(call, "CLIENT");
  }
}

void hello(Call& call) {
  std::int64_t protocol = call.reply.protocol();
  if (call.args.size() > 1) {
    const auto asked = parse_integer(call.args[1]);
    if (!asked) return call.reply.error("ERR Protocol version is not an integer or out of range");
    if (*asked != 2 && *asked != 3) return call.reply.error("NOPROTO unsupported protocol version");
    protocol = *asked;
  }
  std::string_view name = call.client.name;
  for (std::size_t at = 2; at < call.args.size(); at += 2) {
    const bool names = is_keyword(call.args[at], "setname") && at + 1 < call.args.size();
    if (!names) return call.reply.error("ERR Syntax error in HELLO option '" + std::string(call.args[at]) + "'");
    name = call.args[at + 1];
    if (!is_name(name)) return call.reply.error(k_bad_name);
  }
  call.client.name = std::string(name);
  call.reply.set_protocol(static_cast<int>(protocol));
  call.reply.map(7);
  const auto say = [&](std::string_view key, std::string_view value) {
    call.reply.bulk(key);
    call.reply.bulk(value);
  };
  say("server", "redis");  // libraries look for it
  say("version", "7.0.0");
  call.reply.bulk("proto");
  call.reply.integer(protocol);
  call.reply.bulk("id");
  call.reply.integer(call.client.id);
  say("mode", "standalone");
  say("role", "master");
  call.reply.bulk("modules");
  call.reply.array(0);
}

void unwatch(Call& call) {
  if (!call.client.in_exec) call.shared.watches.forget(call.client.watcher);  // EXEC ends all watches by itself
  call.reply.ok();
}

constexpr std::array k_commands{
    Command{"ping", -1, Kind::plain, ping},       Command{"echo", 2, Kind::plain, echo},
    Command{"select", 2, Kind::plain, select},    Command{"time", 1, Kind::plain, time},
    Command{"info", -1, Kind::plain, info},       Command{"config", -2, Kind::plain, config},
    Command{"command", -1, Kind::plain, command}, Command{"client", -2, Kind::plain, client},
    Command{"hello", -1, Kind::plain, hello},     Command{"unwatch", 1, Kind::plain, unwatch},
};

}  // namespace

const std::span<const Command> k_admin_commands = k_commands;

}  // namespace resp

// The connection: PING, AUTH, HELLO, SELECT.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "arguments.hpp"
#include "client_names.hpp"
#include "command.hpp"
#include "info.hpp"

namespace resp {
namespace {

void ping(Call& call) {
  if (call.args.size() > 2) return call.reply.error(wrong_number_of_arguments("ping"));
  if (call.args.size() == 2) return call.reply.bulk(call.args[1]);
  call.reply.simple("PONG");
}

void echo(Call& call) { call.reply.bulk(call.args[1]); }

void select(Call& call) {
  const auto database = database_or_error(call.args[1], call.reply);
  if (!database) return;
  call.client.database = *database;
  call.view.select(*database);
  call.reply.ok();
}

void unwatch(Call& call) {
  if (!call.client.in_exec) call.shared.watches.forget(call.client.watcher);  // EXEC ends all watches by itself
  call.reply.ok();
}

constexpr std::string_view k_wrong_password = "WRONGPASS invalid username-password pair or user is disabled.";

// There is one user, who is called default. Without a password any will do.
bool authenticate(Call& call, std::string_view user, std::string_view password) {
  const Settings& settings = call.shared.settings;
  if (user != "default" || (settings.has_password() && !settings.is_password(password))) return false;
  call.client.authenticated = true;
  return true;
}

void auth(Call& call) {
  if (call.args.size() > 3) return call.reply.error(k_syntax_error);
  if (call.args.size() == 2 && !call.shared.settings.has_password()) {
    return call.reply.error(
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
        "configuration is correct?");
  }
  const std::string_view user = call.args.size() == 3 ? call.args[1] : "default";
  if (!authenticate(call, user, call.args.back())) return call.reply.error(k_wrong_password);
  call.reply.ok();
}

void hello(Call& call) {
  std::int64_t protocol = call.reply.protocol();
  if (call.args.size() > 1) {
    const auto asked = parse_integer(call.args[1]);
    if (!asked) return call.reply.error("ERR Protocol version is not an integer or out of range");
    if (*asked != 2 && *asked != 3) return call.reply.error("NOPROTO unsupported protocol version");
    protocol = *asked;
  }
  for (std::size_t at = 2; at < call.args.size(); ++at) {
    const std::size_t left = call.args.size() - at - 1;
    if (is_keyword(call.args[at], "auth") && left >= 2) {
      if (!authenticate(call, call.args[at + 1], call.args[at + 2])) return call.reply.error(k_wrong_password);
      at += 2;
    } else if (is_keyword(call.args[at], "setname") && left >= 1) {
      if (!set_client_name(call, call.args[++at])) return;
    } else {
      return call.reply.error("ERR Syntax error in HELLO option '" + std::string(call.args[at]) + "'");
    }
  }
  if (!call.client.authenticated && call.shared.settings.has_password()) {
    return call.reply.error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> "
        "option can be used to authenticate the client and select the RESP protocol version at the same time");
  }
  call.reply.set_protocol(static_cast<int>(protocol));
  call.reply.map(7);
  const auto say = [&](std::string_view key, std::string_view value) {
    call.reply.bulk(key);
    call.reply.bulk(value);
  };
  say("server", "redis");  // libraries look for it
  say("version", k_redis_version);
  call.reply.bulk("proto");
  call.reply.integer(protocol);
  call.reply.bulk("id");
  call.reply.integer(call.client.id());
  say("mode", "standalone");
  say("role", "master");
  call.reply.bulk("modules");
  call.reply.array(0);
}

constexpr std::array k_commands{
    Command{"ping", -1, Kind::plain, ping, k_fast},
    Command{"echo", 2, Kind::plain, echo, k_fast},
    Command{"select", 2, Kind::plain, select, k_fast},
    Command{"unwatch", 1, Kind::plain, unwatch, k_fast},
    Command{"auth", -2, Kind::plain, auth, k_fast | k_no_auth},
    Command{"hello", -1, Kind::plain, hello, k_fast | k_no_auth},
};

}  // namespace

const std::span<const Command> k_connection_commands = k_commands;

}  // namespace resp

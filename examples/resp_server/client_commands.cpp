// CLIENT: who is connected, what they are called, and how to be rid of them.
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.hpp"
#include "client_names.hpp"
#include "command.hpp"
#include "help.hpp"

namespace resp {
namespace {

void set_name(Call& call) {
  if (set_client_name(call, call.args[2])) call.reply.ok();
}
void get_name(Call& call) {
  if (call.client.name.empty()) return call.reply.null();
  call.reply.bulk(call.client.name);
}
void get_id(Call& call) { call.reply.integer(call.client.id()); }
void set_info(Call& call) { call.reply.ok(); }  // what libraries say of themselves

// LIST, INFO ----------------------------------------------------------------------------------------------------------

void describe(std::string& text, const ClientRecord& record, std::string_view name, std::int64_t now) {
  const auto get = [](const auto& field) { return field.load(std::memory_order_relaxed); };  // see ClientRecord
  std::string flags;
  if (get(record.queued) >= 0) flags += 'x';
  if (get(record.watched_key_touched)) flags += 'd';
  if (get(record.closing)) flags += 'c';
  if (get(record.no_evict)) flags += 'e';
  if (flags.empty()) flags = "N";
  const std::size_t input = get(record.input_bytes), room = get(record.input_room), queued = get(record.queued_bytes);
  const std::size_t output = get(record.output_bytes);
  auto out = std::back_inserter(text);
  fmt::format_to(out, "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub=0 psub=0 ssub=0 multi={}",
                 record.id, record.address, record.local_address, record.descriptor, name, now - record.born,
                 now - get(record.last_active), flags, get(record.database), get(record.queued));
  fmt::format_to(out, " qbuf={} qbuf-free={} argv-mem=0 multi-mem={} rbs=0 rbp=0 obl=0 oll=0 omem={} tot-mem={}", input,
                 room, queued, output, input + room + queued + output);
  fmt::format_to(out, " events=r cmd={} user=default redir=-1 resp={}\n", get(record.last_command),
                 get(record.protocol));
}

// The client that asks is in the midst of it: what others see of it is from before.
void tell_about_self(Call& call, const char* command) {
  ClientRecord& record = call.client.record;
  constexpr auto relaxed = std::memory_order_relaxed;  // see ClientRecord
  record.last_active.store(steady_seconds(), relaxed);
  record.last_command.store(command, relaxed);
  record.database.store(call.client.database, relaxed);
  record.queued.store(call.client.in_multi ? static_cast<int>(call.client.queue.items().size()) : -1, relaxed);
  record.protocol.store(call.reply.protocol(), relaxed);
}

// All clients are of the type "normal" here.
std::optional<bool> is_normal_or_error(Call& call, std::string_view type) {
  if (is_keyword(type, "normal")) return true;
  for (const std::string_view other : {"master", "replica", "slave", "pubsub"}) {
    if (is_keyword(type, other)) return false;
  }
  call.reply.error("ERR Unknown client type '" + std::string(type) + "'");
  return std::nullopt;
}

void list(Call& call) {
  const Args args = call.args;
  std::optional<std::vector<std::uint64_t>> ids;
  bool wanted = true;
  if (args.size() == 4 && is_keyword(args[2], "type")) {
    const auto normal = is_normal_or_error(call, args[3]);
    if (!normal) return;
    wanted = *normal;
  } else if (args.size() > 3 && is_keyword(args[2], "id")) {
    ids.emplace();
    for (const std::string_view text : args.subspan(3)) {
      const auto id = parse_integer(text);
      if (!id) return call.reply.error("ERR Invalid client ID");
      ids->push_back(static_cast<std::uint64_t>(*id));
    }
  } else if (args.size() != 2) {
    return call.reply.error(k_syntax_error);
  }
  tell_about_self(call, "client|list");
  std::string text;
  const std::int64_t now = steady_seconds();
  if (!ids) {
    call.shared.client_list.for_each([&](const ClientRecord& record, std::string_view name) {
      if (wanted) describe(text, record, name, now);
    });
  } else {
    for (const std::uint64_t id : *ids) {  // in the order asked
      call.shared.client_list.for_each([&](const ClientRecord& record, std::string_view name) {
        if (record.id == id) describe(text, record, name, now);
      });
    }
  }
  call.reply.verbatim(text);
}

void info(Call& call) {
  tell_about_self(call, "client|info");
  std::string text;
  describe(text, call.client.record, call.client.name, steady_seconds());
  call.reply.verbatim(text);
}

// KILL ----------------------------------------------------------------------------------------------------------------

struct Victims {
  std::optional<std::uint64_t> id;
  std::optional<std::string_view> address;
  std::optional<std::string_view> local_address;
  bool normal = true;  // asked for those of the type that all are
  bool spare_self = true;
};

std::optional<Victims> parse_victims(Call& call) {
  Victims victims;
  const Args args = call.args;
  if (args.size() == 3) {
    victims.address = args[2];
    victims.spare_self = false;
    return victims;
  }
  for (std::size_t at = 2; at < args.size(); at += 2) {
    const std::string_view option = args[at];
    if (at + 1 == args.size()) {
      call.reply.error(k_syntax_error);
      return std::nullopt;
    }
    const std::string_view value = args[at + 1];
    if (is_keyword(option, "id")) {
      const auto id = parse_integer(value);
      if (!id || *id < 1) {
        call.reply.error("ERR client-id should be greater than 0");
        return std::nullopt;
      }
      victims.id = static_cast<std::uint64_t>(*id);
    } else if (is_keyword(option, "type")) {
      const auto normal = is_normal_or_error(call, value);
      if (!normal) return std::nullopt;
      victims.normal = *normal;
    } else if (is_keyword(option, "addr")) {
      victims.address = value;
    } else if (is_keyword(option, "laddr")) {
      victims.local_address = value;
    } else if (is_keyword(option, "user")) {
      if (value != "default") {
        call.reply.error("ERR No such user '" + std::string(value) + "'");
        return std::nullopt;
      }
    } else if (is_keyword(option, "skipme") && (is_keyword(value, "yes") || is_keyword(value, "no"))) {
      victims.spare_self = is_keyword(value, "yes");
    } else {
      call.reply.error(k_syntax_error);
      return std::nullopt;
    }
  }
  return victims;
}

void kill(Call& call) {
  const auto victims = parse_victims(call);
  if (!victims) return;
  std::size_t killed = 0;
  call.shared.client_list.for_each([&](const ClientRecord& record, std::string_view) {
    const bool self = record.id == call.client.id();
    if ((victims->id && record.id != *victims->id) || (victims->address && record.address != *victims->address) ||
        (victims->local_address && record.local_address != *victims->local_address) || !victims->normal ||
        (self && victims->spare_self)) {
      return;
    }
    ++killed;
    if (self) {
      call.client.closing = true;
    } else {
      record.end();
    }
  });
  if (call.args.size() > 3) return call.reply.integer(killed);
  if (killed == 0) return call.reply.error("ERR No such client");
  call.reply.ok();
}

// The rest ------------------------------------------------------------------------------------------------------------

void reply_mode(Call& call) {
  Answers& answers = call.client.answers;
  if (is_keyword(call.args[2], "on")) {
    answers = Answers::on;
    call.reply.ok();
  } else if (is_keyword(call.args[2], "off")) {
    answers = Answers::off;
  } else if (is_keyword(call.args[2], "skip")) {
    if (answers != Answers::off) answers = Answers::skip_next;
  } else {
    call.reply.error(k_syntax_error);
  }
}

std::optional<bool> on_or_off(Call& call) {
  const bool on = is_keyword(call.args[2], "on");
  if (on || is_keyword(call.args[2], "off")) return on;
  call.reply.error(k_syntax_error);
  return std::nullopt;
}
void no_evict(Call& call) {  // no client is ever sent away for its memory
  const auto on = on_or_off(call);
  if (!on) return;
  call.client.record.no_evict.store(*on, std::memory_order_relaxed);
  call.reply.ok();
}
void no_touch(Call& call) {  // when keys were last asked for is not kept
  if (on_or_off(call)) call.reply.ok();
}

void unblock(Call& call) {
  if (call.args.size() > 4) {
    return call.reply.error("ERR unknown subcommand or wrong number of arguments for '" + std::string(call.args[1]) +
                            "'. Try CLIENT HELP.");
  }
  if (call.args.size() == 4 && !is_keyword(call.args[3], "timeout") && !is_keyword(call.args[3], "error")) {
    return call.reply.error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  }
  if (integer_or_error(call.args[2], call.reply)) call.reply.integer(0);  // none is ever blocked
}

void get_redirection(Call& call) { call.reply.integer(-1); }
void tracking_info(Call& call) {
  call.reply.map(3);
  call.reply.bulk("flags");
  call.reply.set(1);
  call.reply.bulk("off");
  call.reply.bulk("redirect");
  call.reply.integer(-1);
  call.reply.bulk("prefixes");
  call.reply.array(0);
}

void help(Call& call) {
  reply_help(call, "CLIENT",
             {"GETNAME",
              "    The name of this connection.",
              "GETREDIR",
              "    -1: there is no tracking.",
              "ID",
              "    The id of this connection.",
              "INFO",
              "    What is known about this connection.",
              "KILL <ip:port>",
              "    Ends the connection from <ip:port>.",
              "KILL <option> <value> [<option> <value> [...]]",
              "    Ends connections. Options are:",
              "    * ADDR <ip:port>",
              "      from this address",
              "    * LADDR <ip:port>",
              "      to this address",
              "    * ID <id>",
              "      with this id",
              "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
              "      of this type: all are normal",
              "    * USER <name>",
              "      of this user: all are default",
              "    * SKIPME (YES|NO)",
              "      whether to leave out this connection (default: yes).",
              "LIST [options ...]",
              "    All connections. Options:",
              "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
              "      those of this type",
              "    * ID <id> [<id> ...]",
              "      those with these ids",
              "REPLY (ON|OFF|SKIP)",
              "    Whether requests of this connection are answered.",
              "SETINFO <what> <value>",
              "    Accepted; means nothing.",
              "SETNAME <name>",
              "    Gives this connection a name.",
              "UNBLOCK <id> [TIMEOUT|ERROR]",
              "    0: no client is ever blocked.",
              "TRACKINGINFO",
              "    That there is no tracking.",
              "NO-EVICT (ON|OFF)",
              "    Accepted; no client is sent away for its memory.",
              "NO-TOUCH (ON|OFF)",
              "    Accepted; when keys were last asked for is not kept."});
}

constexpr std::array k_commands{
    Command{"client", -2, Kind::container, nullptr},
    Command{"client|getname", 2, Kind::plain, get_name},
    Command{"client|getredir", 2, Kind::plain, get_redirection},
    Command{"client|help", 2, Kind::plain, help},
    Command{"client|id", 2, Kind::plain, get_id},
    Command{"client|info", 2, Kind::plain, info},
    Command{"client|kill", -3, Kind::plain, kill, k_admin},
    Command{"client|list", -2, Kind::plain, list, k_admin},
    Command{"client|no-evict", 3, Kind::plain, no_evict, k_admin},
    Command{"client|no-touch", 3, Kind::plain, no_touch},
    Command{"client|reply", 3, Kind::plain, reply_mode},
    Command{"client|setinfo", 4, Kind::plain, set_info},
    Command{"client|setname", 3, Kind::plain, set_name},
    Command{"client|trackinginfo", 2, Kind::plain, tracking_info},
    Command{"client|unblock", -3, Kind::plain, unblock, k_admin},
};

}  // namespace

const std::span<const Command> k_client_commands = k_commands;

}  // namespace resp

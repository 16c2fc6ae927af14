// CONFIG: what the server was started with, and what of it can be changed meanwhile.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "command.hpp"
#include "descriptors.hpp"
#include "glob.hpp"
#include "help.hpp"

namespace resp {
namespace {

// "100", "64mb", "1G": as Redis reads sizes. Nothing: it is none.
std::optional<std::uint64_t> parse_size(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::uint64_t bytes;
  };
  constexpr std::uint64_t k = 1000, kb = 1024;
  constexpr Unit units[] = {{"", 1},      {"b", 1},        {"k", k},         {"kb", kb},
                            {"m", k * k}, {"mb", kb * kb}, {"g", k * k * k}, {"gb", kb * kb * kb}};
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const Unit& unit : units) {
    if (!is_keyword(rest, unit.name)) continue;
    if (number > std::numeric_limits<std::uint64_t>::max() / unit.bytes) return std::nullopt;
    return number * unit.bytes;
  }
  return std::nullopt;
}

struct Setting {
  std::string_view name;
  std::string (*get)(const Shared&);
  // Checks a value, and sets it if `apply`. What is wrong with it; empty: nothing. nullptr: it cannot be changed.
  std::string (*set)(Shared&, std::string_view value, bool apply);
  // Not changed either, but whoever sets it to what it is gets no error.
  bool fixed = false;
};

std::string set_max_clients(Shared& shared, std::string_view value, bool apply) {
  const auto clients = parse_integer(value);
  if (!clients) return "argument couldn't be parsed into an integer";
  if (*clients < 1 || *clients > 1'000'000) return "argument must be between 1 and 1000000 inclusive";
  const auto wanted = static_cast<std::size_t>(*clients);
  std::size_t possible = wanted;
  try {
    possible = make_room_for_clients(wanted, shared.options.threads);
  } catch (const std::exception& error) {
    return error.what();
  }
  if (possible < wanted) {
    return "The operating system is not able to handle the specified number of clients, try with " +
           std::to_string(possible);
  }
  if (apply) shared.settings.set_max_clients(wanted);
  return {};
}

constexpr std::string_view k_not_a_size = "argument must be a memory value";

std::string set_max_memory(Shared& shared, std::string_view value, bool apply) {
  const auto bytes = parse_size(value);
  if (!bytes) return std::string(k_not_a_size);
  if (apply) shared.settings.set_max_memory(*bytes);
  return {};
}

std::string set_max_bulk(Shared& shared, std::string_view value, bool apply) {
  constexpr std::uint64_t least = 1024, most = std::uint64_t{1} << 34;
  const auto bytes = parse_size(value);
  if (!bytes) return std::string(k_not_a_size);
  if (*bytes < least || *bytes > most) return "argument must be between 1024 and 17179869184 inclusive";
  if (apply) shared.settings.set_max_bulk(*bytes);
  return {};
}

std::string set_max_query(Shared& shared, std::string_view value, bool apply) {
  constexpr std::uint64_t least = 1024, most = std::uint64_t{1} << 34;
  const auto bytes = parse_size(value);
  if (!bytes) return std::string(k_not_a_size);
  if (*bytes < least || *bytes > most) return "argument must be between 1024 and 17179869184 inclusive";
  if (apply) shared.settings.set_max_query(*bytes);
  return {};
}

std::string set_password(Shared& shared, std::string_view value, bool apply) {
  if (apply) shared.settings.set_password(value);
  return {};
}

constexpr Setting k_settings[] = {
    {"appendfsync",
     [](const Shared& shared) -> std::string {
       return shared.options.durability == Durability::full ? "always" : "everysec";
     },
     nullptr, true},
    {"appendonly",
     [](const Shared& shared) -> std::string { return shared.options.durability == Durability::memory ? "no" : "yes"; },
     nullptr, true},
    {"bind", [](const Shared& shared) { return shared.options.bind; }, nullptr, true},
    {"client-query-buffer-limit", [](const Shared& shared) { return std::to_string(shared.settings.max_query()); },
     set_max_query},
    {"databases", [](const Shared&) { return std::to_string(k_databases); }, nullptr},
    {"dir", [](const Shared& shared) { return shared.options.directory; }, nullptr, true},
    {"enable-debug-command", [](const Shared& shared) -> std::string { return shared.options.debug ? "yes" : "no"; },
     nullptr},
    {"io-threads", [](const Shared& shared) { return std::to_string(shared.options.threads); }, nullptr},
    {"maxclients", [](const Shared& shared) { return std::to_string(shared.settings.max_clients()); }, set_max_clients},
    {"maxmemory", [](const Shared& shared) { return std::to_string(shared.settings.max_memory()); }, set_max_memory},
    {"maxmemory-policy", [](const Shared&) -> std::string { return "noeviction"; }, nullptr, true},
    {"port", [](const Shared& shared) { return std::to_string(shared.options.port); }, nullptr, true},
    {"proto-max-bulk-len", [](const Shared& shared) { return std::to_string(shared.settings.max_bulk()); },
     set_max_bulk},
    {"requirepass", [](const Shared& shared) { return shared.settings.password(); }, set_password},
    {"save", [](const Shared&) { return std::string(); }, nullptr, true},
    {"timeout", [](const Shared&) -> std::string { return "0"; }, nullptr, true},
};

const Setting* find_setting(std::string_view name) {
  const auto at = std::ranges::find_if(k_settings, [&](const Setting& one) { return is_keyword(name, one.name); });
  return at != std::end(k_settings) ? &*at : nullptr;
}

// What is asked for by its whole name is told by that name, in whatever letters.
void get(Call& call) {
  std::vector<std::pair<std::string_view, const Setting*>> found;
  for (const Setting& setting : k_settings) {
    for (const std::string_view pattern : call.args.subspan(2)) {
      if (!glob_matches(small_letters(pattern), setting.name)) continue;
      found.emplace_back(pattern.find_first_of("[*?") == pattern.npos ? pattern : setting.name, &setting);
      break;
    }
  }
  call.reply.map(found.size());
  for (const auto& [name, setting] : found) {
    call.reply.bulk(name);
    call.reply.bulk(setting->get(call.shared));
  }
}

// All of them, or none.
void set(Call& call) {
  const Args pairs = call.args.subspan(2);
  if (pairs.size() % 2 != 0) return call.reply.error(k_syntax_error);
  const auto failed = [&](std::string_view name, std::string_view why) {
    call.reply.error("ERR CONFIG SET failed (possibly related to argument '" + std::string(name) + "') - " +
                     std::string(why));
  };
  std::vector<std::pair<const Setting*, std::string_view>> changes;
  for (std::size_t at = 0; at < pairs.size(); at += 2) {
    const Setting* const setting = find_setting(pairs[at]);
    if (setting == nullptr) {
      return call.reply.error("ERR Unknown option or number of arguments for CONFIG SET - '" + std::string(pairs[at]) +
                              "'");
    }
    const bool twice = std::ranges::any_of(changes, [&](const auto& change) { return change.first == setting; });
    if (twice) return failed(pairs[at], "duplicate parameter");
    if (setting->set == nullptr && !setting->fixed) return failed(pairs[at], "can't set immutable config");
    changes.emplace_back(setting, pairs[at + 1]);
  }
  for (const bool apply : {false, true}) {
    for (const auto& [setting, value] : changes) {
      if (setting->set != nullptr) {
        const std::string why = setting->set(call.shared, value, apply);
        if (!why.empty()) return failed(setting->name, why);
      } else if (!is_keyword(small_letters(value), small_letters(setting->get(call.shared)))) {
        return failed(setting->name, "it is what the server was started with, and stays so");
      }
    }
  }
  call.reply.ok();
}

void reset_statistics(Call& call) {
  call.shared.counters.reset();
  call.reply.ok();
}

void rewrite(Call& call) { call.reply.error("ERR The server is running without a config file"); }

void help(Call& call) {
  reply_help(call, "CONFIG",
             {"GET <pattern>", "    Settings whose names match the pattern.", "SET <name> <value> [<name> <value> ...]",
              "    Changes client-query-buffer-limit, maxclients, maxmemory, proto-max-bulk-len, requirepass.",
              "RESETSTAT", "    Sets what INFO counts to 0.", "REWRITE", "    An error: there is no file."});
}

constexpr std::array k_commands{
    Command{"config", -2, Kind::container, nullptr},
    Command{"config|get", -3, Kind::plain, get, k_admin},
    Command{"config|set", -4, Kind::plain, set, k_admin},
    Command{"config|resetstat", 2, Kind::plain, reset_statistics, k_admin},
    Command{"config|rewrite", 2, Kind::plain, rewrite, k_admin},
    Command{"config|help", 2, Kind::plain, help},
};

}  // namespace

const std::span<const Command> k_config_commands = k_commands;

}  // namespace resp

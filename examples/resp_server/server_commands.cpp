// The server as a whole: INFO, TIME, checkpoints, its end.
#include <array>
#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "arguments.hpp"
#include "command.hpp"
#include "help.hpp"
#include "info.hpp"

namespace resp {
namespace {

void info(Call& call) {
  std::set<std::string> sections;
  for (const std::string_view name : call.args.subspan(1)) sections.insert(small_letters(name));
  call.reply.verbatim(server_info(call, sections));
}

void time(Call& call) {
  using namespace std::chrono;
  const std::int64_t now = duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
  call.reply.array(2);
  call.reply.bulk(std::to_string(now / 1'000'000));
  call.reply.bulk(std::to_string(now % 1'000'000));
}

void role(Call& call) {
  call.reply.array(3);
  call.reply.bulk("master");
  call.reply.integer(0);
  call.reply.array(0);
}

// A checkpoint is to a database of fluxmap what either is to Redis.
void save_in_background(Call& call) {
  if (call.args.size() > 2 || (call.args.size() == 2 && !is_keyword(call.args[1], "schedule"))) {
    return call.reply.error(k_syntax_error);
  }
  call.shared.start_checkpoint();
  call.reply.simple("Background saving started");
}
void rewrite_log(Call& call) {
  call.shared.start_checkpoint();
  call.reply.simple("Background append only file rewriting started");
}
void last_save(Call& call) { call.reply.integer(call.shared.saved_at.load(std::memory_order_relaxed)); }

// In order, as SIGTERM does; there is nothing that SAVE, NOSAVE, NOW or FORCE could change.
void shut_down(Call& call) {
  bool abort = false, save = false, no_save = false, other = false;
  for (const std::string_view word : call.args.subspan(1)) {
    if (is_keyword(word, "abort")) {
      abort = true;
    } else if (is_keyword(word, "save")) {
      save = true;
    } else if (is_keyword(word, "nosave")) {
      no_save = true;
    } else if (is_keyword(word, "now") || is_keyword(word, "force")) {
      other = true;
    } else {
      return call.reply.error(k_syntax_error);
    }
  }
  if ((save && no_save) || (abort && (save || no_save || other))) return call.reply.error(k_syntax_error);
  if (abort) return call.reply.error("ERR No shutdown in progress.");
  call.client.closing = true;
  call.shared.shut_down();
}

// There are no functions, so they can be removed, and listed: who cleans a server up does that.
void flush_functions(Call& call) {
  const bool known = call.args.size() == 2 || is_keyword(call.args[2], "async") || is_keyword(call.args[2], "sync");
  if (!known || call.args.size() > 3) {
    return call.reply.error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
  }
  call.reply.ok();
}
void list_functions(Call& call) { call.reply.array(0); }
void function_help(Call& call) {
  reply_help(call, "FUNCTION",
             {"FLUSH [ASYNC|SYNC]", "    Does nothing: there are no functions.", "LIST", "    Nothing."});
}

constexpr std::array k_commands{
    Command{"info", -1, Kind::read, info},
    Command{"time", 1, Kind::plain, time, k_fast},
    Command{"role", 1, Kind::plain, role, k_fast},
    Command{"bgsave", -1, Kind::plain, save_in_background, k_admin},
    Command{"bgrewriteaof", 1, Kind::plain, rewrite_log, k_admin},
    Command{"lastsave", 1, Kind::plain, last_save, k_fast},
    Command{"function", -2, Kind::container, nullptr},
    Command{"function|flush", -2, Kind::plain, flush_functions},
    Command{"function|list", -2, Kind::plain, list_functions},
    Command{"function|help", 2, Kind::plain, function_help},
    Command{"shutdown", -1, Kind::plain, shut_down, k_admin | k_no_multi},
};

}  // namespace

const std::span<const Command> k_server_commands = k_commands;

}  // namespace resp

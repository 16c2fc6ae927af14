// The 16 databases as a whole: DBSIZE, FLUSHALL, FLUSHDB, SWAPDB.
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "arguments.hpp"
#include "command.hpp"

namespace resp {
namespace {

void size(Call& call) { call.reply.integer(call.view.size()); }

// What it takes is the same whether it is asked to wait (SYNC) or not: see View::clear.
bool has_flush_options(Call& call) {
  const bool plain = call.args.size() == 1;
  const bool known = call.args.size() == 2 && (is_keyword(call.args[1], "async") || is_keyword(call.args[1], "sync"));
  if (!plain && !known) call.reply.error(k_syntax_error);
  return plain || known;
}

void flush_one(Call& call) {
  if (!has_flush_options(call)) return;
  call.view.clear();
  call.reply.ok();
}

void flush_all(Call& call) {
  if (!has_flush_options(call)) return;
  const unsigned selected = call.view.database();
  for (unsigned database = 0; database < k_databases; ++database) {
    call.view.select(database);
    call.view.clear();
  }
  call.view.select(selected);
  call.reply.ok();
}

void swap(Call& call) {
  const auto first = parse_integer(call.args[1]);
  if (!first || !is_int(*first)) return call.reply.error("ERR invalid first DB index");
  const auto second = parse_integer(call.args[2]);
  if (!second || !is_int(*second)) return call.reply.error("ERR invalid second DB index");
  for (const std::int64_t index : {*first, *second}) {
    if (index < 0 || index >= k_databases) return call.reply.error(k_no_such_database);
  }
  if (*first != *second) call.view.swap(static_cast<unsigned>(*first), static_cast<unsigned>(*second));
  call.reply.ok();
}

constexpr std::array k_commands{
    Command{"dbsize", 1, Kind::read, size, k_fast},
    Command{"flushall", -1, Kind::write, flush_all},
    Command{"flushdb", -1, Kind::write, flush_one},
    Command{"swapdb", 3, Kind::write, swap, k_fast},
};

}  // namespace

const std::span<const Command> k_database_commands = k_commands;

}  // namespace resp

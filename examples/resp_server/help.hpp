// HELP subcommands.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "command.hpp"

namespace resp {

// `name` in capitals; lines that begin with blanks explain the one before.
inline void reply_help(Call& call, std::string_view name, std::initializer_list<std::string_view> lines) {
  call.reply.array(lines.size() + 3);
  call.reply.simple(std::string(name) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const std::string_view line : lines) call.reply.simple(line);
  call.reply.simple("HELP");
  call.reply.simple("    Prints this help.");
}

}  // namespace resp

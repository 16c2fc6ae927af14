// Commands: what they are called, how many arguments they take, and the function that runs each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "client.hpp"
#include "reply.hpp"
#include "shared.hpp"
#include "view.hpp"

namespace resp {

using Args = std::span<const std::string_view>;  // the command's own name first

// One run of a command. It may be run again, in another transaction, when that one conflicts; its reply is thrown away
// then. So what it does besides the view and the reply must bear repetition.
struct Call {
  View& view;
  Client& client;
  Shared& shared;
  Args args;
  Reply& reply;
};

enum class Kind : std::uint8_t {
  plain,    // uses no keys
  read,     // reads keys
  write,    // may write them
  session,  // changes how the connection goes on: not run but dealt with by the executor
};

struct Command {
  std::string_view name;  // small letters
  int arity;              // arguments, the name included; negative: so many or more
  Kind kind;
  void (*run)(Call&);
  int first_key = 0;  // where its keys stand, for COMMAND
  int last_key = 0;
  int key_step = 0;

  bool takes(std::size_t arguments) const noexcept {
    const auto wanted = static_cast<std::size_t>(arity < 0 ? -arity : arity);
    return arity < 0 ? arguments >= wanted : arguments == wanted;
  }
};

const Command* find_command(std::string_view name) noexcept;  // in letters of any size; nullptr: none
std::span<const Command> all_commands() noexcept;

// The families. Each is a table in a file of its own.
extern const std::span<const Command> k_string_commands;
extern const std::span<const Command> k_key_commands;
extern const std::span<const Command> k_expiry_commands;
extern const std::span<const Command> k_admin_commands;

}  // namespace resp

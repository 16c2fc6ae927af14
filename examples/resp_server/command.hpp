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
  plain,      // uses no keys
  read,       // reads keys
  write,      // may write them
  session,    // changes how the connection goes on: not run but dealt with by the executor
  container,  // of subcommands, which are commands of their own: "client|list"
};

enum Flag : std::uint8_t {
  k_none = 0,
  k_grows = 1,       // may take more memory
  k_fast = 2,        // O(1) or O(log n)
  k_admin = 4,       // for operators
  k_no_auth = 8,     // allowed before AUTH
  k_no_multi = 16,   // not allowed after MULTI
  k_protected = 32,  // only where the command line allows it
};

struct Command {
  std::string_view name;  // small letters
  int arity;              // arguments, the name included; negative: so many or more
  Kind kind;
  void (*run)(Call&);
  unsigned flags = k_none;
  int first_key = 0;  // where its keys stand
  int last_key = 0;
  int key_step = 0;

  bool takes(std::size_t arguments) const noexcept {
    const auto wanted = static_cast<std::size_t>(arity < 0 ? -arity : arity);
    return arity < 0 ? arguments >= wanted : arguments == wanted;
  }
  bool is(Flag flag) const noexcept { return (flags & flag) != 0; }
};

// By one word or, for a subcommand, two, in letters of any size; nullptr: there is none. A container is found where
// there is no second word, or none that it knows.
const Command* find_command(Args words) noexcept;
const Command* find_command(std::string_view name) noexcept;  // "client|list"
std::span<const Command> all_commands() noexcept;             // by name
std::size_t index_of(const Command& command) noexcept;        // among all

// The families. Each is a table in a file of its own.
extern const std::span<const Command> k_session_commands;
extern const std::span<const Command> k_string_commands;
extern const std::span<const Command> k_number_commands;
extern const std::span<const Command> k_range_commands;
extern const std::span<const Command> k_bit_commands;
extern const std::span<const Command> k_key_commands;
extern const std::span<const Command> k_scan_commands;
extern const std::span<const Command> k_database_commands;
extern const std::span<const Command> k_expiry_commands;
extern const std::span<const Command> k_object_commands;
extern const std::span<const Command> k_connection_commands;
extern const std::span<const Command> k_client_commands;
extern const std::span<const Command> k_config_commands;
extern const std::span<const Command> k_command_commands;
extern const std::span<const Command> k_server_commands;
extern const std::span<const Command> k_debug_commands;

}  // namespace resp

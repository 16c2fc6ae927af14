// The table of all commands.
#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "arguments.hpp"
#include "command.hpp"

namespace resp {
namespace {

struct Table {
  std::vector<Command> commands;  // by name
  std::unordered_map<std::string_view, const Command*> by_name;
};

// Made at the first use, when the families are there whatever the order of initialisation.
const Table& table() {
  static const Table all = [] {
    Table made;
    for (const auto family :
         {k_session_commands, k_string_commands, k_number_commands, k_range_commands, k_bit_commands, k_key_commands,
          k_scan_commands, k_database_commands, k_expiry_commands, k_object_commands, k_connection_commands,
          k_client_commands, k_config_commands, k_command_commands, k_server_commands, k_debug_commands}) {
      made.commands.insert(made.commands.end(), family.begin(), family.end());
    }
    std::ranges::sort(made.commands, {}, &Command::name);
    for (const Command& command : made.commands) made.by_name.emplace(command.name, &command);
    return made;
  }();
  return all;
}

const Command* find(std::string_view first, std::string_view second) noexcept {
  std::array<char, 32> small;
  const std::size_t bar = second.empty() ? 0 : 1;
  if (first.size() + bar + second.size() > small.size()) return nullptr;
  auto end = std::ranges::transform(first, small.begin(), small_letter).out;
  if (bar == 1) *end++ = '|';
  end = std::ranges::transform(second, end, small_letter).out;
  const auto found =
      table().by_name.find(std::string_view(small.data(), static_cast<std::size_t>(end - small.begin())));
  return found != table().by_name.end() ? found->second : nullptr;
}

}  // namespace

std::span<const Command> all_commands() noexcept { return table().commands; }

std::size_t index_of(const Command& command) noexcept {
  return static_cast<std::size_t>(&command - table().commands.data());
}

const Command* find_command(std::string_view name) noexcept { return find(name, {}); }

const Command* find_command(Args words) noexcept {
  const Command* const command = find(words[0], {});
  if (command == nullptr || command->kind != Kind::container || words.size() < 2) {
    // Nobody calls a subcommand by its whole name.
    return command != nullptr && command->name.size() == words[0].size() && words[0].find('|') == words[0].npos
               ? command
               : nullptr;
  }
  const Command* const subcommand = words[1].empty() ? nullptr : find(words[0], words[1]);
  return subcommand != nullptr ? subcommand : command;
}

}  // namespace resp

// The table of all commands.
#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "arguments.hpp"
#include "command.hpp"

namespace resp {
namespace {

constexpr std::array k_by_the_session{
    Command{"multi", 1, Kind::session, nullptr},   Command{"exec", 1, Kind::session, nullptr},
    Command{"discard", 1, Kind::session, nullptr}, Command{"watch", -2, Kind::session, nullptr, 1, -1, 1},
    Command{"quit", -1, Kind::session, nullptr},   Command{"reset", 1, Kind::session, nullptr},
};

// By name. Made at the first use, when the families are there whatever the order of initialisation.
const std::vector<Command>& table() {
  static const std::vector<Command> commands = [] {
    std::vector<Command> all(k_by_the_session.begin(), k_by_the_session.end());
    for (const auto family : {k_string_commands, k_key_commands, k_expiry_commands, k_admin_commands}) {
      all.insert(all.end(), family.begin(), family.end());
    }
    std::ranges::sort(all, {}, &Command::name);
    return all;
  }();
  return commands;
}

}  // namespace

std::span<const Command> all_commands() noexcept { return table(); }

const Command* find_command(std::string_view name) noexcept {
  std::array<char, 16> small;
  if (name.size() > small.size()) return nullptr;
  std::ranges::transform(name, small.begin(), small_letter);
  const std::string_view wanted(small.data(), name.size());
  const std::vector<Command>& commands = table();
  const auto at = std::ranges::lower_bound(commands, wanted, {}, &Command::name);
  return at != commands.end() && at->name == wanted ? &*at : nullptr;
}

}  // namespace resp

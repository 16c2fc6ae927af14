// The commands that change how the connection goes on. The executor deals with them: here is only what they are called.
#include <array>

#include "command.hpp"

namespace resp {
namespace {

constexpr std::array k_commands{
    Command{"multi", 1, Kind::session, nullptr, k_fast},
    Command{"exec", 1, Kind::session, nullptr},
    Command{"discard", 1, Kind::session, nullptr, k_fast},
    Command{"watch", -2, Kind::session, nullptr, k_fast, 1, -1, 1},
    Command{"quit", -1, Kind::session, nullptr, k_fast | k_no_auth},
    Command{"reset", 1, Kind::session, nullptr, k_fast | k_no_auth},
    Command{"save", 1, Kind::session, nullptr, k_admin | k_no_multi},
};

}  // namespace

const std::span<const Command> k_session_commands = k_commands;

}  // namespace resp

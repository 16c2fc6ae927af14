// The text of INFO.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "command.hpp"

namespace resp {

inline constexpr std::string_view k_redis_version = "7.0.15";  // whose replies these are

// Names of sections, in small letters; none: the usual ones.
std::string server_info(Call& call, const std::set<std::string>& sections);

}  // namespace resp

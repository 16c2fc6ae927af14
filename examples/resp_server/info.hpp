// The text of INFO.
#pragma once

#include <string>
#include <string_view>

#include "shared.hpp"

namespace resp {

// `section` in small letters; empty, "all", "default" or "everything": all of them.
std::string server_info(const Shared& shared, std::string_view section);

}  // namespace resp

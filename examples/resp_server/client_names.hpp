// Names of clients.
#pragma once

#include <string_view>

#include "command.hpp"

namespace resp {

// False: the error has been replied.
inline bool set_client_name(Call& call, std::string_view name) {
  for (const char c : name) {
    if (c < '!' || c > '~') {
      call.reply.error("ERR Client names cannot contain spaces, newlines or special characters.");
      return false;
    }
  }
  call.client.name = name;
  call.shared.client_list.set_name(call.client.record, name);
  return true;
}

}  // namespace resp

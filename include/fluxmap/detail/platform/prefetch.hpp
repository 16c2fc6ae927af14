// Asks for memory that will be read soon. · layer: platform
#pragma once

#include <fluxmap/config.hpp>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// A hint: changes nothing, whatever the address.
inline void prefetch(const void* address) noexcept {
#if defined(__GNUC__)
  __builtin_prefetch(address);
#else
  static_cast<void>(address);
#endif
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// What an allocation really takes. · layer: platform
#pragma once

#include <fluxmap/config.hpp>

#include <algorithm>
#include <cstddef>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// The bytes that a general-purpose allocator takes for an allocation of `size`: the rule of glibc on 64 bits (8 bytes
// before each block, blocks in steps of 16, 32 at least), from which the size classes of others differ little.
constexpr std::size_t heap_bytes(std::size_t size) noexcept {
  return size == 0 ? 0 : std::max<std::size_t>(32, (size + 8 + 15) / 16 * 16);
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// Memory that was freed, back to the operating system. · layer: platform
#pragma once

#include <fluxmap/config.hpp>

#include <cstdlib>  // defines __GLIBC__, where it is the C library

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Asks the allocator to give up the pages that hold nothing any more. Other allocators than glibc's do so by
// themselves. Holds up allocations of others for a time in proportion to the heap.
inline void trim_heap() noexcept {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

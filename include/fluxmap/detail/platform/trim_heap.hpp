// Memory that was freed, back to the operating system. · layer: platform
#pragma once

#include <fluxmap/config.hpp>
#include <fluxmap/detail/platform/atomic.hpp>

#include <atomic>
#include <cstdint>
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

// Trims the heap when much less is in use than there once was. Thread safety: all calls.
class HeapTrimmer {
 public:
  static constexpr std::uint64_t k_much = std::uint64_t{64} << 20;  // bytes

  // Before memory is freed, and after it: what is in use. True: the heap was trimmed.
  void before(std::uint64_t bytes) noexcept {
    std::uint64_t most = most_.load(std::memory_order_relaxed);  // a weight; orders nothing
    while (most < bytes && !most_.compare_exchange_weak(most, bytes, std::memory_order_relaxed)) {
    }
  }
  bool after(std::uint64_t bytes) noexcept {
    std::uint64_t most = most_.load(std::memory_order_relaxed);  // as above
    if (most < bytes + k_much) return false;
    // One of several threads at once trims.
    if (!most_.compare_exchange_strong(most, bytes, std::memory_order_relaxed)) return false;
    trim_heap();
    return true;
  }

 private:
  Atomic<std::uint64_t> most_{0};  // bytes in use since the heap was trimmed
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

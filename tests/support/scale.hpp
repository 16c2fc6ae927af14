// What a test can afford: sanitizers cost a factor of time, and make numbers of the allocator meaningless.
#pragma once

#include "support/seed.hpp"

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>

#if defined(__SANITIZE_THREAD__)
#define FLUXMAP_TEST_TSAN 1
#elif defined(__SANITIZE_ADDRESS__)
#define FLUXMAP_TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FLUXMAP_TEST_TSAN 1
#elif __has_feature(address_sanitizer)
#define FLUXMAP_TEST_ASAN 1
#endif
#endif

namespace fluxmap_test {

#if defined(FLUXMAP_TEST_TSAN)
inline constexpr unsigned k_sanitizer_cost = 15;
#elif defined(FLUXMAP_TEST_ASAN)
inline constexpr unsigned k_sanitizer_cost = 5;
#else
inline constexpr unsigned k_sanitizer_cost = 1;
#endif

// `count`, reduced under a sanitizer, multiplied by FLUXMAP_STRESS.
inline std::uint64_t scaled(std::uint64_t count) { return count / k_sanitizer_cost * stress_factor(); }

// Resident memory in bytes; 0 where the system does not tell, or a sanitizer keeps freed memory.
inline std::uint64_t resident_bytes() {
  if (k_sanitizer_cost > 1) return 0;
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kilobytes = 0;
    if (word == "VmRSS:" && status >> kilobytes) return kilobytes << 10;
  }
  return 0;
}

}  // namespace fluxmap_test

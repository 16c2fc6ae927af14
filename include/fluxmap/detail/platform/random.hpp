// Cheap random numbers, and a mixer of bits. · layer: platform
#pragma once

#include <fluxmap/config.hpp>

#include <cstdint>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// The next number of a sequence; `state` must not be 0. xorshift64 (Marsaglia 2003).
constexpr std::uint64_t next_random(std::uint64_t& state) noexcept {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

// Spreads what distinguishes numbers over all their bits: splitmix64's finaliser (Steele, Lea and Flood 2014).
constexpr std::uint64_t mix_bits(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

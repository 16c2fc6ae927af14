// CRC-32C (Castagnoli), by the processor's own instruction where it has one. · layer: platform
#pragma once

#include <fluxmap/config.hpp>

#include <boost/crc.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

namespace fluxmap::inline FLUXMAP_ABI::detail {

// On any machine, by tables: what crc32c() falls back on, and what it is tested against.
inline std::uint32_t crc32c_portable(std::span<const std::byte> bytes, std::uint32_t crc = 0) noexcept {
  // Boost takes the remainder to start from with its highest power in the highest bit; a CRC of this kind comes out
  // the other way round (and inverted).
  std::uint32_t remainder = ~crc;
  remainder = ((remainder >> 1) & 0x55555555U) | ((remainder & 0x55555555U) << 1);
  remainder = ((remainder >> 2) & 0x33333333U) | ((remainder & 0x33333333U) << 2);
  remainder = ((remainder >> 4) & 0x0f0f0f0fU) | ((remainder & 0x0f0f0f0fU) << 4);
  remainder = ((remainder >> 8) & 0x00ff00ffU) | ((remainder & 0x00ff00ffU) << 8);
  remainder = (remainder >> 16) | (remainder << 16);
  boost::crc_optimal<32, 0x1edc6f41, 0xffffffff, 0xffffffff, true, true> state(remainder);
  state.process_bytes(bytes.data(), bytes.size());
  return static_cast<std::uint32_t>(state.checksum());
}

#if defined(__x86_64__)
// Only for processors with SSE 4.2: all since 2008.
[[gnu::target("sse4.2")]] inline std::uint32_t crc32c_instruction(std::span<const std::byte> bytes,
                                                                  std::uint32_t crc) noexcept {
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t remainder = ~crc;
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t chunk;
    std::memcpy(&chunk, at, 8);
    remainder = _mm_crc32_u64(remainder, chunk);
  }
  auto state = static_cast<std::uint32_t>(remainder);
  for (; left > 0; ++at, --left) state = _mm_crc32_u8(state, std::to_integer<std::uint8_t>(*at));
  return ~state;
}
#elif defined(__ARM_FEATURE_CRC32)
inline std::uint32_t crc32c_instruction(std::span<const std::byte> bytes, std::uint32_t crc) noexcept {
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint32_t state = ~crc;
  if constexpr (std::endian::native == std::endian::little) {  // the instruction takes the lowest byte first
    for (; left >= 8; at += 8, left -= 8) {
      std::uint64_t chunk;
      std::memcpy(&chunk, at, 8);
      state = __crc32cd(state, chunk);
    }
  }
  for (; left > 0; ++at, --left) state = __crc32cb(state, std::to_integer<std::uint8_t>(*at));
  return ~state;
}
#endif

// The checksum of `bytes`, or of all bytes so far where `crc` is that of the bytes before them:
// crc32c(b, crc32c(a)) == crc32c(ab).
inline std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t crc = 0) noexcept {
#if defined(__x86_64__)
  static const bool has_instruction = [] {
    __builtin_cpu_init();  // may run before the constructors that would do so
    return __builtin_cpu_supports("sse4.2") != 0;
  }();
  return has_instruction ? crc32c_instruction(bytes, crc) : crc32c_portable(bytes, crc);
#elif defined(__ARM_FEATURE_CRC32)
  return crc32c_instruction(bytes, crc);
#else
  return crc32c_portable(bytes, crc);
#endif
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

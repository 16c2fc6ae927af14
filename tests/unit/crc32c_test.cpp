// CRC-32C: the published vectors, and the processor's instruction against the tables.
#include <fluxmap/detail/platform/crc32c.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "support/seed.hpp"

namespace {

using fluxmap::detail::crc32c;
using fluxmap::detail::crc32c_portable;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

void check_vector(std::span<const std::byte> bytes, std::uint32_t expected) {
  CHECK(crc32c(bytes) == expected);
  CHECK(crc32c_portable(bytes) == expected);
}

std::vector<std::byte> random_bytes(fluxmap_test::SplitMix& random, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

}  // namespace

TEST_CASE("the_check_value_and_the_vectors_of_rfc_3720") {
  check_vector(bytes_of("123456789"), 0xe3069283U);
  check_vector({}, 0);
  std::array<std::byte, 32> bytes{};
  check_vector(bytes, 0x8a9136aaU);
  bytes.fill(std::byte{0xff});
  check_vector(bytes, 0x62a8ab43U);
  for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(i);
  check_vector(bytes, 0x46dd794eU);
  for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(31 - i);
  check_vector(bytes, 0x113fdb5cU);
}

TEST_CASE("both_ways_agree_at_every_length_and_alignment") {
  fluxmap_test::SplitMix random(fluxmap_test::seed("both_ways_agree_at_every_length_and_alignment"));
  const std::vector<std::byte> bytes = random_bytes(random, 300);
  for (std::size_t first = 0; first < 9; ++first) {
    for (std::size_t size = 0; first + size <= bytes.size(); ++size) {
      const auto part = std::span(bytes).subspan(first, size);
      const auto before = static_cast<std::uint32_t>(random());
      REQUIRE(crc32c(part) == crc32c_portable(part));
      REQUIRE(crc32c(part, before) == crc32c_portable(part, before));
    }
  }
}

TEST_CASE("a_checksum_is_continued_across_any_cut") {
  fluxmap_test::SplitMix random(fluxmap_test::seed("a_checksum_is_continued_across_any_cut"));
  const std::vector<std::byte> bytes = random_bytes(random, 100);
  const std::uint32_t whole = crc32c(bytes);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const auto first = std::span(bytes).first(cut);
    const auto second = std::span(bytes).subspan(cut);
    REQUIRE(crc32c(second, crc32c(first)) == whole);
    REQUIRE(crc32c_portable(second, crc32c_portable(first)) == whole);
    REQUIRE(crc32c_portable(second, crc32c(first)) == whole);
  }
}

TEST_CASE("every_flipped_bit_changes_the_checksum") {
  fluxmap_test::SplitMix random(fluxmap_test::seed("every_flipped_bit_changes_the_checksum"));
  std::vector<std::byte> bytes = random_bytes(random, 64);
  const std::uint32_t whole = crc32c(bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    REQUIRE(crc32c(bytes) != whole);
    bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
  }
}

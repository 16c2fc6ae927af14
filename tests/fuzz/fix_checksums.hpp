// Makes the checksums of a mutated file right again, so that a fuzzer gets to what lies behind them.
#pragma once

#include <fluxmap/detail/storage/format.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <vector>

namespace fluxmap_fuzz {

using fluxmap::detail::Bytes;
using Content = std::vector<std::byte>;

[[noreturn]] inline void fault(const char* what) {
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}
inline void require(bool condition, const char* what) {
  if (!condition) fault(what);
}

inline void fix_header(Content& file) {
  fluxmap::detail::FileHeader header;
  std::copy_n(file.begin(), header.size(), header.begin());
  fluxmap::detail::format_detail::seal_header(header);
  std::copy(header.begin(), header.end(), file.begin());
}
// Of a file whose header says which database and, at 32, which file it is.
inline fluxmap::detail::PlacedChecksum checksum_of(const Content& file) {
  return {fluxmap::detail::format_detail::database_of(file),
          fluxmap::detail::get_little<std::uint64_t>(file.data() + 32)};
}
// Of what stands at `offset`, `length` bytes long.
inline void fix_part(Content& file, std::uint64_t offset, std::uint64_t length) {
  const std::uint32_t crc = checksum_of(file).of(offset, Bytes(file).subspan(offset, length));
  fluxmap::detail::put_little(file.data() + offset + 4, crc);
}

// `chain`, where given: the checksum of the previous segment's seal. Returns this one's.
inline std::optional<std::uint32_t> fix_segment(Content& file, std::optional<std::uint32_t> chain = {}) {
  using namespace fluxmap::detail;
  if (file.size() < k_file_header_size) return std::nullopt;
  if (chain) put_little(file.data() + 48, *chain);
  fix_header(file);
  std::optional<std::uint32_t> seal;
  for (std::uint64_t at = k_file_header_size; at < file.size() && file.size() - at >= k_record_header_size;) {
    const std::uint64_t length = k_record_header_size + get_little<std::uint32_t>(file.data() + at);
    const auto kind = get_little<std::uint32_t>(file.data() + at + 20);
    if (length > file.size() - at || kind == 0) break;
    fix_part(file, at, length);
    if (kind == static_cast<std::uint32_t>(RecordKind::seal)) seal = get_little<std::uint32_t>(file.data() + at + 4);
    at += align_record(length);
  }
  return seal;
}

inline void fix_checkpoint(Content& file) {
  using namespace fluxmap::detail;
  if (file.size() < k_file_header_size) return;
  fix_header(file);
  for (std::uint64_t at = k_file_header_size; file.size() - at >= k_block_header_size;) {
    const auto payload = get_little<std::uint32_t>(file.data() + at);
    const std::uint64_t length = payload == 0 ? k_footer_size : k_block_header_size + payload;
    if (length > file.size() - at) break;
    fix_part(file, at, length);
    if (payload == 0) break;
    at += length;
  }
}

}  // namespace fluxmap_fuzz

// The format on disk: names, headers and records as bytes (docs/format.md has the tables). · layer: storage
//
// Pure functions over bytes. Whatever is parsed is untrusted: nothing is read beyond the bytes given, and nothing is
// believed before its checksum has been compared.
#pragma once

#include <fluxmap/detail/platform/crc32c.hpp>
#include <fluxmap/detail/platform/file_system.hpp>

#include <boost/endian/conversion.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

using DatabaseId = std::array<std::byte, 16>;

inline constexpr std::uint32_t k_format_version = 1;
inline constexpr std::size_t k_file_header_size = 128;
inline constexpr std::size_t k_record_header_size = 24;
inline constexpr std::size_t k_block_header_size = 16;
inline constexpr std::size_t k_footer_size = 32;
inline constexpr std::size_t k_record_alignment = 8;
inline constexpr std::size_t k_max_payload = std::size_t{1} << 30;  // what one commit may write

// Do not change values: they are on disks.
enum class RecordKind : std::uint32_t { commit = 1, opened = 2, seal = 3, closed = 4 };
enum class WriteKind : std::uint8_t { value = 1, removal = 2, expiring = 3 };
enum class BlockKind : std::uint32_t { plain = 0, expiring = 1 };  // whether a deadline stands before each entry

constexpr std::uint64_t align_record(std::uint64_t size) noexcept {
  return (size + k_record_alignment - 1) / k_record_alignment * k_record_alignment;
}

template <class T>
void put_little(std::byte* at, T value) noexcept {
  boost::endian::native_to_little_inplace(value);
  std::memcpy(at, &value, sizeof value);
}
template <class T>
T get_little(const std::byte* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return boost::endian::little_to_native(value);
}

// Names -------------------------------------------------------------------------------------------------------------

inline std::string numbered_name(std::string_view prefix, std::uint64_t number, std::string_view suffix) {
  std::array<char, 16> digits;
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, number >>= 4) {
    *digit = "0123456789abcdef"[number & 15];
  }
  return std::string(prefix).append(digits.data(), digits.size()).append(suffix);
}
inline std::optional<std::uint64_t> number_of(std::string_view name, std::string_view prefix, std::string_view suffix) {
  if (name.size() != prefix.size() + 16 + suffix.size() || !name.starts_with(prefix) || !name.ends_with(suffix)) {
    return std::nullopt;
  }
  std::uint64_t number = 0;
  const char* const first = name.data() + prefix.size();
  const auto [end, error] = std::from_chars(first, first + 16, number, 16);
  if (error != std::errc() || end != first + 16) return std::nullopt;
  // Only the spelling that we use: otherwise two files could claim one number.
  return numbered_name(prefix, number, suffix) == name ? std::optional(number) : std::nullopt;
}

inline constexpr std::string_view k_segment_prefix = "log-", k_segment_suffix = ".fluxlog";
inline constexpr std::string_view k_checkpoint_prefix = "checkpoint-", k_checkpoint_suffix = ".fluxmap";
inline constexpr std::string_view k_temporary_suffix = ".tmp";

inline std::string segment_name(std::uint64_t id) { return numbered_name(k_segment_prefix, id, k_segment_suffix); }
inline std::string checkpoint_name(std::uint64_t cts) {
  return numbered_name(k_checkpoint_prefix, cts, k_checkpoint_suffix);
}
inline std::optional<std::uint64_t> segment_id_of(std::string_view name) {
  return number_of(name, k_segment_prefix, k_segment_suffix);
}
inline std::optional<std::uint64_t> checkpoint_cts_of(std::string_view name) {
  return number_of(name, k_checkpoint_prefix, k_checkpoint_suffix);
}

// File headers ------------------------------------------------------------------------------------------------------

// Which types a directory was written with; see codec_fingerprint.
struct Fingerprint {
  std::uint64_t key = 0;
  std::uint64_t value = 0;
  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

struct SegmentHeader {
  DatabaseId database{};
  std::uint64_t id = 0;
  std::uint64_t base = 0;  // every record's timestamp here is greater
  std::uint32_t chain = 0;
  Fingerprint types;
};
struct CheckpointHeader {
  DatabaseId database{};
  std::uint64_t cts = 0;
  std::uint64_t first_segment = 0;  // the first one needed besides
  Fingerprint types;
};

using FileHeader = std::array<std::byte, k_file_header_size>;

inline constexpr std::string_view k_segment_magic = "FLUXLOG1", k_checkpoint_magic = "FLUXCKP1",
                                  k_footer_magic = "FLUXEND1";

namespace format_detail {

inline FileHeader blank_header(std::string_view magic, const DatabaseId& database, const Fingerprint& types) {
  FileHeader bytes{};
  std::memcpy(bytes.data(), magic.data(), magic.size());
  put_little(bytes.data() + 8, k_format_version);
  std::copy(database.begin(), database.end(), bytes.begin() + 16);
  put_little(bytes.data() + 56, types.key);
  put_little(bytes.data() + 64, types.value);
  return bytes;
}
inline std::uint32_t header_crc(FileHeader bytes) noexcept {
  put_little(bytes.data() + 12, std::uint32_t{0});
  return crc32c(bytes);
}
inline void seal_header(FileHeader& bytes) noexcept { put_little(bytes.data() + 12, header_crc(bytes)); }

// Null if the header is good, else what is wrong with it.
inline const char* fault_of_header(Bytes bytes, std::string_view magic) noexcept {
  if (bytes.size() < k_file_header_size) return "the header is cut short";
  if (std::memcmp(bytes.data(), magic.data(), magic.size()) != 0) return "the header does not begin as it must";
  FileHeader header;
  std::copy_n(bytes.begin(), header.size(), header.begin());
  if (get_little<std::uint32_t>(bytes.data() + 12) != header_crc(header)) return "the header's checksum is wrong";
  if (get_little<std::uint32_t>(bytes.data() + 8) != k_format_version) return "the format version is unknown";
  return nullptr;
}
inline DatabaseId database_of(Bytes bytes) noexcept {
  DatabaseId id;
  std::copy_n(bytes.begin() + 16, id.size(), id.begin());
  return id;
}
inline Fingerprint types_of(Bytes bytes) noexcept {
  return {get_little<std::uint64_t>(bytes.data() + 56), get_little<std::uint64_t>(bytes.data() + 64)};
}

}  // namespace format_detail

inline FileHeader to_bytes(const SegmentHeader& header) noexcept {
  FileHeader bytes = format_detail::blank_header(k_segment_magic, header.database, header.types);
  put_little(bytes.data() + 32, header.id);
  put_little(bytes.data() + 40, header.base);
  put_little(bytes.data() + 48, header.chain);
  format_detail::seal_header(bytes);
  return bytes;
}
inline FileHeader to_bytes(const CheckpointHeader& header) noexcept {
  FileHeader bytes = format_detail::blank_header(k_checkpoint_magic, header.database, header.types);
  put_little(bytes.data() + 32, header.cts);
  put_little(bytes.data() + 40, header.first_segment);
  format_detail::seal_header(bytes);
  return bytes;
}

// Null: `header` is filled in. Otherwise what is wrong.
inline const char* parse(Bytes bytes, SegmentHeader& header) noexcept {
  if (const char* fault = format_detail::fault_of_header(bytes, k_segment_magic)) return fault;
  header.database = format_detail::database_of(bytes);
  header.id = get_little<std::uint64_t>(bytes.data() + 32);
  header.base = get_little<std::uint64_t>(bytes.data() + 40);
  header.chain = get_little<std::uint32_t>(bytes.data() + 48);
  header.types = format_detail::types_of(bytes);
  return nullptr;
}
inline const char* parse(Bytes bytes, CheckpointHeader& header) noexcept {
  if (const char* fault = format_detail::fault_of_header(bytes, k_checkpoint_magic)) return fault;
  header.database = format_detail::database_of(bytes);
  header.cts = get_little<std::uint64_t>(bytes.data() + 32);
  header.first_segment = get_little<std::uint64_t>(bytes.data() + 40);
  header.types = format_detail::types_of(bytes);
  return nullptr;
}

// Checksums that know their place -----------------------------------------------------------------------------------

// The checksum of a record, block or footer covers the database, the file and the offset, so that bytes of another
// file or place are never taken for good ones.
class PlacedChecksum {
 public:
  PlacedChecksum() = default;
  PlacedChecksum(const DatabaseId& database, std::uint64_t file) noexcept {
    std::array<std::byte, 8> number;
    put_little(number.data(), file);
    file_crc_ = crc32c(number, crc32c(database));
  }
  // `bytes` begin with a length and the place of the checksum itself, four bytes each.
  std::uint32_t of(std::uint64_t offset, Bytes bytes) const noexcept {
    return crc32c(bytes.subspan(8), before(offset, get_little<std::uint32_t>(bytes.data())));
  }
  // The checksum up to there, for those who go on with crc32c themselves.
  std::uint32_t before(std::uint64_t offset, std::uint32_t length) const noexcept {
    std::array<std::byte, 12> start;
    put_little(start.data(), offset);
    put_little(start.data() + 8, length);
    return crc32c(start, file_crc_);
  }

 private:
  std::uint32_t file_crc_ = 0;
};

// Records -----------------------------------------------------------------------------------------------------------

struct RecordView {
  std::uint64_t offset = 0;
  std::uint64_t cts = 0;
  std::uint64_t synced = 0;  // offset in the file
  RecordKind kind = RecordKind::commit;
  std::uint32_t crc = 0;
  Bytes payload;

  std::uint64_t end() const noexcept { return offset + align_record(k_record_header_size + payload.size()); }
};

// Appends a record that will stand at `offset`; returns its checksum. `payload` is at most k_max_payload.
inline std::uint32_t append_record(std::vector<std::byte>& out, const PlacedChecksum& checksum, std::uint64_t offset,
                                   RecordKind kind, std::uint64_t cts, std::uint64_t synced, Bytes payload) {
  const std::size_t start = out.size();
  const std::size_t length = k_record_header_size + payload.size();
  out.resize(start + align_record(length));
  std::byte* const at = out.data() + start;
  put_little(at, static_cast<std::uint32_t>(payload.size()));
  put_little(at + 8, cts);
  put_little(at + 16, static_cast<std::uint32_t>(synced / k_record_alignment));
  put_little(at + 20, static_cast<std::uint32_t>(kind));
  std::copy(payload.begin(), payload.end(), at + k_record_header_size);
  const std::uint32_t crc = checksum.of(offset, Bytes(at, length));
  put_little(at + 4, crc);
  return crc;
}

// What a record says of itself in its first bytes.
struct RecordStart {
  std::uint32_t length = 0;  // of the payload
  std::uint32_t crc = 0;
  std::uint64_t cts = 0;
  std::uint64_t synced = 0;
  RecordKind kind = RecordKind::commit;

  std::uint64_t whole() const noexcept { return k_record_header_size + std::uint64_t{length}; }
};

// Not to be believed before the checksum is compared; nothing where it cannot be true, for a record that must end after
// `room` bytes.
inline std::optional<RecordStart> parse_record_start(Bytes bytes, std::uint64_t room) noexcept {
  if (bytes.size() < k_record_header_size || room < k_record_header_size) return std::nullopt;
  const auto kind = get_little<std::uint32_t>(bytes.data() + 20);
  if (kind < static_cast<std::uint32_t>(RecordKind::commit) || kind > static_cast<std::uint32_t>(RecordKind::closed)) {
    return std::nullopt;
  }
  RecordStart start;
  start.length = get_little<std::uint32_t>(bytes.data());
  if (start.length > room - k_record_header_size || start.length > k_max_payload) return std::nullopt;
  start.crc = get_little<std::uint32_t>(bytes.data() + 4);
  start.cts = get_little<std::uint64_t>(bytes.data() + 8);
  start.synced = std::uint64_t{get_little<std::uint32_t>(bytes.data() + 16)} * k_record_alignment;
  start.kind = static_cast<RecordKind>(kind);
  return start;
}

// The record that `rest` begins with, which are the bytes from `offset` of a file on: all of them, or at least as many
// as the record fills. Nothing where there is no intact one.
inline std::optional<RecordView> parse_record_in(Bytes rest, const PlacedChecksum& checksum, std::uint64_t offset) {
  const std::optional<RecordStart> start = parse_record_start(rest, rest.size());
  if (!start || start->crc != checksum.of(offset, rest.first(start->whole()))) return std::nullopt;
  const std::uint64_t padded = std::min<std::uint64_t>(align_record(start->whole()), rest.size());
  for (std::uint64_t at = start->whole(); at < padded; ++at) {
    if (rest[at] != std::byte{0}) return std::nullopt;  // no byte may be damaged unnoticed
  }
  RecordView record;
  record.offset = offset;
  record.cts = start->cts;
  record.synced = start->synced;
  record.kind = start->kind;
  record.crc = start->crc;
  record.payload = rest.subspan(k_record_header_size, start->length);
  return record;
}

// The record at `offset` of a file's content; nothing where there is no intact one.
inline std::optional<RecordView> parse_record(Bytes file, const PlacedChecksum& checksum, std::uint64_t offset) {
  if (offset > file.size()) return std::nullopt;
  return parse_record_in(file.subspan(offset), checksum, offset);
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

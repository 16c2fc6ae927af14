// Records of a segment that is read in pieces. · layer: storage
#pragma once

#include <fluxmap/detail/storage/file_window.hpp>
#include <fluxmap/detail/storage/format.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// A record is held in memory as a whole only after its checksum was found right: a length that is damaged costs time,
// but no memory.
class RecordReader {
 public:
  RecordReader(FileWindow& file, const PlacedChecksum& checksum) : file_(file), checksum_(checksum) {}

  // What there is at `offset` says of itself.
  std::optional<RecordStart> start_at(std::uint64_t offset) {
    const Bytes bytes = file_.bytes(offset, k_record_header_size);
    return parse_record_start(bytes, file_.size() - std::min(file_.size(), offset));
  }
  // The intact record at `offset`, if there is one; its payload is good until the next call.
  std::optional<RecordView> record_at(std::uint64_t offset) {
    const std::optional<RecordStart> start = start_at(offset);
    if (!start) return std::nullopt;
    const std::uint64_t padded = align_record(start->whole());
    if (padded > file_.piece() && !is_intact(offset, *start)) return std::nullopt;
    return parse_record_in(file_.bytes(offset, padded), checksum_, offset);
  }
  // Whether the record with this start is. In pieces.
  bool is_intact(std::uint64_t offset, const RecordStart& start) {
    const std::uint64_t whole = start.whole();
    const auto crc = file_.checksum(offset + 8, whole - 8, checksum_.before(offset, start.length));
    if (!crc || *crc != start.crc) return false;
    if (whole % k_record_alignment == 0) return true;
    const Bytes padding = file_.bytes(offset + whole, align_record(whole) - whole);
    return std::all_of(padding.begin(), padding.end(), [](std::byte byte) { return byte == std::byte{0}; });
  }

 private:
  FileWindow& file_;
  const PlacedChecksum checksum_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

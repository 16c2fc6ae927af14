// Reads one segment of the log, and finds where it ends. · layer: storage
#pragma once

#include <fluxmap/detail/storage/file_window.hpp>
#include <fluxmap/detail/storage/format.hpp>
#include <fluxmap/detail/storage/record_reader.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fluxmap::inline FLUXMAP_ABI::detail {

struct SegmentScan {
  std::uint64_t end = k_file_header_size;  // behind the last intact record
  std::uint64_t records = 0;               // of all kinds
  std::uint64_t commits = 0;
  std::uint64_t last_cts = 0;                 // of the last commit; 0: none
  std::uint64_t synced = k_file_header_size;  // what the records say was on the disk
  std::optional<std::uint64_t> successor;     // sealed: the id of the segment that must follow
  std::uint32_t seal = 0;                     //   and the checksum of the seal
  bool closed = false;                        // the last record says that the database was closed in order
  std::uint64_t tail = 0;                     // bytes behind `end` that are not zeros, up to the last such one
  std::optional<std::uint64_t> intact_after;  // damage: where an intact record stands that proves it
  const char* fault = nullptr;                // damage of another kind, at `end`
};

class SegmentScanner {
 public:
  // `boot` is the running system, `last_boot` what the last `opened` record before this segment says; it is moved on.
  // Calls on_record(const RecordView&) for every intact record in turn; a payload is good during the call. Look at
  // file.error() afterwards.
  template <class OnRecord>
  static SegmentScan scan(FileWindow& file, const SegmentHeader& header, const std::string& boot,
                          std::string& last_boot, OnRecord&& on_record) {
    RecordReader reader(file, PlacedChecksum(header.database, header.id));
    SegmentScan result;
    std::uint64_t previous = header.base;
    while (const std::optional<RecordView> record = reader.record_at(result.end)) {
      result.fault = fault_of(*record, result, previous);
      if (result.fault != nullptr) return result;
      result.closed = record->kind == RecordKind::closed;
      if (record->kind == RecordKind::commit) {
        previous = result.last_cts = record->cts;
        ++result.commits;
      } else if (record->kind == RecordKind::seal) {
        result.successor = get_little<std::uint64_t>(record->payload.data());
        result.seal = record->crc;
      } else if (record->kind == RecordKind::opened) {
        last_boot.assign(reinterpret_cast<const char*>(record->payload.data()), record->payload.size());
      }
      ++result.records;
      result.synced = std::max(result.synced, record->synced);
      on_record(*record);
      result.end = record->end();
    }
    look_at_tail(file, reader, !boot.empty() && boot == last_boot, result);
    return result;
  }

 private:
  static const char* fault_of(const RecordView& record, const SegmentScan& so_far, std::uint64_t previous) {
    if (so_far.successor) return "a record stands behind the segment's seal";
    if (record.synced > record.offset) return "a record claims that what follows it was on the disk before it";
    if (record.kind == RecordKind::commit && record.cts <= previous) return "commit timestamps do not ascend";
    if (record.kind == RecordKind::seal && record.payload.size() != 8) return "the seal has a wrong length";
    return nullptr;
  }

  // What stands behind the records: zeros, a torn tail, or the rest of a damaged log (docs/format.md).
  static void look_at_tail(FileWindow& file, RecordReader& reader, bool same_boot, SegmentScan& result) {
    const std::uint64_t last = file.end_of_data(result.end);
    result.tail = last - result.end;
    if (result.tail == 0) return;
    if (result.successor) {
      result.fault = "bytes stand behind the segment's seal";
      return;
    }
    for (std::uint64_t at = result.end + k_record_alignment; at < last; at += k_record_alignment) {
      const std::optional<RecordStart> start = reader.start_at(at);
      if (!start || start->synced > at) continue;
      if (same_boot || start->synced > result.end) {
        if (!reader.is_intact(at, *start)) continue;
        result.intact_after = at;
        return;
      }
    }
  }
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

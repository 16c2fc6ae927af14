// Whatever the bytes of a segment are, reading it stays inside them, and gives records in a row that are written as
// they were read; the records end in the same place when nothing stands behind them, and however much is read at once.
#include <fluxmap/detail/storage/segment_scan.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bytes_file.hpp"
#include "fix_checksums.hpp"

namespace {

using namespace fluxmap::detail;
using namespace fluxmap_fuzz;

struct Record : RecordView {
  explicit Record(const RecordView& view) : RecordView(view), content(view.payload.begin(), view.payload.end()) {
    payload = content;
  }
  Record(Record&& other) noexcept : RecordView(other), content(std::move(other.content)) { payload = content; }
  Record& operator=(Record&&) = delete;

  Content content;
};
struct Read {
  SegmentScan scan;
  std::vector<Record> records;
};

Read read_all(Bytes bytes, const SegmentHeader& header, const std::string& boot,
              std::size_t piece = FileWindow::k_piece) {
  BytesFile file(bytes);
  FileWindow window(file, piece);
  Read result;
  std::string last_boot;
  result.scan = SegmentScanner::scan(window, header, boot, last_boot,
                                     [&](const RecordView& record) { result.records.emplace_back(record); });
  require(!window.error(), "an error of the file");
  return result;
}

void check_records(const Read& read, Bytes file, const SegmentHeader& header) {
  const PlacedChecksum checksum(header.database, header.id);
  std::uint64_t at = k_file_header_size, cts = header.base, commits = 0;
  bool sealed = false;
  for (const Record& record : read.records) {
    require(record.offset == at, "a record does not follow the one before it");
    require(record.offset + k_record_header_size + record.payload.size() <= file.size(), "a record outside the file");
    require(record.synced <= record.offset, "a record that is synced before it is written");
    require(!sealed, "a record behind the seal");
    sealed = record.kind == RecordKind::seal;
    if (record.kind == RecordKind::commit) {
      require(record.cts > cts, "timestamps do not ascend");
      cts = record.cts;
      ++commits;
    }
    std::vector<std::byte> again;
    append_record(again, checksum, at, record.kind, record.cts, record.synced, record.payload);
    const std::size_t length = k_record_header_size + record.payload.size();
    const Bytes bytes = file.subspan(at, length);
    require(std::equal(bytes.begin(), bytes.end(), again.begin()),
            "a record is written as other bytes than it was read from");
    at = record.end();
  }
  require(at == read.scan.end, "the records end elsewhere");
  require(read.scan.records == read.records.size() && read.scan.commits == commits, "wrong counts");
  require(read.scan.last_cts == (commits == 0 ? 0 : cts), "another last timestamp");
  require(read.scan.successor.has_value() == sealed, "another seal");
}

void check_tail(const Read& read, Bytes file, const SegmentHeader& header, const std::string& boot) {
  const SegmentScan& scan = read.scan;
  if (scan.tail != 0) require(scan.end + scan.tail <= file.size(), "a tail outside the file");
  if (scan.intact_after) {
    require(scan.tail != 0 && *scan.intact_after > scan.end, "a record that follows nothing bad");
    const PlacedChecksum checksum(header.database, header.id);
    require(parse_record(file, checksum, *scan.intact_after).has_value(), "a record that is not intact");
  }
  if (scan.fault != nullptr) return;
  const Read cut = read_all(file.first(std::min<std::size_t>(scan.end, file.size())), header, boot);
  require(cut.scan.fault == nullptr && cut.scan.tail == 0, "what is left without the tail is not good");
  require(cut.scan.end == scan.end && cut.records.size() == read.records.size(), "other records without the tail");
}

void check_same(const Read& read, const Read& other) {
  const SegmentScan &a = read.scan, &b = other.scan;
  require(a.end == b.end && a.records == b.records && a.last_cts == b.last_cts && a.synced == b.synced,
          "other records in smaller pieces");
  require(a.successor == b.successor && a.seal == b.seal && a.closed == b.closed, "another end in smaller pieces");
  require(a.tail == b.tail && a.intact_after == b.intact_after, "another tail in smaller pieces");
  require((a.fault == nullptr) == (b.fault == nullptr), "another fault in smaller pieces");
}

}  // namespace

// The first byte: 1 the checksums are made right; 2 the system is still the one of the `opened` records. Then the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto input = std::as_bytes(std::span(data, size));
  Content file(input.begin() + 1, input.end());
  if ((data[0] & 1) != 0) fix_segment(file);
  const std::string boot = (data[0] & 2) != 0 ? "boot-1" : "";
  SegmentHeader header;
  if (parse(file, header) == nullptr) {
    require(file.size() >= k_file_header_size, "a header outside the file");
  } else {
    header = {};
  }
  const Read result = read_all(file, header, boot);
  check_records(result, file, header);
  check_tail(result, file, header, boot);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{40}}) {
    const Read again = read_all(file, header, boot, piece);
    check_records(again, file, header);
    check_same(result, again);
  }
  return 0;
}

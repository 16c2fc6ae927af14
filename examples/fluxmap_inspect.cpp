// Says what a database's directory holds, what is damaged in it, and what opening it would do. Needs to know neither
// Key nor Value, takes no lock, and only reads: of a database that is in use it may see the last write half done.
//
//   fluxmap-inspect [--records] [--checkpoints] [--bytes=N] DIRECTORY
//
// Exit code: 0 the directory can be opened; 1 it is damaged; 2 it could not be read, or the arguments are wrong.
//
// The verdict is that of the code that opens databases: its first phase, which changes nothing, run with a sink that
// only counts. What it cannot say is whether the bytes of a key or a value decode as the types of a program.
#include <fluxmap/detail/platform/posix_file_system.hpp>
#include <fluxmap/detail/storage/recovery.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace disk = fluxmap::detail;
using boost::system::error_code;
using disk::Bytes;
using disk::RecordKind;

struct Options {
  std::filesystem::path directory;
  bool records = false;
  bool checkpoints = false;
  std::size_t bytes = 32;  // of each payload, at most
};

struct Count final : disk::RecoverySink {
  void entries(Bytes, disk::BlockKind, std::uint32_t count) override { total += count; }
  void commit(std::uint64_t, Bytes) override {}
  std::uint64_t total = 0;
};

std::string hex(Bytes bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}
std::string printable(Bytes bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += std::isprint(static_cast<int>(byte)) != 0 ? static_cast<char>(byte) : '.';
  return text;
}
std::string types_of(const disk::Fingerprint& types) { return fmt::format("{:016x}/{:016x}", types.key, types.value); }

constexpr std::array k_kinds{"?", "commit", "opened", "seal", "closed"};  // by RecordKind

class Inspector {
 public:
  explicit Inspector(Options options) : options_(std::move(options)), boot_(files_.boot_id()) {}

  int run() {
    error_code ec;
    directory_ = files_.open_directory(options_.directory, ec);
    const auto names = ec ? std::vector<std::string>() : directory_->list(ec);
    for (const std::string& name : names) {
      if (const auto cts = disk::checkpoint_cts_of(name)) checkpoints_.insert(*cts);
      if (const auto id = disk::segment_id_of(name)) segments_.insert(*id);
      if (name.ends_with(disk::k_temporary_suffix)) fmt::print("{}: was being made; is ignored\n", name);
    }
    if (ec) {
      fmt::print(stderr, "fluxmap-inspect: {}: {}\n", options_.directory.string(), ec.message());
      return 2;
    }
    learn();
    for (const std::uint64_t cts : checkpoints_) look_at_checkpoint(cts);
    for (const std::uint64_t id : segments_) look_at_segment(id);
    const auto missing = previous_ ? previous_scan_.successor : std::optional(first_segment_);
    if (missing && !(checkpoints_.empty() && segments_.empty())) {
      fault(disk::segment_name(*missing), 0, "the segment is missing");
    }
    fmt::print("{} faults\n", faults_);
    return say_verdict();
  }

 private:
  void fault(const std::string& name, std::uint64_t offset, const std::string& what) {
    ++faults_;
    fmt::print("  FAULT: {} at offset {}: {}\n", name, offset, what);
  }
  std::unique_ptr<disk::File> open(const std::string& name, std::uint64_t& size) {
    error_code ec;
    std::unique_ptr<disk::File> file = directory_->open(name, disk::Directory::Open::read, ec);
    if (!ec) size = file->size(ec);
    if (!ec) return file;
    fault(name, 0, ec.message());
    return nullptr;
  }
  // What could not be read counts as if the file ended there.
  void report_reading(const disk::FileWindow& file, const std::string& name) {
    if (file.error()) fault(name, file.size(), file.error().message());
  }
  // The beginning of so many bytes.
  void show(Bytes payload, std::uint64_t size) const {
    const Bytes shown = payload.first(std::min(payload.size(), options_.bytes));
    for (std::size_t at = 0; at < shown.size(); at += 16) {
      const Bytes line = shown.subspan(at, std::min<std::size_t>(16, shown.size() - at));
      fmt::print("      {:6}  {:32}  {}\n", at, hex(line), printable(line));
    }
    if (shown.size() < size) fmt::print("      and {} bytes more\n", size - shown.size());
  }

  // The types that recovery compares the others with, the database's id, and what the newest checkpoint stands for.
  void learn() {
    const auto header_of = [&](const std::string& name, auto& header) {
      error_code ec;
      disk::FileHeader bytes;
      const auto file = directory_->open(name, disk::Directory::Open::read, ec);
      const std::size_t got = ec ? 0 : file->read_at(0, bytes, ec);
      if (ec || disk::parse(Bytes(bytes).first(got), header) != nullptr) return false;
      types_ = header.types;
      database_ = header.database;
      return true;
    };
    disk::SegmentHeader segment;
    for (auto at = segments_.rbegin(); at != segments_.rend(); ++at) header_of(disk::segment_name(*at), segment);
    disk::CheckpointHeader checkpoint;
    if (!checkpoints_.empty() && header_of(disk::checkpoint_name(*checkpoints_.rbegin()), checkpoint)) {
      first_segment_ = checkpoint.first_segment;
    }
  }

  // Checkpoints -----------------------------------------------------------------------------------------------------

  // By hand and not with CheckpointReader, which ends at the first fault: behind a bad block there may be good ones.
  void look_at_checkpoint(std::uint64_t cts) {
    const std::string name = disk::checkpoint_name(cts);
    const bool superseded = cts != *checkpoints_.rbegin();
    std::uint64_t size = 0;
    const auto file = open(name, size);
    fmt::print("{}: {} bytes{}\n", name, size, superseded ? ", superseded" : "");
    if (file == nullptr) return;
    disk::FileWindow window(*file);
    look_at_blocks(window, name, cts);
    report_reading(window, name);
  }
  void look_at_blocks(disk::FileWindow& file, const std::string& name, std::uint64_t cts) {
    disk::CheckpointHeader header;
    const char* const wrong = disk::parse(file.bytes(0, disk::k_file_header_size), header);
    if (wrong != nullptr) return fault(name, 0, wrong);
    fmt::print("  timestamp {}, needs the log from segment {} on, types {}, database {}\n", header.cts,
               header.first_segment, types_of(header.types), hex(header.database));
    if (header.cts != cts) fault(name, 32, "the file is another checkpoint");

    const disk::PlacedChecksum checksum(header.database, header.cts);
    std::uint64_t offset = disk::k_file_header_size, blocks = 0, entries = 0;
    for (;;) {
      const Bytes start = file.bytes(offset, disk::k_block_header_size);
      if (start.size() < disk::k_block_header_size) return fault(name, offset, "the file is cut short");
      const auto length = disk::get_little<std::uint32_t>(start.data());
      const auto crc = disk::get_little<std::uint32_t>(start.data() + 4);
      const auto count = disk::get_little<std::uint32_t>(start.data() + 8);
      const std::uint64_t whole = length == 0 ? disk::k_footer_size : disk::k_block_header_size + std::uint64_t{length};
      if (whole > file.size() - offset) return fault(name, offset, "a block or footer is longer than the file");
      const auto found = file.checksum(offset + 8, whole - 8, checksum.before(offset, length));
      if (!found) return fault(name, offset, "a block or footer cannot be read");
      const bool intact = *found == crc;
      if (length == 0) {
        fmt::print("  {} blocks, {} entries; they end at offset {}\n", blocks, entries, offset);
        const Bytes bytes = file.bytes(offset, whole);
        if (bytes.size() < whole) return fault(name, offset, "a block or footer cannot be read");
        const std::string_view magic(reinterpret_cast<const char*>(bytes.data()) + 24, disk::k_footer_magic.size());
        const bool good = intact && magic == disk::k_footer_magic;
        const bool agrees = disk::get_little<std::uint64_t>(bytes.data() + 8) == entries;
        if (!good || !agrees) fault(name, offset, good ? "the footer counts other entries" : "a bad footer");
        if (offset + whole != file.size()) fault(name, offset + whole, "bytes stand behind the footer");
        return;
      }
      if (options_.checkpoints) {
        fmt::print("    {:8}  block, {} entries, {} bytes\n", offset, count, length);
        show(file.bytes(offset + disk::k_block_header_size, std::min<std::uint64_t>(length, options_.bytes)), length);
      }
      if (!intact) fault(name, offset, "a block's checksum is wrong");
      ++blocks;
      entries += count;
      offset += whole;
    }
  }

  // Segments --------------------------------------------------------------------------------------------------------

  void look_at_segment(std::uint64_t id) {
    const std::string name = disk::segment_name(id);
    const bool superseded = id < first_segment_;
    std::uint64_t size = 0;
    const auto file = open(name, size);
    fmt::print("{}: segment {}, {} bytes{}\n", name, id, size, superseded ? ", superseded" : "");
    if (file == nullptr) {
      disk::SegmentHeader unknown;
      unknown.id = id;
      if (!superseded) keep_as_previous(unknown, {});
      return;
    }
    disk::FileWindow window(*file);
    look_at_records(window, name, id, superseded);
    report_reading(window, name);
  }
  void look_at_records(disk::FileWindow& content, const std::string& name, std::uint64_t id, bool superseded) {
    disk::SegmentHeader header;
    const char* const wrong = disk::parse(content.bytes(0, disk::k_file_header_size), header);
    if (wrong != nullptr) {
      fault(name, 0, wrong);
      header.database = database_;  // so that its records, if they are intact, can be seen
      header.id = id;
    }
    fmt::print("  base {}, chain {:08x}, types {}, database {}\n", header.base, header.chain, types_of(header.types),
               hex(header.database));
    if (header.id != id) fault(name, 32, "the file is another segment");
    if (id == first_segment_) last_boot_.clear();
    const bool is_used = content.end_of_data(disk::k_file_header_size) > disk::k_file_header_size;
    if (!superseded) compare_with_previous(name, header, wrong == nullptr, is_used);

    std::uint64_t first_cts = 0;
    const disk::SegmentScan scan =
        disk::SegmentScanner::scan(content, header, boot_, last_boot_, [&](const disk::RecordView& record) {
          if (record.kind == RecordKind::commit && first_cts == 0) first_cts = record.cts;
          show_record(record);
        });
    std::string commits = fmt::format("{} commits", scan.commits);
    if (scan.commits != 0) commits += fmt::format(" (timestamps {} to {})", first_cts, scan.last_cts);
    std::string end = scan.successor ? fmt::format("sealed; segment {} follows", *scan.successor)
                      : scan.closed  ? "closed in order"
                                     : "neither sealed nor closed";
    if (!is_used) end = "not used yet";
    fmt::print("  {} records, {}, end at offset {}; synced up to {} at the least; {}\n", scan.records, commits,
               scan.end, scan.synced, end);
    if (scan.fault != nullptr) fault(name, scan.end, scan.fault);
    if (scan.intact_after) {
      fault(name, scan.end, fmt::format("a bad record, but the one at offset {} proves it whole", *scan.intact_after));
    }
    if (scan.tail != 0) look_behind(content, header, scan);
    if (!superseded) keep_as_previous(header, scan);
  }
  void keep_as_previous(const disk::SegmentHeader& header, const disk::SegmentScan& scan) {
    previous_ = header;
    previous_scan_ = scan;
  }

  void show_record(const disk::RecordView& record) const {
    if (!options_.records) return;
    fmt::print("    {:8}  {}, timestamp {}, {} bytes, synced {}\n", record.offset,
               k_kinds.at(static_cast<std::size_t>(record.kind)), record.cts, record.payload.size(), record.synced);
    if (record.kind == RecordKind::opened) {
      fmt::print("      by system '{}'\n", printable(record.payload));
    } else if (record.kind == RecordKind::seal && record.payload.size() == 8) {
      fmt::print("      before segment {}\n", disk::get_little<std::uint64_t>(record.payload.data()));
    } else {
      show(record.payload, record.payload.size());
    }
  }

  // What stands behind the end of the records, and may be wanted by somebody who has nothing else.
  void look_behind(disk::FileWindow& content, const disk::SegmentHeader& header, const disk::SegmentScan& scan) const {
    disk::RecordReader reader(content, disk::PlacedChecksum(header.database, header.id));
    std::uint64_t intact = 0;
    const auto end = std::min(content.size(), scan.end + scan.tail);
    for (std::uint64_t at = scan.end; at < end;) {
      const auto record = reader.record_at(at);
      if (record) show_record(*record);
      intact += record ? 1 : 0;
      at = record ? record->end() : at + disk::k_record_alignment;
    }
    fmt::print("  {} bytes stand behind that, with {} intact records among them\n", scan.tail, intact);
  }

  void compare_with_previous(const std::string& name, const disk::SegmentHeader& header, bool good, bool is_used) {
    const std::uint64_t expected = previous_ ? previous_->id + 1 : first_segment_;
    if (name != disk::segment_name(expected)) fault(disk::segment_name(expected), 0, "the segment is missing");
    if (good && header.database != database_) fault(name, 16, "the segment belongs to another database");
    if (good && header.types != types_) fault(name, 56, "the segment was written with other types");
    if (!previous_ || name != disk::segment_name(expected)) return;
    const disk::SegmentScan& before = previous_scan_;
    const std::string before_name = disk::segment_name(previous_->id);
    if (!before.successor && is_used) fault(before_name, before.end, "records are missing");
    if (!before.successor || !good) return;
    if (*before.successor != header.id) fault(before_name, before.end, "the seal names another segment");
    if (before.seal != header.chain) fault(name, 48, "the segment does not continue its predecessor");
    if (header.base < std::max(previous_->base, before.last_cts)) fault(name, 40, "the timestamps go back");
  }

  int say_verdict() {
    disk::SegmentWriter::Place place;
    place.directory = directory_.get();
    place.boot = boot_;
    place.types = types_;
    Count sink;
    disk::Recovery recovery(place, sink, {});
    try {
      recovery.read();
    } catch (const boost::system::system_error& error) {
      fmt::print("It cannot be opened: {}\n", error.what());
      return error.code().category() == fluxmap::error_category() ? 1 : 2;
    }
    if (checkpoints_.empty() && segments_.empty()) {
      fmt::print("No database is here; opening the directory makes an empty one.\n");
      return 0;
    }
    const disk::Recovered& result = recovery.result();
    fmt::print("It can be opened, by a program with the same types: ");
    if (!checkpoints_.empty()) {
      fmt::print("{} with {} entries, then ", disk::checkpoint_name(*checkpoints_.rbegin()), sink.total);
    }
    fmt::print("{} commits of the log from {} on. The last timestamp is {}. {} bytes of a torn tail are cut off.\n",
               result.commits, disk::segment_name(first_segment_), result.last_cts, result.truncated_bytes);
    return 0;
  }

  const Options options_;
  disk::PosixFileSystem files_;
  std::unique_ptr<disk::Directory> directory_;  // whatever its name comes to mean meanwhile
  const std::string boot_;
  std::string last_boot_;
  std::set<std::uint64_t> checkpoints_, segments_;
  disk::Fingerprint types_;
  disk::DatabaseId database_{};
  std::uint64_t first_segment_ = 1;
  std::optional<disk::SegmentHeader> previous_;  // of the segments that are needed
  disk::SegmentScan previous_scan_;
  std::uint64_t faults_ = 0;
};

std::optional<Options> parse_arguments(int argc, char* argv[]) {
  Options options;
  for (const std::string_view argument : std::vector<std::string_view>(argv + 1, argv + argc)) {
    if (argument == "--records") {
      options.records = true;
    } else if (argument == "--checkpoints") {
      options.checkpoints = true;
    } else if (argument.starts_with("--bytes=")) {
      options.bytes = std::stoul(std::string(argument.substr(8)));
    } else if (argument.starts_with("-") || !options.directory.empty()) {
      return std::nullopt;
    } else {
      options.directory = argument;
    }
  }
  return options.directory.empty() ? std::nullopt : std::optional(options);
}

}  // namespace

int main(int argc, char* argv[]) {
  try {
    const auto options = parse_arguments(argc, argv);
    if (options) return Inspector(*options).run();
    fmt::print(stderr, "usage: fluxmap-inspect [--records] [--checkpoints] [--bytes=N] DIRECTORY\n");
  } catch (const std::exception& error) {
    fmt::print(stderr, "fluxmap-inspect: {}\n", error.what());
  }
  return 2;
}

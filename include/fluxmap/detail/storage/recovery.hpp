// Recovery: what a directory holds, brought back; and the directory made ready to go on. · layer: storage
//
// Two phases. The first only reads: the newest checkpoint, then the segments from the one it names, in order, each
// checked against its predecessor. Whatever is wrong ends it with the file and the offset, and nothing has changed. The
// second cuts a torn tail off, makes sure that what was read is on the disk (it may have been in the page cache only,
// or a sync of it may have failed), and removes what is not needed any more.
//
// Files are read in pieces: what is held in memory of them is a piece, or one record or block that is larger.
#pragma once

#include <fluxmap/detail/index/version.hpp>
#include <fluxmap/detail/storage/checkpoint_file.hpp>
#include <fluxmap/detail/storage/file_window.hpp>
#include <fluxmap/detail/storage/segment_scan.hpp>
#include <fluxmap/detail/storage/segment_writer.hpp>
#include <fluxmap/error.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// What is done with what is read. Both may throw; boost::system::system_error of errc::decode_failed is given the
// place.
class RecoverySink {
 public:
  RecoverySink() = default;
  RecoverySink(const RecoverySink&) = delete;
  RecoverySink& operator=(const RecoverySink&) = delete;
  virtual ~RecoverySink() = default;
  virtual void entries(Bytes payload, BlockKind kind, std::uint32_t count) = 0;  // of a checkpoint, ascending
  virtual void commit(std::uint64_t cts, Bytes payload) = 0;  // ascending, after the checkpoint's entries
};

struct Recovered {
  std::uint64_t last_cts = 0;               // of what was recovered
  std::uint64_t commits = 0;                // replayed from the log
  std::uint64_t truncated_bytes = 0;        // of a torn tail
  std::uint64_t log_bytes = 0;              // in the log's records, from the segment the checkpoint names
  std::optional<std::uint64_t> checkpoint;  // the timestamp of the one that was read
};

[[noreturn]] inline void throw_system(const boost::system::error_code& ec, const std::string& what) {
  throw boost::system::system_error(ec, "fluxmap: " + what);
}
[[noreturn]] inline void throw_corrupt(const std::string& file, std::uint64_t offset, const std::string& what) {
  throw boost::system::system_error(make_error_code(errc::log_corrupt),
                                    "fluxmap: " + file + " at offset " + std::to_string(offset) + ": " + what);
}

class Recovery {
 public:
  using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;  // bytes

  Recovery(const SegmentWriter::Place& place, RecoverySink& sink, Progress progress)
      : place_(place), directory_(*place.directory), sink_(sink), progress_(std::move(progress)) {}

  // Phase one. The directory must be there, and locked.
  void read() {
    boost::system::error_code ec;
    std::vector<std::string> names = directory_.list(ec);
    if (ec) throw_system(ec, directory_.path());
    std::vector<std::uint64_t> checkpoints;
    for (const std::string& name : names) {
      if (const auto id = segment_id_of(name)) segments_.push_back(*id);
      if (const auto cts = checkpoint_cts_of(name)) checkpoints.push_back(*cts);
      const std::string_view stem =
          std::string_view(name).substr(0, name.size() - std::min<std::size_t>(4, name.size()));
      if (name.ends_with(k_temporary_suffix) && (segment_id_of(stem) || checkpoint_cts_of(stem))) {
        superfluous_.push_back(name);
      }
    }
    std::sort(segments_.begin(), segments_.end());
    std::sort(checkpoints.begin(), checkpoints.end());
    measure(checkpoints);
    if (!checkpoints.empty()) {
      read_checkpoint(checkpoints.back());
      checkpoints.pop_back();
      for (const std::uint64_t cts : checkpoints) superfluous_.push_back(checkpoint_name(cts));
    }
    const auto needed = std::lower_bound(segments_.begin(), segments_.end(), first_segment_);
    for (auto at = segments_.begin(); at != needed; ++at) superfluous_.push_back(segment_name(*at));
    segments_.erase(segments_.begin(), needed);
    if (segments_.empty()) {
      if (checkpoint_) throw_corrupt(path_of(first_segment_), 0, "the segment is missing; the checkpoint needs it");
      return;  // a directory that no database has ever been in
    }
    for (std::size_t i = 0; i < segments_.size(); ++i) read_segment(i);
    if (progress_) progress_(total_bytes_, total_bytes_);
  }

  // Phase two: a writer that goes on where the log ends.
  SegmentWriter open() {
    boost::system::error_code ec;
    if (segments_.empty()) {
      SegmentWriter writer(with_new_id());
      writer.create(1, 0, 0, ec);
      if (ec) throw_system(ec, path_of(1));
      announce(writer);
      return writer;
    }
    // First: a checkpoint that was found may have its name in memory only, and what it stands for is about to go.
    sync_directory();
    for (const std::string& name : superfluous_) {
      directory_.remove(name, ec);
      if (ec) throw_system(ec, directory_.path_of(name));
    }
    if (!superfluous_.empty()) sync_directory();
    // A segment with records was begun after the one before it was synced. One without says nothing of the sort.
    if (last_.records == 0 && before_last_) {
      make_durable(*open_segment(last_id_ - 1), path_of(last_id_ - 1), *before_last_);
    }
    std::unique_ptr<File> file = open_segment(last_id_);
    clear_behind(*file, path_of(last_id_));
    make_durable(*file, path_of(last_id_), last_);
    SegmentWriter writer(place_);
    // The record that says that the database was closed may be all that is not on the disk: that can wait for the next
    // sync.
    writer.adopt(std::move(file), last_id_, last_.end, is_in_order(last_) ? last_.synced : last_.end);
    announce(writer);
    return writer;
  }

  const Recovered& result() const noexcept { return result_; }
  // No database has been here: open() will make one.
  bool is_new() const noexcept { return segments_.empty(); }

 private:
  std::string path_of(std::uint64_t id) const { return directory_.path_of(segment_name(id)); }  // for messages

  void measure(const std::vector<std::uint64_t>& checkpoints) {
    if (!progress_) return;
    boost::system::error_code ec;  // only for the report: whoever reads the file says what is wrong with it
    const auto add = [&](const std::string& name) {
      const std::unique_ptr<File> file = directory_.open(name, Directory::Open::read, ec);
      if (!ec) total_bytes_ += file->size(ec);
    };
    if (!checkpoints.empty()) add(checkpoint_name(checkpoints.back()));
    for (const std::uint64_t id : segments_) add(segment_name(id));
  }
  void step(std::uint64_t bytes) {
    done_bytes_ += bytes;
    if (progress_) progress_(std::min(done_bytes_, total_bytes_), total_bytes_);
  }

  // Calls `work`, and gives what it throws the place where it happened.
  template <class Work>
  static void at_place(const std::string& file, std::uint64_t offset, Work&& work) {
    const auto place = [&](const char* what) {
      return "fluxmap: " + file + " at offset " + std::to_string(offset) + ": " + what;
    };
    try {
      work();
    } catch (const boost::system::system_error& error) {
      throw boost::system::system_error(error.code(), place(error.what()));
    } catch (const std::bad_alloc&) {
      throw boost::system::system_error(boost::system::errc::make_error_code(boost::system::errc::not_enough_memory),
                                        place("no memory"));
    } catch (const std::exception& error) {  // of a user's codec or comparator
      throw boost::system::system_error(make_error_code(errc::decode_failed), place(error.what()));
    }
  }

  void check_types(const Fingerprint& types, const std::string& path) const {
    if (types == place_.types) return;
    throw boost::system::system_error(make_error_code(errc::decode_failed),
                                      "fluxmap: " + path + " at offset 56: the file was written with " +
                                          (types.key == place_.types.key ? "another Value type" : "another Key type"));
  }

  void read_checkpoint(std::uint64_t cts) {
    const std::string path = directory_.path_of(checkpoint_name(cts));
    boost::system::error_code ec;
    const std::unique_ptr<File> file = directory_.open(checkpoint_name(cts), Directory::Open::read, ec);
    if (ec) throw_system(ec, path);
    CheckpointReader reader(*file);
    const auto check = [&](const char* fault) {
      if (ec) throw_system(ec, path);
      if (fault != nullptr) throw_corrupt(path, reader.offset(), fault);
    };
    check(reader.open(ec));
    if (reader.header().cts != cts) throw_corrupt(path, 32, "the file is another checkpoint");
    if (cts > Stamp::k_max_cts) throw_corrupt(path, 32, "the timestamp is impossible");
    check_types(reader.header().types, path);
    place_.database = reader.header().database;
    first_segment_ = reader.header().first_segment;
    checkpoint_ = result_.checkpoint = cts;
    result_.last_cts = cts;
    CheckpointReader::Block block;
    for (bool done = false;;) {
      check(reader.next(block, done, ec));
      if (done) break;
      at_place(path, block.offset, [&] { sink_.entries(block.payload, block.kind, block.entries); });
      step(block.payload.size() + k_block_header_size);
    }
  }

  void read_segment(std::size_t index) {
    const std::uint64_t id = segments_[index];
    const bool is_last = index + 1 == segments_.size();
    const std::string path = path_of(id);
    const std::uint64_t expected = index == 0 ? first_segment_ : segments_[index - 1] + 1;
    if (id != expected) throw_corrupt(path_of(expected), 0, "the segment is missing, and no checkpoint stands for it");
    boost::system::error_code ec;
    const std::unique_ptr<File> file = directory_.open(segment_name(id), Directory::Open::read, ec);
    if (ec) throw_system(ec, path);
    FileWindow content(*file);
    const auto check_read = [&] {
      if (content.error()) throw_system(content.error(), path);
    };
    SegmentHeader header;
    const char* const fault = parse(content.bytes(0, k_file_header_size), header);
    check_read();
    if (fault != nullptr) throw_corrupt(path, 0, fault);
    if (header.id != id) throw_corrupt(path, 32, "the file is another segment");
    check_types(header.types, path);
    if (index == 0 && !checkpoint_) place_.database = header.database;
    if (header.database != place_.database) throw_corrupt(path, 16, "the segment belongs to another database");
    if (index > 0 && !last_.successor) {
      // The predecessor has no seal. It may be the last one, if this one was only just made.
      const bool unused = is_last && is_unused(content);
      check_read();
      if (!unused) throw_corrupt(path_of(last_id_), last_.end, "records are missing");
      superfluous_.push_back(segment_name(id));
      segments_.pop_back();
      accept_tail();
      return;
    }
    if (index > 0 && *last_.successor != id)
      throw_corrupt(path_of(last_id_), last_.end, "the seal names another segment");
    if (index > 0 && header.chain != last_.seal)
      throw_corrupt(path, 48, "the segment does not continue its predecessor");
    if (index > 0 && header.base < last_base_) throw_corrupt(path, 40, "the timestamps go back");
    if (header.base > Stamp::k_max_cts) throw_corrupt(path, 40, "the timestamp is impossible");

    if (index > 0) before_last_ = last_;
    last_id_ = id;
    std::uint64_t told = 0;
    const std::uint64_t size = content.size();
    last_ = SegmentScanner::scan(content, header, place_.boot, last_boot_, [&](const RecordView& record) {
      if (record.offset - told >= FileWindow::k_piece) step(record.offset - std::exchange(told, record.offset));
      if (record.cts > Stamp::k_max_cts) throw_corrupt(path, record.offset, "the timestamp is impossible");
      if (record.kind != RecordKind::commit || record.cts <= checkpoint_.value_or(0)) return;
      at_place(path, record.offset, [&] { sink_.commit(record.cts, record.payload); });
      ++result_.commits;
      result_.last_cts = record.cts;
    });
    check_read();
    last_base_ = std::max(header.base, last_.last_cts);
    result_.last_cts = std::max(result_.last_cts, last_base_);
    result_.log_bytes += last_.end;
    if (last_.fault != nullptr) throw_corrupt(path, last_.end, last_.fault);
    if (last_.intact_after) {
      throw_corrupt(path, last_.end,
                    "a bad record, but an intact one follows at offset " + std::to_string(*last_.intact_after));
    }
    if (is_last) {
      if (last_.successor) throw_corrupt(path_of(*last_.successor), 0, "the segment is missing");
      accept_tail();
    }
    step(size - told);
  }

  void accept_tail() noexcept { result_.truncated_bytes = last_.tail; }

  static bool is_unused(FileWindow& content) {
    const Bytes first = content.bytes(k_file_header_size, 512);  // read, whatever the file system says of them
    return std::all_of(first.begin(), first.end(), [](std::byte byte) { return byte == std::byte{0}; }) &&
           content.end_of_data(k_file_header_size) == k_file_header_size;
  }

  SegmentWriter::Place with_new_id() const {
    SegmentWriter::Place place = place_;
    if (::getentropy(place.database.data(), place.database.size()) != 0) {
      throw_system(boost::system::error_code(errno, boost::system::system_category()), directory_.path());
    }
    return place;
  }

  void sync_directory() {
    boost::system::error_code ec;
    directory_.sync(ec);
    if (ec) throw_system(ec, directory_.path());
  }

  std::unique_ptr<File> open_segment(std::uint64_t id) {
    boost::system::error_code ec;
    std::unique_ptr<File> file = directory_.open(segment_name(id), Directory::Open::existing, ec);
    if (ec) throw_system(ec, path_of(id));
    return file;
  }

  // Leaves nothing but zeros behind the end, and room for a segment. Unless the database was closed in order that is
  // done even where there are zeros: a tail that was cut off earlier may still be on the disk, if the sync of that
  // failed and was forgotten, and would stand behind new records as if it belonged there. What is cut off and set aside
  // anew is not written, however large the segment is.
  void clear_behind(File& file, const std::string& path) {
    boost::system::error_code ec;
    if (!is_in_order(last_)) file.resize(last_.end, ec);
    if (ec) throw_system(ec, path);
    const std::uint64_t size = file.size(ec);
    if (ec) throw_system(ec, path);
    const std::uint64_t wanted = std::max(place_.segment_bytes, last_.end);
    if (size < wanted) set_aside(file, wanted, ec);
    if (ec) throw_system(ec, path);
  }

  // Closed: all commits were synced before the record that says so was written.
  static bool is_in_order(const SegmentScan& scan) noexcept { return scan.closed && scan.tail == 0; }

  // Writes anew what may be in the page cache only, or was given up by a failed sync, and syncs it.
  static void make_durable(File& file, const std::string& path, const SegmentScan& scan) {
    boost::system::error_code ec;
    std::vector<std::byte> piece;
    for (std::uint64_t at = std::min(scan.synced, scan.end); at < scan.end; at += piece.size()) {
      piece.resize(std::min<std::uint64_t>(scan.end - at, FileWindow::k_piece));
      const std::size_t got = file.read_at(at, piece, ec);
      if (ec) throw_system(ec, path);
      if (got != piece.size()) throw_corrupt(path, at + got, "the file has become shorter");
      write_fully(file, at, piece, ec);
      if (ec) throw_system(ec, path);
    }
    if (!is_in_order(scan)) file.sync(ec);
    if (ec) throw_system(ec, path);
  }

  void announce(SegmentWriter& writer) const {
    boost::system::error_code ec;
    writer.announce(result_.last_cts);
    writer.write(ec);
    if (ec) throw_system(ec, writer.path());
  }

  SegmentWriter::Place place_;
  Directory& directory_;
  RecoverySink& sink_;
  const Progress progress_;
  std::string last_boot_;
  std::vector<std::uint64_t> segments_;
  std::vector<std::string> superfluous_;
  std::optional<std::uint64_t> checkpoint_;
  std::uint64_t first_segment_ = 1;
  std::uint64_t last_id_ = 0;
  std::uint64_t last_base_ = 0;
  SegmentScan last_;
  std::optional<SegmentScan> before_last_;  // of the segment last_id_ - 1
  Recovered result_;
  std::uint64_t done_bytes_ = 0;
  std::uint64_t total_bytes_ = 0;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

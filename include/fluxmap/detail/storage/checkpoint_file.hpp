// Writes and reads checkpoint files: sorted entries in checked blocks (docs/format.md). · layer: storage
#pragma once

#include <fluxmap/detail/storage/file_window.hpp>
#include <fluxmap/detail/storage/format.hpp>
#include <fluxmap/detail/storage/segment_writer.hpp>

#include <boost/system/error_code.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Writes one checkpoint under a temporary name. finish() makes it count; without it nothing has happened.
class CheckpointWriter {
 public:
  using error_code = boost::system::error_code;
  using Place = SegmentWriter::Place;

  // `replaces`: the log rests on one of this timestamp already.
  CheckpointWriter(const Place& place, std::uint64_t cts, std::uint64_t first_segment, bool replaces)
      : place_(place),
        name_(checkpoint_name(cts)),
        checksum_(place.database, cts),
        cts_(cts),
        first_segment_(first_segment),
        replaces_(replaces) {}
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;
  ~CheckpointWriter() {
    if (finished_ || file_ == nullptr) return;
    file_.reset();
    error_code ignored;  // the next opening removes what is left
    place_.directory->remove(temporary_of(name_), ignored);
  }

  std::string path() const { return place_.directory->path_of(name_); }  // for messages

  void begin(error_code& ec) {
    file_ = place_.directory->open(temporary_of(name_), Directory::Open::create, ec);
    if (ec) return;
    const FileHeader header = to_bytes(CheckpointHeader{place_.database, cts_, first_segment_, place_.types});
    write_fully(*file_, 0, header, ec);
    offset_ = header.size();
  }

  // `payload`: `entries` (> 0) keys and values, with their deadlines if it is of that kind.
  void add_block(Bytes payload, BlockKind kind, std::uint32_t entries, error_code& ec) {
    block_.resize(k_block_header_size + payload.size());
    put_little(block_.data(), static_cast<std::uint32_t>(payload.size()));
    put_little(block_.data() + 8, entries);
    put_little(block_.data() + 12, static_cast<std::uint32_t>(kind));
    std::copy(payload.begin(), payload.end(), block_.begin() + k_block_header_size);
    write_checked(ec);
    entries_ += entries;
  }

  // The checkpoint is complete and durable, name and all, when this returns without an error.
  void finish(error_code& ec) {
    block_.assign(k_footer_size, std::byte{0});
    put_little(block_.data() + 8, entries_);
    put_little(block_.data() + 16, offset_ + k_footer_size);
    std::memcpy(block_.data() + 24, k_footer_magic.data(), k_footer_magic.size());
    write_checked(ec);
    if (ec) return;
    file_->sync(ec);
    if (ec) return;
    place_.directory->rename(temporary_of(name_), name_, ec);
    if (ec) return;
    finished_ = true;
    place_.directory->sync(ec);
    if (!ec || replaces_) return;
    error_code ignored;  // nothing rests on it yet: without it there is one less for each time that this fails
    place_.directory->remove(name_, ignored);
  }

 private:
  void write_checked(error_code& ec) {
    put_little(block_.data() + 4, checksum_.of(offset_, block_));
    write_fully(*file_, offset_, block_, ec);
    offset_ += block_.size();
  }

  const Place& place_;
  const std::string name_;
  const PlacedChecksum checksum_;
  const std::uint64_t cts_;
  const std::uint64_t first_segment_;
  const bool replaces_;
  std::unique_ptr<File> file_;
  std::uint64_t offset_ = 0;
  std::uint64_t entries_ = 0;
  std::vector<std::byte> block_;
  bool finished_ = false;
};

// Reads one checkpoint, block by block. A block is held in memory as a whole only after its checksum was found right.
class CheckpointReader {
 public:
  using error_code = boost::system::error_code;

  struct Block {
    std::uint64_t offset = 0;  // of its payload in the file
    std::uint32_t entries = 0;
    BlockKind kind = BlockKind::plain;
    Bytes payload;  // good until the next call
  };

  explicit CheckpointReader(File& file, std::size_t piece = FileWindow::k_piece) : window_(file, piece) {}

  const CheckpointHeader& header() const noexcept { return header_; }
  std::uint64_t offset() const noexcept { return offset_; }  // of what is read next; where a fault is

  // Both: null for success, else what is wrong at offset(); `ec` is set where the reading itself failed.
  const char* open(error_code& ec) {
    const char* const fault = parse(window_.bytes(0, k_file_header_size), header_);
    if (read_failed(ec)) return "the header cannot be read";
    if (fault != nullptr) return fault;
    checksum_ = PlacedChecksum(header_.database, header_.cts);
    offset_ = k_file_header_size;
    return nullptr;
  }
  // `done` instead of a block: that was the last one, and the footer agrees.
  const char* next(Block& block, bool& done, error_code& ec) {
    done = false;
    const Bytes start = window_.bytes(offset_, k_block_header_size);
    if (read_failed(ec)) return "the file cannot be read";
    if (start.size() < k_block_header_size) return "the file is cut short";
    const std::uint32_t length = get_little<std::uint32_t>(start.data());
    if (length == 0) {
      done = true;
      return read_footer(ec);
    }
    const std::uint64_t whole = k_block_header_size + std::uint64_t{length};
    if (whole > window_.size() - offset_) return "a block is longer than the file";
    const std::uint32_t crc = get_little<std::uint32_t>(start.data() + 4);
    const bool is_large = whole > window_.piece();
    const bool is_worth_holding =
        !is_large || window_.checksum(offset_ + 8, whole - 8, checksum_.before(offset_, length)) == crc;
    const Bytes bytes = is_worth_holding ? window_.bytes(offset_, whole) : Bytes();
    if (read_failed(ec)) return "the file cannot be read";
    if (bytes.size() < whole || checksum_.of(offset_, bytes) != crc) return "a block's checksum is wrong";
    block.entries = get_little<std::uint32_t>(bytes.data() + 8);
    block.kind = static_cast<BlockKind>(get_little<std::uint32_t>(bytes.data() + 12));
    if (block.kind != BlockKind::plain && block.kind != BlockKind::expiring) return "a block is of an unknown kind";
    block.offset = offset_ + k_block_header_size;
    block.payload = bytes.subspan(k_block_header_size);
    entries_ += block.entries;
    offset_ += whole;
    return nullptr;
  }

 private:
  bool read_failed(error_code& ec) const noexcept {
    ec = window_.error();
    return ec.failed();
  }
  const char* read_footer(error_code& ec) {
    const Bytes bytes = window_.bytes(offset_, k_footer_size);
    if (read_failed(ec)) return "the file cannot be read";
    if (bytes.size() < k_footer_size) return "the file is cut short";
    if (get_little<std::uint32_t>(bytes.data() + 4) != checksum_.of(offset_, bytes) ||
        std::memcmp(bytes.data() + 24, k_footer_magic.data(), k_footer_magic.size()) != 0) {
      return "the footer's checksum is wrong";
    }
    if (get_little<std::uint64_t>(bytes.data() + 8) != entries_) return "the footer counts other entries";
    const std::uint64_t size = window_.size();
    if (get_little<std::uint64_t>(bytes.data() + 16) != size || offset_ + k_footer_size != size) {
      return "bytes stand behind the footer";
    }
    return nullptr;
  }

  FileWindow window_;
  CheckpointHeader header_;
  PlacedChecksum checksum_;
  std::uint64_t offset_ = 0;
  std::uint64_t entries_ = 0;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// Writes the log's segments: batches of records, syncs, rotation. · layer: storage
//
// Not thread-safe, except that sync_file() and prepare() may run beside everything but rotate(), grow() and each other.
#pragma once

#include <fluxmap/detail/storage/format.hpp>

#include <boost/system/error_code.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Writes all of `bytes`, however short the single writes are.
inline void write_fully(File& file, std::uint64_t offset, Bytes bytes, boost::system::error_code& ec) {
  while (!bytes.empty()) {
    const std::size_t written = file.write_at(offset, bytes, ec);
    if (ec) return;
    if (written == 0) {  // a file system that accepts nothing and does not say why
      ec = boost::system::errc::make_error_code(boost::system::errc::io_error);
      return;
    }
    offset += written;
    bytes = bytes.subspan(written);
  }
  ec.clear();
}

// Extends the file with zeros to `size`, whose space is set aside on the disk: they are written where the file system
// has no other way.
inline void set_aside(File& file, std::uint64_t size, boost::system::error_code& ec) {
  file.allocate(size, ec);
  if (!is_refusal(ec)) return;
  constexpr std::uint64_t k_piece = std::uint64_t{1} << 20;
  std::uint64_t at = file.size(ec);
  const std::vector<std::byte> zeros(at < size ? std::min(k_piece, size - at) : 0);
  for (; !ec && at < size; at += zeros.size()) {
    write_fully(file, at, Bytes(zeros).first(std::min<std::uint64_t>(zeros.size(), size - at)), ec);
  }
}

// Where a file that is being made stands until it is complete.
inline std::string temporary_of(const std::string& name) { return name + std::string(k_temporary_suffix); }

class SegmentWriter {
 public:
  using error_code = boost::system::error_code;

  struct Place {
    Directory* directory = nullptr;
    DatabaseId database{};
    Fingerprint types;
    std::uint64_t segment_bytes = 0;
    std::string boot;  // the running system, as FileSystem::boot_id names it
  };

  explicit SegmentWriter(Place place) : place_(std::move(place)) {}

  const Place& place() const noexcept { return place_; }
  std::uint64_t id() const noexcept { return id_; }
  std::uint64_t offset() const noexcept { return offset_; }              // where the next batch goes
  std::uint64_t synced() const noexcept { return synced_; }              // what lies before is on the disk
  std::string path() const { return place_.directory->path_of(name_); }  // of the current segment; for messages

  // Makes a segment and goes on in it. It is durable, name and all, when this returns without an error.
  void create(std::uint64_t id, std::uint64_t base, std::uint32_t chain, error_code& ec) {
    std::unique_ptr<File> file = make_segment(id, base, chain, ec);
    if (!ec) adopt(std::move(file), id, k_file_header_size, k_file_header_size);
  }
  // Goes on in a segment that recovery has read.
  void adopt(std::unique_ptr<File> file, std::uint64_t id, std::uint64_t offset, std::uint64_t synced) {
    file_ = std::move(file);
    id_ = id;
    name_ = segment_name(id);
    limit_ = segment_bytes();
    offset_ = offset;
    synced_ = synced;
    checksum_ = PlacedChecksum(place_.database, id);
    batch_.clear();
  }

  // True if a record with such a payload still belongs into this segment; an empty segment takes any.
  bool fits(std::size_t payload) const noexcept {
    const std::uint64_t at = offset_ + batch_.size();
    return at <= k_file_header_size + k_reserve || at + space_of(payload) <= limit_;
  }
  bool is_half_full() const noexcept { return offset_ >= limit_ / 2; }

  // Adds a record to the batch; returns its checksum.
  std::uint32_t add(RecordKind kind, std::uint64_t cts, Bytes payload) {
    return append_record(batch_, checksum_, offset_ + batch_.size(), kind, cts, synced_, payload);
  }
  bool has_batch() const noexcept { return !batch_.empty(); }

  // Hands the batch to the operating system.
  void write(error_code& ec) {
    ec.clear();
    if (batch_.empty()) return;
    write_fully(*file_, offset_, batch_, ec);
    if (ec) return;
    offset_ += batch_.size();
    written_bytes_ += batch_.size();
    batch_.clear();
    if (batch_.capacity() > k_keep_batch) std::vector<std::byte>().swap(batch_);
  }

  // Syncs what has been written, and looks whether it will be found. set_synced() takes note of it, with the offset()
  // of before.
  void sync_file(error_code& ec) {
    file_->sync(ec);
    if (!ec) check_place(ec);
  }
  // An error where the segment is not in its directory any more, because either was removed, or moved.
  void check_place(error_code& ec) {
    const FileId written = file_->id(ec);
    if (ec) return;
    const FileId found = place_.directory->id_of(name_, ec);
    if (!ec && found != written)
      ec = boost::system::errc::make_error_code(boost::system::errc::no_such_file_or_directory);
  }
  void set_synced(std::uint64_t offset) noexcept { synced_ = offset; }

  // Makes the next segment's file ready, under its temporary name, unless it is. Nothing depends on it before rotate():
  // what fails here may be tried again, without doubt about anything.
  void prepare(error_code& ec) {
    ec.clear();
    if (spare_ == nullptr) spare_ = make_file(id_ + 1, ec);
  }
  // Where there is no next segment to be had: goes on in this one, which has no batch pending, with room for a record
  // with such a payload and some more.
  void grow(std::size_t payload, error_code& ec) {
    const std::uint64_t limit = offset_ + space_of(payload) + segment_bytes() / 8;
    if (limit > k_max_size) {
      ec = boost::system::errc::make_error_code(boost::system::errc::file_too_large);
      return;
    }
    check_place(ec);  // the reason may be that the directory is gone
    if (!ec) set_aside(*file_, limit, ec);
    if (!ec) limit_ = limit;
  }

  // Seals this segment, which has no batch pending, and goes on in a new one. The new one is there, and empty, before
  // the seal is written, and the seal is synced before anything is written behind it: so a sealed segment always has
  // its successor, and a successor with records has a sealed predecessor, whenever the power goes.
  void rotate(std::uint64_t last_cts, error_code& ec) {
    std::array<std::byte, 8> successor;
    put_little(successor.data(), id_ + 1);
    const std::uint32_t seal = add(RecordKind::seal, last_cts, successor);
    std::unique_ptr<File> next = make_segment(id_ + 1, last_cts, seal, ec);
    if (ec) return;
    write(ec);
    if (ec) return;
    sync_file(ec);
    if (ec) return;
    adopt(std::move(next), id_ + 1, k_file_header_size, k_file_header_size);
    announce(last_cts);
  }

  // Adds the record that says which system goes on with the segment.
  void announce(std::uint64_t last_cts) {
    add(RecordKind::opened, last_cts,
        Bytes(reinterpret_cast<const std::byte*>(place_.boot.data()), place_.boot.size()));
  }

  // Bytes written since the last call.
  std::uint64_t take_written_bytes() noexcept { return std::exchange(written_bytes_, 0); }

  // Leaves nothing behind that the next opening would have to remove, if that is asked for.
  void close(bool tidy) noexcept {
    file_.reset();
    if (std::exchange(spare_, nullptr) == nullptr || !tidy) return;
    error_code ignored;
    place_.directory->remove(temporary_of(segment_name(id_ + 1)), ignored);
  }

 private:
  static constexpr std::uint64_t k_reserve = 2 * 64;                   // room for the records that end a segment
  static constexpr std::uint64_t k_max_size = std::uint64_t{1} << 35;  // what a record's `synced` can say
  static constexpr std::size_t k_keep_batch = std::size_t{8} << 20;    // a larger buffer is given back after use

  std::uint64_t segment_bytes() const noexcept { return place_.segment_bytes; }

  static std::uint64_t space_of(std::size_t payload) noexcept {
    return align_record(k_record_header_size + payload) + k_reserve;
  }

  std::unique_ptr<File> make_file(std::uint64_t id, error_code& ec) {
    const std::string name = temporary_of(segment_name(id));
    std::unique_ptr<File> file = place_.directory->open(name, Directory::Open::create, ec);
    if (ec) return nullptr;
    set_aside(*file, std::max<std::uint64_t>(segment_bytes(), k_file_header_size), ec);
    if (!ec) return file;
    error_code ignored;  // others need the space that it may have got
    place_.directory->remove(name, ignored);
    return nullptr;
  }
  std::unique_ptr<File> make_segment(std::uint64_t id, std::uint64_t base, std::uint32_t chain, error_code& ec) {
    std::unique_ptr<File> file = spare_ != nullptr ? std::move(spare_) : make_file(id, ec);
    if (file == nullptr) return nullptr;
    const FileHeader header = to_bytes(SegmentHeader{place_.database, id, base, chain, place_.types});
    write_fully(*file, 0, header, ec);
    if (ec) return nullptr;
    file->sync(ec);
    if (ec) return nullptr;
    place_.directory->rename(temporary_of(segment_name(id)), segment_name(id), ec);
    if (ec) return nullptr;
    place_.directory->sync(ec);
    if (ec) return nullptr;
    return file;
  }

  Place place_;
  std::unique_ptr<File> file_;
  std::unique_ptr<File> spare_;  // of segment id_ + 1
  std::uint64_t limit_ = 0;      // where this segment is full
  std::uint64_t id_ = 0;
  std::string name_;
  std::uint64_t offset_ = 0;
  std::uint64_t synced_ = 0;
  std::uint64_t written_bytes_ = 0;
  PlacedChecksum checksum_;
  std::vector<std::byte> batch_;  // stands at offset_
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

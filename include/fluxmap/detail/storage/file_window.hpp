// A file seen through a window: as much of it in memory as is looked at, whatever its size. · layer: storage
#pragma once

#include <fluxmap/detail/platform/crc32c.hpp>
#include <fluxmap/detail/platform/file_system.hpp>

#include <boost/system/error_code.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Reads ahead, a piece at a time. More than a piece is held only while a caller asks for more at once, and never more
// than there is.
//
// Where the disk does not give a byte the file ends as far as we are concerned, and error() says why. A file that has
// become shorter meanwhile ends there without an error.
class FileWindow {
 public:
  using error_code = boost::system::error_code;
  static constexpr std::size_t k_piece = std::size_t{1} << 20;

  explicit FileWindow(File& file, std::size_t piece = k_piece) : file_(file), piece_(piece) {
    size_ = file_.size(error_);
    if (error_) size_ = 0;
    data_end_ = std::min(size_, file_.end_of_data());
  }

  std::uint64_t size() const noexcept { return size_; }
  std::size_t piece() const noexcept { return piece_; }
  const error_code& error() const noexcept { return error_; }

  // The bytes [offset, offset + length), or as many of them as there are. Good until the next call.
  Bytes bytes(std::uint64_t offset, std::uint64_t length) {
    if (offset < begin_ || offset > begin_ + have_ || length > begin_ + have_ - offset) {
      length = load(offset, length);
      if (length == 0) return {};
    }
    return {buffer_.get() + (offset - begin_), static_cast<std::size_t>(length)};
  }

  // Goes on with a checksum over these bytes, without holding them all; nothing if the file ends before they do.
  std::optional<std::uint32_t> checksum(std::uint64_t offset, std::uint64_t length, std::uint32_t crc) {
    while (length > 0) {
      const Bytes part = bytes(offset, std::min<std::uint64_t>(length, piece_));
      if (part.empty()) return std::nullopt;
      crc = crc32c(part, crc);
      offset += part.size();
      length -= part.size();
    }
    return crc;
  }

  // Behind the last byte from `offset` on that is not zero; `offset` if there is none. What the file system says was
  // never written is not read: do not rest anything on this that reading could prove wrong.
  std::uint64_t end_of_data(std::uint64_t offset) {
    std::uint64_t end = offset;
    for (std::uint64_t at = offset; at < std::min(size_, data_end_);) {
      const Bytes part = bytes(at, std::min<std::uint64_t>(piece_, data_end_ - at));
      if (part.empty()) break;
      if (const std::size_t used = without_zeros(part)) end = at + used;
      at += part.size();
    }
    return end;
  }

 private:
  // How many bytes are left when the zeros at the end are taken away.
  static std::size_t without_zeros(Bytes bytes) noexcept {
    constexpr std::size_t k_stride = 4096;
    static constexpr std::byte k_zeros[k_stride] = {};
    std::size_t size = bytes.size();
    while (size >= k_stride && std::memcmp(bytes.data() + size - k_stride, k_zeros, k_stride) == 0) size -= k_stride;
    while (size > 0 && bytes[size - 1] == std::byte{0}) --size;
    return size;
  }

  // Has the window begin at `offset` and hold `length` bytes, or as many as there are: returns how many.
  std::uint64_t load(std::uint64_t offset, std::uint64_t length) {
    if (offset >= size_) return 0;
    const std::uint64_t rest = size_ - offset;
    length = std::min(length, rest);
    // No reading ahead of where nothing was ever written.
    const std::uint64_t ahead = std::min<std::uint64_t>(piece_, data_end_ - std::min(data_end_, offset));
    const auto wanted = static_cast<std::size_t>(std::max(length, ahead));
    std::size_t kept = 0;
    std::size_t from = 0;
    if (offset >= begin_ && offset < begin_ + have_) {
      from = static_cast<std::size_t>(offset - begin_);
      kept = std::min(have_ - from, wanted);
    }
    // A larger buffer than a piece is given back as soon as it is not needed any more.
    if (wanted > capacity_ || (capacity_ > piece_ && wanted <= piece_)) {
      auto larger = std::make_unique_for_overwrite<std::byte[]>(wanted);
      if (kept > 0) std::memcpy(larger.get(), buffer_.get() + from, kept);
      buffer_ = std::move(larger);
      capacity_ = wanted;
    } else if (kept > 0 && from > 0) {
      std::memmove(buffer_.get(), buffer_.get() + from, kept);
    }
    begin_ = offset;
    have_ = kept;
    while (have_ < wanted) {
      error_code ec;
      const std::size_t got = file_.read_at(begin_ + have_, std::span(buffer_.get() + have_, wanted - have_), ec);
      have_ += got;
      if (ec) error_ = ec;
      if (ec || got == 0) {
        size_ = begin_ + have_;
        break;
      }
    }
    return std::min<std::uint64_t>(length, have_);
  }

  File& file_;
  const std::size_t piece_;
  std::uint64_t size_ = 0;
  std::uint64_t data_end_ = 0;
  error_code error_;
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t capacity_ = 0;
  std::uint64_t begin_ = 0;  // the buffer holds the bytes [begin_, begin_ + have_) of the file
  std::size_t have_ = 0;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

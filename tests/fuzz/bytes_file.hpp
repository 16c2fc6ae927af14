// A file that is bytes in memory, and only read.
#pragma once

#include <fluxmap/detail/platform/file_system.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "fix_checksums.hpp"

namespace fluxmap_fuzz {

class BytesFile final : public fluxmap::detail::File {
 public:
  using Bytes = fluxmap::detail::Bytes;

  explicit BytesFile(Bytes bytes) : bytes_(bytes) {}

  std::size_t read_at(std::uint64_t offset, std::span<std::byte> out, error_code& ec) override {
    ec.clear();
    require(offset <= bytes_.size(), "a read behind the end of the file");
    const Bytes part = bytes_.subspan(offset, std::min<std::size_t>(out.size(), bytes_.size() - offset));
    std::copy(part.begin(), part.end(), out.begin());
    return part.size();
  }
  std::uint64_t size(error_code& ec) override {
    ec.clear();
    return bytes_.size();
  }
  std::size_t write_at(std::uint64_t, Bytes, error_code&) override { fault("a reader writes"); }
  void sync(error_code&) override { fault("a reader syncs"); }
  void resize(std::uint64_t, error_code&) override { fault("a reader resizes"); }
  void allocate(std::uint64_t, error_code&) override { fault("a reader allocates"); }
  fluxmap::detail::FileId id(error_code&) override { fault("a reader asks which file it is"); }

 private:
  const Bytes bytes_;
};

}  // namespace fluxmap_fuzz

// Descriptors and files of POSIX. · layer: platform
#pragma once

#include <fluxmap/detail/platform/file_system.hpp>

#include <boost/system/error_code.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

inline boost::system::error_code last_system_error() noexcept { return {errno, boost::system::system_category()}; }

// Calls call() until it is not interrupted by a signal; sets `ec`.
template <class Call>
auto posix_call(boost::system::error_code& ec, Call&& call) {
  for (;;) {
    const auto result = call();
    if (result >= 0) {
      ec.clear();
      return result;
    }
    if (errno != EINTR) {
      ec = last_system_error();
      return result;
    }
  }
}

inline FileId id_of(const struct stat& status) noexcept {
  return {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino)};
}

class PosixFile final : public File {
 public:
  explicit PosixFile(Descriptor file) noexcept : file_(std::move(file)) {}

  std::size_t write_at(std::uint64_t offset, Bytes bytes, error_code& ec) override {
    const auto done =
        posix_call(ec, [&] { return ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    return ec ? 0 : static_cast<std::size_t>(done);
  }
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> out, error_code& ec) override {
    std::size_t done = 0;
    while (done < out.size()) {
      const auto part = posix_call(ec, [&] {
        return ::pread(file_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      });
      if (ec || part == 0) return done;
      done += static_cast<std::size_t>(part);
    }
    ec.clear();
    return done;
  }
  void sync(error_code& ec) override {
    posix_call(ec, [&] {
#if defined(__APPLE__)
      return ::fcntl(file_.get(), F_FULLFSYNC);  // fsync there stops at the drive's cache
#else
      return ::fdatasync(file_.get());
#endif
    });
  }
  std::uint64_t size(error_code& ec) override {
    const struct stat status = this->status(ec);
    return ec ? 0 : static_cast<std::uint64_t>(status.st_size);
  }
  void resize(std::uint64_t size, error_code& ec) override {
    posix_call(ec, [&] { return ::ftruncate(file_.get(), static_cast<off_t>(size)); });
  }
  void allocate(std::uint64_t size, error_code& ec) override {
    const std::uint64_t now = this->size(ec);
    if (ec || now >= size) return;
#if defined(__linux__)
    posix_call(ec, [&] { return ::fallocate(file_.get(), 0, 0, static_cast<off_t>(size)); });
#else
    ec = boost::system::errc::make_error_code(boost::system::errc::function_not_supported);
#endif
  }
  FileId id(error_code& ec) override {
    const struct stat status = this->status(ec);
    return ec ? FileId() : id_of(status);
  }
  std::uint64_t end_of_data() noexcept override {
#if defined(__linux__)
    // The position that this moves is not used by anything: we read and write at offsets. A file with more holes than
    // this is none of ours.
    off_t end = 0;
    for (int holes = 0; holes < 1000; ++holes) {
      const off_t data = ::lseek(file_.get(), end, SEEK_DATA);
      if (data < 0 && errno == ENXIO) return static_cast<std::uint64_t>(end);
      if (data < 0) break;
      end = ::lseek(file_.get(), data, SEEK_HOLE);
      if (end < 0) break;
    }
#endif
    return File::end_of_data();
  }

 private:
  struct stat status(error_code& ec) const {
    struct stat status{};
    posix_call(ec, [&] { return ::fstat(file_.get(), &status); });
    return status;
  }

  const Descriptor file_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

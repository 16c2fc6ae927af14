// The file system of POSIX. · layer: platform
#pragma once

#include <fluxmap/detail/platform/file_system.hpp>

#include <boost/system/error_code.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }

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
    struct stat status {};
    posix_call(ec, [&] { return ::fstat(file_.get(), &status); });
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
    if (ec.value() != EOPNOTSUPP) return;
#endif
    resize(size, ec);
  }

 private:
  Descriptor file_;
};

class PosixDirectoryLock final : public DirectoryLock {
 public:
  explicit PosixDirectoryLock(Descriptor directory) noexcept : directory_(std::move(directory)) {}

 private:
  Descriptor directory_;  // closing it gives the lock back
};

class PosixFileSystem final : public FileSystem {
 public:
  std::unique_ptr<File> open(const Path& path, Open mode, error_code& ec) override {
    const int flags = mode == Open::read ? O_RDONLY : mode == Open::existing ? O_RDWR : O_RDWR | O_CREAT | O_TRUNC;
    Descriptor file(posix_call(ec, [&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0644); }));
    return ec ? nullptr : std::make_unique<PosixFile>(std::move(file));
  }
  void rename(const Path& from, const Path& to, error_code& ec) override {
    posix_call(ec, [&] { return ::rename(from.c_str(), to.c_str()); });
  }
  void remove(const Path& path, error_code& ec) override {
    posix_call(ec, [&] { return ::unlink(path.c_str()); });
  }
  std::vector<std::string> list(const Path& directory, error_code& ec) override {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
      names.push_back(at->path().filename().string());
    }
    ec = error;
    return names;
  }
  void sync_directory(const Path& directory, error_code& ec) override {
    const Descriptor handle(open_directory(directory, ec));
    if (!ec) posix_call(ec, [&] { return ::fsync(handle.get()); });
  }
  void create_directories(const Path& directory, error_code& ec) override {
    std::vector<Path> missing;
    for (Path at = std::filesystem::absolute(directory); !at.empty(); at = at.parent_path()) {
      struct stat status {};
      if (::stat(at.c_str(), &status) == 0) {
        if (!S_ISDIR(status.st_mode)) {
          ec = boost::system::errc::make_error_code(boost::system::errc::not_a_directory);
          return;
        }
        break;
      }
      if (errno != ENOENT) {
        ec = last_system_error();
        return;
      }
      missing.push_back(at);
      if (at == at.parent_path()) break;
    }
    ec.clear();
    for (; !missing.empty() && !ec; missing.pop_back()) {
      const Path& path = missing.back();
      if (path.filename().empty()) continue;  // what stands behind a slash at the end
      if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
        ec = last_system_error();
        return;
      }
      sync_directory(path.parent_path(), ec);
    }
  }
  std::unique_ptr<DirectoryLock> lock(const Path& directory, error_code& ec) override {
    Descriptor handle(open_directory(directory, ec));
    if (ec) return nullptr;
    posix_call(ec, [&] { return ::flock(handle.get(), LOCK_EX | LOCK_NB); });
    if (ec) return nullptr;
    return std::make_unique<PosixDirectoryLock>(std::move(handle));
  }
  std::string boot_id() override {
    std::string id;
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::getline(file, id);
    return id;
  }

 private:
  static int open_directory(const Path& directory, error_code& ec) {
    return posix_call(ec, [&] { return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  }
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

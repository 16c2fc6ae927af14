// File systems that do not do what they say, to see that the checks of the crash tests notice.
#pragma once

#include <fluxmap/detail/platform/file_system.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_test {

enum class Lie : std::uint8_t {
  no_sync,            // of files: returns at once
  no_directory_sync,  // returns at once
  late_write,         // a write is done by the next call for its file: without one it is lost with the process
};

class LyingFile final : public fluxmap::detail::File {
 public:
  LyingFile(std::unique_ptr<fluxmap::detail::File> file, Lie lie) : file_(std::move(file)), lie_(lie) {}

  std::size_t write_at(std::uint64_t offset, fluxmap::detail::Bytes bytes, error_code& ec) override {
    const std::lock_guard lock(mutex_);
    if (!catch_up(ec)) return 0;
    if (lie_ != Lie::late_write) return file_->write_at(offset, bytes, ec);
    offset_ = offset;
    late_.assign(bytes.begin(), bytes.end());
    return bytes.size();
  }
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> out, error_code& ec) override {
    const std::lock_guard lock(mutex_);
    return catch_up(ec) ? file_->read_at(offset, out, ec) : 0;
  }
  void sync(error_code& ec) override {
    const std::lock_guard lock(mutex_);
    if (catch_up(ec) && lie_ != Lie::no_sync) file_->sync(ec);
  }
  std::uint64_t size(error_code& ec) override {
    const std::lock_guard lock(mutex_);
    return catch_up(ec) ? file_->size(ec) : 0;
  }
  void resize(std::uint64_t size, error_code& ec) override {
    const std::lock_guard lock(mutex_);
    if (catch_up(ec)) file_->resize(size, ec);
  }
  void allocate(std::uint64_t size, error_code& ec) override {
    const std::lock_guard lock(mutex_);
    if (catch_up(ec)) file_->allocate(size, ec);
  }
  fluxmap::detail::FileId id(error_code& ec) override { return file_->id(ec); }

 private:
  bool catch_up(error_code& ec) {
    ec.clear();
    if (late_.empty()) return true;
    const std::vector<std::byte> bytes = std::exchange(late_, {});
    file_->write_at(offset_, bytes, ec);
    return !ec;
  }

  const std::unique_ptr<fluxmap::detail::File> file_;
  const Lie lie_;
  std::mutex mutex_;  // a sync may come beside a write
  std::uint64_t offset_ = 0;
  std::vector<std::byte> late_;
};

class LyingDirectory final : public fluxmap::detail::Directory {
 public:
  using File = fluxmap::detail::File;
  using FileId = fluxmap::detail::FileId;

  LyingDirectory(std::unique_ptr<fluxmap::detail::Directory> directory, Lie lie)
      : Directory(directory->path()), directory_(std::move(directory)), lie_(lie) {}

  void lock(error_code& ec) override { directory_->lock(ec); }
  std::unique_ptr<File> open(const std::string& name, Open mode, error_code& ec) override {
    std::unique_ptr<File> file = directory_->open(name, mode, ec);
    return file == nullptr ? nullptr : std::make_unique<LyingFile>(std::move(file), lie_);
  }
  void rename(const std::string& from, const std::string& to, error_code& ec) override {
    directory_->rename(from, to, ec);
  }
  void remove(const std::string& name, error_code& ec) override { directory_->remove(name, ec); }
  std::vector<std::string> list(error_code& ec) override { return directory_->list(ec); }
  void sync_entries(error_code& ec) override {
    ec.clear();
    if (lie_ != Lie::no_directory_sync) directory_->sync(ec);
  }
  void sync_own_name(error_code& ec) override { directory_->sync_name(ec); }
  FileId id_of(const std::string& name, error_code& ec) override { return directory_->id_of(name, ec); }

 private:
  const std::unique_ptr<fluxmap::detail::Directory> directory_;
  const Lie lie_;
};

class LyingFileSystem final : public fluxmap::detail::FileSystem {
 public:
  using Directory = fluxmap::detail::Directory;

  LyingFileSystem(std::shared_ptr<fluxmap::detail::FileSystem> files, Lie lie) : files_(std::move(files)), lie_(lie) {}

  std::unique_ptr<Directory> open_directory(const Path& path, error_code& ec) override {
    return lying(files_->open_directory(path, ec));
  }
  std::unique_ptr<Directory> make_directory(const Path& path, error_code& ec) override {
    return lying(files_->make_directory(path, ec));
  }
  std::string boot_id() override { return files_->boot_id(); }

 private:
  std::unique_ptr<Directory> lying(std::unique_ptr<Directory> directory) const {
    return directory == nullptr ? nullptr : std::make_unique<LyingDirectory>(std::move(directory), lie_);
  }

  const std::shared_ptr<fluxmap::detail::FileSystem> files_;
  const Lie lie_;
};

}  // namespace fluxmap_test

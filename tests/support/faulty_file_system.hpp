// The file system of one life of a MemoryDisk: what a database gets instead of the real one, to be crashed.
//
//   auto disk = std::make_shared<MemoryDisk>();
//   disk->create_directories("/db");
//   { FaultyFileSystem files(disk); … }             // a life; disk->faults() says what fails in it
//   disk->power_cut(random);                        // or disk->clone()->power_cut(random), again and again
//   { FaultyFileSystem files(disk); … }             // the next life needs a new one
//
// Deviations from a real one: a rename cannot leave its directory (EXDEV), and directories cannot be removed (EISDIR).
#pragma once

#include "support/fault_plan.hpp"
#include "support/memory_disk.hpp"
#include "support/memory_file.hpp"

#include <fluxmap/detail/platform/file_system.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_test {

class FaultyFile final : public fluxmap::detail::File {
 public:
  using Path = MemoryDisk::Path;

  FaultyFile(std::shared_ptr<MemoryDisk> disk, std::uint64_t life, Path path, MemoryFilePtr file, bool writable)
      : disk_(std::move(disk)), life_(life), path_(std::move(path)), file_(std::move(file)), writable_(writable) {}

  std::size_t write_at(std::uint64_t offset, fluxmap::detail::Bytes bytes, error_code& ec) override {
    return disk_->call(life_, Call::write_at, path_, ec, [&](const FaultPlan::Verdict& verdict) -> std::size_t {
      if (!may_write(ec)) return 0;
      std::uint64_t length = verdict.short_write ? bytes.size() / 2 : bytes.size();
      const std::uint64_t limit = disk_->limit(*file_);
      length = std::min(length, limit > offset ? limit - offset : 0);
      if (length == 0 && !bytes.empty()) {
        ec = MemoryDisk::make_error(FaultPlan::Errc::no_space_on_device);
        return 0;
      }
      file_->write(static_cast<std::size_t>(offset), bytes.first(static_cast<std::size_t>(length)));
      return static_cast<std::size_t>(length);
    });
  }

  std::size_t read_at(std::uint64_t offset, std::span<std::byte> out, error_code& ec) override {
    return disk_->call(life_, Call::read_at, path_, ec, [&](const FaultPlan::Verdict&) -> std::size_t {
      const Content& content = file_->now();
      if (offset >= content.size()) return 0;
      const std::size_t length = std::min(out.size(), content.size() - static_cast<std::size_t>(offset));
      std::copy_n(content.begin() + static_cast<std::ptrdiff_t>(offset), length, out.begin());
      return length;
    });
  }

  void sync(error_code& ec) override {
    disk_->call(life_, Call::sync, path_, ec,
                [&](const FaultPlan::Verdict& verdict) { verdict.lose ? file_->forget() : file_->sync(); });
  }

  std::uint64_t size(error_code& ec) override {
    return disk_->call(life_, Call::size, path_, ec,
                       [&](const FaultPlan::Verdict&) -> std::uint64_t { return file_->now().size(); });
  }

  void resize(std::uint64_t size, error_code& ec) override {
    disk_->call(life_, Call::resize, path_, ec, [&](const FaultPlan::Verdict&) {
      if (may_write(ec) && may_grow(size, ec)) file_->resize(static_cast<std::size_t>(size));
    });
  }

  void allocate(std::uint64_t size, error_code& ec) override {
    disk_->call(life_, Call::allocate, path_, ec, [&](const FaultPlan::Verdict&) {
      if (!may_write(ec) || size <= file_->now().size()) return;
      if (may_grow(size, ec)) file_->resize(static_cast<std::size_t>(size));
    });
  }

 private:
  bool may_write(error_code& ec) const {
    if (!writable_) ec = MemoryDisk::make_error(FaultPlan::Errc::bad_file_descriptor);
    return writable_;
  }
  bool may_grow(std::uint64_t size, error_code& ec) const {
    if (size <= std::max<std::uint64_t>(file_->now().size(), disk_->limit(*file_))) return true;
    ec = MemoryDisk::make_error(FaultPlan::Errc::no_space_on_device);
    return false;
  }

  std::shared_ptr<MemoryDisk> disk_;
  std::uint64_t life_;
  Path path_;  // at the time it was opened, for the records
  MemoryFilePtr file_;
  bool writable_;
};

class FaultyLock final : public fluxmap::detail::DirectoryLock {
 public:
  FaultyLock(std::shared_ptr<MemoryDisk> disk, std::uint64_t life, std::string key)
      : disk_(std::move(disk)), life_(life), key_(std::move(key)) {}
  FaultyLock(const FaultyLock&) = delete;
  FaultyLock& operator=(const FaultyLock&) = delete;
  ~FaultyLock() override {
    const std::lock_guard lock(disk_->mutex_);
    if (disk_->life_ == life_) disk_->locked_.erase(key_);  // else it may be somebody else's by now
  }

 private:
  std::shared_ptr<MemoryDisk> disk_;
  std::uint64_t life_;
  std::string key_;
};

class FaultyFileSystem final : public fluxmap::detail::FileSystem {
 public:
  using File = fluxmap::detail::File;
  using DirectoryLock = fluxmap::detail::DirectoryLock;

  // Belongs to the life the disk is in now.
  explicit FaultyFileSystem(std::shared_ptr<MemoryDisk> disk) : disk_(std::move(disk)) {
    const std::lock_guard lock(disk_->mutex_);
    boot_ = disk_->boot_name();
    life_ = disk_->life_;
  }

  std::unique_ptr<File> open(const Path& path, Open mode, error_code& ec) override {
    return disk_->call(life_, Call::open, path, ec, [&](const FaultPlan::Verdict&) -> std::unique_ptr<File> {
      MemoryDirectory* const directory = directory_of(path, ec);
      if (directory == nullptr || !is_no_directory(path, ec)) return nullptr;
      MemoryFilePtr file = directory->find(MemoryDisk::base(path));
      if (mode == Open::create) {
        if (file) {
          file->resize(0);  // the same file, as with O_TRUNC: whoever has it open sees it
        } else {
          file = std::make_shared<MemoryFile>();
          directory->create(MemoryDisk::base(path), file);
        }
      } else if (!file) {
        ec = MemoryDisk::make_error(FaultPlan::Errc::no_such_file_or_directory);
        return nullptr;
      }
      return std::make_unique<FaultyFile>(disk_, life_, path, std::move(file), mode != Open::read);
    });
  }

  void rename(const Path& from, const Path& to, error_code& ec) override {
    disk_->call(life_, Call::rename, from, ec, [&](const FaultPlan::Verdict&) {
      MemoryDirectory* const directory = directory_of(from, ec);
      if (directory == nullptr || directory_of(to, ec) == nullptr) return;
      if (!is_no_directory(from, ec) || !is_no_directory(to, ec) || !is_file(from, ec)) return;
      if (MemoryDisk::parent(from) != MemoryDisk::parent(to)) {
        ec = MemoryDisk::make_error(FaultPlan::Errc::cross_device_link);
      } else {
        directory->rename(MemoryDisk::base(from), MemoryDisk::base(to));
      }
    });
  }

  void remove(const Path& path, error_code& ec) override {
    disk_->call(life_, Call::remove, path, ec, [&](const FaultPlan::Verdict&) {
      MemoryDirectory* const directory = directory_of(path, ec);
      if (directory == nullptr || !is_no_directory(path, ec) || !is_file(path, ec)) return;
      directory->remove(MemoryDisk::base(path));
    });
  }

  std::vector<std::string> list(const Path& directory, error_code& ec) override {
    return disk_->call(life_, Call::list, directory, ec, [&](const FaultPlan::Verdict&) -> std::vector<std::string> {
      if (find_directory(directory, ec) == nullptr) return {};
      return disk_->names(directory);
    });
  }

  void sync_directory(const Path& directory, error_code& ec) override {
    disk_->call(life_, Call::sync_directory, directory, ec, [&](const FaultPlan::Verdict&) {
      if (MemoryDirectory* const found = find_directory(directory, ec)) found->sync();
    });
  }

  void create_directories(const Path& directory, error_code& ec) override {
    disk_->call(life_, Call::create_directories, directory, ec, [&](const FaultPlan::Verdict&) {
      if (!disk_->make_directories(directory)) ec = MemoryDisk::make_error(FaultPlan::Errc::not_a_directory);
    });
  }

  std::unique_ptr<DirectoryLock> lock(const Path& directory, error_code& ec) override {
    return disk_->call(life_, Call::lock, directory, ec,
                       [&](const FaultPlan::Verdict&) -> std::unique_ptr<DirectoryLock> {
                         if (find_directory(directory, ec) == nullptr) return nullptr;
                         const std::string key = MemoryDisk::key(directory);
                         if (!disk_->locked_.insert(key).second) {
                           ec = MemoryDisk::make_error(FaultPlan::Errc::resource_unavailable_try_again);
                           return nullptr;
                         }
                         return std::make_unique<FaultyLock>(disk_, life_, key);
                       });
  }

  std::string boot_id() override { return boot_; }

 private:
  // These say in `ec` what is wrong.
  MemoryDirectory* find_directory(const Path& path, error_code& ec) {
    MemoryDirectory* const directory = disk_->find_directory(path);
    if (directory == nullptr) {
      ec = MemoryDisk::make_error(disk_->find(path) ? FaultPlan::Errc::not_a_directory
                                                    : FaultPlan::Errc::no_such_file_or_directory);
    }
    return directory;
  }
  MemoryDirectory* directory_of(const Path& path, error_code& ec) {
    return find_directory(MemoryDisk::parent(path), ec);
  }
  bool is_no_directory(const Path& path, error_code& ec) const {
    if (disk_->find_directory(path) == nullptr) return true;
    ec = MemoryDisk::make_error(FaultPlan::Errc::is_a_directory);
    return false;
  }
  bool is_file(const Path& path, error_code& ec) const {
    if (disk_->find(path)) return true;
    ec = MemoryDisk::make_error(FaultPlan::Errc::no_such_file_or_directory);
    return false;
  }

  std::shared_ptr<MemoryDisk> disk_;
  std::string boot_;
  std::uint64_t life_ = 0;
};

}  // namespace fluxmap_test

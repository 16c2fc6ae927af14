// The file system of one life of a MemoryDisk: what a database gets instead of the real one, to be crashed.
//
//   auto disk = std::make_shared<MemoryDisk>();
//   disk->create_directories("/db");
//   { FaultyFileSystem files(disk); … }             // a life; disk->faults() says what fails in it
//   disk->power_cut(random);                        // or disk->clone()->power_cut(random), again and again
//   { FaultyFileSystem files(disk); … }             // the next life needs a new one
//
// Deviations from a real one: directories are durable at once, and cannot be renamed or removed.
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

  fluxmap::detail::FileId id(error_code& ec) override {
    return disk_->call(life_, Call::identify, path_, ec, [&](const FaultPlan::Verdict&) { return id_of(file_); });
  }

  static fluxmap::detail::FileId id_of(const MemoryFilePtr& file) {
    return {.device = 1, .number = reinterpret_cast<std::uintptr_t>(file.get())};
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

class FaultyDirectory final : public fluxmap::detail::Directory {
 public:
  using File = fluxmap::detail::File;
  using FileId = fluxmap::detail::FileId;
  using Path = MemoryDisk::Path;

  FaultyDirectory(std::shared_ptr<MemoryDisk> disk, std::uint64_t life, const Path& path)
      : Directory(path.string()), disk_(std::move(disk)), life_(life), key_(MemoryDisk::key(path)) {}
  ~FaultyDirectory() override {
    const std::lock_guard lock(disk_->mutex_);
    if (locked_ && disk_->life_ == life_) disk_->locked_.erase(key_);  // else it may be somebody else's by now
  }

  void lock(error_code& ec) override {
    disk_->call(life_, Call::lock, path(), ec, [&](const FaultPlan::Verdict&) {
      locked_ = disk_->locked_.insert(key_).second;
      if (!locked_) ec = MemoryDisk::make_error(FaultPlan::Errc::resource_unavailable_try_again);
    });
  }

  std::unique_ptr<File> open(const std::string& name, Open mode, error_code& ec) override {
    return disk_->call(life_, Call::open, path_of(name), ec, [&](const FaultPlan::Verdict&) -> std::unique_ptr<File> {
      if (!is_no_directory(name, ec)) return nullptr;
      MemoryFilePtr file = content().find(name);
      if (mode == Open::create) {
        if (file) {
          file->resize(0);  // the same file, as with O_TRUNC: whoever has it open sees it
        } else {
          file = std::make_shared<MemoryFile>();
          content().create(name, file);
        }
      } else if (!file) {
        ec = MemoryDisk::make_error(FaultPlan::Errc::no_such_file_or_directory);
        return nullptr;
      }
      return std::make_unique<FaultyFile>(disk_, life_, path_of(name), std::move(file), mode != Open::read);
    });
  }

  void rename(const std::string& from, const std::string& to, error_code& ec) override {
    disk_->call(life_, Call::rename, path_of(from), ec, [&](const FaultPlan::Verdict&) {
      if (is_no_directory(from, ec) && is_no_directory(to, ec) && is_file(from, ec)) content().rename(from, to);
    });
  }

  void remove(const std::string& name, error_code& ec) override {
    disk_->call(life_, Call::remove, path_of(name), ec, [&](const FaultPlan::Verdict&) {
      if (is_no_directory(name, ec) && is_file(name, ec)) content().remove(name);
    });
  }

  std::vector<std::string> list(error_code& ec) override {
    return disk_->call(life_, Call::list, path(), ec, [&](const FaultPlan::Verdict&) { return disk_->names(key_); });
  }

  void sync_entries(error_code& ec) override {
    disk_->call(life_, Call::sync_directory, path(), ec, [&](const FaultPlan::Verdict&) { content().sync(); });
  }

  void sync_own_name(error_code& ec) override {
    disk_->call(life_, Call::sync_name, path(), ec, [](const FaultPlan::Verdict&) {});
  }

  FileId id_of(const std::string& name, error_code& ec) override {
    return disk_->call(life_, Call::identify, path_of(name), ec, [&](const FaultPlan::Verdict&) {
      return is_file(name, ec) ? FaultyFile::id_of(content().find(name)) : FileId();
    });
  }

 private:
  MemoryDirectory& content() { return *disk_->find_directory(key_); }  // directories never vanish
  // These say in `ec` what is wrong.
  bool is_no_directory(const std::string& name, error_code& ec) const {
    if (disk_->find_directory(path_of(name)) == nullptr) return true;
    ec = MemoryDisk::make_error(FaultPlan::Errc::is_a_directory);
    return false;
  }
  bool is_file(const std::string& name, error_code& ec) {
    if (content().find(name)) return true;
    ec = MemoryDisk::make_error(FaultPlan::Errc::no_such_file_or_directory);
    return false;
  }

  std::shared_ptr<MemoryDisk> disk_;
  std::uint64_t life_;
  std::string key_;
  bool locked_ = false;
};

class FaultyFileSystem final : public fluxmap::detail::FileSystem {
 public:
  using Directory = fluxmap::detail::Directory;

  // Belongs to the life the disk is in now.
  explicit FaultyFileSystem(std::shared_ptr<MemoryDisk> disk) : disk_(std::move(disk)) {
    const std::lock_guard lock(disk_->mutex_);
    boot_ = disk_->boot_name();
    life_ = disk_->life_;
  }

  std::unique_ptr<Directory> open_directory(const Path& path, error_code& ec) override {
    return disk_->call(life_, Call::open_directory, path, ec,
                       [&](const FaultPlan::Verdict&) { return find_directory(path, ec); });
  }

  std::unique_ptr<Directory> make_directory(const Path& path, error_code& ec) override {
    return disk_->call(life_, Call::make_directory, path, ec,
                       [&](const FaultPlan::Verdict&) -> std::unique_ptr<Directory> {
                         if (disk_->make_directories(path)) return find_directory(path, ec);
                         ec = MemoryDisk::make_error(FaultPlan::Errc::not_a_directory);
                         return nullptr;
                       });
  }

  std::string boot_id() override { return boot_; }

 private:
  // Says in `ec` what is wrong.
  std::unique_ptr<Directory> find_directory(const Path& path, error_code& ec) {
    if (disk_->find_directory(path) != nullptr) return std::make_unique<FaultyDirectory>(disk_, life_, path);
    ec = MemoryDisk::make_error(disk_->find(path) ? FaultPlan::Errc::not_a_directory
                                                  : FaultPlan::Errc::no_such_file_or_directory);
    return nullptr;
  }

  std::shared_ptr<MemoryDisk> disk_;
  std::string boot_;
  std::uint64_t life_ = 0;
};

}  // namespace fluxmap_test

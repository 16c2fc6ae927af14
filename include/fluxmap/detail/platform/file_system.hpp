// The file system as the log needs it: what a test replaces to inject faults and power cuts. · layer: platform
//
// Errors come back in an error_code (of the operating system's category), never as exceptions; `ec` is cleared on
// success. Thread safety: a FileSystem may be used by several threads at once; a File by one at a time, except that
// sync() may run beside write_at().
#pragma once

#include <fluxmap/config.hpp>

#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

using Bytes = std::span<const std::byte>;

class File {
 public:
  using error_code = boost::system::error_code;

  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File() = default;

  // Writes a prefix of `bytes` at `offset` and returns its length; less than asked is a short write, not an error.
  virtual std::size_t write_at(std::uint64_t offset, Bytes bytes, error_code& ec) = 0;
  // Reads up to out.size() bytes; less only at the end of the file.
  virtual std::size_t read_at(std::uint64_t offset, std::span<std::byte> out, error_code& ec) = 0;
  // Returns when the content, and the size where it has grown, is on the disk.
  virtual void sync(error_code& ec) = 0;
  virtual std::uint64_t size(error_code& ec) = 0;
  // Cuts the file, or extends it with zeros.
  virtual void resize(std::uint64_t size, error_code& ec) = 0;
  // Extends the file with zeros to `size`, with space on the disk set aside where the file system can.
  virtual void allocate(std::uint64_t size, error_code& ec) = 0;
};

// The right to a directory, given back by the destructor.
class DirectoryLock {
 public:
  DirectoryLock() = default;
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  virtual ~DirectoryLock() = default;
};

class FileSystem {
 public:
  using error_code = boost::system::error_code;
  using Path = std::filesystem::path;

  enum class Open {
    read,      // must exist
    existing,  // must exist; for reading and writing
    create,    // made anew for reading and writing; what was there is lost
  };

  FileSystem() = default;
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;
  virtual ~FileSystem() = default;

  virtual std::unique_ptr<File> open(const Path& path, Open mode, error_code& ec) = 0;
  // The new name, and the old one's absence, survive a power cut only after sync_directory of the parent.
  virtual void rename(const Path& from, const Path& to, error_code& ec) = 0;
  virtual void remove(const Path& path, error_code& ec) = 0;
  // Names of what lies in the directory, in no order.
  virtual std::vector<std::string> list(const Path& directory, error_code& ec) = 0;
  // Creations, renames and removals in the directory are on the disk when it returns.
  virtual void sync_directory(const Path& directory, error_code& ec) = 0;
  // Makes the directory and its missing parents, durably.
  virtual void create_directories(const Path& directory, error_code& ec) = 0;
  // Locks a directory against other processes and other databases of this one; errc::resource_unavailable_try_again
  // (EWOULDBLOCK) where somebody has it.
  virtual std::unique_ptr<DirectoryLock> lock(const Path& directory, error_code& ec) = 0;
  // Names the running system: differs after every start of the machine; empty where that is not known. As long as it is
  // the same, no write that has returned was lost to a power cut.
  virtual std::string boot_id() = 0;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

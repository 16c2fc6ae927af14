// The file system as the log needs it: what a test replaces to inject faults and power cuts. · layer: platform
//
// A database works relative to a Directory that it holds open, never by a path: what its name comes to mean meanwhile,
// and where the process goes, is nothing to it.
//
// Errors come back in an error_code (of the operating system's category), never as exceptions; `ec` is cleared on
// success. Thread safety: a FileSystem and a Directory may be used by several threads at once; a File by one at a time,
// except that sync() and id() may run beside write_at().
#pragma once

#include <fluxmap/config.hpp>

#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

using Bytes = std::span<const std::byte>;

// The file system, or something between it and us, does not do what was asked for. Other errors say that it could not
// this time.
inline bool is_refusal(const boost::system::error_code& ec) noexcept {
  namespace errc = boost::system::errc;
  return ec == errc::function_not_supported || ec == errc::operation_not_supported || ec == errc::not_supported ||
         ec == errc::invalid_argument || ec == errc::operation_not_permitted || ec == errc::permission_denied ||
         ec == errc::bad_file_descriptor || ec == errc::is_a_directory || ec == errc::no_such_device ||
         ec == errc::inappropriate_io_control_operation;
}

// Which file it is, whatever its name. Good as long as the file is open.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t number = 0;
  friend bool operator==(const FileId&, const FileId&) = default;
};

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
  // Extends the file with zeros to `size`, and sets the space for them aside on the disk; may be refused (is_refusal).
  virtual void allocate(std::uint64_t size, error_code& ec) = 0;
  virtual FileId id(error_code& ec) = 0;
  // A hint: from here on there is nothing but zeros, and the disk need not be asked. To be asked for before anything is
  // read: what is in the page cache counts as written.
  virtual std::uint64_t end_of_data() noexcept { return std::numeric_limits<std::uint64_t>::max(); }
};

// A directory that is held open. Names are those of files in it. The destructor gives the lock back.
class Directory {
 public:
  using error_code = boost::system::error_code;

  enum class Open {
    read,      // must exist
    existing,  // must exist; for reading and writing
    create,    // made anew for reading and writing; what was there is lost
  };

  // `path` is what messages call it: absolute, as it was when it was opened.
  explicit Directory(std::string path) : path_(std::move(path)) {}
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  virtual ~Directory() = default;

  const std::string& path() const noexcept { return path_; }
  std::string path_of(const std::string& name) const { return (std::filesystem::path(path_) / name).string(); }

  // Locks it against other processes and other databases of this one; errc::resource_unavailable_try_again
  // (EWOULDBLOCK) where somebody has it. Once.
  virtual void lock(error_code& ec) = 0;

  virtual std::unique_ptr<File> open(const std::string& name, Open mode, error_code& ec) = 0;
  // The new name, and the old one's absence, survive a power cut only after sync().
  virtual void rename(const std::string& from, const std::string& to, error_code& ec) = 0;
  virtual void remove(const std::string& name, error_code& ec) = 0;
  // Names of what lies in it, in no order.
  virtual std::vector<std::string> list(error_code& ec) = 0;
  // Creations, renames and removals in it are on the disk when it returns; see accept_refusal.
  void sync(error_code& ec) {
    sync_entries(ec);
    forgive_refusal(ec);
  }
  // Its own name is on the disk when it returns, and so are those of its parents that were made for it.
  void sync_name(error_code& ec) {
    sync_own_name(ec);
    forgive_refusal(ec);
  }
  // From now on a file system that does not sync directories at all is taken for one that has. Before other threads
  // use it.
  void accept_refusal() noexcept { accepts_refusal_ = true; }
  // The file that a name stands for; ENOENT where there is none, which goes for every name once the directory has been
  // removed.
  virtual FileId id_of(const std::string& name, error_code& ec) = 0;

 protected:
  virtual void sync_entries(error_code& ec) = 0;
  virtual void sync_own_name(error_code& ec) = 0;

  void forgive_refusal(error_code& ec) const noexcept {
    if (accepts_refusal_ && is_refusal(ec)) ec.clear();
  }

 private:
  const std::string path_;
  bool accepts_refusal_ = false;
};

class FileSystem {
 public:
  using error_code = boost::system::error_code;
  using Path = std::filesystem::path;

  FileSystem() = default;
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;
  virtual ~FileSystem() = default;

  virtual std::unique_ptr<Directory> open_directory(const Path& path, error_code& ec) = 0;
  // The same, but makes it where it is missing, and its missing parents; see Directory::sync_name.
  virtual std::unique_ptr<Directory> make_directory(const Path& path, error_code& ec) = 0;
  // Names the running system: differs after every start of the machine; empty where that is not known. As long as it is
  // the same, no write that has returned was lost to a power cut.
  virtual std::string boot_id() = 0;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// The file system of POSIX. · layer: platform
#pragma once

#include <fluxmap/detail/platform/file_system.hpp>
#include <fluxmap/detail/platform/posix_file.hpp>

#include <boost/system/error_code.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Directories that were made on the way to another one, from the top.
class MadeDirectories {
 public:
  using error_code = boost::system::error_code;

  // Makes a directory in `parent`, unless somebody else has meanwhile.
  void make(const Descriptor& parent, const std::string& name, error_code& ec) {
    Descriptor kept(posix_call(ec, [&] { return ::fcntl(parent.get(), F_DUPFD_CLOEXEC, 0); }));
    if (ec) return;
    posix_call(ec, [&] { return ::mkdirat(parent.get(), name.c_str(), 0755); });
    if (!ec) all_.push_back({std::move(kept), name});
    if (ec == boost::system::errc::file_exists) ec.clear();
  }
  // Takes them back, so that the next attempt is told what this one was told.
  void undo() noexcept {
    for (; !all_.empty(); all_.pop_back()) {
      ::unlinkat(all_.back().parent.get(), all_.back().name.c_str(), AT_REMOVEDIR);
    }
  }
  // Calls sync(descriptor of the parent, ec) for each, and forgets them; takes them back if it fails.
  template <class Sync>
  void sync_names(Sync&& sync, error_code& ec) {
    ec.clear();
    for (const Made& one : all_) {
      sync(one.parent.get(), ec);
      if (ec) return undo();
    }
    all_.clear();
  }
  bool empty() const noexcept { return all_.empty(); }

 private:
  struct Made {
    Descriptor parent;
    std::string name;
  };
  std::vector<Made> all_;
};

class PosixDirectory final : public Directory {
 public:
  PosixDirectory(std::string path, Descriptor directory, MadeDirectories made)
      : Directory(std::move(path)), directory_(std::move(directory)), made_(std::move(made)) {}
  // The lock is one with all copies of the descriptor, which a child has that was forked and not yet become another
  // program; so it is given back by hand, but not by such a child.
  ~PosixDirectory() override {
    if (owner_ == ::getpid()) ::flock(directory_.get(), LOCK_UN);
  }

  void lock(error_code& ec) override {
    posix_call(ec, [&] { return ::flock(directory_.get(), LOCK_EX | LOCK_NB); });
    if (!ec) owner_ = ::getpid();
  }

  std::unique_ptr<File> open(const std::string& name, Open mode, error_code& ec) override {
    const int flags = mode == Open::read ? O_RDONLY : mode == Open::existing ? O_RDWR : O_RDWR | O_CREAT | O_TRUNC;
    Descriptor file(posix_call(ec, [&] { return ::openat(directory_.get(), name.c_str(), flags | O_CLOEXEC, 0644); }));
    return ec ? nullptr : std::make_unique<PosixFile>(std::move(file));
  }
  void rename(const std::string& from, const std::string& to, error_code& ec) override {
    posix_call(ec, [&] { return ::renameat(directory_.get(), from.c_str(), directory_.get(), to.c_str()); });
  }
  void remove(const std::string& name, error_code& ec) override {
    posix_call(ec, [&] { return ::unlinkat(directory_.get(), name.c_str(), 0); });
  }
  std::vector<std::string> list(error_code& ec) override {
    std::vector<std::string> names;
    Descriptor own(open_at(directory_.get(), ".", ec));  // with a position of its own
    if (ec) return names;
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(own.get()), &::closedir);
    if (stream == nullptr) {
      ec = last_system_error();
      return names;
    }
    own.release();
    for (;;) {
      errno = 0;
      const dirent* const entry = ::readdir(stream.get());  // NOLINT(concurrency-mt-unsafe): the stream is our own
      if (entry == nullptr) break;
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) ec = last_system_error();
    return names;
  }
  FileId id_of(const std::string& name, error_code& ec) override {
    struct stat status{};
    posix_call(ec, [&] { return ::fstatat(directory_.get(), name.c_str(), &status, 0); });
    return ec ? FileId() : detail::id_of(status);
  }

  static int open_at(int at, const char* name, error_code& ec) {
    return posix_call(ec, [&] { return ::openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  }

 private:
  void sync_entries(error_code& ec) override {
    posix_call(ec, [&] { return ::fsync(directory_.get()); });
  }
  void sync_own_name(error_code& ec) override {
    if (!made_.empty()) {
      return made_.sync_names([this](int parent, error_code& error) { sync_parent(parent, ".", error); }, ec);
    }
    struct stat own{}, parent{};
    posix_call(ec, [&] { return ::fstat(directory_.get(), &own); });
    if (!ec) posix_call(ec, [&] { return ::fstatat(directory_.get(), "..", &parent, 0); });
    if (!ec && own.st_dev == parent.st_dev) sync_parent(directory_.get(), "..", ec);  // else something is mounted here
  }
  void sync_parent(int at, const char* name, error_code& ec) {
    const Descriptor parent(open_at(at, name, ec));
    if (!ec) posix_call(ec, [&] { return ::fsync(parent.get()); });
#if defined(__linux__)
    // A parent that may be entered, but not listed, cannot be synced by itself.
    if (parent.get() < 0 && ec == boost::system::errc::permission_denied) {
      posix_call(ec, [&] { return ::syncfs(directory_.get()); });
    }
#endif
    forgive_refusal(ec);  // here already, or what was made would be taken back
  }

  const Descriptor directory_;
  MadeDirectories made_;
  pid_t owner_ = -1;  // the process that has locked it
};

class PosixFileSystem final : public FileSystem {
 public:
  std::unique_ptr<Directory> open_directory(const Path& path, error_code& ec) override {
    return make(path, Descriptor(PosixDirectory::open_at(AT_FDCWD, path.c_str(), ec)), {}, ec);
  }
  std::unique_ptr<Directory> make_directory(const Path& path, error_code& ec) override {
    Descriptor found(PosixDirectory::open_at(AT_FDCWD, path.c_str(), ec));
    if (ec != boost::system::errc::no_such_file_or_directory) return make(path, std::move(found), {}, ec);
    MadeDirectories made;
    Descriptor at(open_to_enter(AT_FDCWD, path.is_absolute() ? "/" : ".", ec));
    for (const Path& part : path.relative_path()) {
      if (ec) break;
      if (!part.empty()) at = enter(at, part.string(), made, ec);  // empty: behind a slash at the end
    }
    if (!ec) found = Descriptor(PosixDirectory::open_at(at.get(), ".", ec));
    if (ec) made.undo();
    return make(path, std::move(found), std::move(made), ec);
  }
  std::string boot_id() override {
    error_code ec;
    const Descriptor file(
        posix_call(ec, [] { return ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC); }));
    char id[64];  // 36 characters and the end of the line
    const ssize_t size = ec ? 0 : posix_call(ec, [&] { return ::read(file.get(), id, sizeof id); });
    const std::string_view line(id, ec ? 0 : static_cast<std::size_t>(size));
    return std::string(line.substr(0, line.find('\n')));
  }

 private:
  static std::unique_ptr<Directory> make(const Path& path, Descriptor directory, MadeDirectories made,
                                         const error_code& ec) {
    if (ec) return nullptr;
    std::error_code error;  // where there is no working directory any more
    const Path whole = std::filesystem::absolute(path, error);
    return std::make_unique<PosixDirectory>((error ? path : whole).string(), std::move(directory), std::move(made));
  }
  // A directory on the way: that it can be listed is not asked for.
  static int open_to_enter(int at, const char* name, error_code& ec) {
#if defined(O_PATH)
    constexpr int k_enter = O_PATH;
#elif defined(O_SEARCH)
    constexpr int k_enter = O_SEARCH;
#else
    constexpr int k_enter = O_RDONLY;
#endif
    return posix_call(ec, [&] { return ::openat(at, name, k_enter | O_DIRECTORY | O_CLOEXEC); });
  }
  static Descriptor enter(const Descriptor& at, const std::string& name, MadeDirectories& made, error_code& ec) {
    Descriptor next(open_to_enter(at.get(), name.c_str(), ec));
    if (ec != boost::system::errc::no_such_file_or_directory) return next;
    made.make(at, name, ec);
    if (ec) return Descriptor(-1);
    return Descriptor(open_to_enter(at.get(), name.c_str(), ec));
  }
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

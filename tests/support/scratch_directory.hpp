// Real directories for tests of what the operating system does.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>

namespace fluxmap_test {

// An empty directory, removed at the end with all that is in it, unless somebody wants to look at it.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "fluxmap-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), name);
    path_ = std::filesystem::canonical(name);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() {
    std::error_code ignored;  // what is left is rubbish
    if (!kept_) std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }
  void keep() { kept_ = true; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
  bool kept_ = false;
};

// Gives the process back the working directory it had.
class WorkingDirectory {
 public:
  WorkingDirectory() : before_(::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (before_ < 0) throw std::system_error(errno, std::generic_category(), "the working directory");
  }
  WorkingDirectory(const WorkingDirectory&) = delete;
  WorkingDirectory& operator=(const WorkingDirectory&) = delete;
  ~WorkingDirectory() {
    if (::fchdir(before_) != 0) ::perror("the working directory is lost");
    ::close(before_);
  }

  static void change_to(const std::filesystem::path& path) { std::filesystem::current_path(path); }

 private:
  int before_;
};

}  // namespace fluxmap_test

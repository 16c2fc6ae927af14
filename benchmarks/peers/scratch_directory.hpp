// A directory of its own that is gone when this object is.
#pragma once

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>

namespace fluxmap_bench {

class ScratchDirectory {
 public:
  enum class Place {
    memory,  // a file system in memory, where there is one: for those that keep files but shall not pay for a disk
    disk,    // the working directory: for those that promise to be on it
  };

  explicit ScratchDirectory(Place place) {
    static std::atomic<unsigned> number{0};
    const std::filesystem::path shm = "/dev/shm";
    std::filesystem::path parent = std::filesystem::current_path();
    if (place == Place::memory) {
      parent = std::filesystem::is_directory(shm) ? shm : std::filesystem::temp_directory_path();
    }
    path_ = parent / ("fluxmap-suite-" + std::to_string(getpid()) + '-' + std::to_string(number++));
    std::filesystem::create_directories(path_);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() {
    std::error_code ignored;  // what can't be removed stays
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace fluxmap_bench

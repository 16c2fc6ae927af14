// What a process takes, and a process of its own for what must not share a heap.
#pragma once

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace fluxmap_bench {

// The memory that is in use by this process, as the operating system sees it.
inline std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  if (!(statm >> size >> resident)) throw std::runtime_error("cannot read /proc/self/statm");
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

// Gives what the allocator keeps for itself back to the operating system, where it can be asked to.
inline void trim_heap() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

inline double process_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Runs f in a forked process and hands over the bytes it gave. Call it from a process of one thread with a small heap.
template <class F>
std::string bytes_of_child(F&& f) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("cannot make a pipe");
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    close(ends[0]);
    int code = 1;
    try {
      const std::string bytes = f();
      std::size_t written = 0;
      while (written < bytes.size()) {
        const ssize_t some = write(ends[1], bytes.data() + written, bytes.size() - written);
        if (some <= 0) throw std::runtime_error("cannot write into a pipe");
        written += static_cast<std::size_t>(some);
      }
      code = 0;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "in a child: %s\n", error.what());
    }
    std::fflush(nullptr);
    _exit(code);
  }
  close(ends[1]);
  std::string bytes;
  std::array<char, 1 << 16> some;
  for (ssize_t count = 0; (count = read(ends[0], some.data(), some.size())) > 0;) {
    bytes.append(some.data(), static_cast<std::size_t>(count));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) throw std::runtime_error("a child died of signal " + std::to_string(WTERMSIG(status)));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error("a child failed");
  return bytes;
}

// The same for a result that is nothing but bytes.
template <class F>
auto in_child(F&& f) {
  using Result = std::invoke_result_t<F&>;
  static_assert(std::is_trivially_copyable_v<Result>, "it comes through a pipe");
  const std::string bytes = bytes_of_child([&] {
    const Result result = f();
    return std::string(reinterpret_cast<const char*>(&result), sizeof result);
  });
  Result result{};
  if (bytes.size() != sizeof result) throw std::runtime_error("a child failed");
  std::memcpy(&result, bytes.data(), sizeof result);
  return result;
}

}  // namespace fluxmap_bench

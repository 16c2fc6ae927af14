// What a process takes, and a process of its own for what must not share a heap.
#pragma once

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <cstdint>
#include <cstdio>
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

// Runs f in a forked process and hands over what it gave. Call it from a process of one thread with a small heap.
template <class F>
auto in_child(F&& f) {
  using Result = std::invoke_result_t<F&>;
  static_assert(std::is_trivially_copyable_v<Result>, "it comes through a pipe");
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("cannot make a pipe");
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    close(ends[0]);
    int code = 1;
    try {
      const Result result = f();
      if (write(ends[1], &result, sizeof result) == static_cast<ssize_t>(sizeof result)) code = 0;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "in a child: %s\n", error.what());
    }
    std::fflush(nullptr);
    _exit(code);
  }
  close(ends[1]);
  Result result{};
  const bool told = read(ends[0], &result, sizeof result) == static_cast<ssize_t>(sizeof result);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) throw std::runtime_error("a child died of signal " + std::to_string(WTERMSIG(status)));
  if (!told || !WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error("a child failed");
  return result;
}

}  // namespace fluxmap_bench

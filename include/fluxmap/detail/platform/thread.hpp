// The library's threads: they take no signals, and a child of fork() does not wait for them. · layer: platform
//
// A signal to the process goes to any thread that does not block it. Those of the library do, so that it comes to the
// program's: to its handlers' threads, or to who waits for it with sigwait, blocked before or after a database was
// opened. What a thread brings upon itself (SIGSEGV and the like) is not blocked. SIGPROF is: a profiler's timer of the
// whole process then samples the program's threads.
//
// The test `headers_threads` fails where a header makes a std::thread of its own.
#pragma once

#include <fluxmap/detail/platform/process.hpp>

#if FLUXMAP_HAS_FORK
#include <pthread.h>

#include <csignal>
#endif

#include <thread>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

#if FLUXMAP_HAS_FORK
// Blocks signals on the calling thread while it is in scope; threads that it makes meanwhile begin with them blocked.
class BlockedSignals {
 public:
  BlockedSignals() noexcept {
    sigset_t signals;
    sigfillset(&signals);
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) sigdelset(&signals, own);
    ::pthread_sigmask(SIG_BLOCK, &signals, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};
#else
struct BlockedSignals {
  BlockedSignals() noexcept {}
};
#endif

// As std::thread. In a child of fork() it is not joinable, whatever it was, and its destructor leaves it alone.
class Thread {
 public:
  Thread() noexcept = default;
  // Throws std::system_error.
  template <class Run>
  static Thread start(Run&& run) {
    const BlockedSignals blocked;
    return Thread(std::thread(std::forward<Run>(run)));
  }
  Thread(Thread&&) noexcept = default;
  // What was here must have ended.
  Thread& operator=(Thread&& other) noexcept {
    std::swap(thread_, other.thread_);
    std::swap(process_, other.process_);
    return *this;
  }
  ~Thread() {
    if (!is_here()) never_destroy(std::move(thread_));
  }

  // False in a child of the process that this was made in.
  bool is_here() const noexcept { return process_.is_here(); }
  bool joinable() const noexcept { return thread_.joinable() && is_here(); }
  void join() { thread_.join(); }
  void detach() { thread_.detach(); }

 private:
  explicit Thread(std::thread thread) noexcept : thread_(std::move(thread)) {}

  std::thread thread_;
  ProcessMark process_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

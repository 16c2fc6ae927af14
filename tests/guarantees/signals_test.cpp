// Signals: they are for the threads of the program. Those of the library take none that comes from outside.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "shared.hpp"
#include "support/catch.hpp"
#include "support/persistent.hpp"
#include "support/run.hpp"

using namespace fluxmap_test;
using namespace std::chrono_literals;
using Numbers = fluxmap::Database<std::uint64_t, std::uint64_t>;

namespace {

// What a thread that goes its way must take: the faults of its own.
const std::set<int> k_own{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};

bool is_blocked_right(const sigset_t& mask, int signal) {
  return ::sigismember(&mask, signal) == (k_own.contains(signal) ? 0 : 1);
}
sigset_t mask_of_this_thread() {
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return mask;
}
// The signals that are not as they should be. Between those of POSIX and the real-time ones lie some of the C library.
std::set<int> wrong_signals(const sigset_t& mask) {
  std::set<int> wrong;
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    if (signal >= 32 && signal < SIGRTMIN) continue;
    if (signal != SIGKILL && signal != SIGSTOP && !is_blocked_right(mask, signal)) wrong.insert(signal);
  }
  return wrong;
}

// Each thread that has made a call to the disk, with its mask.
class Callers {
 public:
  explicit Callers(MemoryDisk& disk) : disk_(disk) {
    disk_.faults().on_call([this](Call, const auto&) {
      const std::lock_guard lock(mutex_);
      masks_.emplace(number_of_this_thread(), mask_of_this_thread());
    });
  }
  Callers(const Callers&) = delete;
  Callers& operator=(const Callers&) = delete;
  ~Callers() { disk_.faults().clear(); }

  // By number: the system uses the ids of threads again.
  std::map<int, sigset_t> masks() {
    const std::lock_guard lock(mutex_);
    return masks_;
  }
  static int number_of_this_thread() {
    static std::atomic<int> last{0};
    thread_local const int number = ++last;
    return number;
  }

 private:
  MemoryDisk& disk_;
  std::mutex mutex_;
  std::map<int, sigset_t> masks_;
};

#if defined(__linux__)
constexpr std::uint64_t bit_of(int signal) { return std::uint64_t{1} << (signal - 1); }

// The threads of this process, with the signals that they block as the kernel tells them. The C library has a thread
// begin with all of them blocked, for a moment.
std::map<std::string, std::uint64_t> blocked_of_threads() {
  std::map<std::string, std::uint64_t> blocked;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(thread.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("SigBlk:")) blocked[thread.path().filename()] = std::stoull(line.substr(7), nullptr, 16);
    }
  }
  return blocked;
}
// Of the threads that are not in `before`.
std::map<std::string, std::uint64_t> blocked_when_all_have_begun(const std::map<std::string, std::uint64_t>& before) {
  const auto until = std::chrono::steady_clock::now() + 60s;
  for (;;) {
    auto blocked = blocked_of_threads();
    std::erase_if(blocked, [&](const auto& thread) { return before.contains(thread.first); });
    const bool begun = std::none_of(blocked.begin(), blocked.end(),
                                    [](const auto& thread) { return (thread.second & bit_of(SIGSEGV)) != 0; });
    if (begun || std::chrono::steady_clock::now() > until) return blocked;
    std::this_thread::yield();
  }
}
#endif

}  // namespace

TEST_CASE("the_threads_that_work_on_the_disk_take_no_signals_and_the_callers_mask_stays") {
  sigset_t before = mask_of_this_thread();
  for (const Level level : {Level::relaxed, Level::full}) {
    const auto disk = std::make_shared<MemoryDisk>();
    Callers callers(*disk);
    for (int round = 0; round < 2; ++round) {
      // A checkpoint comes by itself after every few records, and by hand.
      const auto builder = builder_on<std::uint64_t, std::uint64_t>(disk, level, in_directory(1 << 16, 1));
      const auto database = run(builder.async_build());
      auto handle = database->handle();
      for (std::uint64_t i = 0; i < 100; ++i) put(handle, i, i);
      run(database->checkpoint());
      while (database->stats().checkpoints < 3) {
        put(handle, std::uint64_t{1}, std::uint64_t{1});
        run(database->flush());
      }
      run(database->close());
    }
    auto masks = callers.masks();
    masks.erase(Callers::number_of_this_thread());  // level relaxed writes on the committer's
    CHECK(masks.size() >= 8);  // twice the opening's, the log's, the checkpointer's, the checkpoint's
    for (const auto& [thread, mask] : masks) CHECK(wrong_signals(mask).empty());
  }
  const sigset_t after = mask_of_this_thread();
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    CHECK(::sigismember(&before, signal) == ::sigismember(&after, signal));
  }
}

#if defined(__linux__)
TEST_CASE("a_signal_to_the_process_is_for_who_waits_for_it") {
  const auto before = blocked_of_threads();
  const auto disk = std::make_shared<MemoryDisk>();
  const auto database = builder_on<std::uint64_t, std::uint64_t>(disk, Level::relaxed, in_directory(1 << 16, 1 << 20))
                            .auto_vacuum({.interval = 1h})
                            .time_to_live(1h)
                            .max_memory(1 << 20)
                            .build();
  auto handle = database->handle();
  handle.insert(1, 1, asio::use_future).get();  // on one of the threads for tokens without an executor
  int threads = 0;
  for (const auto& [thread, blocked] : blocked_when_all_have_begun(before)) {
    INFO("thread " << thread << " blocks " << std::hex << blocked);
    ++threads;
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD, SIGALRM, SIGPIPE, SIGPROF}) {
      REQUIRE((blocked & bit_of(signal)) != 0);
    }
    for (const int signal : k_own) CHECK((blocked & bit_of(signal)) == 0);
  }
  CHECK(threads >= 4 + 1);  // the log's, the checkpointer's, vacuum's and expiry's

  // The program decides only now to wait for its end. Had a thread of the library taken the signal, it would end here.
  sigset_t wanted, old;
  ::sigemptyset(&wanted);
  ::sigaddset(&wanted, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &wanted, &old);
  for (int i = 0; i < 20; ++i) {
    ::kill(::getpid(), SIGTERM);
    int signal = 0;
    CHECK(::sigwait(&wanted, &signal) == 0);
    CHECK(signal == SIGTERM);
  }
  ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
  run(database->close());
}
#endif

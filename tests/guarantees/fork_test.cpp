// A child of fork() may exit, return, exec, let go of the database or close it: it does not hang, and does no harm to
// its parent, whose files and threads they are.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "shared.hpp"
#include "support/catch.hpp"
#include "support/persistent.hpp"
#include "support/run.hpp"
#include "support/scratch_directory.hpp"

// ThreadSanitizer ends a child that starts a thread, if its parent had some; and it sleeps for a second at every exit.
#if defined(__SANITIZE_THREAD__)
#define FLUXMAP_TEST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FLUXMAP_TEST_TSAN 1
#endif
#endif
#if !defined(FLUXMAP_TEST_TSAN)
#define FLUXMAP_TEST_TSAN 0
#endif

namespace {
bool in_child = false;
}  // namespace

// LeakSanitizer asks it at the end. In a child what the stacks of the parent's threads had in hand counts as leaked.
extern "C" int __lsan_is_turned_off();
extern "C" int __lsan_is_turned_off() { return in_child ? 1 : 0; }

namespace {

using namespace fluxmap_test;
using namespace std::chrono_literals;
using Number = std::uint64_t;
using Numbers = fluxmap::Database<Number, Number>;

constexpr int k_broken = 99;  // an exception in a child

// What the child is to do failed: it tells by its exit code, which is a line of this file, cut.
void expect_at(bool condition, int line) {
  if (!condition) ::_exit(1 + line % 90);
}
#define EXPECT(condition) expect_at(condition, __LINE__)

class Pipe {
 public:
  Pipe() {
    if (::pipe(ends_) != 0) throw std::system_error(errno, std::system_category(), "pipe");
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_read();
    close_write();
  }
  void close_read() { close(ends_[0]); }
  void close_write() { close(ends_[1]); }
  // False: nothing has come, and the other end is open still.
  bool wait_for_end(std::chrono::milliseconds patience) const {
    pollfd what{.fd = ends_[0], .events = POLLIN, .revents = 0};
    int ready = 0;
    do {
      ready = ::poll(&what, 1, static_cast<int>(patience.count()));
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
  }

 private:
  static void close(int& end) {
    if (end >= 0) ::close(std::exchange(end, -1));
  }
  int ends_[2] = {-1, -1};
};

// A child of this process: does work(), and what main() does after it. Killed where it hangs.
class Child {
 public:
  template <class Work>
  explicit Child(Work work) {
    std::cout.flush();
    std::fflush(nullptr);  // else the child writes it once more
    pid_ = ::fork();
    if (pid_ < 0) throw std::system_error(errno, std::system_category(), "fork");
    if (pid_ > 0) {
      alive_.close_write();
      return;
    }
    in_child = true;
    alive_.close_read();
    try {
      work();
    } catch (...) {
      ::_exit(k_broken);
    }
    std::exit(0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) static_cast<void>(wait());
  }

  // Its exit code; -1: it hung, or was killed by a signal.
  int wait() {
    if (!alive_.wait_for_end(60s)) ::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0) {
      if (errno != EINTR) throw std::system_error(errno, std::system_category(), "waitpid");
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  Pipe alive_;
  pid_t pid_ = -1;
};

template <class Work>
int code_of_child(Work work) {
  return Child(std::move(work)).wait();
}

struct Directory : ScratchDirectory {
  // What is in it, byte for byte.
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> files;
    for (const auto& file : std::filesystem::directory_iterator(path())) {
      std::ifstream in(file.path(), std::ios::binary);
      files[file.path().filename()] = std::string(std::istreambuf_iterator<char>(in), {});
    }
    return files;
  }
};

enum class Kind { memory, relaxed, full };

// With all the threads that a database can have.
fluxmap::DatabaseBuilder<Number, Number> builder_in(const Directory& directory, Kind kind) {
  fluxmap::DatabaseBuilder<Number, Number> builder;
  const fluxmap::PersistenceOptions options{
      .directory = directory.path(), .segment_bytes = 1 << 16, .checkpoint_after_bytes = 1 << 18};
  if (kind == Kind::relaxed) builder.durability_relaxed(options);
  if (kind == Kind::full) builder.durability_full(options);
  builder.auto_vacuum({.interval = 1ms}).time_to_live(24h).max_memory(64 << 20);
  return builder;
}

// On this thread, and on those that the library has for tokens without an executor.
void put_numbers(Numbers& database, Number from, Number upto) {
  auto handle = database.handle();
  for (Number i = from; i < upto; ++i) {
    if (i % 10 == 0 && !(FLUXMAP_TEST_TSAN && in_child)) {
      handle.insert(i, i, asio::use_future).get();
    } else {
      put(handle, i, i);
    }
  }
}

// What a child may do with the database that it has inherited, by name.
struct End {
  const char* name;
  void (*run)(std::shared_ptr<Numbers>& database);
};
const End k_ends[] = {
    {"exit", [](auto&) { std::exit(0); }},
    {"exit at once", [](auto&) { ::_exit(0); }},
    {"let go of it and return", [](auto& database) { database.reset(); }},
    {"close it and return",
     [](auto& database) {
       run(database->close());
       EXPECT(code_of([&] { database->handle(); }) == errc::closed);
     }},
#if !FLUXMAP_TEST_TSAN  // a child has threads of its own for futures
    {"close it by a future and return",
     [](auto& database) {
       EXPECT(database->handle().update(7, [](const Number* old) { return *old; }, asio::use_future).valid());
       database->close(asio::use_future).get();
     }},
#endif
    {"close it, let go of it, exit",
     [](auto& database) {
       run(database->close());
       database.reset();
       std::exit(0);
     }},
    {"read, and let go of it",
     [](auto& database) {
       {
         auto handle = database->handle();
         EXPECT(handle.get(7) == 7);
         EXPECT(handle.range(0, 10).size() == 10);
         auto transaction = handle.begin();
         EXPECT(*transaction.get(8) == 8);
         EXPECT(database->stats().keys >= 20);
       }
       database.reset();
     }},
    {"exec",
     [](auto&) {
       ::execl("/bin/sh", "sh", "-c", "exit 0", nullptr);
       ::_exit(k_broken);
     }},
    {"have a child of its own",
     [](auto& database) {
       const pid_t grandchild = ::fork();
       if (grandchild == 0) {
         database.reset();
         std::exit(0);
       }
       int status = -1;
       while (::waitpid(grandchild, &status, 0) < 0 && errno == EINTR) {
       }
       EXPECT(status == 0);
       database.reset();
     }},
};

// Static objects are destroyed by exit(), in a child as in its parent.
std::shared_ptr<Numbers>& static_database() {
  static std::shared_ptr<Numbers> database;
  return database;
}

}  // namespace

TEST_CASE("a_child_of_fork_ends_in_any_way_and_its_parent_goes_on") {
  for (const Kind kind : {Kind::memory, Kind::relaxed, Kind::full}) {
    if (FLUXMAP_TEST_TSAN && kind == Kind::memory) continue;
    const Directory directory;
    std::shared_ptr<Numbers>& database = static_database();
    database = builder_in(directory, kind).build();
    Number written = 0;
    for (const End& end : k_ends) {
      INFO("kind " << static_cast<int>(kind) << ", the child's end: " << end.name);
      put_numbers(*database, written, written + 20);
      written += 20;
      CHECK(code_of_child([&] { end.run(database); }) == 0);
      put_numbers(*database, written, written + 20);
      written += 20;
      run(database->vacuum());
      run(database->flush());
      CHECK(database->size() == written);
    }
    if (kind != Kind::memory) {
      run(database->checkpoint());
      put_numbers(*database, written, written + 20);
      written += 20;
      run(database->close());
      database = builder_in(directory, kind).build();
      CHECK(contents_of(*database).size() == written);
      CHECK(database->stats().truncated_bytes == 0);
    }
    database.reset();
  }
}

TEST_CASE("a_child_of_fork_ends_while_its_parents_threads_commit") {
  for (const Kind kind : {Kind::memory, Kind::relaxed, Kind::full}) {
    INFO("kind " << static_cast<int>(kind));
    const Directory directory;
    std::shared_ptr<Numbers>& database = static_database();
    database = builder_in(directory, kind).build();
    put_numbers(*database, 0, 10);
    constexpr Number k_threads = 3, k_stride = 1'000'000;
    std::atomic<bool> enough{false};
    std::vector<Number> written(k_threads, 0);
    std::vector<std::thread> threads;
    for (Number who = 0; who < k_threads; ++who) {
      threads.emplace_back([&, who] {
        auto handle = database->handle();
        while (!enough.load()) {
          const Number key = (who + 1) * k_stride + written[who];
          run(handle.transaction([&](auto& tx) {
            tx.insert(key, key);
            tx.insert(who, key);
          }));
          ++written[who];
        }
      });
    }
    int good = 0;
    constexpr int k_children = FLUXMAP_TEST_TSAN ? 4 : 24;
    for (int i = 0; i < k_children; ++i) {
      good += code_of_child([&] {
                if (i % 3 == 0) EXPECT(database->handle().contains(0));
                if (i % 3 == 1) run(database->close());
                if (i % 2 == 0) database.reset();
              }) == 0;
    }
    enough.store(true);
    for (std::thread& thread : threads) thread.join();
    CHECK(good == k_children);
    if (kind != Kind::memory) {
      run(database->close());
      database = builder_in(directory, kind).build();
    }
    const auto contents = contents_of(*database);
    Number missing = 0;
    for (Number who = 0; who < k_threads; ++who) {
      for (Number i = 0; i < written[who]; ++i) missing += contents.contains((who + 1) * k_stride + i) ? 0 : 1;
    }
    CHECK(missing == 0);
    database.reset();
  }
}

TEST_CASE("a_child_of_fork_reads_what_there_was_and_writes_nothing") {
  for (const Kind kind : {Kind::relaxed, Kind::full}) {
    INFO("kind " << static_cast<int>(kind));
    const Directory directory;
    auto database = builder_in(directory, kind).build();
    put_numbers(*database, 0, 100);
    run(database->flush());
    const auto before = directory.files();
    const int code = code_of_child([&] {
      auto handle = database->handle();
      EXPECT(handle.get(5) == 5);
      EXPECT(handle.range(0, 1000).size() == 100);
      EXPECT(code_of([&] { put(handle, Number{5}, Number{6}); }) == errc::closed);
      EXPECT(code_of([&] { put(handle, Number{500}, Number{6}); }) == errc::closed);
      EXPECT(code_of([&] { run(handle.insert(500, 6, fluxmap::ExpiresAfter{1h})); }) == errc::closed);
      EXPECT(code_of([&] { run(handle.insert_if_absent(500, 6)); }) == errc::closed);
      EXPECT(code_of([&] { run(handle.update(5, [](const Number*) { return Number{6}; })); }) == errc::closed);
      EXPECT(code_of([&] { run(handle.remove(5)); }) == errc::closed);
      EXPECT(code_of([&] { run(handle.evict(5)); }) == errc::closed);
      EXPECT(code_of([&] { run(handle.transaction([](auto& tx) { tx.insert(5, 6); })); }) == errc::closed);
      EXPECT(code_of([&] {
               auto transaction = handle.begin();
               transaction.insert(5, 6);
               run(transaction.commit());
             }) == errc::closed);
      EXPECT(code_of([&] { run(database->flush()); }) == errc::closed);
      EXPECT(code_of([&] { run(database->checkpoint()); }) == errc::closed);
      EXPECT(handle.get(5) == 5);
      EXPECT(handle.range(0, 1000).size() == 100);
      run(handle.transaction([](auto& tx) { EXPECT(tx.range(0, 1000).size() == 100); }, {.read_only = true}));
      EXPECT(code_of([&] {
               builder_in(directory, kind).build();  // the parent has it
             }) == errc::already_open);
      run(database->close());
      EXPECT(code_of([&] { handle.get(5); }) == errc::closed);
      EXPECT(code_of([&] { run(database->close()); }) == errc::closed);
      database.reset();
    });
    CHECK(code == 0);
    CHECK(directory.files() == before);
    CHECK(code_of([&] { builder_in(directory, kind).build(); }) == errc::already_open);
    put_numbers(*database, 100, 200);
    run(database->close());
    CHECK(contents_of(*builder_in(directory, kind).build()).size() == 200);
  }
}

TEST_CASE("a_child_of_fork_has_a_database_in_memory_to_itself") {
  auto database = Numbers::builder().build();
  put_numbers(*database, 0, 100);
  CHECK(code_of_child([&] {
          put_numbers(*database, 100, 200);
          EXPECT(database->size() == 200);
          run(database->handle().remove(5));
          run(database->vacuum());
          run(database->flush());
          run(database->checkpoint());
          EXPECT(database->size() == 199);
          Numbers own;
          put_numbers(own, 0, 10);
          EXPECT(own.size() == 10);
          database.reset();
        }) == 0);
  CHECK(database->size() == 100);
}

TEST_CASE("a_closure_may_fork") {
  const Directory directory;
  std::shared_ptr<Numbers>& database = static_database();
  database = builder_in(directory, Kind::full).build();
  auto handle = database->handle();
  put_numbers(*database, 0, 10);
  int code = -1;
  run(handle.update(5, [&](const Number* old) {
    code = code_of_child([] { std::exit(0); });
    return *old + 1;
  }));
  CHECK(code == 0);
  run(handle.transaction([&](auto& tx) {
    tx.insert(6, 60);
    Child child([&] {
      tx.insert(7, 70);
      EXPECT(code_of([&] { run(tx.commit()); }) == errc::closed);
    });
    code = child.wait();
  }));
  CHECK(code == 0);
  CHECK(handle.get(5) == 6);
  CHECK(handle.get(6) == 60);
  CHECK(handle.get(7) == 7);
  run(database->close());
  database.reset();
}

TEST_CASE("a_child_of_fork_may_destroy_a_context_whose_coroutines_wait_for_the_log") {
  const auto disk = std::make_shared<MemoryDisk>();
  auto database = open_on<Number, Number>(disk, Level::full);
  auto handle = database->handle();
  auto context = std::make_unique<asio::io_context>(1);
  {
    Gate gate(*disk);
    gate.close();
    for (Number i = 0; i < 20; ++i) asio::co_spawn(*context, handle.insert(i, i), asio::detached);
    context->poll();
    gate.wait_for_somebody();
    CHECK(code_of_child([&] {
            context.reset();
            database.reset();
          }) == 0);
    CHECK(code_of_child([&] {
            database.reset();
            context.reset();
            EXPECT(code_of([&] { handle.get(1); }) == errc::closed);
          }) == 0);
  }
  context->run();
  CHECK(database->size() == 20);
  run(database->close());
}

TEST_CASE("commands_may_be_run_while_a_database_is_open") {
  const Directory directory;
  auto database = builder_in(directory, Kind::relaxed).build();
  std::atomic<bool> enough{false};
  std::thread writer([&] {
    auto handle = database->handle();
    for (Number i = 0; !enough.load(); ++i) put(handle, i % 1000, i);
  });
  int failed = 0;
  for (int i = 0; i < 20; ++i) {
    failed += std::system("exit 0") != 0;
    FILE* const pipe = ::popen("exit 0", "r");
    failed += pipe == nullptr || ::pclose(pipe) != 0;
  }
  enough.store(true);
  writer.join();
  CHECK(failed == 0);
  run(database->close());
}

#if !FLUXMAP_TEST_TSAN  // the child starts threads
TEST_CASE("a_child_of_fork_takes_the_directory_over_when_its_parent_has_let_go") {
  for (const bool close_first : {false, true}) {
    const Directory directory;
    auto database = builder_in(directory, Kind::full).build();
    put_numbers(*database, 0, 100);
    Pipe let_go;
    Child child([&] {
      let_go.close_write();
      if (close_first) run(database->close());
      database.reset();
      EXPECT(let_go.wait_for_end(60s));
      auto mine = builder_in(directory, Kind::full).build();
      EXPECT(contents_of(*mine).size() == 150);
      put_numbers(*mine, 150, 200);
      run(mine->checkpoint());
      auto other_process = Child([&] { mine.reset(); }).wait();
      EXPECT(other_process == 0);
      put_numbers(*mine, 200, 250);
      run(mine->close());
    });
    put_numbers(*database, 100, 150);
    run(database->close());
    database.reset();
    let_go.close_write();
    CHECK(child.wait() == 0);
    CHECK(contents_of(*builder_in(directory, Kind::full).build()).size() == 250);
  }
}

// As daemon(3) does: the parent ends at once, the child goes on.
TEST_CASE("a_program_that_became_a_daemon_opens_its_database_anew") {
  const Directory directory;
  // The pipe of a Child ends with all that have inherited it, so with the daemon.
  const int code = code_of_child([&] {
    auto database = builder_in(directory, Kind::relaxed).build();
    put_numbers(*database, 0, 100);
    Pipe parent;
    if (::fork() > 0) ::_exit(0);
    parent.close_write();
    EXPECT(parent.wait_for_end(60s));
    EXPECT(code_of([&] { put_numbers(*database, 100, 101); }) == errc::closed);
    database.reset();
    database = builder_in(directory, Kind::relaxed).build();
    put_numbers(*database, 100, 200);
    run(database->close());
    ::_exit(0);
  });
  CHECK(code == 0);
  auto database = builder_in(directory, Kind::relaxed).build();
  CHECK(database->size() == 200);
  run(database->close());
}
#endif

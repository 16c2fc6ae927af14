// The lock of a directory ends with its owner's close, whoever has inherited the descriptor meanwhile.
#include <fluxmap/detail/platform/posix_file_system.hpp>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "shared.hpp"
#include "support/scratch_directory.hpp"

namespace {

using namespace fluxmap_test;

using Numbers = fluxmap::Database<std::uint64_t, std::uint64_t>;
using DirectoryPtr = std::unique_ptr<fluxmap::detail::Directory>;

std::shared_ptr<Numbers> open_in(const std::filesystem::path& directory) {
  return fluxmap::DatabaseBuilder<std::uint64_t, std::uint64_t>()
      .durability_full({.directory = directory, .segment_bytes = 4096, .checkpoint_after_bytes = 0})
      .build();
}

// A child of fork() that runs `work`, which must be signal-safe as after a fork of threads, and then waits to be let
// go.
class Child {
 public:
  template <class Work>
  explicit Child(Work work) {
    if (::pipe(ready_.data()) != 0 || ::pipe(leave_.data()) != 0) throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("no child");
    if (pid_ == 0) {
      ::close(leave_[1]);
      work();
      char byte = 0;
      const bool told = ::write(ready_[1], &byte, 1) == 1;
      ::_exit(told && ::read(leave_[0], &byte, 1) == 0 ? 0 : 1);
    }
    char byte = 0;
    if (::read(ready_[0], &byte, 1) != 1) throw std::runtime_error("the child has died");
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    for (const int end : {ready_[0], ready_[1], leave_[0], leave_[1]}) ::close(end);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  std::array<int, 2> ready_{}, leave_{};
  pid_t pid_ = -1;
};

TEST_CASE("the_lock_ends_with_the_close_although_a_child_lives") {
  const ScratchDirectory scratch;
  auto database = open_in(scratch / "data");
  auto handle = database->handle();
  put(handle, std::uint64_t{1}, std::uint64_t{1});
  const Child child([] {});
  CHECK(code_of([&] { open_in(scratch / "data"); }) == errc::already_open);
  run(database->close());
  database = open_in(scratch / "data");
  CHECK(database->size() == 1);
  database.reset();
  CHECK(open_in(scratch / "data")->size() == 1);
}

TEST_CASE("a_child_that_destroys_its_copy_takes_the_lock_from_nobody") {
  const ScratchDirectory scratch;
  fluxmap::detail::PosixFileSystem files;
  error_code ec;
  DirectoryPtr directory = files.make_directory(scratch / "data", ec);
  directory->lock(ec);
  REQUIRE(ec == error_code());
  const auto is_locked = [&] {
    const DirectoryPtr other = files.open_directory(scratch / "data", ec);
    other->lock(ec);
    return ec == boost::system::errc::resource_unavailable_try_again;
  };
  const Child child([&] { directory.reset(); });
  CHECK(is_locked());
  CHECK(is_locked());  // nor does one that was refused
  directory.reset();
  CHECK_FALSE(is_locked());
}

TEST_CASE("programs_that_another_thread_starts_do_not_keep_the_lock") {
  const ScratchDirectory scratch;
  std::atomic<bool> stop{false};
  std::thread starter([&] {
    std::string name = "true";
    std::array<char*, 2> arguments{name.data(), nullptr};
    while (!stop) {
      pid_t pid = -1;
      if (::posix_spawnp(&pid, "true", nullptr, nullptr, arguments.data(), environ) == 0) ::waitpid(pid, nullptr, 0);
    }
  });
  int refused = 0;
  for (int i = 0; i < 200; ++i) refused += code_of([&] { run(open_in(scratch / "data")->close()); }) ? 1 : 0;
  stop = true;
  starter.join();
  CHECK(refused == 0);
}

}  // namespace

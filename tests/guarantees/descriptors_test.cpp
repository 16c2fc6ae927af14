// What runs out for a moment, descriptors above all, stops no log: what nothing depends on yet is tried again.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "shared.hpp"
#include "support/persistent.hpp"
#include "support/scratch_directory.hpp"

namespace {

using namespace fluxmap_test;

using Texts = fluxmap::Database<std::uint64_t, std::string>;
using TextsPtr = std::shared_ptr<Texts>;
using Errc = FaultPlan::Errc;
using Repeat = FaultPlan::Repeat;
using DiskPtr = std::shared_ptr<MemoryDisk>;

constexpr std::size_t k_segment = 16 << 10;
const std::filesystem::path k_next = std::filesystem::path(k_directory) / "log-0000000000000002.fluxlog.tmp";

TextsPtr open_texts(const DiskPtr& disk, Level level) {
  auto builder = builder_on<std::uint64_t, std::string>(disk, level, in_directory(k_segment));
  builder.flush_interval(std::chrono::hours(24));
  return builder.build();
}
void fill(Texts& database, std::uint64_t first, std::uint64_t count) {
  auto handle = database.handle();
  for (std::uint64_t key = first; key < first + count; ++key) run(handle.insert(key, std::string(1000, 'x')));
}
std::size_t count_of(const DiskPtr& disk, const std::string& ending) {
  std::size_t count = 0;
  for (const std::string& name : disk->list(k_directory)) count += name.ends_with(ending) ? 1 : 0;
  return count;
}

TEST_CASE("the_log_goes_on_while_no_file_can_be_opened") {
  constexpr std::pair<Call, Errc> k_faults[] = {
      {Call::open, Errc::too_many_files_open},   {Call::open, Errc::too_many_files_open_in_system},
      {Call::open, Errc::not_enough_memory},     {Call::open, Errc::permission_denied},
      {Call::allocate, Errc::not_enough_memory}, {Call::allocate, Errc::io_error},
  };
  for (const Level level : {Level::full, Level::relaxed}) {
    for (const auto& [call, error] : k_faults) {
      const auto disk = std::make_shared<MemoryDisk>();
      TextsPtr database = open_texts(disk, level);
      if (call == Call::allocate) {  // only of the next segment: the current one must grow
        disk->faults().on_call([&disk, fault = error](Call made, const FaultPlan::Path& path) {
          if (made == Call::allocate && path == k_next) disk->faults().fail(Call::allocate, 1, fault);
        });
      } else {
        disk->faults().fail(Call::open, 1, error, Repeat::from_then_on);
      }
      fill(*database, 0, 40);
      CHECK(count_of(disk, ".fluxlog") == 1);
      if (call == Call::open) {
        CHECK(code_of([&] { run(database->checkpoint()); }) == error);
        CHECK(database->stats().failed_checkpoints == 1);
      }
      run(database->flush());

      disk->faults().clear();
      fill(*database, 40, 40);
      CHECK(count_of(disk, ".fluxlog") > 2);
      run(database->flush());
      disk->power_cut(Cut::keep_nothing);
      database = open_texts(disk, level);
      CHECK(database->size() == 80);
      run(database->checkpoint());
      CHECK(count_of(disk, ".fluxlog") == 1);
      run(database->close());
      CHECK(open_texts(disk, level)->size() == 80);
    }
  }
}

TEST_CASE("the_next_segment_is_made_ready_ahead_of_need") {
  for (const Level level : {Level::full, Level::relaxed}) {
    const auto disk = std::make_shared<MemoryDisk>();
    const TextsPtr database = open_texts(disk, level);
    Gate gate(*disk, Call::allocate);
    gate.close();
    fill(*database, 0, 8);     // of 15 that it holds
    gate.wait_for_somebody();  // hangs if nobody makes it ready
    gate.open();
    fill(*database, 8, 2);
    CHECK(count_of(disk, ".fluxlog") == 1);
    while (disk->bytes(k_next).size() < k_segment) std::this_thread::yield();
    disk->faults().fail(Call::open, 1, Errc::too_many_files_open, Repeat::from_then_on);
    disk->faults().fail(Call::allocate, 1, Errc::no_space_on_device, Repeat::from_then_on);
    fill(*database, 10, 10);
    CHECK(count_of(disk, ".fluxlog") == 2);
    CHECK(count_of(disk, ".tmp") == 0);
  }
}

TEST_CASE("what_was_made_ready_is_gone_after_the_end_and_of_no_harm_after_a_kill") {
  for (const bool killed : {false, true}) {
    const auto disk = std::make_shared<MemoryDisk>();
    TextsPtr database = open_texts(disk, Level::full);
    fill(*database, 0, 10);
    while (count_of(disk, ".tmp") == 0) std::this_thread::yield();
    if (killed) {
      disk->crash();
    } else {
      run(database->close());
    }
    CHECK(count_of(disk, ".tmp") == (killed ? 1 : 0));
    database.reset();
    database = open_texts(disk, Level::full);
    CHECK(database->size() == 10);
    fill(*database, 10, 20);
    run(database->close());
    CHECK(count_of(disk, ".tmp") == 0);
  }
}

TEST_CASE("a_disk_that_is_full_for_a_moment_is_not_felt_where_the_segment_has_room") {
  const auto disk = std::make_shared<MemoryDisk>();
  const TextsPtr database = open_texts(disk, Level::full);
  disk->faults().set_capacity(disk->used() + 100);
  fill(*database, 0, 12);
  while (disk->faults().count(Call::remove) == 0) std::this_thread::yield();  // what it has got is given back
  disk->faults().clear();
  fill(*database, 12, 50);
  CHECK(count_of(disk, ".fluxlog") > 2);
}

TEST_CASE("a_log_that_can_neither_go_on_elsewhere_nor_grow_fails_with_the_first_reason") {
  for (const Level level : {Level::full, Level::relaxed}) {
    const auto disk = std::make_shared<MemoryDisk>();
    const TextsPtr database = open_texts(disk, level);
    disk->faults().fail(Call::open, 1, Errc::too_many_files_open, Repeat::from_then_on);
    disk->faults().fail(Call::allocate, 1, Errc::no_space_on_device, Repeat::from_then_on);
    CHECK(code_of([&] { fill(*database, 0, 100); }) == errc::log_failed);
    std::string text;
    try {
      run(database->checkpoint());
    } catch (const boost::system::system_error& error) {
      text = error.what();
    }
    INFO(text);
    CHECK(text.find(make_error_code(Errc::too_many_files_open).message()) != std::string::npos);
  }
}

// Takes all descriptors that there are.
class AllDescriptors {
 public:
  AllDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit few = before_;
    few.rlim_cur = 64;
    ::setrlimit(RLIMIT_NOFILE, &few);
    for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) taken_.push_back(fd);
  }
  AllDescriptors(const AllDescriptors&) = delete;
  AllDescriptors& operator=(const AllDescriptors&) = delete;
  ~AllDescriptors() {
    for (const int fd : taken_) ::close(fd);
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }

 private:
  rlimit before_{};
  std::vector<int> taken_;
};

TEST_CASE("a_process_without_descriptors_goes_on_writing") {
  for (const Level level : {Level::full, Level::relaxed}) {
    const ScratchDirectory scratch;
    fluxmap::DatabaseBuilder<std::uint64_t, std::string> builder;
    fluxmap::PersistenceOptions options{
        .directory = scratch / "data", .segment_bytes = k_segment, .checkpoint_after_bytes = 0};
    level == Level::full ? builder.durability_full(options) : builder.durability_relaxed(options);
    TextsPtr database = builder.build();
    asio::io_context context(1);  // it needs descriptors of its own
    const auto run_here = [&](asio::awaitable<void> work) {
      std::exception_ptr failure;
      asio::co_spawn(context, std::move(work), [&](std::exception_ptr error) { failure = error; });
      context.restart();
      context.run();
      if (failure) std::rethrow_exception(failure);
    };
    run_here(database->flush());
    auto handle = database->handle();
    const auto fill_here = [&](std::uint64_t first) {
      for (std::uint64_t key = first; key < first + 50; ++key) run_here(handle.insert(key, std::string(1000, 'x')));
    };
    {
      const AllDescriptors taken;
      REQUIRE(::open("/", O_RDONLY | O_CLOEXEC) < 0);
      fill_here(0);
      CHECK(code_of([&] { run_here(database->checkpoint()); }) == Errc::too_many_files_open);
      run_here(database->flush());
    }
    fill_here(50);
    run_here(database->checkpoint());
    run_here(database->close());
    database = builder.build();
    CHECK(database->size() == 100);
  }
}

}  // namespace

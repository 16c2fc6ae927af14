// A checkpoint that fails by itself is tried again after a pause that grows, whatever the reason; one that is asked for
// is tried at once.
#include <fluxmap/fluxmap.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "shared.hpp"
#include "support/persistent.hpp"

namespace {

using namespace fluxmap_test;
using Errc = FaultPlan::Errc;

constexpr std::size_t k_limit = 4096;  // bytes of the log that make a checkpoint due
constexpr std::size_t k_commits = 600;

using Strings = fluxmap::Database<std::string, std::string>;

std::shared_ptr<Strings> open_strings(const std::shared_ptr<MemoryDisk>& disk) {
  return open_on<std::string, std::string>(disk, Level::full, in_directory(1 << 20, k_limit));
}

// How many files of checkpoints there are; one that is being made meanwhile is waited for.
std::ptrdiff_t checkpoint_files(const MemoryDisk& disk, std::ptrdiff_t expected) {
  for (int patience = 1000;; --patience) {
    const auto names = disk.list(k_directory);
    const auto count =
        std::count_if(names.begin(), names.end(), [](const auto& name) { return name.starts_with("checkpoint-"); });
    if (count == expected || patience == 0) return count;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// One call of making a checkpoint fails, whenever it is made.
void fail_checkpoints(MemoryDisk& disk, Call kind, Errc error) {
  FaultPlan& faults = disk.faults();
  faults.on_call([&faults, kind, error](Call call, const std::filesystem::path& path) {
    const bool names_it = path.filename().string().starts_with("checkpoint-");
    if (call == kind && (names_it || kind == Call::sync_directory)) faults.fail(kind, 1, error);
  });
}

// What doubling pauses that begin with a second leave room for, and one more.
std::uint64_t attempts_in(std::chrono::steady_clock::duration time) {
  return 2 + static_cast<std::uint64_t>(std::log2(1 + std::chrono::duration<double>(time).count()));
}

// Commits far more than makes a checkpoint due, each with a sync. How many checkpoints failed, and how many may have.
template <class Database>
void commit_much(Database& database, const std::function<void(std::size_t)>& commit) {
  const auto began = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < k_commits; ++i) commit(i);
  while (database.stats().failed_checkpoints == 0) std::this_thread::yield();  // hangs if none is tried
  const std::uint64_t failed = database.stats().failed_checkpoints;
  CHECK(failed <= attempts_in(std::chrono::steady_clock::now() - began));
}

TEST_CASE("a_checkpoint_that_fails_is_not_written_anew_after_every_sync") {
  struct Fault {
    Call call;
    Errc error;
  };
  for (const auto& [call, error] :
       {Fault{Call::open, Errc::too_many_files_open}, Fault{Call::write_at, Errc::no_space_on_device},
        Fault{Call::sync, Errc::io_error}, Fault{Call::rename, Errc::operation_not_permitted},
        Fault{Call::sync_directory, Errc::io_error}}) {
    INFO(name_of(call));
    const auto disk = std::make_shared<MemoryDisk>();
    auto database = open_strings(disk);
    auto handle = database->handle();
    fail_checkpoints(*disk, call, error);
    commit_much(*database, [&](std::size_t i) { put(handle, std::to_string(i % 50), std::string(100, 'a')); });

    // One that is asked for does not wait, and is counted as well.
    for (std::size_t i = 0; i < 3; ++i) {
      const std::uint64_t before = database->stats().failed_checkpoints;
      CHECK(code_of([&] { run(database->checkpoint()); }) == error);
      CHECK(database->stats().failed_checkpoints > before);
      put(handle, std::string("more"), std::to_string(i));
    }
    CHECK(checkpoint_files(*disk, 0) == 0);  // what is written in vain is not left behind
    CHECK(database->stats().checkpoints == 0);

    disk->faults().clear();
    run(database->checkpoint());
    CHECK(database->stats().checkpoints >= 1);
    CHECK(checkpoint_files(*disk, 1) == 1);
    // After a success the next one comes by itself as ever.
    const std::uint64_t written = database->stats().checkpoints;
    for (std::size_t i = 0; database->stats().checkpoints <= written; ++i) {
      put(handle, std::to_string(i % 50), std::string(100, 'b'));
    }
    database.reset();
    database = open_strings(disk);
    CHECK(database->size() == 51);
    CHECK(database->handle().get("more") == "2");
  }
}

TEST_CASE("a_checkpoint_that_has_failed_comes_by_itself_when_the_disk_allows_it") {
  const auto disk = std::make_shared<MemoryDisk>();
  const auto database = open_strings(disk);
  auto handle = database->handle();
  fail_checkpoints(*disk, Call::write_at, Errc::no_space_on_device);
  commit_much(*database, [&](std::size_t i) { put(handle, std::to_string(i % 50), std::string(100, 'a')); });
  disk->faults().clear();
  while (database->stats().checkpoints == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(checkpoint_files(*disk, 1) == 1);
}

TEST_CASE("a_database_is_closed_in_the_pause_before_a_checkpoint_is_tried_again") {
  const auto disk = std::make_shared<MemoryDisk>();
  auto database = open_strings(disk);
  auto handle = database->handle();
  fail_checkpoints(*disk, Call::open, Errc::too_many_files_open);
  for (std::size_t i = 0; i < k_commits; ++i) put(handle, std::to_string(i), std::string(100, 'a'));
  while (database->stats().failed_checkpoints == 0) std::this_thread::yield();
  run(database->close());
  disk->faults().clear();
  database = open_strings(disk);
  CHECK(database->size() == k_commits);
}

TEST_CASE("a_log_that_has_failed_ends_the_attempts") {
  const auto disk = std::make_shared<MemoryDisk>();
  auto database = open_strings(disk);
  auto handle = database->handle();
  FaultPlan& faults = disk->faults();
  faults.on_call([&](Call call, const auto&) {
    if (call == Call::write_at || call == Call::open) faults.fail(call, 1, Errc::io_error);
  });
  CHECK(code_of([&] { put(handle, std::string("a"), std::string(2 * k_limit, 'a')); }) == errc::log_failed);
  database.reset();  // hangs if its thread does not end
  faults.clear();
  CHECK(open_strings(disk)->size() == 0);
}

// Where what a checkpoint stands for cannot be removed, that is no failure, and no reason for another one.
TEST_CASE("files_that_cannot_be_removed_do_not_make_checkpoints_more_frequent") {
  const auto disk = std::make_shared<MemoryDisk>();
  auto database = open_strings(disk);
  auto handle = database->handle();
  disk->faults().fail(Call::remove, 1, Errc::operation_not_permitted, FaultPlan::Repeat::from_then_on);
  for (std::size_t i = 0; i < k_commits; ++i) put(handle, std::to_string(i % 50), std::string(100, 'a'));
  while (database->stats().checkpoints == 0) std::this_thread::yield();
  const auto stats = database->stats();
  CHECK(stats.failed_checkpoints == 0);
  CHECK(stats.checkpoints <= stats.log_bytes / k_limit + 1);
}

// Encodes on the thread that it was made on; anywhere else, as in a checkpoint, it throws.
struct Shy {
  std::thread::id home = std::this_thread::get_id();
  std::string text;
};

}  // namespace

template <>
struct fluxmap::Codec<Shy> {
  static void encode(const Shy& shy, Encoder& encoder) {
    if (shy.home != std::this_thread::get_id()) throw std::runtime_error("shy");
    Codec<std::string>::encode(shy.text, encoder);
  }
  static Shy decode(Decoder& decoder) { return {.text = Codec<std::string>::decode(decoder)}; }
};

namespace {

TEST_CASE("a_codec_that_throws_in_a_checkpoint_is_not_called_after_every_sync") {
  const auto disk = std::make_shared<MemoryDisk>();
  auto database = open_on<std::string, Shy>(disk, Level::full, in_directory(1 << 20, k_limit));
  auto handle = database->handle();
  commit_much(*database,
              [&](std::size_t i) { put(handle, std::to_string(i % 50), Shy{.text = std::string(100, 'a')}); });
  CHECK_THROWS_WITH(run(database->checkpoint()), "shy");
  CHECK(checkpoint_files(*disk, 0) == 0);
  database.reset();
  database = open_on<std::string, Shy>(disk, Level::full, in_directory(1 << 20));
  CHECK(database->size() == 50);
}

}  // namespace

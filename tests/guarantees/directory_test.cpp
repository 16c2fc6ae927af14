// A database lives in the directory that it has opened, whatever becomes of the name: on the real file system.
#include <fluxmap/fluxmap.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "shared.hpp"
#include "support/persistent.hpp"
#include "support/scratch_directory.hpp"

namespace {

namespace fs = std::filesystem;
using namespace fluxmap_test;

using Texts = fluxmap::Database<std::uint64_t, std::string>;
using TextsPtr = std::shared_ptr<Texts>;

constexpr std::size_t k_value = 1000;

fluxmap::DatabaseBuilder<std::uint64_t, std::string> builder_in(const fs::path& directory, Level level) {
  fluxmap::PersistenceOptions options{.directory = directory, .segment_bytes = 64 << 10, .checkpoint_after_bytes = 0};
  fluxmap::DatabaseBuilder<std::uint64_t, std::string> builder;
  level == Level::full ? builder.durability_full(options) : builder.durability_relaxed(options);
  return builder;
}
TextsPtr open_in(const fs::path& directory, Level level) { return builder_in(directory, level).build(); }

// Keys from `first` on, whose values say whose they are; up to ten in a commit.
void fill(Texts& database, char whose, std::uint64_t first, std::uint64_t count) {
  auto handle = database.handle();
  for (const std::uint64_t end = first + count; first < end; first += 10) {
    auto transaction = handle.begin();
    for (std::uint64_t key = first; key < std::min(first + 10, end); ++key) {
      transaction.insert(key, std::string(k_value, whose));
    }
    run(transaction.commit());
  }
}
// How many keys there are; throws where one is not of `whose`.
std::size_t count_in(const fs::path& directory, char whose) {
  const TextsPtr database = open_in(directory, Level::full);
  for (const auto& [key, value] : contents_of(*database)) {
    if (value != std::string(k_value, whose)) throw std::runtime_error("a value of another database");
  }
  const std::size_t size = database->size();
  run(database->close());
  return size;
}
void make_closed(const fs::path& directory, char whose, std::uint64_t count) {
  const TextsPtr database = open_in(directory, Level::relaxed);
  fill(*database, whose, 0, count);
  run(database->close());
}
std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

// All that makes files: rotations, a checkpoint, another one that removes it, and the end.
void write_much(Texts& database, char whose) {
  fill(database, whose, 10, 200);
  run(database.checkpoint());
  fill(database, whose, 210, 200);
  run(database.checkpoint());
  run(database.close());
}

TEST_CASE("a_database_in_a_relative_directory_stays_in_it_when_the_process_goes_elsewhere") {
  for (const Level level : {Level::full, Level::relaxed}) {
    const ScratchDirectory scratch;
    const WorkingDirectory restored;
    fs::create_directories(scratch / "here");
    fs::create_directories(scratch / "there");
    make_closed(scratch / "there/data", 't', 300);
    WorkingDirectory::change_to(scratch / "here");
    const TextsPtr database = open_in("data", level);
    fill(*database, 'h', 0, 10);
    WorkingDirectory::change_to(scratch / "there");
    const auto before = names_in("data");
    write_much(*database, 'h');
    CHECK(names_in("data") == before);
    CHECK(count_in(scratch / "here/data", 'h') == 410);
    CHECK(count_in(scratch / "there/data", 't') == 300);
  }
}

TEST_CASE("a_working_directory_that_is_renamed_or_removed_takes_nothing_from_a_database_elsewhere") {
  const ScratchDirectory scratch;
  const WorkingDirectory restored;
  fs::create_directories(scratch / "work");
  WorkingDirectory::change_to(scratch / "work");
  const TextsPtr database = open_in("../data", Level::full);
  fs::remove(scratch / "work");
  write_much(*database, 'h');
  CHECK(count_in(scratch / "data", 'h') == 400);
}

TEST_CASE("a_database_goes_with_its_directory_when_that_is_renamed") {
  for (const Level level : {Level::full, Level::relaxed}) {
    for (const bool another : {false, true}) {
      const ScratchDirectory scratch;
      const TextsPtr database = open_in(scratch / "data", level);
      fill(*database, 'h', 0, 10);
      fs::rename(scratch / "data", scratch / "moved");
      if (another) make_closed(scratch / "data", 'n', 300);  // it is not locked: another database's
      write_much(*database, 'h');
      CHECK(count_in(scratch / "moved", 'h') == 410);
      CHECK(fs::exists(scratch / "data") == another);
      if (another) CHECK(count_in(scratch / "data", 'n') == 300);
    }
  }
}

TEST_CASE("two_databases_whose_directories_are_swapped_keep_what_is_theirs") {
  const ScratchDirectory scratch;
  const TextsPtr one = open_in(scratch / "a", Level::full);
  const TextsPtr other = open_in(scratch / "b", Level::full);
  fill(*one, '1', 0, 10);
  fill(*other, '2', 0, 10);
  fs::rename(scratch / "a", scratch / "c");
  fs::rename(scratch / "b", scratch / "a");
  fs::rename(scratch / "c", scratch / "b");
  write_much(*one, '1');
  write_much(*other, '2');
  CHECK(count_in(scratch / "b", '1') == 410);
  CHECK(count_in(scratch / "a", '2') == 410);
}

TEST_CASE("a_link_that_is_turned_to_another_directory_does_not_turn_the_database") {
  const ScratchDirectory scratch;
  fs::create_directories(scratch / "a");
  make_closed(scratch / "b", 'b', 300);
  fs::create_directory_symlink("a", scratch / "link");
  const TextsPtr database = open_in(scratch / "link", Level::full);
  fs::remove(scratch / "link");
  fs::create_directory_symlink("b", scratch / "link");
  write_much(*database, 'a');
  CHECK(count_in(scratch / "a", 'a') == 400);
  CHECK(count_in(scratch / "b", 'b') == 300);
}

TEST_CASE("a_directory_is_locked_under_each_of_its_names") {
  const ScratchDirectory scratch;
  const WorkingDirectory restored;
  const auto is_open = [](const fs::path& directory) {
    try {
      open_in(directory, Level::full);
      return false;
    } catch (const boost::system::system_error& error) {
      return error.code() == fluxmap::errc::already_open;
    }
  };
  WorkingDirectory::change_to(scratch.path());
  TextsPtr database = open_in("data", Level::full);
  fs::create_directory_symlink("data", scratch / "link");
  CHECK(is_open(scratch / "data"));
  CHECK(is_open("link"));
  fs::rename("data", "moved");
  CHECK(is_open("moved/"));
  database.reset();
  CHECK_FALSE(is_open("moved"));
}

TEST_CASE("an_async_build_opens_the_directory_that_its_name_meant_when_it_was_called") {
  const ScratchDirectory scratch;
  const WorkingDirectory restored;
  fs::create_directories(scratch / "here");
  fs::create_directories(scratch / "there");
  make_closed(scratch / "here/data", 'h', 3);
  make_closed(scratch / "there/data", 't', 5);
  const auto builder = [&] { return builder_in("data", Level::full); };
  WorkingDirectory::change_to(scratch / "here");
  auto awaitable = builder().async_build();
  WorkingDirectory::change_to(scratch / "there");
  TextsPtr database = run(std::move(awaitable));
  CHECK(database->size() == 3);
  run(database->close());

  WorkingDirectory::change_to(scratch / "here");
  asio::io_context context(1);
  TextsPtr other;
  builder().async_build(asio::bind_executor(context, [&](error_code ec, TextsPtr made) {
    CHECK(ec == error_code());
    other = std::move(made);
  }));
  WorkingDirectory::change_to(scratch / "there");
  context.run();
  REQUIRE(other != nullptr);
  CHECK(other->size() == 3);
  run(other->close());
  CHECK(count_in(scratch / "there/data", 't') == 5);
}

// What somebody does to a directory that is in use, so that what is written afterwards would be written into nothing.
struct Loss {
  const char* name;
  void (*happen)(const fs::path& directory);
};
fs::path newest_segment_in(const fs::path& directory) {
  fs::path newest;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() == ".fluxlog") newest = std::max(newest, entry.path());
  }
  return newest;
}
// So many that the second segment has been begun, and the third is not yet being made ready, which would be in the way
// of those who remove things.
constexpr std::uint64_t k_before_loss = 70;
constexpr Loss k_losses[] = {
    {"the directory is removed", [](const fs::path& directory) { fs::remove_all(directory); }},
    {"and another one is put in its place",
     [](const fs::path& directory) {
       fs::remove_all(directory);
       make_closed(directory, 'n', 3);
     }},
    {"all that is in it is removed",
     [](const fs::path& directory) {
       for (const std::string& name : names_in(directory)) fs::remove(directory / name);
     }},
    {"the newest segment is removed", [](const fs::path& directory) { fs::remove(newest_segment_in(directory)); }},
    {"the newest segment is renamed",
     [](const fs::path& directory) { fs::rename(newest_segment_in(directory), directory / "old"); }},
    {"the newest segment is moved elsewhere",
     [](const fs::path& directory) { fs::rename(newest_segment_in(directory), directory.parent_path() / "old"); }},
    {"a copy is put in its place",
     [](const fs::path& directory) {
       fs::copy_file(newest_segment_in(directory), directory / "copy");
       fs::rename(directory / "copy", newest_segment_in(directory));
     }},
    {"its content is moved elsewhere, and it is removed",
     [](const fs::path& directory) {
       fs::create_directory(directory.parent_path() / "elsewhere");
       for (const std::string& name : names_in(directory)) {
         fs::rename(directory / name, directory.parent_path() / "elsewhere" / name);
       }
       fs::remove(directory);
     }},
};

TEST_CASE("a_write_into_a_directory_that_was_removed_is_not_acknowledged_in_full") {
  for (const Loss& loss : k_losses) {
    INFO(loss.name);
    const ScratchDirectory scratch;
    const TextsPtr database = open_in(scratch / "data", Level::full);
    fill(*database, 'h', 0, k_before_loss);
    loss.happen(scratch / "data");
    CHECK(code_of([&] { fill(*database, 'h', 100, 1); }) == errc::log_failed);
    CHECK(code_of([&] { fill(*database, 'h', 101, 1); }) == errc::log_failed);
    CHECK(code_of([&] { run(database->flush()); }) == errc::log_failed);
    CHECK(code_of([&] { run(database->checkpoint()); }) == errc::log_failed);
    CHECK(database->size() == k_before_loss);  // nobody sees what was not acknowledged
    CHECK(code_of([&] { run(database->close()); }) == errc::log_failed);
  }
}

TEST_CASE("a_directory_that_was_removed_is_noticed_in_relaxed_by_a_flush_a_rotation_a_sync_and_the_end") {
  const auto never = std::chrono::hours(24);
  for (const Loss& loss : k_losses) {
    INFO(loss.name);
    const auto failing = [&](std::chrono::milliseconds flush_interval, auto&& work) {
      const ScratchDirectory scratch;
      const TextsPtr database = builder_in(scratch / "data", Level::relaxed).flush_interval(flush_interval).build();
      fill(*database, 'h', 0, k_before_loss);
      loss.happen(scratch / "data");
      return code_of([&] { work(*database); });
    };
    const auto insert = [](Texts& database) { fill(database, 'h', 100, 1); };
    CHECK(failing(never, [&](Texts& database) {
            insert(database);
            run(database.flush());
          }) == errc::log_failed);
    CHECK(failing(never, [&](Texts& database) {
            insert(database);
            run(database.close());
          }) == errc::log_failed);
    CHECK(failing(never, [&](Texts& database) { fill(database, 'h', 100, 100); }) == errc::log_failed);
    // By itself, in the background: hangs if nobody notices.
    CHECK(failing(std::chrono::milliseconds(1), [&](Texts& database) {
            for (;;) insert(database);
          }) == errc::log_failed);
  }
}

TEST_CASE("an_error_names_the_directory_by_its_whole_path") {
  const ScratchDirectory scratch;
  const WorkingDirectory restored;
  make_closed(scratch / "data", 'x', 3);
  fs::remove(scratch / "data/log-0000000000000001.fluxlog");
  fs::create_directory(scratch / "data/log-0000000000000001.fluxlog");
  WorkingDirectory::change_to(scratch.path());
  try {
    open_in("data", Level::full);
    FAIL("it was opened");
  } catch (const boost::system::system_error& error) {
    const std::string expected = (scratch / "data/log-0000000000000001.fluxlog").string();
    CHECK(std::string(error.what()).find(expected) != std::string::npos);
  }
}

}  // namespace

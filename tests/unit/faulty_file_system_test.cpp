// The disk that crash tests run on: whether it loses what a power cut may lose, and nothing else, and fails as told.
#include "support/faulty_file_system.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/seed.hpp"

namespace {

using fluxmap::detail::Directory;
using fluxmap::detail::File;
using fluxmap_test::Call;
using fluxmap_test::Content;
using fluxmap_test::Cut;
using fluxmap_test::FaultPlan;
using fluxmap_test::FaultyFileSystem;
using fluxmap_test::MemoryDisk;
using Errc = FaultPlan::Errc;
using Open = Directory::Open;
using DiskPtr = std::shared_ptr<MemoryDisk>;
using FilePtr = std::unique_ptr<File>;
using DirectoryPtr = std::unique_ptr<Directory>;
using error_code = boost::system::error_code;

DiskPtr make_disk() {
  auto disk = std::make_shared<MemoryDisk>();
  disk->create_directories("/db");
  return disk;
}
// "/db" of a life that begins now.
DirectoryPtr open_db(const DiskPtr& disk) {
  error_code ec;
  DirectoryPtr directory = FaultyFileSystem(disk).open_directory("/db", ec);
  REQUIRE(ec == error_code());
  return directory;
}
std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }
Content content_of(std::string_view text) { return {bytes_of(text).begin(), bytes_of(text).end()}; }
std::string text_of(const Content& content) {
  std::string text;
  for (const std::byte one : content) text += one == std::byte{} ? '.' : static_cast<char>(one);
  return text;  // zeros as dots
}
std::string text(const DiskPtr& disk, const MemoryDisk::Path& path) { return text_of(disk->bytes(path)); }

// The calls of the seam where they must succeed.
FilePtr open(const DirectoryPtr& files, const std::string& name, Open mode) {
  error_code ec;
  FilePtr file = files->open(name, mode, ec);
  REQUIRE(ec == error_code());
  return file;
}
void write(File& file, std::uint64_t offset, std::string_view what) {
  error_code ec;
  REQUIRE(file.write_at(offset, bytes_of(what), ec) == what.size());
  REQUIRE(ec == error_code());
}
void sync(File& file) {
  error_code ec;
  file.sync(ec);
  REQUIRE(ec == error_code());
}
void sync_directory(const DirectoryPtr& files) {
  error_code ec;
  files->sync(ec);
  REQUIRE(ec == error_code());
}
void rename(const DirectoryPtr& files, const std::string& from, const std::string& to) {
  error_code ec;
  files->rename(from, to, ec);
  REQUIRE(ec == error_code());
}
void remove(const DirectoryPtr& files, const std::string& name) {
  error_code ec;
  files->remove(name, ec);
  REQUIRE(ec == error_code());
}
// And where only the error is asked for.
error_code error_of_write(File& file, std::string_view what) {
  error_code ec;
  file.write_at(0, bytes_of(what), ec);
  return ec;
}
error_code error_of_sync(File& file) {
  error_code ec;
  file.sync(ec);
  return ec;
}

using Outcomes = std::set<std::string>;

// What `look` sees after many random cuts of the same disk.
template <class Look>
Outcomes outcomes(const DiskPtr& disk, const char* test_name, Look look) {
  std::mt19937_64 random(fluxmap_test::seed(test_name));
  Outcomes seen;
  for (int i = 0; i < 2000; ++i) {
    const DiskPtr copy = disk->clone();
    copy->power_cut(random);
    seen.insert(look(copy));
  }
  return seen;
}
std::string names(const DiskPtr& disk) {
  std::string all;
  for (const std::string& name : disk->list("/db")) all += name + '=' + text(disk, "/db/" + name) + ' ';
  return all;
}

std::string sector(char of) { return std::string(512, of); }

}  // namespace

TEST_CASE("what_was_written_can_be_read_and_reads_end_with_the_file") {
  const DiskPtr disk = make_disk();
  const DirectoryPtr files = open_db(disk);
  const FilePtr file = open(files, "a", Open::create);
  write(*file, 3, "abc");
  std::array<std::byte, 8> out{};
  error_code ec = make_error_code(Errc::io_error);
  CHECK(file->read_at(1, out, ec) == 5);
  CHECK(ec == error_code());  // cleared
  CHECK(text_of({out.begin(), out.end()}) == "..abc...");
  CHECK(file->read_at(6, out, ec) == 0);
  file->resize(4, ec);
  file->allocate(6, ec);
  file->allocate(2, ec);
  CHECK(file->size(ec) == 6);
  CHECK(text(disk, "/db/a") == "...a..");
  CHECK(ec == error_code());
}

TEST_CASE("calls_fail_as_those_of_an_operating_system") {
  const DiskPtr disk = make_disk();
  disk->put("/db/a", content_of("old"));
  FaultyFileSystem system(disk);
  error_code ec;
  CHECK(system.open_directory("/none", ec) == nullptr);
  CHECK(ec == Errc::no_such_file_or_directory);
  CHECK(ec.category() == boost::system::system_category());
  CHECK(system.open_directory("/db/a", ec) == nullptr);
  CHECK(ec == Errc::not_a_directory);
  CHECK(system.make_directory("/db/a/b", ec) == nullptr);
  CHECK(ec == Errc::not_a_directory);
  CHECK_FALSE(disk->exists("/db/a/b"));
  CHECK(system.make_directory("/db/sub/deeper/", ec) != nullptr);
  CHECK(ec == error_code());

  const DirectoryPtr files = open_db(disk);
  CHECK(files->path() == "/db");
  CHECK(files->open("none", Open::existing, ec) == nullptr);
  CHECK(ec == Errc::no_such_file_or_directory);
  CHECK(ec.category() == boost::system::system_category());
  CHECK(files->open("sub", Open::read, ec) == nullptr);
  CHECK(ec == Errc::is_a_directory);
  CHECK(error_of_write(*open(files, "a", Open::read), "x") == Errc::bad_file_descriptor);
  files->rename("none", "a", ec);
  CHECK(ec == Errc::no_such_file_or_directory);
  files->rename("a", "sub", ec);
  CHECK(ec == Errc::is_a_directory);
  files->remove("none", ec);
  CHECK(ec == Errc::no_such_file_or_directory);
  files->id_of("none", ec);
  CHECK(ec == Errc::no_such_file_or_directory);
  CHECK(files->list(ec) == std::vector<std::string>{"a", "sub"});
  CHECK(ec == error_code());
  CHECK(text(disk, "/db/a") == "old");
  CHECK_THROWS_AS(disk->bytes("/db/none"), std::runtime_error);
}

TEST_CASE("a_file_is_known_by_its_id_whatever_its_name") {
  const DiskPtr disk = make_disk();
  const DirectoryPtr files = open_db(disk);
  error_code ec;
  const FilePtr file = open(files, "a", Open::create);
  const auto id = file->id(ec);
  CHECK(files->id_of("a", ec) == id);
  rename(files, "a", "b");
  CHECK(files->id_of("b", ec) == id);
  const FilePtr other = open(files, "a", Open::create);
  CHECK(files->id_of("a", ec) == other->id(ec));
  CHECK(files->id_of("a", ec) != id);
  CHECK(ec == error_code());
}

TEST_CASE("unsynced_content_may_be_lost") {
  const DiskPtr disk = make_disk();
  {
    const DirectoryPtr files = open_db(disk);
    const FilePtr file = open(files, "a", Open::create);
    sync_directory(files);
    write(*file, 0, "synced");
    sync(*file);
    write(*file, 0, "SYN");
    write(*file, 6, " and not");
  }
  CHECK(text_of(disk->durable_bytes("/db/a")) == "synced");
  const DiskPtr all = disk->clone();
  all->power_cut(Cut::keep_everything);
  CHECK(text(all, "/db/a") == "SYNced and not");
  disk->power_cut(Cut::keep_nothing);
  CHECK(text(disk, "/db/a") == "synced");
  disk->power_cut(Cut::keep_everything);  // what is gone is gone
  CHECK(text(disk, "/db/a") == "synced");
  CHECK_THROWS_AS(disk->power_cut(Cut::random), std::logic_error);
}

TEST_CASE("a_write_is_torn_at_sectors_and_every_sector_is_in_some_state_it_was_in") {
  const DiskPtr disk = make_disk();
  disk->put("/db/a", content_of(sector('o') + sector('o') + sector('o')));
  const DirectoryPtr files = open_db(disk);
  const FilePtr file = open(files, "a", Open::existing);
  write(*file, 256, std::string(768, '1'));  // half of the first sector, and the second
  write(*file, 512, sector('2'));
  const Outcomes seen = outcomes(disk, "torn", [](const DiskPtr& after) { return text(after, "/db/a"); });
  Outcomes expected;
  for (const std::string& first : {sector('o'), std::string(256, 'o') + std::string(256, '1')}) {
    for (const char second : {'o', '1', '2'}) expected.insert(first + sector(second) + sector('o'));
  }
  CHECK(seen == expected);
}

TEST_CASE("an_unsynced_growth_may_be_lost_and_what_it_keeps_is_what_was_written_or_zeros") {
  const DiskPtr disk = make_disk();
  disk->put("/db/a", content_of("old"));
  const DirectoryPtr files = open_db(disk);
  const FilePtr file = open(files, "a", Open::existing);
  write(*file, 512, "new");
  CHECK(outcomes(disk, "growth", [](const DiskPtr& after) { return text(after, "/db/a"); }) ==
        Outcomes{"old", "old" + std::string(509, '.') + "...", "old" + std::string(509, '.') + "new"});
}

TEST_CASE("an_unsynced_truncation_may_be_undone") {
  const DiskPtr disk = make_disk();
  disk->put("/db/a", content_of("old"));
  const DirectoryPtr files = open_db(disk);
  error_code ec;
  const FilePtr file = open(files, "a", Open::existing);
  file->resize(1, ec);
  CHECK(outcomes(disk, "shrunk", [](const DiskPtr& after) { return text(after, "/db/a"); }) ==
        Outcomes{"old", "o..", "o"});
  file->allocate(3, ec);
  CHECK(text(disk, "/db/a") == "o..");
  CHECK(outcomes(disk, "regrown", [](const DiskPtr& after) { return text(after, "/db/a"); }) ==
        Outcomes{"old", "o..", "o"});
  sync(*file);
  disk->power_cut(Cut::keep_nothing);
  CHECK(text(disk, "/db/a") == "o..");
}

TEST_CASE("a_truncation_clears_what_lay_beyond_for_good") {
  const DiskPtr disk = make_disk();
  disk->put("/db/a", content_of(sector('o') + sector('o') + sector('o')));
  const DirectoryPtr files = open_db(disk);
  error_code ec;
  const FilePtr file = open(files, "a", Open::existing);
  write(*file, 1536, "unsynced");
  file->resize(100, ec);
  file->resize(2048, ec);
  sync(*file);
  disk->power_cut(Cut::keep_nothing);
  CHECK(text(disk, "/db/a") == std::string(100, 'o') + std::string(1948, '.'));
}

TEST_CASE("a_file_created_anew_may_still_be_the_old_one") {
  const DiskPtr disk = make_disk();
  disk->put("/db/a", content_of("old"));
  const DirectoryPtr files = open_db(disk);
  const FilePtr file = open(files, "a", Open::create);
  CHECK(text(disk, "/db/a").empty());
  sync_directory(files);  // of no help: the name was there already
  const DiskPtr undone = disk->clone();
  undone->power_cut(Cut::keep_nothing);
  CHECK(text(undone, "/db/a") == "old");
  sync(*file);
  disk->power_cut(Cut::keep_nothing);
  CHECK(text(disk, "/db/a").empty());
}

TEST_CASE("a_file_created_without_sync_of_its_directory_vanishes") {
  const DiskPtr disk = make_disk();
  const DirectoryPtr files = open_db(disk);
  const FilePtr file = open(files, "a", Open::create);
  write(*file, 0, "synced");
  sync(*file);
  CHECK(outcomes(disk, "created", names) == Outcomes{"", "a=synced "});
  const DiskPtr with = disk->clone();
  disk->power_cut(Cut::keep_nothing);
  CHECK(names(disk).empty());
  const DirectoryPtr again = open_db(with);
  sync_directory(again);
  with->power_cut(Cut::keep_nothing);
  CHECK(names(with) == "a=synced ");
}

TEST_CASE("the_name_of_a_file_says_nothing_about_its_content") {
  const DiskPtr disk = make_disk();
  const DirectoryPtr files = open_db(disk);
  write(*open(files, "a", Open::create), 0, "unsynced");
  sync_directory(files);
  disk->power_cut(Cut::keep_nothing);
  CHECK(names(disk) == "a= ");
}

TEST_CASE("a_rename_is_durable_only_after_sync_of_the_directory_and_leaves_one_of_both_names") {
  const DiskPtr disk = make_disk();
  disk->put("/db/a", content_of("old"));
  const DirectoryPtr files = open_db(disk);
  const FilePtr file = open(files, "tmp", Open::create);
  write(*file, 0, "new");
  sync(*file);
  sync_directory(files);
  rename(files, "tmp", "a");
  CHECK(names(disk) == "a=new ");
  CHECK(outcomes(disk, "renamed", names) == Outcomes{"a=old tmp=new ", "a=new "});
  sync_directory(files);
  disk->power_cut(Cut::keep_nothing);
  CHECK(names(disk) == "a=new ");
}

TEST_CASE("unsynced_steps_of_a_directory_survive_as_a_beginning_or_as_any_subset_that_makes_sense") {
  const DiskPtr disk = make_disk();
  disk->put("/db/a", content_of("A"));
  disk->put("/db/b", content_of("B"));
  const DirectoryPtr files = open_db(disk);
  const FilePtr file = open(files, "tmp", Open::create);
  write(*file, 0, "T");
  sync(*file);
  rename(files, "tmp", "a");
  remove(files, "b");
  CHECK(outcomes(disk, "steps", names) == Outcomes{
                                              "a=A b=B ", "a=A b=B tmp=T ", "a=T b=B ", "a=T ",  // beginnings
                                              "a=A ", "a=A tmp=T ",                              // the removal overtook
                                          });
  disk->power_cut(Cut::keep_everything);
  CHECK(names(disk) == "a=T ");
}

TEST_CASE("a_renamed_file_is_not_lost_to_one_that_takes_its_old_name") {
  const DiskPtr disk = make_disk();
  disk->put("/db/a", content_of("1"));
  const DirectoryPtr files = open_db(disk);
  rename(files, "a", "b");
  const FilePtr file = open(files, "a", Open::create);
  write(*file, 0, "2");
  sync(*file);
  remove(files, "a");
  CHECK(outcomes(disk, "old_name", names) == Outcomes{"a=1 ", "b=1 ", "a=2 b=1 "});
}

TEST_CASE("a_removal_without_sync_of_the_directory_may_be_undone") {
  const DiskPtr disk = make_disk();
  disk->put("/db/a", content_of("old"));
  const DirectoryPtr files = open_db(disk);
  const FilePtr file = open(files, "a", Open::existing);
  remove(files, "a");
  write(*file, 0, "NEW");  // a removed file lives as long as it is open
  sync(*file);
  CHECK_FALSE(disk->exists("/db/a"));
  CHECK(outcomes(disk, "removed", names) == Outcomes{"", "a=NEW "});
  sync_directory(files);
  disk->power_cut(Cut::keep_nothing);
  CHECK_FALSE(disk->exists("/db/a"));
}

TEST_CASE("directories_are_durable_as_soon_as_they_are_made") {
  const auto disk = std::make_shared<MemoryDisk>();
  error_code ec;
  FaultyFileSystem(disk).make_directory("relative/path", ec);
  FaultyFileSystem(disk).make_directory("/", ec);
  disk->power_cut(Cut::keep_nothing);
  CHECK(disk->exists("./relative/path/"));
  CHECK(disk->list("relative") == std::vector<std::string>{"path"});
  CHECK(disk->list("") == std::vector<std::string>{"relative"});
  CHECK(disk->list("/").empty());
}

TEST_CASE("a_kill_loses_nothing_but_makes_nothing_durable") {
  const DiskPtr disk = make_disk();
  {
    const DirectoryPtr files = open_db(disk);
    write(*open(files, "a", Open::create), 0, "unsynced");
    disk->crash();
  }
  CHECK(names(disk) == "a=unsynced ");
  CHECK(disk->boot_id() == "boot-1");
  disk->power_cut(Cut::keep_nothing);
  CHECK(names(disk).empty());
}

TEST_CASE("what_a_failed_sync_gave_up_is_lost_although_the_next_sync_succeeds") {
  const DiskPtr disk = make_disk();
  disk->put("/db/a", content_of("old"));
  const DirectoryPtr files = open_db(disk);
  const FilePtr file = open(files, "a", Open::existing);
  write(*file, 0, "new and longer");
  disk->faults().lose_at_sync(1);
  CHECK(error_of_sync(*file) == Errc::io_error);
  sync(*file);
  CHECK(text(disk, "/db/a") == "new and longer");  // still in the cache
  disk->crash();
  CHECK(text(disk, "/db/a") == "new and longer");
  disk->power_cut(Cut::keep_everything);
  CHECK(text(disk, "/db/a") == "old");
}

TEST_CASE("what_a_failed_sync_gave_up_is_saved_by_writing_it_again") {
  const DiskPtr disk = make_disk();
  disk->put("/db/a", content_of(sector('o')));
  const DirectoryPtr files = open_db(disk);
  const FilePtr file = open(files, "a", Open::existing);
  write(*file, 0, sector('1') + sector('2') + sector('3'));
  disk->faults().lose_at_sync(1);
  CHECK(error_of_sync(*file) == Errc::io_error);
  write(*file, 1024, sector('3'));
  sync(*file);
  disk->power_cut(Cut::keep_nothing);
  CHECK(text(disk, "/db/a") == sector('o') + sector('.') + sector('3'));
}

TEST_CASE("a_sync_that_fails_otherwise_leaves_everything_to_be_synced") {
  const DiskPtr disk = make_disk();
  disk->put("/db/a", content_of("old"));
  const DirectoryPtr files = open_db(disk);
  const FilePtr file = open(files, "a", Open::existing);
  write(*file, 0, "new");
  disk->faults().fail(Call::sync, 1, Errc::io_error);
  CHECK(error_of_sync(*file) == Errc::io_error);
  CHECK(text_of(disk->durable_bytes("/db/a")) == "old");
  sync(*file);
  CHECK(text_of(disk->durable_bytes("/db/a")) == "new");
}

TEST_CASE("the_nth_call_fails_once_without_effect") {
  const DiskPtr disk = make_disk();
  const DirectoryPtr files = open_db(disk);
  const FilePtr file = open(files, "a", Open::create);
  disk->faults().fail(Call::write_at, 2, Errc::permission_denied);
  write(*file, 0, "1");
  sync(*file);  // of another kind
  CHECK(error_of_write(*file, "2") == Errc::permission_denied);
  CHECK(text(disk, "/db/a") == "1");
  write(*file, 0, "3");
  write(*file, 0, "4");

  disk->faults().fail(3, Errc::io_error);
  write(*file, 0, "5");
  sync(*file);
  CHECK(error_of_write(*file, "6") == Errc::io_error);
  write(*file, 0, "7");
  CHECK(text(disk, "/db/a") == "7");
}

TEST_CASE("a_call_may_fail_from_the_nth_on_until_the_fault_is_taken_back") {
  const DiskPtr disk = make_disk();
  const DirectoryPtr files = open_db(disk);
  const FilePtr file = open(files, "a", Open::create);
  disk->faults().fail(Call::sync, 2, Errc::io_error, FaultPlan::Repeat::from_then_on);
  sync(*file);
  for (int i = 0; i < 3; ++i) CHECK(error_of_sync(*file) == Errc::io_error);
  write(*file, 0, "x");
  disk->faults().clear();
  sync(*file);
}

TEST_CASE("every_call_of_the_seam_can_fail") {
  const DiskPtr disk = make_disk();
  const DirectoryPtr files = open_db(disk);
  FaultyFileSystem system(disk);
  const FilePtr file = open(files, "a", Open::create);
  std::array<std::byte, 1> byte{};
  const std::map<Call, std::function<void(error_code&)>> calls{
      {Call::write_at, [&](error_code& ec) { CHECK(file->write_at(0, byte, ec) == 0); }},
      {Call::read_at, [&](error_code& ec) { CHECK(file->read_at(0, byte, ec) == 0); }},
      {Call::sync, [&](error_code& ec) { file->sync(ec); }},
      {Call::size, [&](error_code& ec) { CHECK(file->size(ec) == 0); }},
      {Call::resize, [&](error_code& ec) { file->resize(8, ec); }},
      {Call::allocate, [&](error_code& ec) { file->allocate(8, ec); }},
      {Call::open, [&](error_code& ec) { CHECK(files->open("b", Open::create, ec) == nullptr); }},
      {Call::rename, [&](error_code& ec) { files->rename("a", "b", ec); }},
      {Call::remove, [&](error_code& ec) { files->remove("a", ec); }},
      {Call::list, [&](error_code& ec) { CHECK(files->list(ec).empty()); }},
      {Call::sync_directory, [&](error_code& ec) { files->sync(ec); }},
      {Call::sync_name, [&](error_code& ec) { files->sync_name(ec); }},
      {Call::open_directory, [&](error_code& ec) { CHECK(system.open_directory("/db", ec) == nullptr); }},
      {Call::make_directory, [&](error_code& ec) { CHECK(system.make_directory("/db/sub", ec) == nullptr); }},
      {Call::lock, [&](error_code& ec) { files->lock(ec); }},
      {Call::identify, [&](error_code& ec) { files->id_of("a", ec); }},
  };
  CHECK(calls.size() == fluxmap_test::k_calls);
  for (const auto& [call, make] : calls) {
    INFO(name_of(call));
    const std::size_t before = disk->faults().count(call);
    disk->faults().fail(call, 1, Errc::no_space_on_device);
    error_code ec;
    make(ec);
    CHECK(ec == Errc::no_space_on_device);
    CHECK(disk->faults().count(call) == before + 1);
  }
  CHECK(names(disk) == "a= ");
  error_code ec;
  files->lock(ec);
  CHECK(ec == error_code());
}

TEST_CASE("a_short_write_reports_no_error_and_then_the_disk_is_full") {
  const DiskPtr disk = make_disk();
  const DirectoryPtr files = open_db(disk);
  const FilePtr file = open(files, "a", Open::create);
  disk->faults().short_write(2);
  error_code ec;
  write(*file, 0, "abcd");
  CHECK(file->write_at(4, bytes_of("efghi"), ec) == 2);
  CHECK(ec == error_code());
  CHECK(text(disk, "/db/a") == "abcdef");
  for (int i = 0; i < 2; ++i) CHECK(error_of_write(*file, "xyz") == Errc::no_space_on_device);
  file->allocate(64, ec);
  CHECK(ec == Errc::no_space_on_device);
  CHECK(text(disk, "/db/a") == "abcdef");
  disk->faults().clear();
  write(*file, 6, "ghi");

  disk->faults().short_write(1, Errc::success);
  CHECK(file->write_at(0, bytes_of("ABC"), ec) == 1);
  CHECK(ec == error_code());
  write(*file, 1, "BC");
  CHECK(text(disk, "/db/a") == "ABCdefghi");
}

TEST_CASE("a_disk_takes_no_more_than_its_capacity") {
  const DiskPtr disk = make_disk();
  disk->put("/db/other", content_of("1234"));
  disk->faults().set_capacity(10);
  const DirectoryPtr files = open_db(disk);
  const FilePtr file = open(files, "a", Open::create);
  error_code ec;
  file->allocate(7, ec);
  CHECK(ec == Errc::no_space_on_device);
  file->allocate(4, ec);
  CHECK(ec == error_code());
  CHECK(file->write_at(2, bytes_of("abcdef"), ec) == 4);  // what fits
  CHECK(ec == error_code());
  CHECK(file->write_at(6, bytes_of("ef"), ec) == 0);
  CHECK(ec == Errc::no_space_on_device);
  write(*file, 0, "ABCDEF");  // needs no space
  CHECK(disk->used() == 10);
  remove(files, "other");
  write(*file, 6, "GHIJ");
  file->resize(11, ec);
  CHECK(ec == Errc::no_space_on_device);
}

TEST_CASE("calls_are_recorded_with_their_path_and_their_fault") {
  const DiskPtr disk = make_disk();
  const DirectoryPtr files = open_db(disk);
  disk->faults().fail(Call::sync, 1, Errc::io_error);
  const FilePtr file = open(files, "a", Open::create);
  CHECK(error_of_sync(*file) == Errc::io_error);
  rename(files, "a", "b");
  CHECK(disk->faults().calls() == std::vector<FaultPlan::Record>{{Call::open_directory, "/db"},
                                                                 {Call::open, "/db/a"},
                                                                 {Call::sync, "/db/a", Errc::io_error},
                                                                 {Call::rename, "/db/a"}});
  CHECK(disk->faults().count() == 4);
  CHECK(disk->faults().count(Call::sync) == 1);
  CHECK(disk->faults().describe(2).substr(0, 14) == "#3 sync /db/a:");
}

TEST_CASE("handles_of_an_earlier_life_only_fail") {
  for (const bool power : {false, true}) {
    const DiskPtr disk = make_disk();
    DirectoryPtr files = open_db(disk);
    error_code ec;
    FilePtr file = open(files, "a", Open::create);
    sync_directory(files);
    files->lock(ec);
    REQUIRE(ec == error_code());
    const std::size_t calls = disk->faults().count();
    power ? disk->power_cut(Cut::keep_everything) : disk->crash();

    CHECK(error_of_write(*file, "x") == Errc::io_error);
    CHECK(error_of_sync(*file) == Errc::io_error);
    CHECK(file->size(ec) == 0);
    CHECK(ec == Errc::io_error);
    CHECK(files->open("a", Open::read, ec) == nullptr);
    CHECK(ec == Errc::io_error);
    files->remove("a", ec);
    CHECK(ec == Errc::io_error);
    CHECK(names(disk) == "a= ");
    CHECK(disk->faults().count() == calls);  // they do not count

    const DirectoryPtr next = open_db(disk);
    CHECK(FaultyFileSystem(disk).boot_id() == (power ? "boot-2" : "boot-1"));
    next->lock(ec);
    CHECK(ec == error_code());
    files.reset();  // that of the earlier life does not give back this one's
    open_db(disk)->lock(ec);
    CHECK(ec == Errc::resource_unavailable_try_again);
    write(*open(next, "a", Open::existing), 0, "x");
  }
}

TEST_CASE("a_directory_is_locked_by_one_at_a_time") {
  const DiskPtr disk = make_disk();
  disk->create_directories("/other");
  FaultyFileSystem system(disk);
  error_code ec;
  DirectoryPtr files = open_db(disk);
  files->lock(ec);
  CHECK(ec == error_code());
  {
    const DirectoryPtr again = system.open_directory("/db/", ec);
    again->lock(ec);
    CHECK(ec == Errc::resource_unavailable_try_again);
    CHECK(ec == Errc::operation_would_block);
  }  // takes nobody's lock away
  open_db(disk)->lock(ec);
  CHECK(ec == Errc::resource_unavailable_try_again);
  system.open_directory("/other", ec)->lock(ec);
  CHECK(ec == error_code());
  files.reset();
  open_db(disk)->lock(ec);
  CHECK(ec == error_code());
}

TEST_CASE("a_clone_goes_its_own_way") {
  const DiskPtr disk = make_disk();
  const DirectoryPtr files = open_db(disk);
  error_code ec;
  const FilePtr file = open(files, "a", Open::create);
  files->lock(ec);
  sync_directory(files);
  write(*file, 0, "first");
  disk->faults().fail(1, Errc::io_error);
  const DiskPtr copy = disk->clone();
  disk->faults().clear();
  write(*file, 0, "FIRST");
  sync(*file);
  remove(files, "a");

  const DirectoryPtr of_copy = open_db(copy);
  of_copy->lock(ec);
  CHECK(ec == error_code());  // neither locked nor faulty
  const FilePtr copied = open(of_copy, "a", Open::existing);
  CHECK(text(copy, "/db/a") == "first");
  CHECK(copy->durable_bytes("/db/a").empty());
  write(*copied, 5, " copy");
  CHECK_FALSE(disk->exists("/db/a"));
  copy->power_cut(Cut::keep_nothing);
  CHECK(names(copy) == "a= ");
  CHECK(copy->boot_id() == "boot-2");
  CHECK(disk->boot_id() == "boot-1");
  write(*file, 0, "x");  // its life goes on
}

TEST_CASE("a_disk_changed_by_hand_is_durable_as_it_is") {
  const DiskPtr disk = make_disk();
  const DirectoryPtr files = open_db(disk);
  const FilePtr file = open(files, "a", Open::create);
  write(*file, 0, "abc");
  sync_directory(files);
  disk->content("/db/a")[1] ^= std::byte{0x20};
  disk->content("/db/a").push_back(std::byte{'d'});
  CHECK(text_of(disk->durable_bytes("/db/a")) == "aBcd");
  write(*file, 0, "x");
  disk->copy_file("/db/a", "/db/b");
  disk->put("/db/c", content_of("c"));
  disk->put("/db/c", content_of("C"));
  disk->rename("/db/c", "/db/d");
  disk->put("/db/e", content_of("e"));
  disk->remove("/db/e");
  disk->power_cut(Cut::keep_nothing);
  CHECK(names(disk) == "a=aBcd b=xBcd d=C ");
}

TEST_CASE("a_hook_sees_every_call_and_may_let_it_fail") {
  const DiskPtr disk = make_disk();
  const DirectoryPtr files = open_db(disk);
  std::vector<std::string> seen;
  disk->faults().on_call([&](Call call, const FaultPlan::Path& path) {
    seen.push_back(name_of(call) + (' ' + path.string()));
    if (call == Call::sync) disk->faults().fail(1, Errc::io_error);
  });
  const FilePtr file = open(files, "a", Open::create);
  CHECK(error_of_sync(*file) == Errc::io_error);
  write(*file, 0, "x");
  CHECK(seen == std::vector<std::string>{"open /db/a", "sync /db/a", "write_at /db/a"});
}

TEST_CASE("after_a_requested_cut_everything_fails_until_the_power_is_cut") {
  const DiskPtr disk = make_disk();
  disk->put("/db/a", content_of("old"));
  const DirectoryPtr files = open_db(disk);
  const FilePtr file = open(files, "a", Open::existing);
  int syncs = 0;
  disk->faults().on_call([&](Call call, const FaultPlan::Path&) {
    if (call == Call::sync && ++syncs == 2) disk->request_cut();
  });
  write(*file, 0, "new");
  sync(*file);
  write(*file, 0, "NEW");
  CHECK(error_of_sync(*file) == Errc::io_error);
  CHECK(disk->cut_requested());
  CHECK(error_of_sync(*file) == Errc::io_error);
  CHECK(syncs == 2);  // the dead are not heard
  error_code ec;
  CHECK(files->list(ec).empty());
  CHECK(ec == Errc::io_error);
  CHECK(FaultyFileSystem(disk).open_directory("/db", ec) == nullptr);
  disk->power_cut(Cut::keep_nothing);
  CHECK_FALSE(disk->cut_requested());
  CHECK(text(disk, "/db/a") == "new");
  const DirectoryPtr next = open_db(disk);
  open(next, "a", Open::read);
}

TEST_CASE("the_power_fails_just_before_the_nth_call") {
  const DiskPtr disk = make_disk();
  const DirectoryPtr files = open_db(disk);
  const FilePtr file = open(files, "a", Open::create);
  disk->faults().cut_power(Call::sync, 2);
  sync(*file);
  write(*file, 0, "x");
  CHECK(error_of_sync(*file) == Errc::io_error);
  CHECK(error_of_write(*file, "y") == Errc::io_error);
  CHECK(disk->cut_requested());
  disk->power_cut(Cut::keep_everything);
  CHECK(text(disk, "/db/a") == "x");
  const DirectoryPtr next = open_db(disk);
  disk->faults().cut_power(1);
  error_code ec;
  CHECK(next->open("a", Open::read, ec) == nullptr);
  CHECK(ec == Errc::io_error);
}

TEST_CASE("the_same_seed_leaves_the_same") {
  const DiskPtr disk = make_disk();
  const DirectoryPtr files = open_db(disk);
  for (int i = 0; i < 20; ++i) {
    write(*open(files, "" + std::to_string(i % 7), Open::create), 0,
          std::string(static_cast<std::size_t>(100 + 300 * (i % 5)), 'x'));
  }
  const auto left = [&](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const DiskPtr copy = disk->clone();
    copy->power_cut(random);
    return names(copy);
  };
  const std::uint64_t seed = fluxmap_test::seed("the_same_seed_leaves_the_same");
  Outcomes different;
  for (std::uint64_t i = 0; i < 20; ++i) {
    CHECK(left(seed + i) == left(seed + i));
    different.insert(left(seed + i));
  }
  CHECK(different.size() > 1);
}

TEST_CASE("several_threads_may_use_a_disk_while_its_power_is_cut") {
  const DiskPtr disk = make_disk();
  std::mt19937_64 random(fluxmap_test::seed("several_threads_may_use_a_disk_while_its_power_is_cut"));
  for (int round = 0; round < 20; ++round) {
    const DirectoryPtr files = open_db(disk);
    disk->faults().cut_power(1 + random() % 300);
    std::vector<std::thread> threads;
    threads.reserve(3);
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&files, name = std::to_string(i)] {
        error_code ec;
        while (!ec) {
          const FilePtr file = files->open(name, Open::create, ec);
          for (int at = 0; at < 10 && !ec; ++at) file->write_at(0, bytes_of(name), ec);
          if (!ec) file->sync(ec);
          if (!ec) files->sync(ec);
        }
      });
    }
    for (std::thread& one : threads) one.join();
    CHECK(disk->cut_requested());
    disk->power_cut(random);
  }
  CHECK(disk->boot_id() == "boot-21");
}

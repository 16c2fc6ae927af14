// Damage to a directory is told, with the file and the offset, and changes nothing; a torn tail is cut off; and nothing
// that is damaged is ever taken for a state that the database has not been in.
#include <fluxmap/detail/storage/format.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/crash_lives.hpp"
#include "support/crash_script.hpp"
#include "support/scale.hpp"

namespace {

using namespace fluxmap_test;
using fluxmap::errc;
using fluxmap::detail::RecordView;

std::filesystem::path path_of(const std::string& name) { return std::filesystem::path(k_directory) / name; }

using Files = std::map<std::string, Content>;
Files files_of(const MemoryDisk& disk) {
  Files files;
  for (const std::string& name : disk.list(k_directory)) files.emplace(name, disk.bytes(path_of(name)));
  return files;
}

// What an opening is to do.
struct Expected {
  bool refused = false;
  std::uint64_t last = 0;  // otherwise: up to which commit it recovers
  static Expected refusal() { return {true, 0}; }
  static Expected upto(std::uint64_t last) { return {false, last}; }
};

// Opens; what is wrong with what happens. Without `expected`: with what must never happen.
std::string judge(const std::shared_ptr<MemoryDisk>& disk, const CrashHistory& history,
                  const std::optional<Expected>& expected) {
  const Files before = files_of(*disk);
  std::shared_ptr<CrashDatabase> database;
  try {
    database = open_crash_database(disk, script_setup(Level::full));
  } catch (const boost::system::system_error& error) {
    const std::string what = error.what();
    if (error.code() != errc::log_corrupt && error.code() != errc::decode_failed) return "refused with: " + what;
    if (what.find(k_directory) == std::string::npos || what.find(".flux") == std::string::npos) {
      return "the file is not named: " + what;
    }
    if (what.find("offset") == std::string::npos) return "the offset is not named: " + what;
    if (files_of(*disk) != before) return "a refused opening has changed the directory: " + what;
    if (expected && !expected->refused) return "refused: " + what;
    return {};
  }
  const std::uint64_t last = decided_in(*database);
  if (expected && expected->refused) return "not refused, but recovered up to " + std::to_string(last);
  const CrashContents contents = contents_of(*database);
  if (contents != history.expected_at(last))
    return "not a state of the database: recovered up to " + std::to_string(last);
  if (expected && contents != history.expected_at(expected->last)) {
    return "recovered up to " + std::to_string(last) + ", not " + std::to_string(expected->last);
  }
  // And it goes on from there.
  CrashHistory later(Level::full);
  later.begin_with(contents);
  if (CrashScript::commit(*database, later, 50, 40)) return "a commit after it failed";
  database.reset();
  try {
    return later.check(*open_crash_database(disk, script_setup(Level::full)));
  } catch (const boost::system::system_error& error) {
    return std::string("the next opening failed: ") + error.what();
  }
}

// A directory that is going to be damaged.
struct Subject {
  const char* name;
  std::shared_ptr<MemoryDisk> disk;
  CrashHistory history;
  bool same_boot = true;
  std::uint64_t last = 0;               // the last commit
  std::vector<std::string> superseded;  // files that are not needed any more
  std::string checkpoint;               // the one that counts
  std::vector<std::string> segments;    // those needed besides it

  bool is_last(const std::string& file) const { return file == segments.back(); }
  bool is_superseded(const std::string& file) const {
    return std::find(superseded.begin(), superseded.end(), file) != superseded.end();
  }
  std::shared_ptr<MemoryDisk> copy() const { return disk->clone(); }
};

enum class End { closed, killed, power_cut };

// Several segments, two checkpoints (the files the second stands for could not be removed, if `leavings`), and more
// segments behind them.
Subject make_subject(const char* name, End end, bool leavings) {
  Subject subject{name, std::make_shared<MemoryDisk>(), CrashHistory(Level::full), end != End::power_cut, 0, {}, {},
                  {}};
  MemoryDisk& disk = *subject.disk;
  {
    const auto database = open_crash_database(subject.disk, script_setup(Level::full));
    std::uint64_t number = 0;
    const auto commits = [&](std::size_t count) {
      for (; count > 0; --count, ++number) {
        REQUIRE_FALSE(CrashScript::commit(*database, subject.history, number, 3 + number * 29 % 130));
      }
    };
    commits(5);
    run(database->checkpoint());
    commits(9);
    if (leavings) disk.faults().fail(Call::remove, 1, boost::system::errc::io_error, FaultPlan::Repeat::from_then_on);
    run(database->checkpoint());
    disk.faults().clear();
    commits(16);
    subject.last = decided_in(*database);
    if (end == End::closed) run(database->close());
    if (end == End::killed) disk.crash();
    if (end == End::power_cut) disk.power_cut(Cut::keep_everything);
  }
  std::vector<std::string> checkpoints;
  for (const std::string& file : disk.list(k_directory)) {
    if (fluxmap::detail::checkpoint_cts_of(file)) checkpoints.push_back(file);
  }
  subject.checkpoint = checkpoints.back();
  checkpoints.pop_back();
  subject.superseded = checkpoints;
  fluxmap::detail::CheckpointHeader header;
  REQUIRE(fluxmap::detail::parse(disk.bytes(path_of(subject.checkpoint)), header) == nullptr);
  for (const std::string& file : disk.list(k_directory)) {
    const auto id = fluxmap::detail::segment_id_of(file);
    if (id) (*id < header.first_segment ? subject.superseded : subject.segments).push_back(file);
  }
  REQUIRE(subject.segments.size() >= 3);
  REQUIRE(subject.superseded.empty() != leavings);
  return subject;
}

std::vector<Subject> make_subjects() {
  std::vector<Subject> subjects;
  subjects.push_back(make_subject("closed", End::closed, true));
  subjects.push_back(make_subject("killed", End::killed, false));
  subjects.push_back(make_subject("power cut", End::power_cut, true));
  return subjects;
}

// For tests that know no more of it than which states it has been in.
Subject make_torn_subject() {
  CrashSetup setup = script_setup(Level::relaxed);  // and in a long segment: more to be torn
  setup.segment_bytes = 8192;
  std::mt19937_64 chance(1);  // NOLINT(*-msc51-cpp): the same subject every time
  for (;;) {
    CrashScene scene{std::make_shared<MemoryDisk>(), CrashHistory(Level::relaxed), "torn"};
    std::string wrong;
    const auto before_closing = [&](CrashScript& script, FaultPlan&) {
      script.before_closing = [&](CrashDatabase&) { scene.disk->request_cut(); };
    };
    end_script(scene, setup, Ending::power_cut, Cut::random, chance, before_closing, wrong);
    REQUIRE(wrong.empty());
    if (open_crash_database(scene.disk->clone(), setup)->stats().truncated_bytes == 0) continue;
    return {"torn", scene.disk, scene.history, false, 0, {}, {}, {}};
  }
}

struct Record {
  std::uint64_t offset, payload_end, end, synced, cts;
  bool is_commit;
};
std::vector<Record> records_of(const Content& segment) {
  fluxmap::detail::SegmentHeader header;
  REQUIRE(fluxmap::detail::parse(segment, header) == nullptr);
  const fluxmap::detail::PlacedChecksum checksum(header.database, header.id);
  std::vector<Record> records;
  std::uint64_t at = fluxmap::detail::k_file_header_size;
  while (const auto record = fluxmap::detail::parse_record(segment, checksum, at)) {
    const std::uint64_t payload_end = at + fluxmap::detail::k_record_header_size + record->payload.size();
    records.push_back({record->offset, payload_end, record->end(), record->synced, record->cts,
                       record->kind == fluxmap::detail::RecordKind::commit});
    at = record->end();
  }
  return records;
}

// Where the last record ends, without what fills it up; or the file.
std::size_t used_of(const std::string& file, const Content& content) {
  return fluxmap::detail::segment_id_of(file) ? records_of(content).back().payload_end : content.size();
}

// The next byte to be damaged: all up to `dense`, some behind it.
std::size_t next_place(std::size_t at, std::size_t dense, SplitMix& random) {
  return at + (at < dense ? 1 : 1 + random.below(40)) * k_sanitizer_cost;
}
std::size_t dense_part(const Subject& subject, const std::string& file) {
  return subject.is_superseded(file) ? 0 : used_of(file, subject.disk->bytes(path_of(file))) + 32;
}

// What must come of it if the bytes [first, last) of a file are changed, each of them or only some; or are missing, and
// the file ends there.
Expected expected_of(const Subject& subject, const std::string& file, std::uint64_t first, std::uint64_t last,
                     bool missing = false) {
  if (subject.is_superseded(file)) return Expected::upto(subject.last);
  if (file == subject.checkpoint || !subject.is_last(file)) return Expected::refusal();
  if (first < fluxmap::detail::k_file_header_size) return Expected::refusal();
  const std::vector<Record> records = records_of(subject.disk->bytes(path_of(file)));
  std::uint64_t before = subject.last;
  for (const Record& record : records) {
    if (record.is_commit) before = std::min(before, record.cts - 1);
  }
  for (const Record& record : records) {
    if ((missing ? record.payload_end : record.end) <= first) {
      if (record.is_commit) before = record.cts;
      continue;
    }
    // The first that is damaged. Does one that is not, behind it, show that this is no torn tail?
    for (const Record& witness : records) {
      if (witness.offset < last || witness.offset <= record.offset) continue;
      if (subject.same_boot || witness.synced > record.offset) return Expected::refusal();
    }
    return Expected::upto(before);
  }
  return Expected::upto(subject.last);
}

std::string in(const Subject& subject, const std::string& file, const std::string& what) {
  return " (" + std::string(subject.name) + ", " + file + ", " + what + ")\n" + listing(*subject.disk);
}

TEST_CASE("a_directory_that_is_not_damaged_is_opened") {
  for (const Subject& subject : make_subjects()) {
    CHECK(judge(subject.copy(), subject.history, Expected::upto(subject.last)) == "");
  }
}

TEST_CASE("a_flipped_bit_is_told_or_is_a_torn_tail") {
  SplitMix random(seed("flipped bits"));
  std::size_t flips = 0, refusals = 0;
  for (const Subject& subject : make_subjects()) {
    for (const std::string& file : subject.disk->list(k_directory)) {
      const std::size_t size = subject.disk->bytes(path_of(file)).size();
      const std::size_t dense = dense_part(subject, file);
      for (std::size_t at = 0; at < size; at = next_place(at, dense, random)) {
        const Expected expected = expected_of(subject, file, at, at + 1);
        const auto disk = subject.copy();
        disk->content(path_of(file))[at] ^= std::byte{1} << random.below(8);
        const std::string wrong = judge(disk, subject.history, expected);
        if (!wrong.empty()) FAIL(wrong << in(subject, file, "a bit of byte " + std::to_string(at)));
        ++flips;
        refusals += expected.refused ? 1 : 0;
      }
    }
  }
  std::printf("%zu flips, %zu to be refused\n", flips, refusals);
}

TEST_CASE("a_file_that_is_cut_short_is_told_or_is_a_torn_tail") {
  SplitMix random(seed("truncations"));
  std::size_t cuts = 0;
  for (const Subject& subject : make_subjects()) {
    for (const std::string& file : subject.disk->list(k_directory)) {
      const Content whole = subject.disk->bytes(path_of(file));
      const std::size_t used = used_of(file, whole);
      const std::size_t dense = dense_part(subject, file);
      for (std::size_t size = 0; size < whole.size(); size = next_place(size, dense, random)) {
        Expected expected = Expected::upto(subject.last);  // where only zeros are lost
        if (size < used) expected = expected_of(subject, file, size, whole.size(), true);
        const auto disk = subject.copy();
        disk->content(path_of(file)).resize(size);
        const std::string wrong = judge(disk, subject.history, expected);
        if (!wrong.empty()) FAIL(wrong << in(subject, file, "cut to " + std::to_string(size)));
        ++cuts;
      }
    }
  }
  std::printf("%zu truncations\n", cuts);
}

TEST_CASE("a_sector_of_zeros_is_told_or_is_a_torn_tail") {
  for (const Subject& subject : make_subjects()) {
    for (const std::string& file : subject.disk->list(k_directory)) {
      const Content whole = subject.disk->bytes(path_of(file));
      for (std::size_t first = 0; first < whole.size(); first += 512) {
        const std::size_t last = std::min(whole.size(), first + 512);
        const auto disk = subject.copy();
        Content& content = disk->content(path_of(file));
        std::fill(content.begin() + static_cast<std::ptrdiff_t>(first),
                  content.begin() + static_cast<std::ptrdiff_t>(last), std::byte{});
        const Expected expected =
            content == whole ? Expected::upto(subject.last) : expected_of(subject, file, first, last);
        const std::string wrong = judge(disk, subject.history, expected);
        if (!wrong.empty()) FAIL(wrong << in(subject, file, "zeros from " + std::to_string(first)));
      }
    }
  }
}

TEST_CASE("bytes_behind_the_end_are_told_or_are_a_torn_tail") {
  SplitMix random(seed("garbage"));
  for (const Subject& subject : make_subjects()) {
    for (const std::string& file : subject.disk->list(k_directory)) {
      for (const std::size_t length : {1U, 7U, 8U, 32U, 600U}) {
        const auto disk = subject.copy();
        Content& content = disk->content(path_of(file));
        for (std::size_t i = 0; i < length; ++i) content.push_back(static_cast<std::byte>(1 + random.below(255)));
        const std::string wrong =
            judge(disk, subject.history, expected_of(subject, file, content.size() - length, content.size()));
        if (!wrong.empty()) FAIL(wrong << in(subject, file, std::to_string(length) + " bytes of garbage"));
      }
    }
  }
}

TEST_CASE("files_that_are_missing_empty_or_in_the_wrong_place_are_told") {
  for (const Subject& subject : make_subjects()) {
    const auto check = [&](const std::string& what, const Expected& expected, auto damage) {
      const auto disk = subject.copy();
      damage(*disk);
      const std::string wrong = judge(disk, subject.history, expected);
      if (!wrong.empty()) FAIL(wrong << " (" << subject.name << ", " << what << ")\n" << listing(*disk));
    };
    const Expected fine = Expected::upto(subject.last);
    const bool leavings = !subject.superseded.empty();
    const auto needed = [&](const std::string& file) {
      return subject.is_superseded(file) ? fine : Expected::refusal();
    };
    const std::vector<std::string> names = subject.disk->list(k_directory);
    for (const std::string& file : names) {
      // Where the files are still there that it stands for, they do as well as the checkpoint.
      const bool spare = file == subject.checkpoint && leavings;
      check("without " + file, spare ? fine : needed(file), [&](MemoryDisk& disk) { disk.remove(path_of(file)); });
      check("emptied " + file, needed(file), [&](MemoryDisk& disk) { disk.content(path_of(file)).clear(); });
      check("zeroed " + file, needed(file), [&](MemoryDisk& disk) {
        Content& content = disk.content(path_of(file));
        std::fill(content.begin(), content.end(), std::byte{});
      });
      for (const std::string& other : names) {
        if (file == other) continue;
        const bool harmless = subject.is_superseded(file) && subject.is_superseded(other);
        check("swapped " + file + " and " + other, harmless ? fine : Expected::refusal(), [&](MemoryDisk& disk) {
          const Content first = disk.bytes(path_of(file));
          disk.copy_file(path_of(other), path_of(file));
          disk.put(path_of(other), first);
        });
        check(file + " in the place of " + other, needed(other),
              [&](MemoryDisk& disk) { disk.copy_file(path_of(file), path_of(other)); });
      }
    }
    const std::uint64_t last = *fluxmap::detail::segment_id_of(subject.segments.back());
    for (const std::string& file : subject.segments) {
      for (const std::uint64_t id : {last + 1, last + 2, last + 100, ~std::uint64_t{0}}) {
        check(file + " also as " + std::to_string(id), Expected::refusal(),
              [&](MemoryDisk& disk) { disk.copy_file(path_of(file), path_of(fluxmap::detail::segment_name(id))); });
      }
      check(file + " also as 0", fine,
            [&](MemoryDisk& disk) { disk.copy_file(path_of(file), path_of(fluxmap::detail::segment_name(0))); });
    }
    const std::uint64_t cts = *fluxmap::detail::checkpoint_cts_of(subject.checkpoint);
    for (const std::uint64_t other : {cts + 1, subject.last, ~std::uint64_t{0}}) {
      const auto to = path_of(fluxmap::detail::checkpoint_name(other));
      check("the checkpoint also as " + std::to_string(other), Expected::refusal(),
            [&](MemoryDisk& disk) { disk.copy_file(path_of(subject.checkpoint), to); });
      check("the checkpoint as " + std::to_string(other), Expected::refusal(),
            [&](MemoryDisk& disk) { disk.rename(path_of(subject.checkpoint), to); });
    }
    check("the checkpoint also as an older one", fine, [&](MemoryDisk& disk) {
      disk.copy_file(path_of(subject.checkpoint), path_of(fluxmap::detail::checkpoint_name(cts - 1)));
    });
    check("only the checkpoint", Expected::refusal(), [&](MemoryDisk& disk) {
      for (const std::string& file : names) {
        if (file != subject.checkpoint) disk.remove(path_of(file));
      }
    });
    // Temporary files of ours do no harm, whatever is in them.
    check("temporary files", fine, [&](MemoryDisk& disk) {
      for (const std::string& file : names) disk.copy_file(path_of(file), path_of(file + ".tmp"));
      disk.put(path_of(fluxmap::detail::segment_name(last + 1) + ".tmp"), Content(100, std::byte{1}));
    });
  }
}

TEST_CASE("files_of_another_database_are_told") {
  const Subject subject = make_subject("one", End::closed, false);
  const Subject other = make_subject("another", End::closed, false);  // the same in all but its identity
  for (const std::string& file : subject.disk->list(k_directory)) {
    const auto disk = subject.copy();
    disk->put(path_of(file), other.disk->bytes(path_of(file)));
    CHECK(judge(disk, subject.history, Expected::refusal()) == "");
  }
}

// Anything at all: it is refused, or what is found is a state of the database.
TEST_CASE("no_damage_makes_up_a_state") {
  SplitMix random(seed("damage"));
  std::vector<Subject> subjects = make_subjects();
  subjects.push_back(make_torn_subject());
  const std::uint64_t trials = scaled(3000);
  for (std::uint64_t trial = 0; trial < trials; ++trial) {
    const Subject& subject = subjects[random.below(subjects.size())];
    const auto disk = subject.copy();
    const std::vector<std::string> names = disk->list(k_directory);
    std::string what;
    for (std::uint64_t count = 1 + random.below(3); count > 0; --count) {
      const std::string& file = names[random.below(names.size())];
      const Content source = disk->bytes(path_of(names[random.below(names.size())]));
      Content& content = disk->content(path_of(file));
      if (content.empty()) continue;
      const std::size_t at = random.below(content.size());
      const std::size_t length = 1 + random.below(std::min<std::size_t>(content.size() - at, 1 + random.below(600)));
      const std::uint64_t kind = random.below(5);
      what += file + ": kind " + std::to_string(kind) + ", " + std::to_string(length) + " bytes at " +
              std::to_string(at) + '\n';
      for (std::size_t i = 0; i < length; ++i) {
        std::byte& byte = content[at + i];
        if (kind == 0) byte = static_cast<std::byte>(random.below(256));
        if (kind == 1) byte = std::byte{};
        if (kind == 2) byte ^= std::byte{0xff};
        if (kind == 3) byte = source[(at + i) % source.size()];               // of the same place
        if (kind == 4) byte = source[(at + i + 8 * length) % source.size()];  // of another one
      }
    }
    const std::string wrong = judge(disk, subject.history, std::nullopt);
    if (!wrong.empty()) FAIL(wrong << " (" << subject.name << ")\n" << what);
  }
}

}  // namespace

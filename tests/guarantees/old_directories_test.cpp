// Directories that version 0.1.0 has written (tests/fixtures/0.1.0), copied and opened: they hold what they held, and
// go on as any other.
#include <fluxmap/detail/storage/format.hpp>
#include <fluxmap/fluxmap.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "fixtures/0.1.0/types.hpp"
#include "shared.hpp"
#include "support/persistent.hpp"
#include "support/scratch_directory.hpp"

namespace {

namespace fs = std::filesystem;
using namespace fluxmap_fixture;
using namespace fluxmap_test;

const fs::path k_fixtures = fs::path(__FILE__).parent_path().parent_path() / "fixtures" / "0.1.0";
const char* const k_ends[] = {"closed", "killed", "checkpointed", "torn"};

template <class Kind>
using DatabaseOf = fluxmap::Database<typename Kind::Key, typename Kind::Value>;
template <class Kind>
using ContentsOf = std::map<typename Kind::Key, typename Kind::Value>;

template <class Kind>
auto open_old(const fs::path& directory, Level level, const std::shared_ptr<fluxmap::ManualClock>& clock) {
  const fluxmap::PersistenceOptions options{.directory = directory, .segment_bytes = 1024, .checkpoint_after_bytes = 0};
  auto builder = DatabaseOf<Kind>::builder();
  level == Level::full ? builder.durability_full(options) : builder.durability_relaxed(options);
  return builder.clock(clock).build();
}

// By a scan and by look-ups: both have to say the same.
template <class Kind>
ContentsOf<Kind> held_by(DatabaseOf<Kind>& database, const ContentsOf<Kind>& expected) {
  ContentsOf<Kind> held;
  auto handle = database.handle();
  database.scan_metadata([&](const auto& metadata) {
    if (const auto value = handle.get(metadata.key)) held.emplace(metadata.key, *value);
  });
  CHECK(database.size() == expected.size());
  for (const auto& [key, value] : expected) CHECK(handle.get(key) == value);
  if (!expected.empty()) {
    const auto rows = handle.range(expected.begin()->first, expected.rbegin()->first);
    CHECK(rows.size() == expected.size() - 1);  // without the last
  }
  return held;
}

template <class Kind>
void check_holds(DatabaseOf<Kind>& database, const ContentsOf<Kind>& expected) {
  CHECK(held_by<Kind>(database, expected) == expected);
}

// Writes, removes, inserts.
template <class Kind>
void change(DatabaseOf<Kind>& database, ContentsOf<Kind>& expected) {
  auto handle = database.handle();
  auto transaction = handle.begin();
  const auto overwritten = expected.begin()->first;
  const auto removed = expected.rbegin()->first;
  transaction.insert(overwritten, Kind::other_value());
  CHECK(transaction.remove(removed));
  transaction.insert(Kind::other_key(), Kind::other_value());
  run(transaction.commit());
  expected.erase(removed);
  expected.insert_or_assign(overwritten, Kind::other_value());
  expected.insert_or_assign(Kind::other_key(), Kind::other_value());
}

// Opened, changed, checkpointed, changed: and opened anew after each.
template <class Kind>
void check_directory(const fs::path& directory, Level level, bool torn) {
  const auto clock = std::make_shared<fluxmap::ManualClock>(k_written);
  ContentsOf<Kind> expected = Kind::contents();
  {
    const auto database = open_old<Kind>(directory, level, clock);
    check_holds<Kind>(*database, expected);
    CHECK((database->stats().truncated_bytes > 0) == torn);
    CHECK(database->stats().recovered_commits > 0);
    change<Kind>(*database, expected);
    check_holds<Kind>(*database, expected);
    run(database->close());
  }
  {
    const auto database = open_old<Kind>(directory, level, clock);
    check_holds<Kind>(*database, expected);
    CHECK(database->stats().truncated_bytes == 0);
    run(database->checkpoint());
    change<Kind>(*database, expected);
    run(database->close());
  }
  const auto database = open_old<Kind>(directory, level, clock);
  check_holds<Kind>(*database, expected);
}

fs::path copied(const ScratchDirectory& scratch, const std::string& name) {
  fs::copy(k_fixtures / name, scratch / name, fs::copy_options::recursive);
  return scratch / name;
}

template <class Kind>
void check_kind(std::set<std::string>& names) {
  for (const Level level : {Level::full, Level::relaxed}) {
    for (const std::string end : k_ends) {
      const ScratchDirectory scratch;
      const std::string name = std::string(Kind::name) + (level == Level::full ? "_full_" : "_relaxed_") + end;
      INFO(name);
      names.insert(name);
      check_directory<Kind>(copied(scratch, name), level, end == "torn");
    }
  }
}

TEST_CASE("directories_of_0_1_0_open_with_what_they_held", "[old-directories]") {
  std::set<std::string> names{"made_by", "numbers_relaxed_power_cut"};  // the latter: below
  check_kind<Numbers>(names);
  check_kind<Text>(names);
  check_kind<Composite>(names);
  check_kind<OwnCodec>(names);
  check_kind<Expiring>(names);
  for (const auto& entry : fs::directory_iterator(k_fixtures)) {  // none is left out
    if (entry.is_directory()) CHECK(names.count(entry.path().filename().string()) == 1);
  }
}

// What the log's last segment ends with.
fluxmap::detail::RecordKind last_record(const fs::path& directory) {
  using namespace fluxmap::detail;
  fs::path newest;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() == ".fluxlog") newest = std::max(newest, entry.path());
  }
  std::ifstream file(newest, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto bytes = std::as_bytes(std::span(text));
  SegmentHeader header;
  REQUIRE(parse(bytes, header) == nullptr);
  const PlacedChecksum checksum(header.database, header.id);
  RecordKind last{};
  for (std::uint64_t at = k_file_header_size; const auto record = parse_record(bytes, checksum, at);) {
    last = record->kind;
    at = record->end();
  }
  return last;
}

TEST_CASE("a_log_that_0_1_0_has_closed_is_known_to_be_closed", "[old-directories]") {
  for (const std::string name : {Numbers::name, Text::name, Composite::name, OwnCodec::name, Expiring::name}) {
    for (const std::string level : {"_full_", "_relaxed_"}) {
      for (const std::string end : k_ends) {
        INFO(name << level << end);
        const auto last = last_record(k_fixtures / (name + level + end));
        CHECK((last == fluxmap::detail::RecordKind::closed) == (end == "closed" || end == "checkpointed"));
      }
    }
  }
}

TEST_CASE("deadlines_of_0_1_0_are_kept", "[old-directories]") {
  for (const std::string level : {"full", "relaxed"}) {
    for (const std::string end : k_ends) {
      const std::string name = "expiring_" + level + '_' + end;
      INFO(name);
      const auto clock = std::make_shared<fluxmap::ManualClock>(k_written + k_lasts - std::chrono::microseconds(1));
      ContentsOf<Expiring> stay = Expiring::contents();
      std::erase_if(stay, [](const auto& entry) { return Expiring::expires(entry.first); });

      const ScratchDirectory scratch;
      const fs::path directory = copied(scratch, name);
      const auto database = open_old<Expiring>(directory, Level::full, clock);
      auto handle = database->handle();
      for (const auto& [key, value] : Expiring::contents()) CHECK(handle.get(key) == value);
      clock->advance(std::chrono::microseconds(1));
      for (const auto& [key, value] : Expiring::contents()) CHECK(handle.contains(key) == (stay.count(key) == 1));

      // Expired while it was closed.
      const ScratchDirectory other;
      const auto later = open_old<Expiring>(copied(other, name), Level::full, clock);
      auto afterwards = later->handle();
      for (const auto& [key, value] : Expiring::contents()) CHECK(afterwards.contains(key) == (stay.count(key) == 1));
      for (const auto& [key, value] : stay) CHECK(afterwards.get(key) == value);
    }
  }
}

TEST_CASE("what_a_power_cut_has_left_of_a_log_of_0_1_0_is_cut_off", "[old-directories]") {
  // The fourth of six commits is damaged and none was synced. The others behind it are lost with it.
  const ScratchDirectory scratch;
  const auto clock = std::make_shared<fluxmap::ManualClock>(k_written);
  const auto database = open_old<Numbers>(copied(scratch, "numbers_relaxed_power_cut"), Level::relaxed, clock);
  check_holds<Numbers>(*database, {{1, 1}, {2, 2}, {3, 3}});
  CHECK(database->stats().truncated_bytes > 0);
}

TEST_CASE("a_directory_of_0_1_0_is_not_opened_as_other_types", "[old-directories]") {
  const ScratchDirectory scratch;
  const auto clock = std::make_shared<fluxmap::ManualClock>(k_written);
  const fs::path directory = copied(scratch, "numbers_full_closed");
  CHECK(code_of([&] { open_old<Text>(directory, Level::full, clock); }) == fluxmap::errc::decode_failed);
  check_holds<Numbers>(*open_old<Numbers>(directory, Level::full, clock), Numbers::contents());
}

}  // namespace

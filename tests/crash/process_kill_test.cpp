// The end of the process at any moment loses nothing that was acknowledged, and what the next one finds is safe from
// then on: also from a power cut, though much of it was never synced by the process that wrote it.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <future>
#include <latch>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "support/catch.hpp"
#include "support/crash_liar.hpp"
#include "support/crash_lives.hpp"
#include "support/crash_script.hpp"
#include "support/scale.hpp"

namespace {

using namespace fluxmap_test;

Trigger any_trigger(SplitMix& random) {
  switch (random.below(6)) {
    case 0:
      return {};
    case 1:
      return {1 + random.below(30)};  // mostly while the directory is opened
    case 2:
      return {1 + random.below(12), static_cast<Call>(random.below(k_calls))};
    default:
      return {1 + random.below(400)};
  }
}

std::string kill_again_and_again(const char* name, Level level, std::uint64_t kills) {
  const std::uint64_t start = seed(name);
  SplitMix random(start);
  std::size_t openings = 0, work = 0, lived = 0;
  while (lived < kills) {
    CrashLives lives(any_crash_setup(random, level), random());
    for (std::uint64_t left = 3 + random.below(12); left > 0; --left) {
      const Ending ending = random.below(10) == 0 ? Ending::closed : Ending::kill;
      std::string wrong = lives.live(ending, any_trigger(random));
      if (!wrong.empty()) return "FLUXMAP_SEED=" + std::to_string(start) + '\n' + wrong;
      ++lived;
    }
    std::string wrong = lives.live(Ending::closed, {});
    if (!wrong.empty()) return "FLUXMAP_SEED=" + std::to_string(start) + '\n' + wrong;
    openings += lives.cut_openings();
    work += lives.cut_work();
  }
  std::printf("%zu kills: %zu lives ended while opening, %zu while working\n", lived, openings, work);
  return {};
}

TEST_CASE("a_killed_process_loses_nothing_acknowledged_in_full") {
  CHECK(kill_again_and_again("kills in full", Level::full, scaled(400)) == "");
}

TEST_CASE("a_killed_process_loses_nothing_acknowledged_in_relaxed") {
  CHECK(kill_again_and_again("kills in relaxed", Level::relaxed, scaled(400)) == "");
}

TEST_CASE("what_a_process_left_that_was_killed_at_any_call_is_safe_once_it_was_opened") {
  std::mt19937_64 chance(seed("kills at every call"));
  for (const Level level : {Level::full, Level::relaxed}) {
    CHECK(end_at_every_call(level, Ending::kill, 1 + k_sanitizer_cost / 2, chance) == "");
  }
}

// The record of an orderly end stands alone behind the last sync. Where it stands in its sector decides what a power
// cut may take away of it, and leave of what the next process writes behind it.
TEST_CASE("a_process_that_was_killed_while_closing_leaves_a_good_directory") {
  std::mt19937_64 chance(seed("kills while closing"));
  CrashSetup setup = script_setup(Level::full);
  setup.segment_bytes = 4096;
  for (std::size_t size = 0; size < 512; size += 8 * (1 + k_sanitizer_cost / 5)) {
    for (std::size_t n = 1; n <= 2; ++n) {  // before the record is written, before it is synced
      CrashScene scene{std::make_shared<MemoryDisk>(), CrashHistory(Level::full), "closing"};
      {
        const auto database = open_crash_database(scene.disk, setup);
        REQUIRE_FALSE(CrashScript::commit(*database, scene.history, 1, size / 2));
        scene.disk->faults().cut_power(n);
        CHECK_THROWS(fluxmap_test::run(database->close()));
        scene.disk->faults().clear();
        scene.disk->crash();
        scene.history.end(Ending::kill);
      }
      for (int i = 0; i < 8; ++i) {
        CrashScene trial = scene.copy();
        const auto database = open_crash_database(trial.disk, setup);
        trial.disk->power_cut(chance);
        trial.history.end(Ending::power_cut);
        const std::string wrong = open_twice(trial, setup, Cut::random, chance);
        if (!wrong.empty()) FAIL(wrong << "values of " << size / 2 << " bytes, killed at call " << n << " of close()");
      }
    }
  }
}

TEST_CASE("a_file_system_that_writes_late_makes_the_checker_find_losses") {
  SplitMix random(seed("late writes"));
  std::size_t found = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    CrashSetup setup = any_crash_setup(random, Level::relaxed);
    setup.wrap = [](FileSystemPtr files) {
      return std::make_shared<LyingFileSystem>(std::move(files), Lie::late_write);
    };
    CrashLives lives(setup, random());
    for (int life = 0; life < 40; ++life) {
      if (lives.live(Ending::kill, any_trigger(random)).empty()) continue;
      ++found;
      break;
    }
  }
  CHECK(found >= 8);
}

TEST_CASE("a_database_may_be_closed_while_commits_are_under_way") {
  SplitMix random(seed("closing under way"));
  for (std::uint64_t trial = 0; trial < scaled(120); ++trial) {
    const Level level = trial % 2 == 0 ? Level::full : Level::relaxed;
    const CrashSetup setup = any_crash_setup(random, level);
    auto disk = std::make_shared<MemoryDisk>();
    CrashHistory history(level);
    auto database = open_crash_database(disk, setup);
    CrashWork work = setup.work;
    work.threads = 2;
    work.transactions = 1U << 30U;  // until it is closed
    CrashWorkers workers(*database, history, work, random());
    std::thread at_work([&] { workers.run(); });
    const std::uint64_t enough = 1 + random.below(100);
    while (decided_in(*database) < enough) std::this_thread::yield();
    const bool by_kill = random.below(4) == 0;
    if (by_kill) disk->request_cut();
    std::string wrong;
    std::shared_ptr<CrashDatabase> next;
    try {
      fluxmap_test::run(database->close());
      // The directory is free again: nobody may touch it any more.
      if (!by_kill) next = open_crash_database(disk, setup);
    } catch (const boost::system::system_error& error) {
      if (!by_kill || error.code() != fluxmap::errc::log_failed) wrong = error.what();
    }
    at_work.join();
    if (by_kill) {
      disk->crash();
      history.end(Ending::kill);
      next = open_crash_database(disk, setup);
    }
    if (wrong.empty()) wrong = history.check(*next);
    if (!wrong.empty()) {
      FAIL(wrong << "level " << name_of(level) << ", trial " << trial << (by_kill ? ", killed" : ""));
    }
  }
}

// Whoever finds the log taken leaves its commit to the one who has it, who must not go to sleep over it.
TEST_CASE("a_commit_in_relaxed_that_finds_the_log_taken_is_written_nevertheless") {
  auto disk = std::make_shared<MemoryDisk>();
  const auto database = open_crash_database(disk, script_setup(Level::relaxed));  // time alone wakes nobody
  auto first = database->handle(), second = database->handle();
  fluxmap_test::run(first.insert(1, std::string(600, 'a')));
  Gate gate(*disk);
  gate.close();
  asio::io_context one(1), two(1);
  auto large = asio::co_spawn(one, first.insert(2, std::string(600, 'b')), asio::use_future);  // needs a new segment
  one.poll();
  gate.wait_for_somebody();
  auto small = asio::co_spawn(two, second.insert(3, "c"), asio::use_future);
  two.poll();
  gate.open();
  one.restart();
  one.run();
  large.get();
  two.restart();
  two.run_for(std::chrono::seconds(10));
  CHECK(small.wait_for(std::chrono::seconds(0)) == std::future_status::ready);
}

// A checkpoint names the first segment that is needed besides it. While a commit is in the log but not yet published,
// the snapshot is older than it; so the segment with that commit is needed.
TEST_CASE("a_checkpoint_beside_a_rotation_keeps_the_segment_it_does_not_stand_for") {
  auto disk = std::make_shared<MemoryDisk>();
  const CrashSetup setup = script_setup(Level::full);
  auto database = open_crash_database(disk, setup);
  struct Hold {  // the n-th sync of a file
    const char* file;
    int n;
    std::latch reached{1}, go{1};
  };
  Hold first{"log-0000000000000001.fluxlog.tmp", 1};
  Hold second{"log-0000000000000002.fluxlog.tmp", 2};  // behind that of its header
  disk->faults().on_call([&](Call call, const std::filesystem::path& path) {
    for (Hold* hold : {&first, &second}) {
      if (call != Call::sync || path.filename() != hold->file || --hold->n != 0) continue;
      hold->reached.count_down();
      hold->go.wait();
    }
  });
  asio::thread_pool pool(1);
  const auto insert = [&](std::uint64_t key, std::size_t size) {
    return asio::co_spawn(pool, database->handle().insert(key, std::string(size, 'v')), asio::use_future);
  };
  auto small = insert(0, 10);
  first.reached.wait();
  // These two come to the log at once. One still fits into the first segment, the other one does not.
  auto one = insert(1, 500), two = insert(2, 500);
  while (decided_in(*database) < 3) std::this_thread::yield();
  first.go.count_down();
  second.reached.wait();
  fluxmap_test::run(database->checkpoint());
  second.go.count_down();
  for (auto* done : {&small, &one, &two}) done->get();
  disk->faults().clear();
  const auto expected = contents_of(*database);
  CHECK(expected.size() == 3);
  database.reset();
  database = open_crash_database(disk, setup);
  CHECK(contents_of(*database) == expected);
}

}  // namespace

// The end of the process at any moment loses nothing that was acknowledged, and what the next one finds is safe from
// then on: also from a power cut, though much of it was never synced by the process that wrote it.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <latch>
#include <memory>
#include <random>
#include <string>
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
CrashSetup any_setup(SplitMix& random, Level level) {
  CrashSetup setup{.level = level, .segment_bytes = 600 + random.below(3400)};
  setup.checkpoint_after = random.below(4) == 0 ? 0 : 1000 + random.below(8000);
  setup.work.threads = static_cast<unsigned>(random.below(4));
  setup.work.transactions = static_cast<unsigned>(8 + random.below(40));
  setup.work.keys = 4 + random.below(40);
  return setup;
}

std::string kill_again_and_again(const char* name, Level level, std::uint64_t kills) {
  const std::uint64_t start = seed(name);
  SplitMix random(start);
  std::size_t openings = 0, work = 0, lived = 0;
  while (lived < kills) {
    CrashLives lives(any_setup(random, level), random());
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
  std::size_t trials = 0;
  for (const Level level : {Level::full, Level::relaxed}) {
    const CrashSetup setup = script_setup(level);
    for (const CrashScene& scene : script_scenes(level)) {
      for (const Cut cut : {Cut::keep_nothing, Cut::random, Cut::random}) {
        bool all_done = false;
        for (std::size_t n = 1; !all_done; n += 1 + k_sanitizer_cost / 2) {
          CrashScene trial = scene.copy();
          std::string wrong;
          end_script(
              trial, setup, Ending::kill, {}, chance,
              [&](CrashScript& script, FaultPlan& faults) {
                faults.cut_power(n);
                script.before_forgetting = [&] { all_done = !trial.disk->cut_requested(); };
              },
              wrong);
          if (wrong.empty()) wrong = open_twice(trial, setup, cut, chance);
          if (!wrong.empty()) {
            FAIL(wrong << "level " << name_of(level) << ", scene '" << scene.name << "', call " << n << '\n'
                       << trial.disk->faults().describe(40));
          }
          ++trials;
        }
      }
    }
  }
  std::printf("%zu trials\n", trials);
}

// The record of an orderly end stands alone behind the last sync. Where it stands in its sector decides what a power
// cut may take away of it, and leave of what the next process writes behind it.
TEST_CASE("a_process_that_was_killed_while_closing_leaves_a_good_directory") {
  std::mt19937_64 chance(seed("kills while closing"));
  CrashSetup setup = script_setup(Level::full);
  setup.segment_bytes = 4096;
  for (std::size_t size = 0; size < 512; size += 8) {
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
    CrashSetup setup = any_setup(random, Level::relaxed);
    setup.wrap = [](FileSystemPtr files) {
      return std::make_shared<LyingFileSystem>(std::move(files), Lie::late_write);
    };
    CrashLives lives(setup, random());
    for (int life = 0; life < 20; ++life) {
      if (lives.live(Ending::kill, any_trigger(random)).empty()) continue;
      ++found;
      break;
    }
  }
  CHECK(found >= 8);
}

// A checkpoint names the first segment that is needed besides it. While a commit is in the log but not yet published,
// the snapshot is older than it; so the segment with that commit is needed.
TEST_CASE("a_checkpoint_beside_a_rotation_keeps_the_segment_it_does_not_stand_for") {
  auto disk = std::make_shared<MemoryDisk>();
  CrashSetup setup = script_setup(Level::full);
  CrashHistory history(Level::full);
  auto database = open_crash_database(disk, setup);
  std::latch held(1), go(1);
  bool first = true;
  {
    // The commit that begins the second segment is written, and its sync waits.
    disk->faults().on_call([&](Call call, const std::filesystem::path& path) {
      if (call != Call::sync || path.filename() != "log-0000000000000002.fluxlog.tmp") return;
      if (std::exchange(first, false)) return;  // of the header, while the segment is made
      held.count_down();
      go.wait();
    });
    // Two that are decided before the log comes to them: the first still fits into the first segment.
    asio::thread_pool pool(1);
    auto done = asio::co_spawn(
        pool,
        [](CrashDatabase& db) -> asio::awaitable<void> {
          auto a = db.handle(), b = db.handle();
          auto one = asio::co_spawn(co_await asio::this_coro::executor, a.insert(1, std::string(500, 'a')),
                                    asio::use_future);
          auto two = asio::co_spawn(co_await asio::this_coro::executor, b.insert(2, std::string(500, 'b')),
                                    asio::use_future);
          (void)one, (void)two;
        }(*database),
        asio::use_future);
    done.get();
    held.wait();
    fluxmap_test::run(database->checkpoint());
    go.count_down();
    pool.join();
  }
  disk->faults().clear();
  const auto expected = contents_of(*database);
  CHECK(expected.size() == 2);
  database.reset();
  database = open_crash_database(disk, setup);
  CHECK(contents_of(*database) == expected);
}

}  // namespace

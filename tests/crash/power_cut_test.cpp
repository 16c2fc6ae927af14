// A power cut at any moment loses nothing that was promised, and leaves a directory that can be opened.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/crash_liar.hpp"
#include "support/crash_lives.hpp"
#include "support/crash_script.hpp"
#include "support/scale.hpp"

namespace {

using namespace fluxmap_test;

Trigger any_trigger(SplitMix& random) {
  static constexpr Call k_rare[] = {Call::rename, Call::sync_directory, Call::remove, Call::allocate,
                                    Call::resize, Call::open,           Call::list,   Call::sync};
  switch (random.below(8)) {
    case 0:
      return {};
    case 1:
      return {1 + random.below(30)};  // mostly while the directory is opened
    case 2:
    case 3:
      return {1 + random.below(8), k_rare[random.below(std::size(k_rare))]};
    case 4:
      return {1 + random.below(80)};
    default:
      return {1 + random.below(500)};
  }
}
template <class Random>
Cut any_cut(Random& random) {
  switch (random() % 6) {
    case 0:
      return Cut::keep_nothing;
    case 1:
      return Cut::keep_everything;
    default:
      return Cut::random;
  }
}

std::string describe(Level level, const CrashScene& scene, std::size_t n) {
  return std::string("level ") + name_of(level) + ", scene '" + scene.name + "', call " + std::to_string(n) + "\n";
}

// Chains of lives, until `cuts` have been lived. Endings other than cuts come between them.
std::string cut_again_and_again(const char* name, Level level, std::uint64_t cuts, std::uint64_t others_in_ten) {
  const std::uint64_t start = seed(name);
  SplitMix random(start);
  std::size_t openings = 0, work = 0, lived = 0;
  while (lived < cuts) {
    CrashLives lives(any_crash_setup(random, level), random());
    for (std::uint64_t left = 3 + random.below(12); left > 0; --left) {
      Ending ending = Ending::power_cut;
      if (random.below(10) < others_in_ten) ending = random.below(3) == 0 ? Ending::closed : Ending::kill;
      std::string wrong = lives.live(ending, any_trigger(random), any_cut(random));
      if (!wrong.empty()) return "FLUXMAP_SEED=" + std::to_string(start) + '\n' + wrong;
      if (ending == Ending::power_cut) ++lived;
    }
    std::string wrong = lives.live(Ending::closed, {});
    if (!wrong.empty()) return "FLUXMAP_SEED=" + std::to_string(start) + '\n' + wrong;
    openings += lives.cut_openings();
    work += lives.cut_work();
  }
  std::printf("%zu cuts: %zu lives ended while opening, %zu while working\n", lived, openings, work);
  return {};
}

TEST_CASE("a_power_cut_loses_nothing_acknowledged_in_full") {
  CHECK(cut_again_and_again("power cuts in full", Level::full, scaled(600), 1) == "");
}

TEST_CASE("a_power_cut_loses_nothing_flushed_in_relaxed") {
  CHECK(cut_again_and_again("power cuts in relaxed", Level::relaxed, scaled(600), 1) == "");
}

TEST_CASE("power_cuts_and_kills_in_turn_lose_nothing") {
  for (const Level level : {Level::full, Level::relaxed}) {
    CHECK(cut_again_and_again("power cuts and kills", level, scaled(200), 6) == "");
  }
}

TEST_CASE("a_power_cut_at_any_call_loses_nothing") {
  std::mt19937_64 chance(seed("power cuts at every call"));
  for (const Level level : {Level::full, Level::relaxed}) {
    CHECK(end_at_every_call(level, Ending::power_cut, 2 + k_sanitizer_cost / 2, chance) == "");
  }
}

// Files whose name alone says that they count: the first segment, and checkpoints. Others are named by something else.
bool counts_alone(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with("checkpoint-") || name.starts_with("log-0000000000000001.");
}

// What lives leave that were killed at one of their calls, for the openings that are cut: where such a name is there
// and not yet durable, and at some of the other calls.
std::vector<CrashScene> killed_scenes(Level level, std::mt19937_64& chance) {
  std::vector<CrashScene> scenes = script_scenes(level);
  const auto run_script = [&](const CrashScene& from, std::size_t kill_at) {
    CrashScene scene = from.copy();
    std::string wrong;
    end_script(
        scene, script_setup(level), Ending::kill, {}, chance,
        [&](CrashScript&, FaultPlan& faults) {
          if (kill_at != 0) faults.cut_power(kill_at);
        },
        wrong);
    if (!wrong.empty()) throw std::logic_error(wrong);
    return scene;
  };
  for (const std::size_t start : {0U, 1U, 2U, 3U}) {
    const auto calls = run_script(scenes[start], 0).disk->faults().calls();
    for (std::size_t i = 0; i < calls.size(); ++i) {
      // At the sync of the directory, which is behind the renaming.
      const bool new_name = i > 0 && calls[i - 1].call == Call::rename && counts_alone(calls[i - 1].path);
      if (!new_name && draw(chance, 10 * k_sanitizer_cost) != 0) continue;
      const CrashScene scene = run_script(scenes[start], i + 1);
      scenes.push_back({scene.disk->clone(), scene.history, "killed at a call"});
    }
  }
  return scenes;
}

TEST_CASE("a_power_cut_during_recovery_loses_nothing") {
  std::mt19937_64 chance(seed("power cuts during recovery"));
  std::size_t trials = 0;
  for (const Level level : {Level::full, Level::relaxed}) {
    const CrashSetup setup = script_setup(level);
    for (const CrashScene& scene : killed_scenes(level, chance)) {
      bool opened = false;
      for (std::size_t n = 1; !opened; ++n) {
        CrashScene trial = scene.copy();
        trial.disk->faults().cut_power(n);
        std::shared_ptr<CrashDatabase> database;
        try {
          database = open_crash_database(trial.disk, setup);
        } catch (const boost::system::system_error& error) {
          if (error.code() != boost::system::errc::io_error) FAIL(error.what() << describe(level, scene, n));
        }
        opened = database != nullptr;
        trial.disk->faults().clear();
        trial.disk->power_cut(chance, any_cut(chance));
        trial.history.end(Ending::power_cut);
        database.reset();
        const std::string wrong = open_twice(trial, setup, Cut::random, chance);
        if (!wrong.empty()) FAIL(wrong << describe(level, scene, n) << trial.disk->faults().describe());
        ++trials;
      }
    }
  }
  std::printf("%zu trials\n", trials);
}

// How many of `chains` the checks find something wrong with, within forty lives each.
std::size_t lies_found(Lie lie, Level level, std::size_t chains) {
  SplitMix random(seed("lies"));
  std::size_t found = 0;
  for (std::size_t i = 0; i < chains; ++i) {
    CrashSetup setup = any_crash_setup(random, level);
    setup.wrap = [lie](FileSystemPtr files) { return std::make_shared<LyingFileSystem>(std::move(files), lie); };
    CrashLives lives(setup, random());
    for (int life = 0; life < 40; ++life) {
      if (lives.live(Ending::power_cut, any_trigger(random), any_cut(random)).empty()) continue;
      ++found;
      break;
    }
  }
  return found;
}

TEST_CASE("without_the_sync_the_checker_finds_losses") {
  CHECK(lies_found(Lie::no_sync, Level::full, 10) == 10);
  CHECK(lies_found(Lie::no_sync, Level::relaxed, 10) >= 5);  // which promises less
}

TEST_CASE("without_the_sync_of_the_directory_the_checker_finds_losses") {
  CHECK(lies_found(Lie::no_directory_sync, Level::full, 10) == 10);
  CHECK(lies_found(Lie::no_directory_sync, Level::relaxed, 10) >= 5);
}

}  // namespace

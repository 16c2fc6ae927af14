// A fixed life of a database, one transaction after the other, so that the n-th call of the file system means nearly
// the same every time: what is cut, killed or made to fail at every single call.
#pragma once

#include "support/crash_history.hpp"
#include "support/crash_lives.hpp"
#include "support/memory_disk.hpp"
#include "support/persistent.hpp"
#include "support/run.hpp"

#include <fluxmap/detail/front/access.hpp>
#include <fluxmap/fluxmap.hpp>

#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_test {

class CrashScript {
 public:
  using error_code = boost::system::error_code;

  struct Failure {
    error_code code;
    std::string what;
  };
  // How many calls the disk had counted.
  struct Phases {
    std::size_t begin = 0, checkpoint_begin = 0, checkpoint_end = 0, end = 0;
  };

  CrashScript(std::shared_ptr<MemoryDisk> disk, CrashSetup setup, CrashHistory& history)
      : disk_(std::move(disk)), setup_(std::move(setup)), history_(history) {}

  // Stops where the opening fails; everything else goes on to the end, whatever fails. The database stays, closed.
  void run() {
    phases_.begin = calls();
    opening_ = attempt([&] { database_ = open_crash_database(disk_, setup_); });
    if (opening_) return;
    found_wrong_ = history_.check(*database_);
    // Six that fill a segment and begin another, and one that is larger than a segment.
    for (std::uint64_t i = 0; i < 6; ++i) commit(i, 40 + 50 * i);
    commit(6, setup_.segment_bytes + 100);
    flush();
    phases_.checkpoint_begin = calls();
    checkpoint_ = attempt([&] { fluxmap_test::run(database_->checkpoint()); });
    phases_.checkpoint_end = calls();
    for (std::uint64_t i = 7; i < 13; ++i) commit(i, 10 + 40 * (i % 5));
    stats_ = database_->stats();
    if (before_closing) before_closing(*database_);
    closing_ = attempt([&] { fluxmap_test::run(database_->close()); });
    phases_.end = calls();
  }
  // Called where all but the closing is done.
  std::function<void(CrashDatabase&)> before_closing;
  // Called after the run, while the database and the faults are still there.
  std::function<void()> before_forgetting;

  const std::optional<Failure>& opening() const { return opening_; }
  const std::optional<Failure>& checkpoint() const { return checkpoint_; }
  const std::optional<Failure>& closing() const { return closing_; }
  const std::vector<error_code>& commits() const { return commits_; }  // and flushes
  const Phases& phases() const { return phases_; }
  const fluxmap::Stats& stats() const { return stats_; }
  const std::string& found_wrong() const { return found_wrong_; }  // what the opening found, if that was wrong

  // One more transaction of the same kind.
  static error_code commit(CrashDatabase& database, CrashHistory& history, std::uint64_t number, std::size_t size) {
    error_code failure;
    CrashHistory::Writes writes;
    CrashHandle handle = database.handle();
    CrashTransaction transaction = handle.begin();
    const auto& state = fluxmap::detail::TransactionAccess::state(transaction);  // lives as long as the handle
    const std::uint64_t before = state.commit_timestamp();
    try {
      const std::string tag = std::to_string(decided_in(database)) + '.';  // no two commits write the same
      for (const std::uint64_t key : {number % 5, 100 + number}) {
        std::string text = tag;
        while (text.size() < size) text += tag;
        writes[key] = text;
        transaction.insert(key, std::move(text));
      }
      if (number % 4 == 3 && transaction.remove(97 + number)) writes[97 + number] = std::nullopt;
      fluxmap_test::run(transaction.commit());
    } catch (const boost::system::system_error& error) {
      failure = error.code();
    }
    if (state.commit_timestamp() != before) history.add({state.commit_timestamp(), std::move(writes), !failure});
    return failure;
  }

 private:
  std::size_t calls() const { return disk_->faults().count(); }

  template <class F>
  static std::optional<Failure> attempt(F&& f) {
    try {
      f();
    } catch (const boost::system::system_error& error) {
      return Failure{error.code(), error.what()};
    }
    return std::nullopt;
  }
  void commit(std::uint64_t number, std::size_t size) {
    commits_.push_back(commit(*database_, history_, number, size));
  }
  void flush() {
    const std::uint64_t mark = decided_in(*database_);
    const auto failure = attempt([&] { fluxmap_test::run(database_->flush()); });
    if (!failure) history_.flushed(mark);
    commits_.push_back(failure ? failure->code : error_code());
  }

  const std::shared_ptr<MemoryDisk> disk_;
  const CrashSetup setup_;
  CrashHistory& history_;
  std::shared_ptr<CrashDatabase> database_;
  std::optional<Failure> opening_, checkpoint_, closing_;
  std::vector<error_code> commits_;
  Phases phases_;
  fluxmap::Stats stats_;
  std::string found_wrong_;
};

// A disk, and what is known of it; to be copied for every trial.
struct CrashScene {
  std::shared_ptr<MemoryDisk> disk;
  CrashHistory history;
  const char* name;

  CrashScene copy() const { return {disk->clone(), history, name}; }
};

// With nothing that depends on time.
inline CrashSetup script_setup(Level level) {
  CrashSetup setup{.level = level, .segment_bytes = 1024, .checkpoint_after = 0};
  setup.flush_interval = std::chrono::hours(24);
  setup.flush_after_commits = 1U << 30U;
  return setup;
}

// Runs the script on `scene`, prepared by `prepare(script, faults)`, and then ends that life. `wrong`: what the opening
// found, if that was wrong.
template <class Prepare>
void end_script(CrashScene& scene, const CrashSetup& setup, Ending ending, Cut cut, std::mt19937_64& chance,
                Prepare prepare, std::string& wrong) {
  CrashScript script(scene.disk, setup, scene.history);
  prepare(script, scene.disk->faults());
  script.run();
  if (script.before_forgetting) script.before_forgetting();
  wrong = script.found_wrong();
  scene.disk->faults().clear();
  if (ending == Ending::power_cut) {
    scene.disk->power_cut(chance, cut);
  } else {
    scene.disk->crash();
  }
  scene.history.end(ending);
}

// Nothing yet; a directory that was closed in order; one whose database was killed, with files that its checkpoint
// could not remove; one with a torn tail.
inline std::vector<CrashScene> script_scenes(Level level) {
  std::vector<CrashScene> scenes;
  std::mt19937_64 chance(1);  // NOLINT(*-msc51-cpp): the same scenes every time
  std::string wrong;
  const auto fresh = [](Level at, const char* name) {
    return CrashScene{std::make_shared<MemoryDisk>(), CrashHistory(at), name};
  };
  const auto keep = [&](const CrashScene& scene) {
    if (!wrong.empty()) throw std::logic_error(wrong);
    scenes.push_back(scene.copy());  // whose calls are counted from nothing
  };
  keep(fresh(level, "nothing there"));
  CrashScene closed = fresh(level, "closed");
  end_script(closed, script_setup(level), Ending::closed, {}, chance, [](auto&, auto&) {}, wrong);
  keep(closed);

  const auto killed_before_closing = [](CrashScene& scene) {
    return [&scene](CrashScript& script, FaultPlan& faults) {
      script.before_closing = [&](CrashDatabase&) { scene.disk->request_cut(); };
      faults.fail(Call::remove, 1, boost::system::errc::io_error, FaultPlan::Repeat::from_then_on);
    };
  };
  CrashScene killed = fresh(level, "killed");
  end_script(killed, script_setup(level), Ending::kill, {}, chance, killed_before_closing(killed), wrong);
  keep(killed);

  // Relaxed, and in a long segment: more to be torn.
  CrashSetup setup = script_setup(Level::relaxed);
  setup.segment_bytes = 8192;
  for (std::uint64_t truncated = 0; truncated == 0;) {
    CrashScene torn = fresh(Level::relaxed, "torn");
    end_script(torn, setup, Ending::power_cut, Cut::random, chance, killed_before_closing(torn), wrong);
    const std::shared_ptr<CrashDatabase> look = open_crash_database(torn.disk->clone(), script_setup(level));
    truncated = look->stats().truncated_bytes;
    if (wrong.empty()) wrong = torn.history.check(*look);
    torn.history.go_on_at(level);
    if (truncated != 0) keep(torn);
  }
  return scenes;
}

// Opens the directory after a trial: once to see what is there and to commit on top of it, and, with the power cut
// once more, to see that what was found the first time had been made durable. What is wrong, or nothing.
inline std::string open_twice(CrashScene& scene, const CrashSetup& setup, Cut cut, std::mt19937_64& chance) {
  for (int round = 0; round < 2; ++round) {
    std::shared_ptr<CrashDatabase> database;
    try {
      database = open_crash_database(scene.disk, setup);
    } catch (const boost::system::system_error& error) {
      return "opening " + std::to_string(round + 1) + " after it failed: " + error.what() + '\n' + listing(*scene.disk);
    }
    if (std::string wrong = scene.history.check(*database); !wrong.empty()) {
      return "opening " + std::to_string(round + 1) + " after it: " + wrong + listing(*scene.disk);
    }
    if (round == 1) break;
    for (std::uint64_t i = 20; i < 22; ++i) {
      if (const auto code = CrashScript::commit(*database, scene.history, i, 100)) {
        return "a commit after it failed: " + code.message() + '\n';
      }
    }
    const std::uint64_t mark = decided_in(*database);
    fluxmap_test::run(database->flush());
    scene.history.flushed(mark);
    scene.disk->power_cut(chance, cut);
    scene.history.end(Ending::power_cut);
  }
  return {};
}

// Ends the script at each of its calls in turn, from every scene, and opens what it leaves. What is wrong, or nothing.
inline std::string end_at_every_call(Level level, Ending ending, std::size_t stride, std::mt19937_64& chance) {
  const CrashSetup setup = script_setup(level);
  for (const CrashScene& scene : script_scenes(level)) {
    for (const Cut cut : {Cut::keep_nothing, Cut::random}) {
      bool all_done = false;
      for (std::size_t n = 1 + draw(chance, stride); !all_done; n += stride) {
        CrashScene trial = scene.copy();
        std::string wrong;
        end_script(
            trial, setup, ending, cut, chance,
            [&](CrashScript& script, FaultPlan& faults) {
              faults.cut_power(n);
              script.before_forgetting = [&] { all_done = !trial.disk->cut_requested(); };
            },
            wrong);
        if (wrong.empty()) wrong = open_twice(trial, setup, cut, chance);
        if (!wrong.empty()) {
          return wrong + "level " + name_of(level) + ", scene '" + scene.name + "', " + name_of(ending) + " at call " +
                 std::to_string(n) + '\n' + trial.disk->faults().describe(40);
        }
      }
    }
  }
  return {};
}

}  // namespace fluxmap_test

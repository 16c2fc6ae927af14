// Every call of the file system fails in every way: each failure is told as documented, a failed log stays failed, and
// nothing that was acknowledged is lost.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/crash_lives.hpp"
#include "support/crash_script.hpp"
#include "support/scale.hpp"

namespace {

using namespace fluxmap_test;
using boost::system::error_code;
using fluxmap::errc;
using Errc = FaultPlan::Errc;
using Repeat = FaultPlan::Repeat;

constexpr auto k_io = boost::system::errc::io_error;
constexpr auto k_full = boost::system::errc::no_space_on_device;
constexpr auto k_denied = boost::system::errc::permission_denied;

template <class F>
error_code code_of(F&& f) {
  try {
    f();
  } catch (const boost::system::system_error& error) {
    return error.code();
  }
  return {};
}

bool is_of_system(const error_code& code, Errc error) {
  return code == error_code(error, boost::system::system_category());
}

// What a database whose log has failed must still do, and must not do any more.
std::string check_failed(CrashDatabase& database, const CrashHistory& history) {
  auto handle = database.handle();
  const auto refuses = [](const error_code& code) { return code == errc::log_failed; };
  if (!refuses(code_of([&] { run(handle.insert(1, "x")); }))) return "an insert did not fail with log_failed\n";
  if (!refuses(code_of([&] { run(handle.update(1, [](const std::string*) { return std::string("x"); })); }))) {
    return "an update did not fail with log_failed\n";
  }
  if (!refuses(code_of([&] { run(handle.remove(std::uint64_t{1})); }))) {
    return "a removal did not fail with log_failed\n";
  }
  if (!refuses(code_of([&] {
        auto transaction = handle.begin();
        transaction.insert(1, "x");
        run(transaction.commit());
      }))) {
    return "a transaction did not fail with log_failed\n";
  }
  if (!refuses(code_of([&] { run(database.flush()); }))) return "flush() did not fail with log_failed\n";
  if (!refuses(code_of([&] { run(database.checkpoint()); }))) return "checkpoint() did not fail with log_failed\n";
  // Reads go on, and show what is published; a transaction that only reads can even be committed.
  const std::uint64_t published = fluxmap::detail::TransactionAccess::store(database).ring.published();
  const CrashContents visible = contents_of(database);
  if (visible != history.expected_at(published)) return "readers see something else than what was published\n";
  // One that could write may be told instead, of a key that has been written since, and at the end: in relaxed what it
  // has read may be lost.
  const error_code code = code_of([&] {
    auto transaction = handle.begin();
    for (std::uint64_t key = 0; key < 5; ++key) {
      const std::string* const value = transaction.get(key);
      const auto at = visible.find(key);
      if (value == nullptr ? at != visible.end() : at == visible.end() || *value != at->second) {
        throw std::logic_error("a transaction sees something else than what was published");
      }
    }
    run(transaction.commit());
  });
  return !code || refuses(code) ? "" : "a transaction that only reads failed: " + code.message() + '\n';
}

// What of a run's failures is not as documented. `error` was injected; nothing: a write that was short and no more.
std::string check_failures(const CrashScript& script, const FaultPlan& faults, Errc error) {
  const auto told = [&](const std::optional<CrashScript::Failure>& failure) {
    return failure && is_of_system(failure->code, error);
  };
  if (script.opening()) {
    if (!told(script.opening())) return "the opening failed otherwise: " + script.opening()->what + '\n';
    if (script.opening()->what.find(k_directory) == std::string::npos) {
      return "the opening did not say where it failed: " + script.opening()->what + '\n';
    }
    return {};
  }
  bool failed = false;
  for (const error_code& code : script.commits()) {
    if (failed && !code) return "a commit succeeded after the log had failed\n";
    if (code && code != errc::log_failed) return "a commit failed otherwise: " + code.message() + '\n';
    failed = failed || code;
  }
  const bool closing_failed = script.closing().has_value();
  if (failed && !closing_failed) return "close() did not say that the log had failed\n";
  if (closing_failed && script.closing()->code != errc::log_failed) {
    return "close() failed otherwise: " + script.closing()->what + '\n';
  }
  const auto& checkpoint = script.checkpoint();
  if (checkpoint && checkpoint->code != errc::log_failed) {
    if (!told(checkpoint)) return "the checkpoint failed otherwise: " + checkpoint->what + '\n';
    if (checkpoint->what.find(k_directory) == std::string::npos) {
      return "the checkpoint did not say where it failed: " + checkpoint->what + '\n';
    }
  }
  if (script.stats().failed_checkpoints != (checkpoint ? 1U : 0U)) return "failed_checkpoints is wrong\n";
  if (script.stats().checkpoints != (checkpoint ? 0U : 1U)) return "checkpoints is wrong\n";

  // Every fault is told, but where files could not be removed that a checkpoint stands for, or where the next segment's
  // file could not be made ready: that is tried again.
  const auto calls = faults.calls();
  bool dropping = false;
  for (std::size_t i = script.phases().begin; i < script.phases().end; ++i) {
    const FaultPlan::Record& call = calls[i];
    const bool in_checkpoint = i >= script.phases().checkpoint_begin && i < script.phases().checkpoint_end;
    const bool spare = call.path.string().ends_with(".fluxlog.tmp") &&
                       (call.call == Call::open || call.call == Call::allocate || call.call == Call::remove);
    if (call.error != Errc::success && !dropping && !spare && !checkpoint && !failed && !closing_failed) {
      return "nobody told of the failure of call " + std::to_string(i + 1) + '\n';
    }
    dropping = in_checkpoint && (dropping || call.call == Call::sync_directory);
  }
  return {};
}

struct Kind {
  const char* name;
  Errc error;  // what is told
  void (*set)(FaultPlan& faults, std::size_t n);
  bool sparse = false;  // nearly the same as another kind: not every call
};
constexpr Kind k_kinds[] = {
    {"EIO once", k_io, [](FaultPlan& faults, std::size_t n) { faults.fail(n, k_io); }},
    {"EIO from then on", k_io, [](FaultPlan& faults, std::size_t n) { faults.fail(n, k_io, Repeat::from_then_on); }},
    {"ENOSPC once", k_full, [](FaultPlan& faults, std::size_t n) { faults.fail(n, k_full); }, true},
    {"ENOSPC from then on", k_full,
     [](FaultPlan& faults, std::size_t n) { faults.fail(n, k_full, Repeat::from_then_on); }, true},
    {"short write", Errc::success, [](FaultPlan& faults, std::size_t n) { faults.short_write(n, Errc::success); }},
    {"short write, then ENOSPC", k_full, [](FaultPlan& faults, std::size_t n) { faults.short_write(n, k_full); }},
    {"EIO of a sync that loses", k_io, [](FaultPlan& faults, std::size_t n) { faults.lose_at_sync(n); }},
};

// Runs the script with every call in turn failing, until none is left to fail.
void fail_every_call(Level level, const CrashScene& scene, const Kind& kind, std::mt19937_64& chance,
                     std::size_t& trials) {
  const CrashSetup setup = script_setup(level);
  bool all_done = false;
  const std::size_t stride = (kind.sparse ? 4 : level == Level::relaxed ? 2 : 1) * k_sanitizer_cost;
  for (std::size_t n = 1 + draw(chance, stride); !all_done; n += stride) {
    CrashScene trial = scene.copy();
    std::string wrong, undocumented;
    const bool power = draw(chance, 2) == 0;
    end_script(
        trial, setup, power ? Ending::power_cut : Ending::kill, Cut::random, chance,
        [&](CrashScript& script, FaultPlan& faults) {
          kind.set(faults, n);
          script.before_closing = [&](CrashDatabase& database) {
            if (fluxmap::detail::TransactionAccess::store(database).log->failed()) {
              undocumented = check_failed(database, trial.history);
            }
          };
          script.before_forgetting = [&] {
            all_done = n > faults.count();
            if (undocumented.empty()) undocumented = check_failures(script, faults, kind.error);
          };
        },
        wrong);
    wrong += undocumented;
    if (wrong.empty()) wrong = open_twice(trial, setup, draw(chance, 2) == 0 ? Cut::keep_nothing : Cut::random, chance);
    if (!wrong.empty()) {
      FAIL(wrong << "level " << name_of(level) << ", scene '" << scene.name << "', " << kind.name << " at "
                 << (kind.error == Errc::success ? "write " : "call ") << n << ", then "
                 << (power ? "a power cut" : "a kill") << '\n'
                 << trial.disk->faults().describe(60));
    }
    ++trials;
  }
}

TEST_CASE("any_call_may_fail_in_full") {
  std::mt19937_64 chance(seed("faults in full"));
  std::size_t trials = 0;
  for (const CrashScene& scene : script_scenes(Level::full)) {
    for (const Kind& kind : k_kinds) fail_every_call(Level::full, scene, kind, chance, trials);
  }
  std::printf("%zu trials\n", trials);
}

TEST_CASE("any_call_may_fail_in_relaxed") {
  std::mt19937_64 chance(seed("faults in relaxed"));
  std::size_t trials = 0;
  for (const CrashScene& scene : script_scenes(Level::relaxed)) {
    for (const Kind& kind : k_kinds) fail_every_call(Level::relaxed, scene, kind, chance, trials);
  }
  std::printf("%zu trials\n", trials);
}

// The operating system forgets what it could not write: a second sync would succeed, and mean nothing.
TEST_CASE("a_sync_that_fails_once_and_then_succeeds_is_final") {
  for (const Level level : {Level::full, Level::relaxed}) {
    for (const Cut cut : {Cut::keep_nothing, Cut::keep_everything}) {
      std::size_t failures = 0;
      for (std::size_t n = 1; failures + 1 == n; ++n) {  // until there is no n-th sync
        CrashScene scene{std::make_shared<MemoryDisk>(), CrashHistory(level), "lost"};
        const CrashSetup setup = script_setup(level);
        auto database = open_crash_database(scene.disk, setup);
        FaultPlan& faults = scene.disk->faults();
        const std::size_t before = faults.count();
        faults.lose_at_sync(n);
        bool failed = false;
        for (std::uint64_t i = 0; i < 16; ++i) {
          const error_code code = CrashScript::commit(*database, scene.history, i, 60);
          if (code && code != errc::log_failed) FAIL(code.message());
          if (failed && !code) FAIL("a commit succeeded after the log had failed");
          failed = failed || code;
          const std::uint64_t mark = decided_in(*database);
          if (i % 3 == 2 && !code_of([&] { run(database->flush()); })) scene.history.flushed(mark);
        }
        if (failed) {
          ++failures;
          CHECK(check_failed(*database, scene.history) == "");
          CHECK(code_of([&] { run(database->close()); }) == errc::log_failed);
          bool lost = false;
          const auto calls = faults.calls();
          for (std::size_t i = before; i < calls.size(); ++i) {
            if (lost) FAIL("the log was used after its sync had failed: " << faults.describe());
            lost = calls[i].error != Errc::success;
          }
        }
        faults.clear();
        scene.disk->power_cut(cut);
        scene.history.end(Ending::power_cut);
        database.reset();
        std::mt19937_64 chance(n);  // NOLINT(*-msc51-cpp): not used by these cuts
        const std::string wrong = open_twice(scene, setup, Cut::keep_nothing, chance);
        if (!wrong.empty()) FAIL(wrong << "level " << name_of(level) << ", sync " << n);
      }
      CHECK(failures >= 5);
    }
  }
}

// The same process goes on with what the failed one has left in memory, but not on the disk.
TEST_CASE("what_a_failed_sync_has_lost_is_written_again_by_the_next_opening") {
  std::mt19937_64 chance(seed("lost syncs"));
  for (const Level level : {Level::full, Level::relaxed}) {
    for (std::size_t size = 0; size < 256; size += 4 * k_sanitizer_cost) {  // where things stand within their sectors
      for (std::size_t n = 1; n <= 10; ++n) {
        CrashScene scene{std::make_shared<MemoryDisk>(), CrashHistory(level), "lost"};
        const CrashSetup setup = script_setup(level);
        {
          const auto database = open_crash_database(scene.disk, setup);
          scene.disk->faults().lose_at_sync(n);
          for (std::uint64_t i = 0; i < 4; ++i) {
            CrashScript::commit(*database, scene.history, i, size);
            const std::uint64_t mark = decided_in(*database);
            if (!code_of([&] { run(database->flush()); })) scene.history.flushed(mark);
          }
          code_of([&] { run(database->close()); });
        }
        scene.disk->faults().clear();
        const std::string wrong = open_twice(scene, setup, Cut::keep_nothing, chance);
        if (!wrong.empty()) {
          FAIL(wrong << "level " << name_of(level) << ", values of " << size << " bytes, sync " << n << '\n'
                     << scene.disk->faults().describe(60));
        }
      }
    }
  }
}

// A torn tail is cut off; the sync of that fails and forgets; the next opening finds the tail gone, but on the disk it
// is still there. What is written over it must not bring back what stood behind.
TEST_CASE("a_torn_tail_does_not_come_back_after_a_sync_has_failed_during_recovery") {
  CrashSetup setup = script_setup(Level::full);
  setup.segment_bytes = 8192;
  const auto path = std::filesystem::path(k_directory) / "log-0000000000000001.fluxlog";
  for (std::size_t size = 300; size < 300 + 512; size += 8) {
    auto disk = std::make_shared<MemoryDisk>();
    const auto put = [](CrashDatabase& database, std::uint64_t key, std::size_t length) {
      auto handle = database.handle();
      run(handle.insert(key, std::string(length, 'v')));
    };
    {
      CrashSetup relaxed = setup;
      relaxed.level = Level::relaxed;
      const auto database = open_crash_database(disk, relaxed);
      put(*database, 1, 10);
      run(database->flush());
      put(*database, 2, size);
      put(*database, 3, 600);
      disk->power_cut(Cut::keep_everything);
    }
    auto& content = disk->content(path);
    const std::vector<std::byte> second(20, std::byte{'v'});  // of the value of 2: the first value is shorter
    const auto at = std::search(content.begin(), content.end(), second.begin(), second.end());
    REQUIRE(at != content.end());
    *at = std::byte{'x'};
    disk->faults().lose_at_sync(1);
    CHECK(code_of([&] { open_crash_database(disk, setup); }) == boost::system::errc::io_error);
    for (const std::size_t shorter : {0U, 32U}) {  // with another record before it, or without
      const auto trial = disk->clone();
      {
        const auto database = open_crash_database(trial, setup);
        CHECK(contents_of(*database).size() == 1);
        put(*database, 4, size - shorter);
        trial->power_cut(Cut::keep_nothing);
      }
      const auto database = open_crash_database(trial, setup);
      const CrashContents contents = contents_of(*database);
      if (contents.size() != 2 || !contents.contains(4)) {
        FAIL("values of " << size << " bytes: " << contents.size() << " keys, " << contents.count(3)
                          << " of them a lost one");
      }
    }
  }
}

TEST_CASE("a_full_disk_stops_commits_and_loses_none") {
  std::mt19937_64 chance(seed("full disks"));
  for (const Level level : {Level::full, Level::relaxed}) {
    const CrashSetup setup = script_setup(level);
    for (const CrashScene& scene : script_scenes(level)) {
      for (std::uint64_t room = 0; room < 6000; room += 61 * k_sanitizer_cost) {
        CrashScene trial = scene.copy();
        std::string wrong, undocumented;
        const std::uint64_t capacity = trial.disk->used() + room;
        end_script(
            trial, setup, draw(chance, 2) == 0 ? Ending::power_cut : Ending::kill, Cut::random, chance,
            [&](CrashScript& script, FaultPlan& faults) {
              faults.set_capacity(capacity);
              script.before_closing = [&](CrashDatabase& database) {
                if (fluxmap::detail::TransactionAccess::store(database).log->failed()) {
                  undocumented = check_failed(database, trial.history);
                }
              };
              script.before_forgetting = [&] {
                if (undocumented.empty()) undocumented = check_failures(script, faults, k_full);
              };
            },
            wrong);
        wrong += undocumented;
        // It is still full; if it can be opened nevertheless, all must be there.
        if (wrong.empty()) {
          const CrashScene full = trial.copy();
          full.disk->faults().set_capacity(capacity);
          try {
            const auto database = open_crash_database(full.disk, setup);
            CrashHistory history = full.history;
            wrong = history.check(*database);
          } catch (const boost::system::system_error& error) {
            if (!is_of_system(error.code(), k_full)) wrong = std::string("opened when full: ") + error.what() + '\n';
          }
        }
        if (wrong.empty()) wrong = open_twice(trial, setup, Cut::random, chance);
        if (!wrong.empty()) {
          FAIL(wrong << "level " << name_of(level) << ", scene '" << scene.name << "', room for " << room << " bytes\n"
                     << trial.disk->faults().describe(40));
        }
      }
    }
  }
}

TEST_CASE("a_directory_that_cannot_be_written_is_told") {
  for (const CrashScene& scene : script_scenes(Level::full)) {
    for (const Call call : {Call::make_directory, Call::sync_name, Call::lock, Call::list, Call::open, Call::allocate,
                            Call::write_at, Call::rename, Call::remove, Call::resize, Call::sync_directory}) {
      for (std::size_t n = 1; n <= 12; ++n) {
        CrashScene trial = scene.copy();
        trial.disk->faults().fail(call, n, k_denied, Repeat::from_then_on);
        bool failed = false;
        try {
          open_crash_database(trial.disk, script_setup(Level::full));
        } catch (const boost::system::system_error& error) {
          failed = true;
          if (!is_of_system(error.code(), k_denied) ||
              std::string(error.what()).find(k_directory) == std::string::npos) {
            FAIL("scene '" << scene.name << "', " << name_of(call) << ' ' << n << ": " << error.what());
          }
        }
        trial.disk->faults().clear();
        const auto database = open_crash_database(trial.disk, script_setup(Level::full));
        CHECK(trial.history.check(*database) == "");
        if (!failed) break;
      }
    }
  }
}

TEST_CASE("a_file_or_a_directory_in_the_way_is_told") {
  const auto path = [](const char* name) { return std::filesystem::path(k_directory) / name; };
  const auto refused = [](const std::shared_ptr<MemoryDisk>& disk, Errc expected) {
    try {
      open_crash_database(disk, script_setup(Level::full));
    } catch (const boost::system::system_error& error) {
      CHECK(error.code() == expected);
      CHECK(std::string(error.what()).find(k_directory) != std::string::npos);
      return;
    }
    FAIL("it was opened");
  };
  auto disk = std::make_shared<MemoryDisk>();
  disk->create_directories("/data");
  disk->put(k_directory, {});
  refused(disk, boost::system::errc::not_a_directory);
  disk = std::make_shared<MemoryDisk>();
  disk->put("/data", {});
  refused(disk, boost::system::errc::not_a_directory);

  for (const char* name : {"log-0000000000000001.fluxlog", "checkpoint-0000000000000001.fluxmap"}) {
    disk = std::make_shared<MemoryDisk>();
    disk->create_directories(path(name));
    refused(disk, boost::system::errc::is_a_directory);
    CHECK(disk->list(k_directory).size() == 1);
  }
  // Where the next segment's name is taken, the log cannot go on.
  disk = std::make_shared<MemoryDisk>();
  CrashHistory history(Level::full);
  {
    const auto database = open_crash_database(disk, script_setup(Level::full));
    disk->create_directories(path("log-0000000000000002.fluxlog"));
    error_code code;
    for (std::uint64_t i = 0; i < 10 && !code; ++i) code = CrashScript::commit(*database, history, i, 200);
    CHECK(code == errc::log_failed);
    CHECK(check_failed(*database, history) == "");
  }
  refused(disk, boost::system::errc::is_a_directory);
  // Names that are not ours are nobody's business.
  disk = std::make_shared<MemoryDisk>();
  disk->create_directories(path("log-0000000000000001.fluxlog.old"));
  disk->put(path("log-1.fluxlog"), Content(10));
  disk->put(path("LOG-0000000000000001.FLUXLOG"), Content(10));
  disk->put(path("checkpoint-000000000000000A.fluxmap"), Content(10));
  disk->put(path("notes.tmp"), Content(10));
  {
    const auto database = open_crash_database(disk, script_setup(Level::full));
  }
  CHECK(disk->list(k_directory).size() == 6);
}

}  // namespace

// The lives of one directory: each opens it, checks what it finds, works, and is ended by a power cut, a kill, or in
// order.
#pragma once

#include "support/crash_history.hpp"
#include "support/faulty_file_system.hpp"
#include "support/memory_disk.hpp"
#include "support/persistent.hpp"
#include "support/seed.hpp"

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
#include <string>
#include <utility>

namespace fluxmap_test {

using FileSystemPtr = std::shared_ptr<fluxmap::detail::FileSystem>;

// Names and sizes, one a line, for messages.
inline std::string listing(const MemoryDisk& disk) {
  std::string text;
  if (!disk.exists(k_directory)) return "no directory\n";
  for (const std::string& name : disk.list(k_directory)) {
    text += name + ' ' + std::to_string(disk.bytes(std::filesystem::path(k_directory) / name).size()) + '\n';
  }
  return text;
}

struct CrashSetup {
  Level level = Level::full;
  std::size_t segment_bytes = 1024;
  std::size_t checkpoint_after = 4096;
  std::chrono::milliseconds flush_interval{3};  // relaxed: it is to sync while it runs
  std::size_t flush_after_commits = 25;
  CrashWork work = {};
  std::function<FileSystemPtr(FileSystemPtr)> wrap = {};  // puts something between the database and the disk
};

// Small segments and frequent checkpoints, so that both are nearly always under way.
inline CrashSetup any_crash_setup(SplitMix& random, Level level) {
  CrashSetup setup{.level = level, .segment_bytes = 600 + random.below(3400)};
  setup.checkpoint_after = random.below(4) == 0 ? 0 : 1000 + random.below(8000);
  setup.work.threads = static_cast<unsigned>(random.below(4));
  setup.work.transactions = static_cast<unsigned>(8 + random.below(40));
  setup.work.keys = 4 + random.below(40);
  return setup;
}

inline std::shared_ptr<CrashDatabase> open_crash_database(const std::shared_ptr<MemoryDisk>& disk,
                                                          const CrashSetup& setup) {
  auto builder = builder_on<std::uint64_t, std::string>(disk, setup.level,
                                                        in_directory(setup.segment_bytes, setup.checkpoint_after));
  builder.flush_interval(setup.flush_interval).flush_after_commits(setup.flush_after_commits);
  if (setup.wrap) {
    fluxmap::detail::BuilderAccess::use(builder, setup.wrap(std::make_shared<FaultyFileSystem>(disk)));
  }
  return builder.build();
}

// When a life ends: at the n-th call of the file system, or of one kind; otherwise when the work is done.
struct Trigger {
  std::size_t nth = 0;  // 0: never
  std::optional<Call> call = {};

  std::string describe() const {
    if (nth == 0) return "when the work is done";
    return "at call " + std::to_string(nth) + (call ? std::string(" of ") + name_of(*call) : std::string());
  }
};

class CrashLives {
 public:
  CrashLives(CrashSetup setup, std::uint64_t seed)
      : setup_(std::move(setup)), seed_(seed), random_(seed), chance_(seed), history_(setup_.level) {}

  // One life; what is wrong, with all that is known about it, or nothing.
  std::string live(Ending ending, Trigger trigger, Cut cut = Cut::random) {
    ++lives_;
    FaultPlan& faults = disk_->faults();
    set(trigger);
    std::string wrong;
    std::shared_ptr<CrashDatabase> database;
    try {
      database = open_crash_database(disk_, setup_);
    } catch (const boost::system::system_error& error) {
      const bool expected = disk_->cut_requested() && error.code() == boost::system::errc::io_error;
      if (!expected) wrong = std::string("opening failed: ") + error.what() + '\n';
      ++cut_openings_;
    }
    if (database != nullptr) wrong = work(*database, ending);
    const std::string calls = faults.describe(24);
    faults.clear();
    if (ending == Ending::power_cut) {
      disk_->power_cut(chance_, cut);
    } else {
      disk_->crash();
    }
    history_.end(ending);
    database.reset();
    if (wrong.empty()) return {};
    return wrong + "seed " + std::to_string(seed_) + ", life " + std::to_string(lives_) + " (" + name_of(setup_.level) +
           ", segments of " + std::to_string(setup_.segment_bytes) + ", checkpoints after " +
           std::to_string(setup_.checkpoint_after) + ", " + std::to_string(setup_.work.threads) +
           " threads, ended by " + name_of(ending) + ' ' + trigger.describe() + ")\nthe life before: " + before_ +
           "\ncalls:\n" + calls + "on the disk:\n" + listing(*disk_);
  }

  std::size_t cut_openings() const { return cut_openings_; }  // lives that ended before the opening did
  std::size_t cut_work() const { return cut_work_; }          // while transactions ran

 private:
  void set(const Trigger& trigger) {
    if (trigger.nth == 0) return;
    if (trigger.call) {
      disk_->faults().cut_power(*trigger.call, trigger.nth);
    } else {
      disk_->faults().cut_power(trigger.nth);
    }
  }

  std::string work(CrashDatabase& database, Ending ending) {
    if (std::string wrong = history_.check(database); !wrong.empty()) return wrong;
    before_ = std::string("opened up to ") + std::to_string(decided_in(database)) + ", " + name_of(ending);
    CrashWorkers workers(database, history_, setup_.work, random_());
    workers.run();
    if (disk_->cut_requested()) {
      ++cut_work_;
      return {};
    }
    const std::string failure = workers.failure();
    if (!failure.empty()) return "failed without a reason: " + failure + '\n';
    if (ending != Ending::closed) return {};
    try {
      fluxmap_test::run(database.close());
    } catch (const boost::system::system_error& error) {
      if (!disk_->cut_requested()) return std::string("close: ") + error.what() + '\n';
    }
    return {};
  }

  const CrashSetup setup_;
  const std::uint64_t seed_;
  SplitMix random_;
  std::mt19937_64 chance_;
  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  CrashHistory history_;
  std::string before_ = "none";
  std::size_t lives_ = 0, cut_openings_ = 0, cut_work_ = 0;
};

}  // namespace fluxmap_test

// What a process does that is to be killed, and what must be left of it afterwards.
//
// Every commit counts itself twice: in a total, and in the counter of the coroutine that made it. Each count stands
// under two keys at opposite ends of the index, and the commit notes under its number who made it and takes the note
// of an older one away. So the contents alone tell whether they are a prefix of the commits, each of them whole.
#pragma once

#include "support/crash_liar.hpp"
#include "support/fault_plan.hpp"
#include "support/persistent.hpp"

#include <fluxmap/detail/platform/posix_file_system.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <future>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_test {

// The contents
// ----------------------------------------------------------------------------------------------------------

struct Cell {
  std::uint64_t number = 0;
  std::string filler;  // so that records differ in length
  friend bool operator==(const Cell&, const Cell&) = default;
};
using Cells = fluxmap::Database<std::string, Cell>;
using CellTransaction = fluxmap::Transaction<std::string, Cell>;

inline constexpr std::uint32_t k_writers = 6;
inline constexpr std::uint32_t k_total = k_writers;  // stands for all of them
inline constexpr std::uint64_t k_notes = 64;         // of the last commits

inline Cell cell_of(std::uint64_t number) {
  return {number, std::string(number * 37 % 211, static_cast<char>('a' + number % 26))};
}
inline std::string cell_key(char kind, std::uint64_t number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%c/%010llu", kind, static_cast<unsigned long long>(number));
  return text.data();
}
inline std::uint64_t note_of(std::uint32_t who, std::uint64_t counter) { return counter * k_writers + who; }

// Adds one to both keys of a counter.
inline std::uint64_t count_up(CellTransaction& transaction, std::uint32_t counter) {
  const Cell* const before = transaction.get(cell_key('a', counter));
  const std::uint64_t now = before == nullptr ? 1 : before->number + 1;
  transaction.insert(cell_key('a', counter), cell_of(now));
  transaction.insert(cell_key('z', counter), cell_of(now));
  return now;
}

struct Counts {
  std::array<std::uint64_t, k_writers> counters{};
  std::uint64_t total = 0;
  friend bool operator==(const Counts&, const Counts&) = default;
};

// What the database has counted. Throws std::runtime_error where its contents are not what some commits in a row leave.
inline Counts counts_of(Cells& database) {
  const std::map<std::string, Cell> contents = contents_of(database);
  const auto require = [](bool condition, const std::string& what) {
    if (!condition) throw std::runtime_error(what);
  };
  const auto number_at = [&](const std::string& key) -> std::uint64_t {
    const auto at = contents.find(key);
    return at == contents.end() ? 0 : at->second.number;
  };
  for (const auto& [key, cell] : contents) require(cell == cell_of(cell.number), key + " has another value's filler");

  std::size_t keys = 0;
  const auto count_at = [&](std::uint32_t counter) {
    const std::uint64_t count = number_at(cell_key('a', counter));
    require(number_at(cell_key('z', counter)) == count, "counter " + std::to_string(counter) + " was half written");
    keys += count == 0 ? 0 : 2;
    return count;
  };
  Counts counts{.total = count_at(k_total)};
  std::uint64_t sum = 0;
  for (std::uint32_t who = 0; who < k_writers; ++who) sum += counts.counters.at(who) = count_at(who);
  require(sum == counts.total,
          "the counters add up to " + std::to_string(sum) + ", the total is " + std::to_string(counts.total));

  std::array<std::uint64_t, k_writers> expected = counts.counters;
  for (std::uint64_t number = counts.total; number > 0 && counts.total - number < k_notes; --number, ++keys) {
    const std::uint64_t note = number_at(cell_key('n', number));
    require(note != 0, "commit " + std::to_string(number) + " of " + std::to_string(counts.total) + " is missing");
    require(note / k_writers == expected.at(note % k_writers)--,
            "commit " + std::to_string(number) + " is not the one of its writer that it should be");
  }
  require(keys == contents.size(), "there are " + std::to_string(contents.size() - keys) + " keys too many");
  return counts;
}

// What the child tells ------------------------------------------------------------------------------------------------

struct Message {
  // In this order: started, one `recovered` for each writer, ready; then the commits.
  enum Kind : std::uint32_t { started, recovered, ready, acknowledged };
  Kind kind = started;
  std::uint32_t who = 0;
  std::uint64_t counter = 0;  // of `who`; ready: bytes of a torn tail
  std::uint64_t total = 0;
  std::uint64_t seen = 0;  // the total as a reader sees it
};
static_assert(sizeof(Message) <= PIPE_BUF, "or messages would not arrive whole");

inline constexpr int k_pipe = 63;  // a descriptor that nothing else has at the start of a process

inline void tell(const Message& message) {
  if (::write(k_pipe, &message, sizeof message) != static_cast<ssize_t>(sizeof message)) std::abort();
}

// What the child gets told --------------------------------------------------------------------------------------------

// The call of the file system before which, behind which, or half through which the process kills itself.
struct KillPoint {
  enum When : unsigned { never, before, half, behind };
  Call call = Call::write_at;
  std::uint64_t nth = 1;
  When when = never;
};

inline constexpr const char* k_life_variable = "FLUXMAP_TEST_LIFE";

struct Life {
  std::filesystem::path directory;
  Level level = Level::full;
  std::size_t segment_bytes = 4096;
  std::size_t checkpoint_after = 8192;
  std::uint64_t commits = 20;  // of each writer; then the database is closed
  bool writes_late = false;    // as no file system should: LyingFileSystem
  KillPoint kill;

  std::string to_text() const {
    std::ostringstream text;
    text << static_cast<int>(level) << ' ' << segment_bytes << ' ' << checkpoint_after << ' ' << commits << ' '
         << writes_late << ' ' << static_cast<unsigned>(kill.call) << ' ' << kill.nth << ' '
         << static_cast<unsigned>(kill.when) << ' ' << directory.string();
    return text.str();
  }
  static Life from_text(const std::string& all) {
    Life life;
    unsigned level = 0, call = 0, when = 0;
    std::istringstream text(all);
    text >> level >> life.segment_bytes >> life.checkpoint_after >> life.commits >> life.writes_late >> call >>
        life.kill.nth >> when >> std::ws;
    life.level = static_cast<Level>(level);
    life.kill.call = static_cast<Call>(call);
    life.kill.when = static_cast<KillPoint::When>(when);
    std::string path;
    std::getline(text, path);
    life.directory = path;
    return life;
  }
};

// Kills its own process at the point of a Life.
class Killer {
 public:
  explicit Killer(const KillPoint& point) : point_(point) {}

  // Lives as long as the call it stands for.
  class Around {
   public:
    Around(Killer& killer, Call call) : point_(killer.point_) {
      // Relaxed: only a count.
      is_it_ = call == point_.call && killer.count_.fetch_add(1, std::memory_order_relaxed) + 1 == point_.nth;
      if (is(KillPoint::before)) die();
    }
    Around(const Around&) = delete;
    Around& operator=(const Around&) = delete;
    ~Around() {
      if (is(KillPoint::behind) || is(KillPoint::half)) die();
    }
    bool is(KillPoint::When when) const { return is_it_ && point_.when == when; }

   private:
    [[noreturn]] static void die() {
      ::kill(::getpid(), SIGKILL);
      for (;;) ::pause();
    }
    const KillPoint& point_;
    bool is_it_ = false;
  };

 private:
  const KillPoint point_;
  std::atomic<std::uint64_t> count_{0};
};

class KillingFile final : public fluxmap::detail::File {
 public:
  KillingFile(std::unique_ptr<fluxmap::detail::File> file, Killer& killer) : file_(std::move(file)), killer_(killer) {}

  std::size_t write_at(std::uint64_t offset, fluxmap::detail::Bytes bytes, error_code& ec) override {
    const Killer::Around around(killer_, Call::write_at);
    return file_->write_at(offset, around.is(KillPoint::half) ? bytes.first(bytes.size() / 2) : bytes, ec);
  }
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> out, error_code& ec) override {
    const Killer::Around around(killer_, Call::read_at);
    return file_->read_at(offset, out, ec);
  }
  void sync(error_code& ec) override {
    const Killer::Around around(killer_, Call::sync);
    file_->sync(ec);
  }
  std::uint64_t size(error_code& ec) override {
    const Killer::Around around(killer_, Call::size);
    return file_->size(ec);
  }
  void resize(std::uint64_t size, error_code& ec) override {
    const Killer::Around around(killer_, Call::resize);
    file_->resize(size, ec);
  }
  void allocate(std::uint64_t size, error_code& ec) override {
    const Killer::Around around(killer_, Call::allocate);
    file_->allocate(size, ec);
  }
  fluxmap::detail::FileId id(error_code& ec) override {
    const Killer::Around around(killer_, Call::identify);
    return file_->id(ec);
  }

 private:
  const std::unique_ptr<fluxmap::detail::File> file_;
  Killer& killer_;
};

class KillingDirectory final : public fluxmap::detail::Directory {
 public:
  using File = fluxmap::detail::File;
  using FileId = fluxmap::detail::FileId;

  KillingDirectory(std::unique_ptr<fluxmap::detail::Directory> directory, Killer& killer)
      : Directory(directory->path()), directory_(std::move(directory)), killer_(killer) {}

  void lock(error_code& ec) override {
    const Killer::Around around(killer_, Call::lock);
    directory_->lock(ec);
  }
  std::unique_ptr<File> open(const std::string& name, Open mode, error_code& ec) override {
    const Killer::Around around(killer_, Call::open);
    std::unique_ptr<File> file = directory_->open(name, mode, ec);
    return file == nullptr ? nullptr : std::make_unique<KillingFile>(std::move(file), killer_);
  }
  void rename(const std::string& from, const std::string& to, error_code& ec) override {
    const Killer::Around around(killer_, Call::rename);
    directory_->rename(from, to, ec);
  }
  void remove(const std::string& name, error_code& ec) override {
    const Killer::Around around(killer_, Call::remove);
    directory_->remove(name, ec);
  }
  std::vector<std::string> list(error_code& ec) override {
    const Killer::Around around(killer_, Call::list);
    return directory_->list(ec);
  }
  void sync_entries(error_code& ec) override {
    const Killer::Around around(killer_, Call::sync_directory);
    directory_->sync(ec);
  }
  void sync_own_name(error_code& ec) override {
    const Killer::Around around(killer_, Call::sync_name);
    directory_->sync_name(ec);
  }
  FileId id_of(const std::string& name, error_code& ec) override {
    const Killer::Around around(killer_, Call::identify);
    return directory_->id_of(name, ec);
  }

 private:
  const std::unique_ptr<fluxmap::detail::Directory> directory_;
  Killer& killer_;
};

class KillingFileSystem final : public fluxmap::detail::FileSystem {
 public:
  using Directory = fluxmap::detail::Directory;

  explicit KillingFileSystem(const KillPoint& point) : killer_(point) {}

  std::unique_ptr<Directory> open_directory(const Path& path, error_code& ec) override {
    const Killer::Around around(killer_, Call::open_directory);
    return killing(files_.open_directory(path, ec));
  }
  std::unique_ptr<Directory> make_directory(const Path& path, error_code& ec) override {
    const Killer::Around around(killer_, Call::make_directory);
    return killing(files_.make_directory(path, ec));
  }
  std::string boot_id() override { return files_.boot_id(); }

 private:
  std::unique_ptr<Directory> killing(std::unique_ptr<Directory> directory) {
    return directory == nullptr ? nullptr : std::make_unique<KillingDirectory>(std::move(directory), killer_);
  }

  fluxmap::detail::PosixFileSystem files_;
  Killer killer_;
};

// The life ------------------------------------------------------------------------------------------------------------

inline std::shared_ptr<Cells> open_cells(const Life& life) {
  fluxmap::PersistenceOptions options{.directory = life.directory,
                                      .segment_bytes = life.segment_bytes,
                                      .checkpoint_after_bytes = life.checkpoint_after};
  fluxmap::DatabaseBuilder<std::string, Cell> builder;
  if (life.level == Level::full) {
    builder.durability_full(std::move(options));
  } else {
    builder.durability_relaxed(std::move(options));
  }
  builder.flush_interval(std::chrono::milliseconds(3));  // relaxed: it is to sync while it is written
  std::shared_ptr<fluxmap::detail::FileSystem> files = std::make_shared<KillingFileSystem>(life.kill);
  if (life.writes_late) files = std::make_shared<LyingFileSystem>(std::move(files), Lie::late_write);
  fluxmap::detail::BuilderAccess::use(builder, std::move(files));
  return builder.build();
}

inline boost::asio::awaitable<void> write_cells(Cells& database, std::uint32_t who, std::uint64_t commits) {
  auto handle = database.handle();
  const fluxmap::TransactionOptions for_ever{.retry = {.attempts = std::numeric_limits<unsigned>::max()}};
  for (; commits > 0; --commits) {
    Message message{.kind = Message::acknowledged, .who = who};
    co_await handle.transaction(
        [&message, who](CellTransaction& transaction) {
          message.total = count_up(transaction, k_total);
          message.counter = count_up(transaction, who);
          transaction.insert(cell_key('n', message.total), cell_of(note_of(who, message.counter)));
          if (message.total > k_notes) transaction.remove(cell_key('n', message.total - k_notes));
        },
        for_ever);
    message.seen = handle.get(cell_key('z', k_total))->number;
    tell(message);
  }
}

// The child's main(); returns its exit code, if it comes to that.
inline int live(const Life& life) {
  try {
    tell({.kind = Message::started});
    const std::shared_ptr<Cells> database = open_cells(life);
    const Counts counts = counts_of(*database);
    for (std::uint32_t who = 0; who < k_writers; ++who) {
      tell({.kind = Message::recovered, .who = who, .counter = counts.counters.at(who), .total = counts.total});
    }
    tell({.kind = Message::ready, .counter = database->stats().truncated_bytes, .total = counts.total});
    boost::asio::thread_pool pool(2);
    std::vector<std::future<void>> writers;
    for (std::uint32_t who = 0; who < k_writers; ++who) {
      writers.push_back(
          boost::asio::co_spawn(pool, write_cells(*database, who, life.commits), boost::asio::use_future));
    }
    for (auto& writer : writers) writer.get();
    pool.join();
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "the child: %s\n", error.what());
    std::_Exit(3);  // not by the destructors: what they would do to the directory is not what went wrong
  }
}

}  // namespace fluxmap_test

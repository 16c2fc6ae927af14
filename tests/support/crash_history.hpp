// What transactions did to a database that is about to crash, and what may be left of it afterwards.
//
// The work is random; every attempt that was decided is recorded with its commit timestamp, whether or not its
// acknowledgement arrived. What a later opening finds must then be exactly the recorded writes up to the timestamp it
// says it has recovered: so transactions come back whole, in their order, and nothing else comes back.
#pragma once

#include "support/persistent.hpp"
#include "support/run.hpp"
#include "support/seed.hpp"

#include <fluxmap/detail/front/access.hpp>
#include <fluxmap/fluxmap.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_test {

using CrashDatabase = fluxmap::Database<std::uint64_t, std::string>;
using CrashTransaction = fluxmap::Transaction<std::uint64_t, std::string>;
using CrashHandle = fluxmap::Handle<std::uint64_t, std::string>;
using CrashContents = std::map<std::uint64_t, std::string>;

// The last commit decided so far; right after an opening the last one that was recovered.
inline std::uint64_t decided_in(CrashDatabase& database) {
  return fluxmap::detail::TransactionAccess::store(database).ring.decided();
}

// How a life of the database ends.
enum class Ending : std::uint8_t { power_cut, kill, closed };

inline const char* name_of(Ending ending) {
  return ending == Ending::power_cut ? "power cut" : ending == Ending::kill ? "kill" : "close";
}
inline const char* name_of(Level level) { return level == Level::full ? "full" : "relaxed"; }

// Recording is thread-safe; the rest is for when nobody records.
class CrashHistory {
 public:
  using Writes = std::map<std::uint64_t, std::optional<std::string>>;  // none: a removal
  struct Commit {
    std::uint64_t cts = 0;
    Writes writes;
    bool acknowledged = false;
  };

  explicit CrashHistory(Level level) : level_(level) {}
  CrashHistory(const CrashHistory& other)
      : level_(other.level_),
        base_(other.base_),
        base_last_(other.base_last_),
        commits_(other.commits_),
        marks_(other.marks_),
        power_failed_(other.power_failed_) {}
  CrashHistory& operator=(const CrashHistory&) = delete;
  ~CrashHistory() = default;

  void add(Commit commit) {
    const std::lock_guard lock(mutex_);
    commits_.push_back(std::move(commit));
  }
  // flush() has returned, and everything up to `upto` had been decided when it was called.
  void flushed(std::uint64_t upto) { raise(&Marks::flushed, upto); }
  // A reader of what is published saw everything up to here.
  void seen(std::uint64_t upto) { raise(&Marks::seen, upto); }
  // A transaction that has read the commit `cts`, and written nothing, was acknowledged.
  void built_upon(std::uint64_t cts) { raise(&Marks::built_upon, cts); }

  // The life has ended; several may end before an opening succeeds.
  void end(Ending ending) {
    if (ending == Ending::power_cut) power_failed_ = true;
  }

  // What the directory must hold if it holds the commits up to `last`.
  CrashContents expected_at(std::uint64_t last) const {
    CrashContents contents = base_;
    for (const Commit* commit : in_order()) {
      if (commit->cts > last) break;
      for (const auto& [key, value] : commit->writes) {
        if (value) {
          contents[key] = *value;
        } else {
          contents.erase(key);
        }
      }
    }
    return contents;
  }

  // What is wrong with what an opening has found; empty: nothing, and the history goes on from there.
  std::string check(CrashDatabase& database) { return check(contents_of(database), decided_in(database)); }
  std::string check(const CrashContents& found, std::uint64_t last) {
    if (last < base_last_) {
      return "commit " + std::to_string(base_last_) +
             " was there at an earlier opening, and is lost: recovered up to " + std::to_string(last) + '\n';
    }
    for (const Commit* commit : in_order()) {
      if (commit->cts <= last) continue;
      if (const char* promise = promise_for(*commit)) {
        return "commit " + std::to_string(commit->cts) + ", " + promise + ", is lost: recovered up to " +
               std::to_string(last) + '\n';
      }
    }
    if (const CrashContents expected = expected_at(last); found != expected) return difference(found, expected, last);
    rebase(found, last);
    return {};
  }

  // What was there before this history begins.
  void begin_with(const CrashContents& contents) { base_ = contents; }
  // After a check, which leaves nothing open that one level has promised and the other has not.
  void go_on_at(Level level) { level_ = level; }

 private:
  struct Marks {
    std::uint64_t flushed = 0, seen = 0, built_upon = 0;
  };

  void raise(std::uint64_t Marks::* mark, std::uint64_t to) {
    const std::lock_guard lock(mutex_);
    marks_.*mark = std::max(marks_.*mark, to);
  }

  std::vector<const Commit*> in_order() const {
    std::vector<const Commit*> all;
    all.reserve(commits_.size());
    for (const Commit& commit : commits_) all.push_back(&commit);
    std::sort(all.begin(), all.end(), [](const Commit* a, const Commit* b) { return a->cts < b->cts; });
    return all;
  }

  // Why a commit must have survived; null: it need not. Compared with commits only: a mark may lie behind the last one,
  // on timestamps of aborted attempts, and recovery need not know of those.
  const char* promise_for(const Commit& commit) const {
    if (commit.cts <= marks_.flushed) return "flushed";
    if (level_ == Level::relaxed && power_failed_) return nullptr;
    if (commit.acknowledged) return "acknowledged";
    if (commit.cts <= marks_.built_upon) return "which an acknowledged reader had read";
    if (level_ == Level::full && commit.cts <= marks_.seen) return "which readers have seen";
    return nullptr;
  }

  std::string difference(const CrashContents& found, const CrashContents& expected, std::uint64_t last) const {
    std::string text = "the contents are not those of the commits up to " + std::to_string(last) + ":\n";
    const auto say = [&](std::uint64_t key, const std::string* is, const std::string* should) {
      text += "  key " + std::to_string(key) + ": found " + spell(key, is) + ", expected " + spell(key, should) + '\n';
    };
    const auto value_in = [](const CrashContents& contents, std::uint64_t key) {
      const auto at = contents.find(key);
      return at == contents.end() ? nullptr : &at->second;
    };
    for (const auto& [key, value] : expected) {
      const std::string* const is = value_in(found, key);
      if (is == nullptr || *is != value) say(key, is, &value);
    }
    for (const auto& [key, value] : found) {
      if (!expected.contains(key)) say(key, &value, nullptr);
    }
    return text;
  }
  std::string spell(std::uint64_t key, const std::string* value) const {
    if (value == nullptr) return "nothing";
    std::string text = std::to_string(value->size()) + " bytes '" + value->substr(0, 12) + "'";
    for (const Commit& commit : commits_) {
      const auto at = commit.writes.find(key);
      if (at != commit.writes.end() && at->second == *value) text += " of commit " + std::to_string(commit.cts);
    }
    return text;
  }

  void rebase(const CrashContents& found, std::uint64_t last) {
    for (const Commit& commit : commits_) {
      if (commit.cts <= last) base_last_ = std::max(base_last_, commit.cts);
    }
    base_ = found;
    commits_.clear();
    marks_ = {};
    power_failed_ = false;
  }

  Level level_;
  CrashContents base_;           // what the last opening found
  std::uint64_t base_last_ = 0;  // the last commit in it
  std::mutex mutex_;             // guards the next two while there are recorders
  std::vector<Commit> commits_;  // since then
  Marks marks_;
  bool power_failed_ = false;  // since then
};

// How much work, of which kind.
struct CrashWork {
  unsigned threads = 2;  // 0: the calling one
  unsigned coroutines = 4;
  unsigned transactions = 30;  // of each coroutine
  std::uint64_t keys = 24;
  bool checkpoints = true;  // by hand, besides those that come by themselves
};

// Runs random transactions until each coroutine has done its share, or the database does not go on.
class CrashWorkers {
 public:
  CrashWorkers(CrashDatabase& database, CrashHistory& history, CrashWork work, std::uint64_t seed)
      : database_(database), history_(history), work_(work), seed_(seed) {
    for (unsigned i = 0; i < work.coroutines; ++i) handles_.push_back(database.handle());
  }

  void run() {
    const auto worker = [this](unsigned number) { return go(number); };
    if (work_.threads != 0) return run_on_pool(work_.threads, work_.coroutines, worker);
    asio::io_context context(1);
    std::exception_ptr failure;
    for (unsigned i = 0; i < work_.coroutines; ++i) {
      asio::co_spawn(context, worker(i), [&](std::exception_ptr e) {
        if (e) failure = e;
      });
    }
    context.run();
    if (failure) std::rethrow_exception(failure);
  }

  // The first error that ended a coroutine early, or that a checkpoint met, in words; only a fault may be the reason.
  std::string failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }

  // A value that no other write has, unless it is very short.
  static std::string value(SplitMix& random) {
    static constexpr std::size_t k_longest = 700;
    std::size_t size = 0;
    switch (random.below(8)) {
      case 0:
        size = random.below(8);
        break;
      case 1:
      case 2:
        size = 60 + random.below(240);
        break;
      case 3:
        size = 300 + random.below(k_longest - 300 + 1);
        break;
      default:
        size = 8 + random.below(52);
    }
    std::string text;
    for (const std::string tag = std::to_string(random()) + ' '; text.size() < size;) text += tag;
    text.resize(size);
    return text;
  }

 private:
  using error_code = boost::system::error_code;

  static bool is_final(const error_code& code) {
    return code == fluxmap::errc::log_failed || code == fluxmap::errc::closed;
  }

  asio::awaitable<void> go(unsigned number) {
    SplitMix random(seed_ ^ (0x9e3779b97f4a7c15ULL * (number + 1)));
    CrashHandle& handle = handles_[number];
    for (unsigned i = 0; i < work_.transactions; ++i) {
      error_code end;
      switch (random.below(20)) {
        case 0:
          end = co_await flush();
          break;
        case 1:
          look(handle, random);
          break;
        case 2:
          if (random.below(3) == 0) co_await vacuum();
          if (work_.checkpoints && random.below(3) == 0) co_await checkpoint();
          break;
        default:
          end = co_await transact(handle, random);
      }
      if (end) {
        note_failure(end.message());
        if (end == fluxmap::errc::log_failed) look(handle, random);  // reads go on
        co_return;
      }
      if (random.below(4) == 0) co_await hop();
    }
  }

  asio::awaitable<error_code> transact(CrashHandle& handle, SplitMix& random) {
    error_code failure;
    CrashHistory::Writes writes;
    const fluxmap::detail::TxnState<std::uint64_t, std::string, std::less<>>* state = nullptr;
    std::uint64_t before = 0;
    try {
      CrashTransaction transaction = handle.begin();
      state = &fluxmap::detail::TransactionAccess::state(transaction);  // lives as long as the handle
      before = state->commit_timestamp();
      for (std::uint64_t count = 1 + random.below(4); count > 0; --count) {
        if (random.below(4) == 0) co_await hop();
        step(transaction, writes, random);
      }
      co_await transaction.commit();
    } catch (const boost::system::system_error& error) {
      failure = error.code();
    }
    if (state != nullptr && state->commit_timestamp() != before) {
      // Decided, whatever became of the wait for the log.
      history_.add({state->commit_timestamp(), std::move(writes), !failure});
    } else if (!failure) {
      history_.built_upon(state->needed());
    }
    if (failure && !fluxmap::is_retryable(failure) && !is_final(failure)) {
      throw boost::system::system_error(failure, "a commit failed in a way that is not documented");
    }
    co_return is_final(failure) ? failure : error_code();
  }

  void step(CrashTransaction& transaction, CrashHistory::Writes& writes, SplitMix& random) {
    const std::uint64_t key = random.below(work_.keys);
    switch (random.below(8)) {
      case 0:
      case 1:  // counts as a read where there is no such key, or only an own write
        if (transaction.remove(key)) writes[key] = std::nullopt;
        break;
      case 2:
      case 3: {
        const std::string* const old = transaction.get(key);
        std::string text = value(random);
        if (old != nullptr) text += old->substr(0, 16);
        writes[key] = text;
        transaction.insert(key, std::move(text));
        break;
      }
      case 4:
        transaction.get(key);
        break;
      default: {
        std::string text = value(random);
        writes[key] = text;
        transaction.insert(key, std::move(text));
      }
    }
  }

  void look(CrashHandle& handle, SplitMix& random) {
    try {
      CrashTransaction transaction = handle.begin({.read_only = true});
      history_.seen(fluxmap::detail::TransactionAccess::state(transaction).snapshot());
      for (int i = 0; i < 3; ++i) transaction.get(random.below(work_.keys));
    } catch (const boost::system::system_error& error) {
      if (error.code() != fluxmap::errc::closed) throw;
    }
  }

  asio::awaitable<error_code> flush() {
    const std::uint64_t mark = decided_in(database_);
    error_code failure;
    try {
      co_await database_.flush();
    } catch (const boost::system::system_error& error) {
      failure = error.code();
    }
    if (!failure) history_.flushed(mark);
    if (failure && !is_final(failure)) throw boost::system::system_error(failure, "flush");
    co_return failure;
  }

  asio::awaitable<void> checkpoint() {
    try {
      co_await database_.checkpoint();
    } catch (const boost::system::system_error& error) {
      note_failure(std::string("checkpoint: ") + error.what());  // commits go on
    }
  }

  asio::awaitable<void> vacuum() {
    try {
      co_await database_.vacuum();
    } catch (const boost::system::system_error& error) {
      if (error.code() != fluxmap::errc::closed) throw;
    }
  }

  static asio::awaitable<void> hop() { co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable); }

  void note_failure(std::string text) {
    const std::lock_guard lock(mutex_);
    if (failure_.empty()) failure_ = std::move(text);
  }

  CrashDatabase& database_;
  CrashHistory& history_;
  const CrashWork work_;
  const std::uint64_t seed_;
  std::vector<CrashHandle> handles_;  // one for each coroutine
  mutable std::mutex mutex_;
  std::string failure_;  // guarded by mutex_
};

}  // namespace fluxmap_test

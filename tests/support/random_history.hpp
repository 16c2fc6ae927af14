// Random transactions on few keys by coroutines that hop between the threads of a pool, recorded and checked.
#pragma once

#include "support/catch.hpp"
#include "support/record_autocommit.hpp"
#include "support/run.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_test {

struct RandomHistory {
  std::int64_t keys = 8;
  std::int64_t longest_scan = 1000;
  unsigned coroutines = 8;
  std::uint64_t operations = 300 + 3000 / k_sanitizer_cost;  // transactions and autocommit operations of each coroutine
  bool autocommit_writes = true;
  bool autocommit_removals = true;  // not where keys come and go by themselves, see RecordedHandle::remove
  bool filled = true;  // begin with half of the keys; not with a log: see RecordedHandle, whose writes must not wait
  unsigned reserve_after = 0;  // not 0 only without autocommit writes, see RecordedHandle
  bool vacuum = true;
  unsigned held_readers = 2;
};

inline boost::asio::awaitable<void> hop() {
  co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
}

template <class Keys, class Value>
class RandomHistoryRun {
 public:
  using Key = typename Keys::Key;
  using Database = fluxmap::Database<Key, Value, typename Keys::Compare>;
  using Transaction = fluxmap::Transaction<Key, Value, typename Keys::Compare>;
  using Recorded = RecordedTransaction<Keys, Value>;
  using Handle = RecordedHandle<Keys, Value>;

  RandomHistoryRun(const RandomHistory& shape, std::uint64_t seed,
                   std::shared_ptr<Database> database = std::make_shared<Database>())
      : shape_(shape), seed_(seed), owned_(std::move(database)) {}

  // Runs it on `threads` threads and returns the history, resolved.
  std::vector<TxnRecord> run(unsigned threads) {
    if (shape_.filled) fluxmap_test::run(fill());
    busy_ = shape_.coroutines;
    const unsigned vacuums = shape_.vacuum ? 1U : 0U;
    run_on_pool(threads, shape_.coroutines + shape_.held_readers + vacuums, [&](unsigned i) {
      if (i < shape_.coroutines) return work(i);
      if (i < shape_.coroutines + shape_.held_readers) return hold(i);
      return vacuum();
    });
    Handle last(database_, recorder_);
    last.range(0, shape_.keys);  // what is left must be the end of the history
    std::vector<TxnRecord> history = recorder_.take();
    const CheckResult fault = resolve(history);
    if (!fault.ok()) fail_stress(fault.explanation);
    return history;
  }

  Database& database() { return database_; }

  // Calls f(tick) again and again while the run lasts, tick() being the recorder's clock; by one coroutine at a time.
  template <class F>
  void between_vacuums(F f) {
    between_vacuums_ = [this, f]() mutable { f([this] { return recorder_.tick(); }); };
  }

 private:
  // What ends a transaction without a trace: a conflict, or, where there is a memory limit, too much written.
  static bool rolls_back(boost::system::error_code code) {
    return fluxmap::is_retryable(code) || code == fluxmap::errc::memory_limit;
  }

  struct Busy {  // counts a coroutine as busy until it ends, however it does
    std::atomic<unsigned>& count;
    ~Busy() { count.fetch_sub(1); }
  };

  std::int64_t any_key(SplitMix& random) const {
    return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(shape_.keys)));
  }
  std::pair<std::int64_t, std::int64_t> any_range(SplitMix& random) const {
    if (shape_.keys <= shape_.longest_scan && random.below(3) == 0) return {0, shape_.keys};
    const std::int64_t first = any_key(random);
    const auto most = static_cast<std::uint64_t>(std::min(shape_.longest_scan, shape_.keys - first));
    return {first, first + 1 + static_cast<std::int64_t>(random.below(most))};
  }
  std::int64_t groups() const {
    if constexpr (Keys::k_has_prefixes) return (shape_.keys + Keys::k_group - 1) / Keys::k_group;
    return 1;
  }
  std::int64_t any_group(SplitMix& random) const {
    return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(groups())));
  }

  // Half of the keys are there at first.
  boost::asio::awaitable<void> fill() {
    Handle handle(database_, recorder_);
    for (std::int64_t key = 0; key < shape_.keys; key += 2) co_await handle.insert(key);
  }

  boost::asio::awaitable<void> work(unsigned number) {
    const Busy busy{busy_};
    SplitMix random(seed_ ^ (0x51ed270b7ULL * (number + 1)));
    Handle handle(database_, recorder_);
    for (std::uint64_t i = 0; i < shape_.operations; ++i) {
      const std::uint64_t kind = random.below(20);
      if (kind < 9) {
        co_await by_hand(handle, random, false);
      } else if (kind < 11) {
        co_await by_hand(handle, random, true);
      } else if (kind < 14) {
        co_await by_closure(handle, random);
      } else {
        co_await autocommit(handle, random);
      }
      if (random.below(4) == 0) co_await hop();
    }
  }

  // begin(), random steps, and commit() or rollback().
  boost::asio::awaitable<void> by_hand(Handle& handle, SplitMix& random, bool read_only) {
    TxnRecord record = handle.lane().begin(read_only ? TxnKind::read_only : TxnKind::read_write);
    Transaction transaction = handle.handle().begin({.read_only = read_only});
    const auto& state = fluxmap::detail::TransactionAccess::state(transaction);  // lives as long as the handle
    Recorded recorded(std::move(record), transaction);
    bool conflict = false;
    try {
      co_await steps(recorded, random, read_only);
      if (random.below(16) == 0) {
        transaction.rollback();
        handle.lane().abort(recorded.abandon());
        co_return;
      }
      record = recorded.take();
      co_await transaction.commit();
    } catch (const boost::system::system_error& error) {
      if (!rolls_back(error.code())) throw;
      conflict = true;
    }
    if (conflict) {
      expect(!read_only, "a read-only transaction has met a conflict");
      handle.lane().abort(record.begin_tick != 0 ? std::move(record) : recorded.abandon());
      co_return;
    }
    const Stamp position = record.writer() ? state.commit_timestamp() : record.position;
    handle.lane().commit(std::move(record), position);
  }

  // Handle::transaction() with retries.
  boost::asio::awaitable<void> by_closure(Handle& handle, SplitMix& random) {
    // The record of an attempt is begun before the attempt is: at the end of the one before.
    TxnRecord next = handle.lane().begin(TxnKind::read_write);
    std::vector<TxnRecord> attempts;
    const fluxmap::detail::TxnState<Key, Value, typename Keys::Compare>* state = nullptr;
    bool conflict = false;
    try {
      co_await handle.handle().transaction(
          [&](Transaction& transaction) -> boost::asio::awaitable<void> {
            state = &fluxmap::detail::TransactionAccess::state(transaction);
            Recorded recorded(std::move(next), transaction);
            try {
              co_await steps(recorded, random, false);
            } catch (...) {
              attempts.push_back(recorded.abandon());
              next = handle.lane().begin(TxnKind::read_write);
              throw;
            }
            attempts.push_back(recorded.take());
            next = handle.lane().begin(TxnKind::read_write);
          },
          {.read_only = false, .retry = {.attempts = 16, .reserve_after = shape_.reserve_after}});
    } catch (const boost::system::system_error& error) {
      if (!rolls_back(error.code())) throw;
      conflict = true;
    }
    for (std::size_t i = 0; i + (conflict ? 0 : 1) < attempts.size(); ++i) handle.lane().abort(std::move(attempts[i]));
    if (conflict) co_return;
    TxnRecord& last = attempts.back();
    const Stamp position = last.writer() ? state->commit_timestamp() : last.position;
    handle.lane().commit(std::move(last), position);
  }

  boost::asio::awaitable<void> steps(Recorded& transaction, SplitMix& random, bool read_only) {
    const std::uint64_t count = 1 + random.below(7);
    for (std::uint64_t i = 0; i < count; ++i) {
      if (random.below(3) == 0) co_await hop();
      const std::int64_t key = any_key(random);
      switch (random.below(read_only ? 8 : 20)) {
        case 0:
        case 1:
          transaction.get(key);
          break;
        case 2:
          transaction.contains(key);
          break;
        case 3:
          transaction.get_many({key, any_key(random), any_key(random)});
          break;
        case 4: {
          const auto [first, last] = any_range(random);
          transaction.range(first, last);
          break;
        }
        case 5:
          if constexpr (Keys::k_has_prefixes) transaction.prefix_scan(any_group(random));
          break;
        case 6:
        case 7: {  // a lazy scan, left early, with writes while it runs
          const auto [first, last] = any_range(random);
          transaction.stream(first, last, 1 + random.below(6), [&] {
            if (!read_only && random.below(6) == 0) write_something(transaction, any_key(random), random);
          });
          break;
        }
        case 8:
        case 9:
        case 10:
          transaction.insert(key);
          break;
        case 11:
        case 12:
          if (!transaction.has(key)) transaction.insert(key);
          break;
        case 13:
          if (transaction.has(key)) transaction.insert(key);
          break;
        case 14:
        case 15:
          if (transaction.has(key)) transaction.remove(key);
          break;
        case 16:
          transaction.remove(key);
          break;
        case 17:
          transaction.savepoint();
          break;
        case 18:
          if (transaction.savepoints() > 0) transaction.roll_back_to(random.below(transaction.savepoints()));
          break;
        default:
          write_something(transaction, key, random);
          transaction.get(key);
          break;
      }
    }
    transaction.check_held();
  }
  static void write_something(Recorded& transaction, std::int64_t key, SplitMix& random) {
    if (random.below(3) == 0) {
      transaction.remove(key);
    } else {
      transaction.insert(key);
    }
  }

  boost::asio::awaitable<void> autocommit(Handle& handle, SplitMix& random) {
    const std::int64_t key = any_key(random);
    const auto [first, last] = any_range(random);
    switch (random.below(!shape_.autocommit_writes ? 6 : shape_.autocommit_removals ? 12 : 10)) {
      case 0:
        handle.get(key);
        break;
      case 1:
        handle.visit(key);
        break;
      case 2:
        handle.get_many({key, any_key(random), any_key(random)});
        break;
      case 3:
        handle.range(first, last);
        break;
      case 4:
        handle.stream(first, last, 1 + random.below(6));
        break;
      case 5:
        if constexpr (Keys::k_has_prefixes) handle.prefix_scan(any_group(random));
        break;
      case 6:
        co_await handle.insert(key);
        break;
      case 7:
      case 8:
        co_await handle.insert_if_absent(key);
        break;
      case 9:
        co_await handle.update(key);
        break;
      default:
        co_await handle.remove(key);
        break;
    }
  }

  // Read-only transactions held for a while: all they see stays what it was at first.
  boost::asio::awaitable<void> hold(unsigned number) {
    SplitMix random(seed_ ^ (0x9d39247e3ULL * (number + 1)));
    Handle handle(database_, recorder_);
    do {
      TxnRecord record = handle.lane().begin(TxnKind::read_only);
      Transaction transaction = handle.handle().begin({.read_only = true});
      Recorded recorded(std::move(record), transaction);
      for (std::uint64_t look = 0, looks = 1 + random.below(40); look < looks; ++look) {
        const auto [first, last] = any_range(random);
        recorded.get(any_key(random));
        recorded.stream(first, last, 8, [] {});
        for (std::uint64_t hops = random.below(8); hops > 0; --hops) co_await hop();
      }
      recorded.check_held();
      record = recorded.take();
      co_await transaction.commit();
      const Stamp position = record.position;
      handle.lane().commit(std::move(record), position);
    } while (busy_.load() > 0);
  }

  boost::asio::awaitable<void> vacuum() {
    do {
      co_await database_.vacuum();
      if (between_vacuums_) between_vacuums_();
      co_await hop();
    } while (busy_.load() > 0);
  }

  const RandomHistory shape_;
  const std::uint64_t seed_;
  const std::shared_ptr<Database> owned_;
  Database& database_ = *owned_;
  HistoryRecorder recorder_;
  std::function<void()> between_vacuums_;
  std::atomic<unsigned> busy_{0};
};

// Everything that the transactions of a fault have done.
inline std::string in_full(const std::vector<TxnRecord>& history, const CheckResult& fault) {
  std::string text = fault.explanation + '\n';
  for (const TxnRecord& txn : history) {
    if (std::count(fault.transactions.begin(), fault.transactions.end(), txn.id) == 0) continue;
    text += describe(txn) + '\n';
    for (const KeyRead& read : txn.reads) text += "    read " + describe(read) + '\n';
    for (const RangeRead& range : txn.ranges) {
      text += "    scanned [" + std::to_string(range.first) + ", " + std::to_string(range.last) + ")\n";
      for (const KeyRead& read : range.seen) text += "      " + describe(read) + '\n';
      for (const std::int64_t key : range.excluded) text += "      own write of key " + std::to_string(key) + '\n';
    }
    for (const KeyWrite& write : txn.writes) {
      text += (write.tombstone ? "    removed key " : "    wrote key ") + std::to_string(write.key) + '\n';
    }
  }
  return text;
}

// Conflicts are there, but not all there is.
inline void check_progress(const std::vector<TxnRecord>& history, const RandomHistory& shape) {
  std::uint64_t committed = 0;
  for (const TxnRecord& txn : history) committed += txn.committed ? 1U : 0U;
  CHECK(committed > shape.coroutines * shape.operations / 4);
}

inline void check_history(const std::vector<TxnRecord>& history) {
  const CheckResult order = check_commit_order(history);
  INFO(in_full(history, order));
  CHECK(order.ok());
  const CheckResult graph = check_serializable(history);
  INFO(in_full(history, graph));
  CHECK(graph.ok());
}

template <class Keys, class Value>
void check_random_history(RandomHistoryRun<Keys, Value>& run, const RandomHistory& shape, std::uint64_t seed) {
  CAPTURE(shape.keys, seed);
  const std::vector<TxnRecord> history = run.run(4);
  check_progress(history, shape);
  check_history(history);
  const fluxmap::Stats stats = run.database().stats();
  CHECK(stats.active_transactions <= (stats.log_bytes > 0 ? 1U : 0U));  // a checkpoint may be under way
}

template <class Keys, class Value>
void check_random_histories(const char* name, std::initializer_list<RandomHistory> shapes) {
  SplitMix seeds(seed(name));
  for (unsigned round = 0; round < stress_factor(); ++round) {
    for (const RandomHistory& shape : shapes) {
      const std::uint64_t seed_of_run = seeds();
      RandomHistoryRun<Keys, Value> run(shape, seed_of_run);
      check_random_history(run, shape, seed_of_run);
    }
  }
}

}  // namespace fluxmap_test

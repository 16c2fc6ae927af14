// Database: an in-memory, ordered, transactional key-value store.
#pragma once

#include <fluxmap/clock.hpp>
#include <fluxmap/concepts.hpp>
#include <fluxmap/detail/front/async_op.hpp>
#include <fluxmap/detail/front/metadata.hpp>
#include <fluxmap/detail/front/persistence.hpp>
#include <fluxmap/detail/front/resume.hpp>
#include <fluxmap/detail/platform/process.hpp>
#include <fluxmap/detail/txn/expire.hpp>
#include <fluxmap/detail/txn/memory_limit.hpp>
#include <fluxmap/detail/txn/session.hpp>
#include <fluxmap/detail/upkeep/auto_vacuum.hpp>
#include <fluxmap/detail/upkeep/vacuum.hpp>
#include <fluxmap/handle.hpp>
#include <fluxmap/options.hpp>
#include <fluxmap/stats.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI {

namespace detail {

inline constexpr std::size_t k_vacuum_step = 256;  // entries between two looks at whether others want the thread

// Expiry, for the types that can have it: it copies keys. True: there is more to be done.
template <class Key, class Value, class Compare>
bool expire_more(Store<Key, Value, Compare>& store) {
  if constexpr (std::copy_constructible<Key>) {
    return expire_due(store);
  } else {
    return false;
  }
}

// A whole vacuum on a thread of the database's own. True: nothing is left, but for what came in meanwhile.
template <class Key, class Value, class Compare, class Stopping>
bool vacuum_at_once(Store<Key, Value, Compare>& store, const Stopping& is_stopping) {
  VacuumReport report;
  Vacuum<Key, Value, Compare> vacuum = store.vacuum();
  store.trimmer.before(store.bytes());
  vacuum.start(store.published());
  bool more = true;
  while ((more = vacuum.step(k_vacuum_step, report)) && !is_stopping()) std::this_thread::yield();
  store.trimmer.after(store.bytes());
  return !more && report.kept == 0;
}

template <class Key, class Value, class Compare>
asio::awaitable<VacuumReport> vacuum_op(std::shared_ptr<Store<Key, Value, Compare>> store) {
  store->check_open();
  const auto started = std::chrono::steady_clock::now();
  VacuumReport report;
  while (expire_more(*store)) {
    co_await yield_to_others();
    store->check_open();
  }
  Vacuum<Key, Value, Compare> vacuum = store->vacuum();
  store->trimmer.before(store->bytes());
  vacuum.start(store->published());
  while (vacuum.step(k_vacuum_step, report)) {
    co_await yield_to_others();
    store->check_open();
  }
  store->trimmer.after(store->bytes());
  report.elapsed = std::chrono::steady_clock::now() - started;
  co_return report;
}

}  // namespace detail

// An in-memory, ordered, transactional key-value store with serializable isolation.
//
// Key: move-constructible, ordered by Compare, equal to itself (no NaN); copyable for scans. Value: move-constructible;
// copyable for the calls that return copies. Neither needs a default constructor. Moves of values should not throw: one
// that does makes a commit fail, with nothing changed but the value itself.
//
// Transactions, streams and operations still open when the database is destroyed are safe; their next call fails with
// errc::closed.
//
// In a child of fork() it may be destroyed, closed, or left as it is at the end of the process: nothing happens to the
// parent, its files, or its hold on the directory, and no memory is freed. Reads show what there was at the fork. With
// a log all that writes or waits for it fails with errc::closed, because the log is the parent's; a child that wants
// the directory opens it anew, once nobody has it.
//
// Awaitables and completion tokens are as Handle's. n is the number of keys.
//
// Thread safety: all members, except destruction: every call must have returned before.
// Errors: of every call but stats errc::closed, after the database was closed.
// Exceptions: std::bad_alloc.
template <class Key, class Value, class Compare>
class Database {
  using StoreType = detail::Store<Key, Value, Compare>;
  using error_code = boost::system::error_code;

 public:
  using key_type = Key;         // what the template was given
  using mapped_type = Value;    // likewise
  using key_compare = Compare;  // likewise

  // In memory, with default options.
  // Complexity: O(1).
  // Exceptions: what the comparator's default constructor throws comes through.
  Database() : Database(Compare(), k_default_p) {}
  // The way to a database with other options.
  // Complexity: O(1).
  static DatabaseBuilder<Key, Value, Compare> builder() { return {}; }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  // Ends as close does, and blocks meanwhile; what it fails with is not told. In a child of fork() it does nothing.
  // Complexity: O(n), once the last handle, transaction and stream is gone too; and the disk.
  ~Database() {
    if (process_.is_here()) {
      shut_down();
    } else {
      leave(store_, upkeep_, persistence_);
    }
  }

  // A handle. Cheap; one per coroutine or thread.
  // Complexity: O(1).
  fluxmap::Handle<Key, Value, Compare> handle() {
    store_->check_open();
    return fluxmap::Handle<Key, Value, Compare>(std::make_shared<detail::Session<Key, Value, Compare>>(store_));
  }

  // Live keys, as of now: exact at rest.
  // Complexity: as stats.
  std::size_t size() const {
    store_->check_open();
    const std::uint64_t keys = stats().keys;
    return static_cast<std::size_t>(keys);
  }

  // Counters and gauges. Works on a closed database too.
  // Complexity: O(threads that have used the database + the most transactions that were open at once).
  Stats stats() const {
    Stats stats;
    std::int64_t keys = 0, versions = 0, entries = 0;
    store_->epochs.for_each_slot([&](const detail::EpochDomain::Slot& slot) {
      const detail::Counters& counters = slot.counters;
      keys += counters.keys.get();
      versions += counters.versions.get();
      entries += counters.entries.get();
      add(stats.commits, counters.commits);
      add(stats.conflicts, counters.conflicts);
      add(stats.retries, counters.retries);
      add(stats.reservations, counters.reservations);
      add(stats.evictions, counters.evictions);
      add(stats.expirations, counters.expirations);
      add(stats.vacuumed_versions, counters.vacuumed_versions);
      add(stats.vacuumed_entries, counters.vacuumed_entries);
    });
    stats.keys = not_negative(keys);
    stats.versions = not_negative(versions);
    stats.entries = not_negative(entries);
    stats.memory_bytes = store_->bytes();
    stats.pinned_versions = not_negative(versions - keys);
    const detail::Cts now = store_->published();
    detail::Cts oldest = now;
    store_->snapshots.for_each([&](detail::Cts snapshot) {
      ++stats.active_transactions;
      oldest = std::min(oldest, snapshot);
    });
    stats.oldest_snapshot_age = now - oldest;
    if (persistence_ != nullptr) persistence_->add_to(stats);
    return stats;
  }

  // Calls f(const KeyMetadata<Key>&) for every live key, ascending, as of one snapshot. f must not suspend. Others go
  // on reading and writing.
  // Complexity: O(n).
  // Exceptions: what f throws comes through.
  template <class F>
    requires Visitor<F&, KeyMetadata<Key>>
  void scan_metadata(F&& f) const {
    store_->check_open();
    detail::scan_metadata(*store_, f);
  }

  // Frees versions that no snapshot can see, entries of removed keys, and what has expired; gives the executor a chance
  // every few hundred entries. Where 64 MiB or more than at the peak since the last time are free, the allocator is
  // asked to give its empty pages back to the operating system (glibc only; that holds up others' allocations for a
  // moment).
  // Complexity: expected O(m log n) for m entries written since the last one, never a walk of the map.
  // Errors: what removing the expired fails with: where there is a log errc::log_failed, or errc::closed in a child of
  // fork().
  // Cancellation: terminal, between two steps. What was freed is freed.
  // Exceptions: those of comparators come through; what was not freed is left for the next one.
  asio::awaitable<VacuumReport> vacuum() { return detail::vacuum_op(store_); }
  template <boost::asio::completion_token_for<void(error_code, VacuumReport)> Token>
  auto vacuum(Token&& token) {
    return detail::initiate_with_code<VacuumReport>(std::forward<Token>(token),
                                                    [store = store_] { return detail::vacuum_op(store); });
  }

  // Writes a checkpoint: everything published so far, in one file; then drops the log before it. Runs on a thread of
  // its own; others go on reading and writing. Completes at once in memory. One that fails is counted, and the log is
  // what it was.
  // Complexity: O(n), and the disk.
  // Errors: those of the operating system; errc::log_failed; errc::closed in a child of fork(), and when the database
  // is closed meanwhile; errc::invalid_option on an executor that other threads may not post to (see Handle).
  // Cancellation: none, once it has begun.
  // Exceptions: those of codecs come through; std::system_error where no thread can be started.
  asio::awaitable<void> checkpoint() { return checkpoint_op(store_, persistence_); }
  template <boost::asio::completion_token_for<void(error_code)> Token>
  auto checkpoint(Token&& token) {
    return detail::initiate_with_code<void>(std::forward<Token>(token), [store = store_, persistence = persistence_] {
      return checkpoint_op(store, persistence);
    });
  }

  // Returns when all commits so far are on the disk, whatever the level; in memory, at once.
  // Complexity: O(1), and the disk.
  // Errors: errc::log_failed; errc::closed in a child of fork(); errc::invalid_option on an executor that other threads
  // may not post to (see Handle).
  // Cancellation: terminal. Only the wait ends.
  asio::awaitable<void> flush() { return flush_op(store_); }
  template <boost::asio::completion_token_for<void(error_code)> Token>
  auto flush(Token&& token) {
    return detail::initiate_with_code<void>(std::forward<Token>(token), [store = store_] { return flush_op(store); });
  }

  // Stops the database: every later call fails with errc::closed, on handles and open transactions too. What was
  // committed is on the disk, and the directory may be opened again, when it completes; operations that wait for the
  // log complete before. A second one is a later call.
  // Complexity: O(1), and the disk. The memory goes with the database.
  // Errors: errc::log_failed if the log has failed, now or earlier; the database is closed then as well.
  // errc::invalid_option on an executor that other threads may not post to (see Handle), where there is a log; nothing
  // has been closed then.
  // Cancellation: none, once it has begun.
  // Exceptions: std::system_error where no thread can be started. The database is closed then; its destructor does the
  // rest.
  asio::awaitable<void> close() { return close_op(process_, store_, upkeep_, persistence_); }
  template <boost::asio::completion_token_for<void(error_code)> Token>
  auto close(Token&& token) {
    return detail::initiate_with_code<void>(
        std::forward<Token>(token), [process = process_, store = store_, upkeep = upkeep_, persistence = persistence_] {
          return close_op(process, store, upkeep, persistence);
        });
  }

 private:
  friend class DatabaseBuilder<Key, Value, Compare>;
  friend struct detail::TransactionAccess;
  static constexpr double k_default_p = 0.5;

  Database(Compare compare, double skiplist_p, std::shared_ptr<const Clock> clock = std::make_shared<SystemClock>())
      : store_(std::make_shared<StoreType>(std::move(compare), skiplist_p)) {
    StoreType* const store = store_.get();
    store->clock = std::move(clock);
    store->timers.start(store->now().get());
    store->expirer = std::make_unique<detail::Expirer>(
        store->timers, *store->clock, [store] { return !store->is_closed() && detail::expire_more(*store); },
        [store] {
          return store->is_closed() || detail::vacuum_at_once(*store, [store] { return store->is_closed(); });
        });
  }

  // For the builder, before anybody uses the database and in this order: the limit; then a directory is brought in.
  void limit_memory(std::size_t bytes, Eviction eviction) {
    store_->limiter = std::make_unique<detail::MemoryLimit<Key, Value, Compare>>(*store_, bytes, eviction);
  }
  // Last: what was brought in may be too much, or have deadlines.
  void settle_in(std::optional<std::chrono::milliseconds> time_to_live) {
    if (time_to_live) store_->time_to_live = std::min(*time_to_live, detail::k_longest_time);
    if (time_to_live || store_->timers.waiting() > 0 || store_->limiter != nullptr) store_->expirer->start();
    if (store_->limiter != nullptr) store_->limiter->keep_limit({});
  }
  void open(detail::PersistenceSetup setup) {
    persistence_ = std::make_shared<detail::TypedPersistence<Key, Value, Compare>>(store_, std::move(setup));
  }

  void start_upkeep(const VacuumOptions& auto_vacuum) {
    upkeep_ = std::make_shared<detail::AutoVacuum>(auto_vacuum.interval, [store = store_.get()](const auto& stopping) {
      try {
        detail::vacuum_at_once(*store, stopping);
      } catch (...) {  // a comparator or the memory: what was not done is left for the next time
      }
    });
  }

  void shut_down() noexcept {
    store_->close();
    if (upkeep_ != nullptr) upkeep_->stop();
    if (store_->expirer != nullptr) store_->expirer->stop();
    if (persistence_ != nullptr) persistence_->stop();
  }

  // In a child of fork(): ends nothing and destroys nothing, because none of the threads is here, whatever they were
  // at; each of the references below is one that nobody gives back.
  static void leave(const std::shared_ptr<StoreType>& store, const std::shared_ptr<detail::AutoVacuum>& upkeep,
                    const std::shared_ptr<detail::Persistence>& persistence) noexcept {
    store->close();
    if (persistence != nullptr) persistence->leave();
    detail::never_destroy(store);
    detail::never_destroy(upkeep);
    detail::never_destroy(persistence);
  }

  static asio::awaitable<void> flush_op(std::shared_ptr<StoreType> store) {
    store->check_open();
    if (store->log == nullptr) co_return;
    store->log->check_usable();
    detail::check_wait(*store->log, co_await detail::wait_synced(*store->log, store->ring.decided()));
  }
  static asio::awaitable<void> checkpoint_op(std::shared_ptr<StoreType> store,
                                             std::shared_ptr<detail::Persistence> persistence) {
    store->check_open();
    if (persistence == nullptr) co_return;
    store->log->check_process();
    auto work = [persistence] { persistence->checkpoint(); };  // named: see run_on_thread
    co_await detail::run_on_thread(std::move(work));
  }
  static asio::awaitable<void> close_op(detail::ProcessMark process, std::shared_ptr<StoreType> store,
                                        std::shared_ptr<detail::AutoVacuum> upkeep,
                                        std::shared_ptr<detail::Persistence> persistence) {
    store->check_open();
    if (!process.is_here()) {
      leave(store, upkeep, persistence);
      co_return;
    }
    if (persistence != nullptr) {
      const auto executor = co_await asio::this_coro::executor;
      detail::check_wakeable(executor);  // before anything has ended
    }
    store->close();
    if (upkeep != nullptr) upkeep->request_stop();
    if (store->expirer != nullptr) store->expirer->request_stop();
    if (persistence == nullptr) co_return;
    auto work = [persistence] { persistence->stop(); };  // named: see run_on_thread
    co_await detail::run_on_thread(std::move(work));
    store->log->check_usable();
  }

  static void add(std::uint64_t& sum, const detail::StripedCount& count) noexcept {
    sum += static_cast<std::uint64_t>(count.get());
  }
  static std::uint64_t not_negative(std::int64_t sum) noexcept {  // stripes are read one after another
    return sum < 0 ? 0 : static_cast<std::uint64_t>(sum);
  }

  const detail::ProcessMark process_;
  std::shared_ptr<StoreType> store_;
  std::shared_ptr<detail::AutoVacuum> upkeep_;
  std::shared_ptr<detail::Persistence> persistence_;  // null: in memory
};

}  // namespace fluxmap::inline FLUXMAP_ABI

// Handle: autocommit operations, and the way to transactions.
#pragma once

#include <fluxmap/concepts.hpp>
#include <fluxmap/detail/front/async_op.hpp>
#include <fluxmap/detail/front/autocommit_op.hpp>
#include <fluxmap/detail/front/lookup_key.hpp>
#include <fluxmap/detail/front/transaction_op.hpp>
#include <fluxmap/detail/txn/autocommit.hpp>
#include <fluxmap/options.hpp>
#include <fluxmap/range_stream.hpp>
#include <fluxmap/transaction.hpp>

#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI {

// A way into a database: each call is a transaction of its own. Cheap to make and to copy; one for each coroutine or
// thread is best. Operations that were started may outlive their handle.
//
// Reads are plain functions: they see what is published, never wait, never abort, and make nobody else wait or abort.
// Writes are awaitable, or take a completion token as their last argument (signature void(error_code, T), completed on
// the associated executor, never inside the initiating function). Without an executor they run on threads of the
// library's own.
//
// A key to look for is a LookupKey, an end of a range or a key to be removed an ExactKey. n is the number of keys.
//
// Thread safety: all calls, at the same time and on the same handle.
// Errors: of every call errc::closed, after the database was closed. Of writes and `transaction`, where there is a log,
// errc::log_failed after a write or sync of it has failed; errc::closed in a child of fork(); and errc::invalid_option
// where they have to wait on an executor that other threads may not post to, an io_context with
// BOOST_ASIO_CONCURRENCY_HINT_UNSAFE, though what was committed stands. See errc for how errors are told.
// Cancellation: terminal. Before the commit is decided nothing has happened and the operation ends with
// operation_aborted; after that the commit stands.
// Exceptions: those of comparators, copies, codecs and functions of the caller's, and std::bad_alloc, come through
// unchanged and leave the database as it was, but for a value that throws while what was written or removed is handed
// over: that was committed before.
template <class Key, class Value, class Compare>
class Handle {
  using SessionType = detail::Session<Key, Value, Compare>;
  using Lease = detail::Lease<Key, Value, Compare>;
  using TransactionType = fluxmap::Transaction<Key, Value, Compare>;
  using error_code = boost::system::error_code;

 public:
  using Transaction = TransactionType;                            // what begin() makes and closures are given
  using RangeStream = fluxmap::RangeStream<Key, Value, Compare>;  // what range_stream() and prefix_scan_stream() make

  // A copy of the value; nothing if there is none. Writes nothing shared (with a memory limit: the entry's own note of
  // its last access).
  // Complexity: expected O(log n).
  template <class K>
  std::optional<Value> get(const K& key) const
    requires std::copy_constructible<Value>
  {
    std::optional<Value> value;
    visit(key, [&](const Value& found) { value.emplace(found); });
    return value;
  }
  // Whether there is a value; otherwise as get.
  // Complexity: expected O(log n).
  template <class K>
  bool contains(const K& key) const {
    return visit(key, [](const Value&) {});
  }
  // Calls f(const Value&) without a copy. False: no such key. f must be short: versions that it might look at are not
  // freed meanwhile. It may use the database, but not suspend.
  // Complexity: expected O(log n), and f.
  // Exceptions: what f throws comes through.
  template <class K, Visitor<Value> F>
  bool visit(const K& key, F&& f) const {
    auto& store = session_->store();
    const auto wanted = detail::lookup_key<Key>(store.index.compare(), key);
    if (wanted) return detail::visit_key(store, *wanted, std::forward<F>(f));
    store.check_open();
    return false;
  }

  // Copies of the values of several keys, in the order asked, from one snapshot; nothing where there is none.
  // Complexity: expected O(m log n) for m keys.
  template <KeyRange Keys>
  std::vector<std::optional<Value>> get_many(const Keys& keys) const
    requires std::copy_constructible<Value>
  {
    std::vector<std::optional<Value>> values;
    if constexpr (requires { keys.size(); }) values.reserve(keys.size());
    Lease lease(session_, true);
    for (const auto& key : keys) {
      const auto wanted = detail::lookup_key<Key>(session_->store().index.compare(), key);
      const Value* const found = wanted ? lease->get(*wanted) : nullptr;
      if (found != nullptr) {
        values.emplace_back(*found);
      } else {
        values.emplace_back();
      }
    }
    return values;
  }

  // The keys in [first, last), ascending, with copies of their values, from one snapshot. A bound that Key cannot hold
  // lies where its value lies; one that is not equal to itself makes the range empty.
  // Complexity: expected O(log n + length).
  // Errors: errc::invalid_key for a bound that Key cannot hold, under a comparator that does not tell where it lies.
  template <class F, class L>
  std::vector<std::pair<Key, Value>> range(const F& first, const L& last) const {
    return snapshot_transaction().range(first, last);
  }
  // The same for the keys that begin with `prefix`; keys must be text, ordered as by std::less or std::greater.
  // Complexity: expected O(log n + length).
  template <class P>
  std::vector<std::pair<Key, Value>> prefix_scan(const P& prefix) const {
    return snapshot_transaction().prefix_scan(prefix);
  }
  // As range, lazily, from a snapshot taken now and kept until the stream is destroyed. See RangeStream.
  // Complexity: O(1); the search is the stream's first step.
  // Errors: as range.
  template <class F, class L>
  RangeStream range_stream(const F& first, const L& last) const {
    return RangeStream(Lease(session_, true),
                       detail::range_between<Key, Value>(session_->store().index.compare(), first, last));
  }
  // As prefix_scan, lazily, from a snapshot taken now and kept until the stream is destroyed. See RangeStream.
  // Complexity: O(1); the search is the stream's first step.
  template <class P>
  RangeStream prefix_scan_stream(const P& prefix) const {
    return RangeStream(Lease(session_, true), TransactionType::with_prefix(prefix));
  }

  // Inserts or overwrites.
  // Complexity: expected O(log n), and what the memory limit makes it evict.
  // Errors: errc::invalid_key for a key that Key cannot hold, which is not cut, or that is not equal to itself;
  // errc::memory_limit.
  template <InsertableKey<Key> K = Key>
  asio::awaitable<void> insert(K key, Value value) {
    return detail::insert_op<Key, Value, Compare>(session_, detail::given_key<Key>(std::move(key)), std::move(value),
                                                  default_time());
  }
  template <InsertableKey<Key> K = Key, boost::asio::completion_token_for<void(error_code)> Token>
  auto insert(K key, Value value, Token&& token) {
    return detail::initiate_with_code<void>(
        std::forward<Token>(token),
        [session = session_, key = detail::given_key<Key>(std::move(key)), value = std::move(value)]() mutable {
          const auto time = session->store().time_to_live;
          return detail::insert_op<Key, Value, Compare>(std::move(session), std::move(key), std::move(value), time);
        });
  }
  // The same, for so long: then the key is gone, as if it had been removed. Later writes set the time anew, to theirs
  // or the database's.
  // Complexity: as above.
  // Errors: as above; errc::invalid_option where the time is not positive.
  // Exceptions: std::system_error where the thread that removes what has expired cannot be started.
  template <InsertableKey<Key> K = Key>
  asio::awaitable<void> insert(K key, Value value, ExpiresAfter lasts)
    requires std::copy_constructible<Key>
  {
    return detail::insert_for_op<Key, Value, Compare>(session_, detail::given_key<Key>(std::move(key)),
                                                      std::move(value), lasts);
  }
  template <InsertableKey<Key> K = Key, boost::asio::completion_token_for<void(error_code)> Token>
  auto insert(K key, Value value, ExpiresAfter lasts, Token&& token)
    requires std::copy_constructible<Key>
  {
    return detail::initiate_with_code<void>(std::forward<Token>(token), [session = session_,
                                                                         key = detail::given_key<Key>(std::move(key)),
                                                                         value = std::move(value), lasts]() mutable {
      return detail::insert_for_op<Key, Value, Compare>(std::move(session), std::move(key), std::move(value), lasts);
    });
  }

  // Inserts where there is nothing. False: there was a value, nothing was written.
  // Complexity: expected O(log n), and what the memory limit makes it evict; anew after another commit of the key.
  // Errors: errc::invalid_key and errc::memory_limit, as insert.
  template <InsertableKey<Key> K = Key>
  asio::awaitable<bool> insert_if_absent(K key, Value value) {
    return detail::insert_if_absent_op<Key, Value, Compare>(session_, detail::given_key<Key>(std::move(key)),
                                                            std::move(value));
  }
  template <InsertableKey<Key> K = Key, boost::asio::completion_token_for<void(error_code, bool)> Token>
  auto insert_if_absent(K key, Value value, Token&& token) {
    return detail::initiate_with_code<bool>(
        std::forward<Token>(token),
        [session = session_, key = detail::given_key<Key>(std::move(key)), value = std::move(value)]() mutable {
          return detail::insert_if_absent_op<Key, Value, Compare>(std::move(session), std::move(key), std::move(value));
        });
  }

  // Removes a key and hands over what was removed (bool, where values cannot be copied).
  // Complexity: expected O(log n); anew after another commit of the key.
  template <class K>
  asio::awaitable<detail::removed_t<Value>> remove(const K& key) {
    return detail::remove_op<detail::removed_t<Value>, Key, Value, Compare>(
        session_, detail::owned_key<Key>(session_->store().index.compare(), key), false);
  }
  template <class K, boost::asio::completion_token_for<void(error_code, detail::removed_t<Value>)> Token>
  auto remove(const K& key, Token&& token) {
    return detail::initiate_with_code<detail::removed_t<Value>>(
        std::forward<Token>(token),
        [session = session_, key = detail::owned_key<Key>(session_->store().index.compare(), key)]() mutable {
          return detail::remove_op<detail::removed_t<Value>, Key, Value, Compare>(std::move(session), std::move(key),
                                                                                  false);
        });
  }

  // Removes a key as if the memory limit had chosen it: counted as an eviction. False: there was none.
  // Complexity: as remove.
  template <class K>
  asio::awaitable<bool> evict(const K& key) {
    return detail::remove_op<bool, Key, Value, Compare>(
        session_, detail::owned_key<Key>(session_->store().index.compare(), key), true);
  }
  template <class K, boost::asio::completion_token_for<void(error_code, bool)> Token>
  auto evict(const K& key, Token&& token) {
    return detail::initiate_with_code<bool>(
        std::forward<Token>(token),
        [session = session_, key = detail::owned_key<Key>(session_->store().index.compare(), key)]() mutable {
          return detail::remove_op<bool, Key, Value, Compare>(std::move(session), std::move(key), true);
        });
  }

  // Atomic read-modify-write: Value f(const Value* old), old == nullptr where there is none. Hands over the new value
  // (nothing, where values cannot be copied). f may be called more than once and must not suspend.
  // A token is completed with (std::exception_ptr, Value), because f may throw anything.
  // Complexity: expected O(log n), f, and what the memory limit makes it evict; anew after another commit of the key.
  // Errors: errc::invalid_key and errc::memory_limit, as insert.
  // Exceptions: what f throws comes through, and nothing is written.
  template <Updater<Value> F, InsertableKey<Key> K = Key>
  asio::awaitable<detail::updated_t<Value>> update(K key, F&& f) {
    return detail::update_op<Key, Value, Compare, std::decay_t<F>>(session_, detail::given_key<Key>(std::move(key)),
                                                                   std::forward<F>(f));
  }
  template <
      Updater<Value> F, InsertableKey<Key> K = Key,
      boost::asio::completion_token_for<typename detail::CompletionSignatures<detail::updated_t<Value>>::with_exception>
          Token>
  auto update(K key, F&& f, Token&& token) {
    return detail::initiate_with_exception<detail::updated_t<Value>>(
        std::forward<Token>(token), [session = session_, key = detail::given_key<Key>(std::move(key)),
                                     f = std::decay_t<F>(std::forward<F>(f))]() mutable {
          return detail::update_op<Key, Value, Compare, std::decay_t<F>>(std::move(session), std::move(key),
                                                                         std::move(f));
        });
  }

  // Runs closure(Transaction&) as one serializable transaction: commits when it returns, rolls back when it throws
  // (and rethrows), runs it again on a conflict as options.retry says. The closure is a plain function or a coroutine
  // returning asio::awaitable<T>; its T is handed over. A T that is boost::system::result<…> with an error rolls back.
  // What the closure does besides happens once per attempt; what it read is certain only once this has completed.
  // A token is completed with (std::exception_ptr, T).
  // Complexity: for each attempt the closure and Transaction::commit.
  // Errors: errc::serialization_conflict, as a rule a ConflictError, when the last attempt that options.retry allows
  // has ended with it; errc::invalid_option where options.retry.attempts is 0; those of Transaction's calls.
  // Cancellation: also while the closure is suspended, or between two attempts: rolled back.
  // Exceptions: what the closure throws comes through, after the rollback; but errors that are retryable run it again.
  template <TransactionClosure<Key, Value, Compare> F>
  asio::awaitable<detail::closure_value_t<F, TransactionType>> transaction(F&& closure,
                                                                           TransactionOptions options = {}) {
    return Run<F>::run(session_, std::forward<F>(closure), options);
  }
  template <TransactionClosure<Key, Value, Compare> F, class Token>
  auto transaction(F&& closure, TransactionOptions options, Token&& token) {
    using T = detail::closure_value_t<F, TransactionType>;
    return detail::initiate_with_exception<T>(
        std::forward<Token>(token),
        [session = session_, closure = std::decay_t<F>(std::forward<F>(closure)), options]() mutable {
          return Run<F>::run(std::move(session), std::move(closure), options);
        });
  }
  template <TransactionClosure<Key, Value, Compare> F,
            boost::asio::completion_token_for<
                typename detail::CompletionSignatures<detail::closure_value_t<F, TransactionType>>::with_exception>
                Token>
  auto transaction(F&& closure, Token&& token) {
    return transaction(std::forward<F>(closure), TransactionOptions{}, std::forward<Token>(token));
  }

  // A transaction under the caller's control. options.retry means nothing here.
  // Complexity: O(1).
  Transaction begin(TransactionOptions options = {}) { return Transaction(Lease(session_, options.read_only)); }

 private:
  friend class Database<Key, Value, Compare>;
  friend struct detail::TransactionAccess;

  template <class F>
  using Run = detail::TransactionRun<Key, Value, Compare, std::decay_t<F>, detail::closure_value_t<F, TransactionType>>;

  explicit Handle(std::shared_ptr<SessionType> session) noexcept : session_(std::move(session)) {}

  std::chrono::microseconds default_time() const noexcept { return session_->store().time_to_live; }
  Transaction snapshot_transaction() const { return Transaction(Lease(session_, true)); }

  std::shared_ptr<SessionType> session_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI

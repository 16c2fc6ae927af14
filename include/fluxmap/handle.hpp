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
// thread is best, though all calls are thread-safe. Operations that were started may outlive their handle.
//
// Reads are plain functions: they see what is published, never wait, never abort, and make nobody else wait or abort.
// Writes are awaitable, or take a completion token as their last argument (signature void(error_code, T), completed on
// the associated executor, never inside the initiating function). With a log that executor must let other threads post:
// a wait on an io_context with BOOST_ASIO_CONCURRENCY_HINT_UNSAFE fails with errc::invalid_option, though what was
// committed stands. Without an executor they run on threads of the library's own.
//
// After the database was closed every call fails with errc::closed. Exceptions of comparators, copies and functions of
// the caller's come through unchanged and leave the database as it was, but for a value that throws while what was
// written or removed is handed over: that was committed before. A token of signature void(error_code, …) gets
// errc::user_exception for them.
//
// Cancellation (terminal): before the commit is decided nothing has happened and the operation ends with
// operation_aborted; after that the commit stands.
template <class Key, class Value, class Compare>
class Handle {
  using SessionType = detail::Session<Key, Value, Compare>;
  using Lease = detail::Lease<Key, Value, Compare>;
  using TransactionType = fluxmap::Transaction<Key, Value, Compare>;
  using error_code = boost::system::error_code;

 public:
  using Transaction = TransactionType;                            // what begin() makes and closures are given
  using RangeStream = fluxmap::RangeStream<Key, Value, Compare>;  // what range_stream() and prefix_scan_stream() make

  // A copy of the value; nothing if there is none. Expected O(log n); writes nothing shared (with a memory limit: the
  // entry's own note of its last access).
  template <class K>
  std::optional<Value> get(const K& key) const
    requires std::copy_constructible<Value>
  {
    std::optional<Value> value;
    visit(key, [&](const Value& found) { value.emplace(found); });
    return value;
  }
  // Whether there is a value; otherwise as get.
  template <class K>
  bool contains(const K& key) const {
    return visit(key, [](const Value&) {});
  }
  // Calls f(const Value&) without a copy. False: no such key. f must be short: versions that it might look at are not
  // freed meanwhile. It may use the database, but not suspend.
  template <class K, Visitor<Value> F>
  bool visit(const K& key, F&& f) const {
    auto& store = session_->store();
    const auto wanted = detail::lookup_key<Key>(store.index.compare(), key);
    if (wanted) return detail::visit_key(store, *wanted, std::forward<F>(f));
    store.check_open();
    return false;
  }

  // Copies of the values of a range of keys, in the order asked, from one snapshot.
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
  // lies where its value lies; one that is not equal to itself makes the range empty. O(log n + length).
  template <class F, class L>
  std::vector<std::pair<Key, Value>> range(const F& first, const L& last) const {
    return snapshot_transaction().range(first, last);
  }
  // The same for the keys that begin with `prefix`; keys must be text, ordered as by std::less or std::greater.
  template <class P>
  std::vector<std::pair<Key, Value>> prefix_scan(const P& prefix) const {
    return snapshot_transaction().prefix_scan(prefix);
  }
  // As range, lazily, from a snapshot taken now and kept until the stream is destroyed. See RangeStream.
  template <class F, class L>
  RangeStream range_stream(const F& first, const L& last) const {
    return RangeStream(Lease(session_, true),
                       detail::range_between<Key, Value>(session_->store().index.compare(), first, last));
  }
  // As prefix_scan, lazily, from a snapshot taken now and kept until the stream is destroyed. See RangeStream.
  template <class P>
  RangeStream prefix_scan_stream(const P& prefix) const {
    return RangeStream(Lease(session_, true), TransactionType::with_prefix(prefix));
  }

  // Inserts or overwrites. K is whatever converts to Key; a number that Key cannot hold is not cut, but fails with
  // errc::invalid_key, as does a key that is not equal to itself. So do the other writes.
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
  // or the database's. Throws errc::invalid_option where the time is not positive.
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

  // A transaction under the caller's control.
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

// Transaction: explicit control over one transaction.
#pragma once

#include <fluxmap/concepts.hpp>
#include <fluxmap/detail/front/async_op.hpp>
#include <fluxmap/detail/front/autocommit_op.hpp>
#include <fluxmap/detail/front/commit_op.hpp>
#include <fluxmap/detail/front/lookup_key.hpp>
#include <fluxmap/options.hpp>
#include <fluxmap/range_stream.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI {

namespace detail {
struct TransactionAccess;
}

// A place in a transaction to roll back to. A value: copy it, keep it, use it more than once. Values that were
// overwritten are kept for as long as somebody holds a savepoint that needs them: let go of those you are done with.
//
// Thread safety: none; it is of its transaction.
class Savepoint {
 public:
  // A copy stands for the same place. There are no moves: the one moved from would be of no use.
  // Complexity: O(1).
  Savepoint(const Savepoint&) noexcept = default;
  // As the copy.
  // Complexity: O(1).
  Savepoint& operator=(const Savepoint&) noexcept = default;
  // What only this one still needed is freed by later writes.
  // Complexity: O(1).
  ~Savepoint() = default;

 private:
  template <class Key, class Value, class Compare>
  friend class Transaction;
  explicit Savepoint(detail::UndoMark mark) noexcept : mark_(std::move(mark)) {}

  detail::UndoMark mark_;
};

// A serializable transaction under the caller's control: made by Handle::begin, ended by commit or rollback, rolled
// back when destroyed. Reads and writes touch memory only and never suspend.
//
// A key to look for is a LookupKey from which a Key can be made, because the transaction remembers what it did not
// find; an end of a range or a key to be removed is an ExactKey. n is the number of keys in the database, w of those
// that the transaction has written.
//
// Thread safety: none; one coroutine or thread at a time. But it may be suspended for as long as it likes and go on on
// another thread.
// Errors: of every call but rollback and active errc::transaction_inactive, after the end, and errc::closed, after the
// database was closed. If it is not read-only, also errc::log_failed, where the log has failed and what the transaction
// stands on will never be on the disk; and errc::serialization_conflict of a read, when something read before has been
// overwritten and the transaction has written already, or of a write, when a read has found that out before: it could
// not commit any more.
// Exceptions: those of comparators and copies, and std::bad_alloc, come through. They leave the transaction as it was,
// and it may go on; but for commit.
template <class Key, class Value, class Compare>
class Transaction {
  using SessionType = detail::Session<Key, Value, Compare>;
  using Lease = detail::Lease<Key, Value, Compare>;
  using Range = detail::RangeRead<Key, Value>;

 public:
  using RangeStream = fluxmap::RangeStream<Key, Value, Compare>;  // what range_stream() and prefix_scan_stream() make

  // The one moved from has ended.
  // Complexity: O(1).
  Transaction(Transaction&&) noexcept = default;
  // Likewise; the transaction that was here is rolled back.
  // Complexity: as rollback.
  Transaction& operator=(Transaction&&) noexcept = default;
  // Rolls back, if it has not ended.
  // Complexity: as rollback.
  ~Transaction() = default;

  // The value of a key, own writes included; nullptr: none. The pointer is good until this transaction writes the key
  // again or ends, however long it is suspended in between.
  // Complexity: expected O(log n + log w).
  template <class K>
  const Value* get(const K& key) {
    const auto wanted = detail::lookup_key<Key>(state().compare(), key);
    if (wanted) return state().get(*wanted);
    state().check_usable();
    return nullptr;
  }

  // Whether there is a value, own writes included; counts as a read of the key.
  // Complexity: as get.
  template <class K>
  bool contains(const K& key) {
    return get(key) != nullptr;
  }

  // As get, for each of several keys, in the order asked.
  // Complexity: as so many gets.
  template <KeyRange Keys>
  std::vector<const Value*> get_many(const Keys& keys) {
    std::vector<const Value*> values;
    if constexpr (requires { keys.size(); }) values.reserve(keys.size());
    for (const auto& key : keys) values.push_back(get(key));
    return values;
  }

  // The keys in [first, last), ascending, with copies of their values. What lies in the range, absent keys included,
  // counts as read. A bound that Key cannot hold lies where its value lies; one that is not equal to itself makes the
  // range empty.
  // Complexity: expected O(log n + length), and O(log w) for each item where something was written.
  // Errors: errc::invalid_key for a bound that Key cannot hold, under a comparator that does not tell where it lies.
  template <class F, class L>
  std::vector<std::pair<Key, Value>> range(const F& first, const L& last) {
    return collect(range_between(first, last));
  }
  // The keys that begin with `prefix`, in order; keys must be text, ordered as by std::less or std::greater.
  // Complexity: as range.
  template <class P>
  std::vector<std::pair<Key, Value>> prefix_scan(const P& prefix) {
    return collect(with_prefix(prefix));
  }

  // As range, lazily. See RangeStream.
  // Complexity: O(1); the search is the stream's first step.
  // Errors: as range.
  template <class F, class L>
  RangeStream range_stream(const F& first, const L& last) {
    return RangeStream(lease().session(), state(), range_between(first, last));
  }
  // As prefix_scan, lazily. See RangeStream.
  // Complexity: O(1); the search is the stream's first step.
  template <class P>
  RangeStream prefix_scan_stream(const P& prefix) {
    return RangeStream(lease().session(), state(), with_prefix(prefix));
  }

  // Inserts or overwrites. Private until commit, and blind: two transactions that only write a key do not conflict.
  // Complexity: O(log w).
  // Errors: errc::read_only in a read-only transaction; errc::invalid_key for a key that Key cannot hold, which is not
  // cut, or that is not equal to itself.
  template <InsertableKey<Key> K = Key>
  void insert(K key, Value value) {
    auto given = detail::given_key<Key>(std::move(key));
    state().put(detail::held<Key>(given), std::move(value));
  }
  // The same, for so long after this transaction's now, which is one for all of it.
  // Complexity: O(log w).
  // Errors: as above; errc::invalid_option where the time is not positive.
  // Exceptions: std::system_error where the thread that removes what has expired cannot be started.
  template <InsertableKey<Key> K = Key>
  void insert(K key, Value value, ExpiresAfter lasts)
    requires std::copy_constructible<Key>
  {
    auto given = detail::given_key<Key>(std::move(key));
    const std::chrono::microseconds time = detail::checked_time(lease().session()->store(), lasts);
    state().put_for(time, detail::held<Key>(given), std::move(value));
  }

  // Removes a key. False: there was none. Counts as a read of it.
  // Complexity: as get.
  // Errors: errc::read_only in a read-only transaction.
  template <class K>
  bool remove(const K& key) {
    const auto wanted = detail::lookup_key<Key>(state().compare(), key);
    if (wanted) return state().remove(*wanted);
    state().check_writable();
    return false;
  }

  // A place to roll back to: the writes so far stay. Between two savepoints one old value of each key that is written
  // is kept.
  // Complexity: O(1), amortised.
  Savepoint savepoint() { return Savepoint(state().add_savepoint()); }
  // Undoes the writes since the savepoint; reads since then still count. Savepoints taken later are gone.
  // Complexity: O(keys written since), each counted once between two savepoints.
  // Errors: errc::invalid_option for a savepoint of another transaction, or one that is gone.
  void rollback_to(const Savepoint& savepoint) { state().roll_back_to(savepoint.mark_); }

  // Commits. The transaction has ended as soon as this is called, whatever comes of it; it is rolled back if the
  // awaitable is destroyed without having been awaited.
  // Complexity: expected O(w log n), and what the memory limit makes it evict. What was read is looked at again unless
  // nothing else was committed meanwhile: O(1) for each key that was found, and as at first for absent keys and ranges.
  // O(1) where nothing was written.
  // Errors: errc::serialization_conflict, a ConflictError, when something this transaction read was overwritten by one
  // that committed first; errc::memory_limit. With a log errc::log_failed, errc::closed in a child of fork(), and
  // errc::invalid_option on an executor that other threads may not post to (see Handle), though the commit stands.
  // Cancellation: terminal. Before the decision it rolls back; after it the commit stands.
  // Exceptions: those of codecs come through too. After any of them the transaction has left no trace.
  asio::awaitable<void> commit() { return detail::commit_op(std::move(lease_)); }
  template <boost::asio::completion_token_for<void(boost::system::error_code)> Token>
  auto commit(Token&& token) {
    return detail::initiate_with_code<void>(std::forward<Token>(token), [lease = std::move(lease_)]() mutable {
      return detail::commit_op(std::move(lease));
    });
  }

  // Ends the transaction without a trace. Does nothing if it has ended.
  // Complexity: O(w + keys read).
  void rollback() noexcept {
    if (lease_) lease_->roll_back();
  }

  // False once commit or rollback has been called, and for one moved from.
  // Complexity: O(1).
  bool active() const noexcept { return lease_ && lease_->active(); }

 private:
  friend class Handle<Key, Value, Compare>;
  friend struct detail::TransactionAccess;
  template <class, class, class, class, class>
  friend struct detail::TransactionRun;

  explicit Transaction(Lease lease) noexcept : lease_(std::move(lease)) {}

  Lease& lease() {
    if (!lease_) detail::throw_error(errc::transaction_inactive);
    return lease_;
  }
  detail::TxnState<Key, Value, Compare>& state() { return *lease(); }

  template <class F, class L>
  Range range_between(const F& first, const L& last) {
    return detail::range_between<Key, Value>(state().compare(), first, last);
  }
  template <class P>
  static Range with_prefix(const P& prefix) {
    return detail::range_with_prefix<Key, Value, Compare>(prefix);
  }

  std::vector<std::pair<Key, Value>> collect(Range&& range) {
    std::vector<std::pair<Key, Value>> items;
    state().scan(std::move(range), [&](const Key& key, const Value& value) { items.emplace_back(key, value); });
    return items;
  }

  Lease lease_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI

// Runs a closure as a transaction: commit when it returns, roll back when it throws, again on a conflict. · layer:
// front
#pragma once

#include <fluxmap/detail/front/async_op.hpp>
#include <fluxmap/detail/front/commit_op.hpp>
#include <fluxmap/detail/front/retry_fsm.hpp>
#include <fluxmap/detail/txn/announcement.hpp>
#include <fluxmap/detail/txn/session.hpp>
#include <fluxmap/options.hpp>
#include <fluxmap/transaction.hpp>

#include <boost/system/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// What `transaction` hands over: what the closure returns, or what its awaitable does.
template <class R>
struct closure_value {
  using type = std::remove_cvref_t<R>;
};
template <class T>
struct closure_value<asio::awaitable<T>> {
  using type = T;
};
// Of what is no closure void: clang asks for the type before it looks at the constraint, which then says what is wrong.
template <class Closure, class Transaction>
struct closure_call : closure_value<void> {};
template <class Closure, class Transaction>
  requires std::is_invocable_v<std::decay_t<Closure>&, Transaction&>
struct closure_call<Closure, Transaction> : closure_value<std::invoke_result_t<std::decay_t<Closure>&, Transaction&>> {
};
template <class Closure, class Transaction>
using closure_value_t = typename closure_call<Closure, Transaction>::type;

template <class T>
struct is_result : std::false_type {};
template <class T, class E>
struct is_result<boost::system::result<T, E>> : std::true_type {};

template <class Key, class Value, class Compare, class Closure, class T>
struct TransactionRun {
  using TransactionType = Transaction<Key, Value, Compare>;
  using SessionType = Session<Key, Value, Compare>;
  using AnnouncementType = Announcement<Key, Value, Compare>;

  static asio::awaitable<T> run(std::shared_ptr<SessionType> session, Closure closure, TransactionOptions options) {
    if (options.retry.attempts == 0)
      throw_error(errc::invalid_option, "fluxmap: RetryPolicy::attempts must be at least 1");
    Store<Key, Value, Compare>& store = session->store();
    RetryFsm retry(options.retry, reinterpret_cast<std::uintptr_t>(&options));
    AnnouncementType announcement(store);
    if (!options.read_only && options.retry.reserve_after != 0 && session->conflicts().use_up())
      announcement.expect_conflicts();
    for (;;) {  // bounded by RetryPolicy::attempts
      std::exception_ptr conflict;
      std::chrono::nanoseconds wait{0};
      const bool timed = retry.failures() > 0;  // how long an attempt takes matters to an announcement only
      const auto started = timed ? std::chrono::steady_clock::now() : std::chrono::steady_clock::time_point{};
      {
        TransactionType transaction(Lease<Key, Value, Compare>(session, options.read_only));
        transaction.lease_->announce_by(announcement);
        try {
          if constexpr (std::is_void_v<T>) {
            if constexpr (k_is_coroutine) {
              co_await closure(transaction);
            } else {
              closure(transaction);
            }
            if (!try_finish(transaction, store, announcement)) co_await finish(transaction, session->shared_store());
            co_return;
          } else {
            std::optional<T> value;
            if constexpr (k_is_coroutine) {
              value.emplace(co_await closure(transaction));
            } else {
              value.emplace(closure(transaction));
            }
            if constexpr (is_result<T>::value) {
              if (value->has_error()) {
                if (is_conflict(*value))
                  throw ConflictError(transaction.lease_ ? transaction.lease_->conflict_key() : "");
                transaction.rollback();
                co_return std::move(*value);
              }
            }
            if (!try_finish(transaction, store, announcement)) co_await finish(transaction, session->shared_store());
            co_return std::move(*value);
          }
        } catch (const boost::system::system_error& error) {
          if (!is_retryable(error.code())) throw;
          conflict = std::current_exception();
        }
        if (transaction.lease_) transaction.lease_->fail();
        const std::size_t reads = transaction.lease_ ? transaction.lease_->reads().size() : 0;
        if (reads >= AnnouncementType::k_long) session->conflicts().remember();
        const RetryFsm::Action action = retry.on_conflict(reads);
        if (!action.again) std::rethrow_exception(conflict);
        wait = action.pause;
        if (action.announce && transaction.lease_) {
          const auto took = std::chrono::steady_clock::now() - started;
          // The road is cleared for an announced transaction: waiting would only waste the time others give it.
          if (announcement.announce(transaction.lease_->take_reads(), timed ? took : std::chrono::nanoseconds{0})) {
            wait = std::chrono::nanoseconds{0};
          }
        }
      }
      note_retry(store);
      if (wait.count() > 0) co_await pause(wait);
    }
  }

 private:
  static constexpr bool k_is_coroutine = is_awaitable<std::invoke_result_t<Closure&, TransactionType&>>::value;

  // A result that reports a conflict is as good as an exception that does.
  template <class U, class E>
  static bool is_conflict(const boost::system::result<U, E>& result) noexcept {
    if constexpr (std::is_same_v<E, error_code>) {
      return is_retryable(result.error());
    } else {
      return false;
    }
  }

  // Commits at once where nothing has to be waited for, which is nearly always; false: use finish.
  static bool try_finish(TransactionType& transaction, Store<Key, Value, Compare>& store,
                         AnnouncementType& announcement) {
    if (!transaction.active()) return true;  // the closure has committed or rolled back by itself
    auto& state = *transaction.lease_;
    switch (state.try_commit(true)) {
      case CommitOutcome::committed:
        announcement.withdraw();  // decided: nobody need wait for the log with us
        return is_acknowledged(store, state.needed());
      case CommitOutcome::conflict:
        throw ConflictError(state.conflict_key());
      case CommitOutcome::step_aside:
      case CommitOutcome::stalled:
        break;
    }
    return false;
  }
  static asio::awaitable<void> finish(TransactionType& transaction,
                                      const std::shared_ptr<Store<Key, Value, Compare>>& store) {
    auto& state = *transaction.lease_;
    if (state.active()) {
      co_await commit_state(state, store);
    } else {  // it has committed
      check_wait(*store->log, co_await wait_acknowledged(store, state.needed()));
    }
  }

  static void note_retry(Store<Key, Value, Compare>& store) {
    EpochGuard guard(store.epochs);
    guard.counters().retries.add(1);
  }
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

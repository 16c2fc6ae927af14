// Commit as a coroutine: what may have to wait. · layer: front
#pragma once

#include <fluxmap/detail/front/async_op.hpp>
#include <fluxmap/detail/front/resume.hpp>
#include <fluxmap/detail/txn/session.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// A commit's stepping aside for a starving transaction: it waits for one of them, with all its attempts, not for those
// that come after it.
template <class StoreType>
class StepAside {
 public:
  explicit StepAside(StoreType& store) noexcept : store_(store) {}

  // True while it has not stepped aside yet.
  bool willing() const noexcept { return willing_; }

  // Waits for the one that stands, once. Throws errc::closed when the database went away.
  asio::awaitable<void> wait() {
    const std::uint64_t owner = standing();
    const auto began = std::chrono::steady_clock::now();
    std::chrono::nanoseconds waited{0};
    while (owner != 0 && standing() == owner && waited < k_most) {
      if (waited < k_poll) {  // most attempts take some ten microseconds
        co_await yield_to_others();
      } else {
        co_await pause(k_poll);
      }
      store_.check_open();
      waited = std::chrono::steady_clock::now() - began;
    }
    willing_ = false;
  }

 private:
  std::uint64_t standing() const {
    EpochGuard guard(store_.epochs);  // the announcement may be withdrawn, and freed, while it is looked at
    return store_.reservations.standing();
  }

  static constexpr std::chrono::microseconds k_poll{100};  // well below the bound, well above a timer's cost
  static constexpr std::chrono::seconds k_most{2};

  StoreType& store_;
  bool willing_ = true;
};

// Where the limit was to be kept before: what others had under way then could not be evicted. After the wait.
template <class StoreType>
void keep_limit(StoreType& store, Cts own) noexcept {
  if (store.limiter != nullptr) store.limiter->keep_limit({.cts = own});
}

// Commits a state, and waits for the log; the caller keeps it alive. Throws ConflictError. After an exception the
// transaction has ended.
template <class Key, class Value, class Compare>
asio::awaitable<void> commit_state(TxnState<Key, Value, Compare>& state,
                                   std::shared_ptr<Store<Key, Value, Compare>> store) {
  struct RollBack {
    TxnState<Key, Value, Compare>& state;
    ~RollBack() { state.roll_back(); }
  } roll_back{state};
  StepAside aside(*store);
  for (;;) {  // bounded: by StepAside, and by how often a commit can be taken for stalled
    switch (state.try_commit(aside.willing())) {
      case CommitOutcome::committed:
        if (!is_acknowledged(*store, state.needed())) {
          check_wait(*store->log, co_await wait_acknowledged(store, state.needed()));
          keep_limit(*store, state.needed());
        }
        co_return;
      case CommitOutcome::conflict:
        throw ConflictError(state.conflict_key());
      case CommitOutcome::step_aside:
        co_await aside.wait();
        break;
      case CommitOutcome::stalled:
        break;
    }
  }
}

// Commits a lease of its own: may outlive the transaction and the handle.
template <class Key, class Value, class Compare>
asio::awaitable<void> commit_op(Lease<Key, Value, Compare> lease) {
  if (!lease || !lease->active()) throw_error(errc::transaction_inactive);
  co_await commit_state(*lease, lease.session()->shared_store());
}

template <class Key, class Value, class Compare, class Closure, class T>
struct TransactionRun;

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// What the handles, transactions and streams of one Handle share: the store, and a transaction state kept for reuse.
// · layer: txn
//
// Everything that outlives its Handle keeps the session alive, and the session the store; so the store's reference
// count is touched once per handle, not once per transaction.
#pragma once

#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/detail/txn/announcement.hpp>
#include <fluxmap/detail/txn/txn_state.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class Key, class Value, class Compare>
class Session : public std::enable_shared_from_this<Session<Key, Value, Compare>> {
 public:
  using StoreType = Store<Key, Value, Compare>;
  using State = TxnState<Key, Value, Compare>;

  explicit Session(std::shared_ptr<StoreType> store) noexcept : store_(std::move(store)) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { delete spare_.load(std::memory_order_acquire); }  // destructor: nobody else is here

  StoreType& store() const noexcept { return *store_; }
  const std::shared_ptr<StoreType>& shared_store() const noexcept { return store_; }
  ConflictMemory& conflicts() noexcept { return conflicts_; }

  // A state that nobody uses; give it back with put.
  std::unique_ptr<State> take() {
    // acquire: pairs with put, perhaps of another thread.
    if (State* const spare = spare_.exchange(nullptr, std::memory_order_acquire)) return std::unique_ptr<State>(spare);
    const std::lock_guard lock(mutex_);
    if (!more_.empty()) {
      std::unique_ptr<State> state = std::move(more_.back());
      more_.pop_back();
      return state;
    }
    more_.reserve(++states_);  // so that put cannot fail
    return std::make_unique<State>(*store_);
  }
  // Takes a state back. It lives as long as the session: a stream may still ask it whether its transaction is over.
  void put(std::unique_ptr<State> state) noexcept {
    State* none = nullptr;
    // release: what was done with the state comes before its next use.
    if (spare_.compare_exchange_strong(none, state.get(), std::memory_order_acq_rel, std::memory_order_relaxed)) {
      static_cast<void>(state.release());
      return;
    }
    const std::lock_guard lock(mutex_);
    more_.push_back(std::move(state));
  }

 private:
  std::shared_ptr<StoreType> store_;
  Atomic<State*> spare_{nullptr};
  ConflictMemory conflicts_;
  std::mutex mutex_;  // of this handle only, for those that keep several transactions open at once
  std::vector<std::unique_ptr<State>> more_;
  std::size_t states_ = 0;
};

// A transaction state in use. Rolls back and gives it back to the session when destroyed.
template <class Key, class Value, class Compare>
class Lease {
 public:
  using SessionType = Session<Key, Value, Compare>;
  using State = TxnState<Key, Value, Compare>;

  Lease() noexcept = default;
  Lease(std::shared_ptr<SessionType> session, bool read_only) : session_(std::move(session)), state_(session_->take()) {
    try {
      state_->begin(read_only);
    } catch (...) {
      session_->put(std::move(state_));
      throw;
    }
  }
  // May go to another thread: what the transaction shares with the one that runs its closure ends here.
  Lease(Lease&& other) noexcept : session_(std::move(other.session_)), state_(std::move(other.state_)) {
    if (state_ != nullptr) state_->sever();
  }
  Lease& operator=(Lease&& other) noexcept {
    if (this != &other) {
      if (other.state_ != nullptr) other.state_->sever();
      reset();
      session_ = std::move(other.session_);
      state_ = std::move(other.state_);
    }
    return *this;
  }
  ~Lease() { reset(); }

  explicit operator bool() const noexcept { return state_ != nullptr; }
  State& operator*() const noexcept { return *state_; }
  State* operator->() const noexcept { return state_.get(); }
  const std::shared_ptr<SessionType>& session() const noexcept { return session_; }

 private:
  void reset() noexcept {
    if (state_ == nullptr) return;
    state_->roll_back();
    session_->put(std::move(state_));
    session_.reset();
  }

  std::shared_ptr<SessionType> session_;
  std::unique_ptr<State> state_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// The autocommit writes as coroutines. Each owns all it needs: it may outlive the handle it was started from.
// · layer: front
#pragma once

#include <fluxmap/detail/front/async_op.hpp>
#include <fluxmap/detail/front/commit_op.hpp>
#include <fluxmap/detail/front/lookup_key.hpp>
#include <fluxmap/detail/txn/autocommit.hpp>
#include <fluxmap/detail/txn/session.hpp>
#include <fluxmap/error.hpp>
#include <fluxmap/options.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class Key, class Value, class Compare>
using SessionPtr = std::shared_ptr<Session<Key, Value, Compare>>;

// What a removal or an update hands over: the value, or, for values that cannot be copied, whether there was one.
template <class Value>
using removed_t = std::conditional_t<std::copy_constructible<Value>, std::optional<Value>, bool>;
template <class Value>
using updated_t = std::conditional_t<std::copy_constructible<Value>, Value, void>;

// The key to be written, with or without a Key in it: see given_key. Throws errc::invalid_key where there is none, or
// it has no place in the order; before anything has happened.
template <class Key, class Value, class Compare, class Given>
Key&& admit(const Store<Key, Value, Compare>& store, Given& given) {
  Key&& key = held<Key>(given);
  check_place(store.index.compare(), key);
  return std::move(key);
}

// In what follows Given is Key or an optional one.

template <class Key, class Value, class Compare, class Given>
asio::awaitable<void> insert_op(SessionPtr<Key, Value, Compare> session, Given key, Value value,
                                std::chrono::microseconds lasts) {
  auto& store = session->store();
  SingleWrite<Key, Value, Compare> write(store, admit(store, key), lasts);
  write.set_value(std::move(value));
  if (!write.put(true)) {
    StepAside aside(store);
    do {
      co_await aside.wait();
    } while (!write.put(aside.willing()));
  }
  if (!is_acknowledged(store, write.needed())) {
    check_wait(*store.log, co_await wait_acknowledged(session->shared_store(), write.needed()));
    keep_limit(store, write.needed());
  }
}

// The time to live of a write, checked; before anything has happened.
template <class StoreType>
std::chrono::microseconds checked_time(StoreType& store, ExpiresAfter lasts) {
  if (lasts.time <= std::chrono::milliseconds::zero()) {
    throw_error(errc::invalid_option, "fluxmap: a time to live must be positive");
  }
  store.expirer->start();
  return std::min(lasts.time, k_longest_time);
}

template <class Key, class Value, class Compare, class Given>
asio::awaitable<void> insert_for_op(SessionPtr<Key, Value, Compare> session, Given key, Value value,
                                    ExpiresAfter lasts) {
  const std::chrono::microseconds time = checked_time(session->store(), lasts);
  co_await insert_op<Key, Value, Compare>(std::move(session), std::move(key), std::move(value), time);
}

// Runs write.update(decide) to its end. `decide` may be called several times.
template <class Key, class Value, class Compare, class Decide>
asio::awaitable<void> update_to_end(SingleWrite<Key, Value, Compare>& write, Store<Key, Value, Compare>& store,
                                    Decide& decide) {
  StepAside aside(store);
  do {
    co_await aside.wait();
  } while (!write.update(decide, aside.willing()));
}

template <class Key, class Value, class Compare, class Given>
asio::awaitable<bool> insert_if_absent_op(SessionPtr<Key, Value, Compare> session, Given key, Value value) {
  auto& store = session->store();
  SingleWrite<Key, Value, Compare> write(store, admit(store, key));
  // The value moves into each attempt's version and back: a lost attempt must not lose it.
  PrivateVersion<Value> version = write.make_version(std::move(value));
  bool inserted = false;
  auto decide = [&](const Value* old) -> PrivateVersion<Value> {
    if (version == nullptr) version = write.reclaim();
    inserted = old == nullptr;
    return inserted ? std::move(version) : nullptr;
  };
  if (!write.update(decide, true)) co_await update_to_end(write, store, decide);
  if (!is_acknowledged(store, write.needed())) {
    check_wait(*store.log, co_await wait_acknowledged(session->shared_store(), write.needed()));
    keep_limit(store, write.needed());
  }
  co_return inserted;
}

// Removed: std::optional<Value> for a copy of what was removed, bool for whether there was anything. No key: there
// cannot be one.
template <class Removed, class Key, class Value, class Compare, class Given>
asio::awaitable<Removed> remove_op(SessionPtr<Key, Value, Compare> session, Given key, bool evicting) {
  constexpr bool k_copies = !std::same_as<Removed, bool>;
  auto& store = session->store();
  if constexpr (!std::same_as<Given, Key>) {
    if (!key) {
      store.check_open();
      if (store.log != nullptr) store.log->check_usable();
      co_return Removed{};
    }
  }
  SingleWrite<Key, Value, Compare> write(store, admit(store, key));
  Removed removed{};
  auto decide = [&](const Value* old) -> PrivateVersion<Value> {
    if constexpr (k_copies) {
      removed.reset();
      if (old != nullptr) removed.emplace(*old);
    } else {
      removed = old != nullptr;
    }
    return PrivateVersion<Value>(old != nullptr ? Version<Value>::make(Stamp::k_tombstone) : nullptr);
  };
  if (!write.update(decide, true)) co_await update_to_end(write, store, decide);
  if (!is_acknowledged(store, write.needed())) {
    check_wait(*store.log, co_await wait_acknowledged(session->shared_store(), write.needed()));
    keep_limit(store, write.needed());
  }
  if (evicting && removed) {
    EpochGuard guard(store.epochs);
    guard.counters().evictions.add(1);
  }
  co_return std::move(removed);
}

template <class Key, class Value, class Compare, class F, class Given>
asio::awaitable<updated_t<Value>> update_op(SessionPtr<Key, Value, Compare> session, Given key, F function) {
  auto& store = session->store();
  SingleWrite<Key, Value, Compare> write(store, admit(store, key));
  std::conditional_t<std::copy_constructible<Value>, std::optional<Value>, bool> written{};
  auto decide = [&](const Value* old) -> PrivateVersion<Value> {
    Value value = function(old);
    if constexpr (std::copy_constructible<Value>) written.emplace(value);
    return write.make_version(std::move(value));
  };
  if (!write.update(decide, true)) co_await update_to_end(write, store, decide);
  if (!is_acknowledged(store, write.needed())) {
    check_wait(*store.log, co_await wait_acknowledged(session->shared_store(), write.needed()));
    keep_limit(store, write.needed());
  }
  if constexpr (std::copy_constructible<Value>) co_return std::move(*written);
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

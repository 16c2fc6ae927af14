// What the tests of guarantees share: ends of transactions as booleans, failures as codes, a way to suspend.
#pragma once

#include <fluxmap/fluxmap.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/run.hpp"

namespace fluxmap_test {

using boost::system::error_code;
using fluxmap::errc;

// The code of the system_error that f() throws; none: it returned.
template <class F>
error_code code_of(F&& f) {
  try {
    std::forward<F>(f)();
  } catch (const boost::system::system_error& error) {
    return error.code();
  }
  return {};
}

// Commits. False: a conflict.
template <class Transaction>
bool commits(Transaction& transaction) {
  const error_code code = code_of([&] { run(transaction.commit()); });
  if (code && !fluxmap::is_retryable(code)) throw boost::system::system_error(code);
  return !code;
}

template <class Handle, class Key, class Value>
void put(Handle& handle, Key key, Value value) {
  run(handle.insert(std::move(key), std::move(value)));
}

template <class Range>
auto keys_of(Range&& items) {
  using Key = std::remove_cvref_t<decltype((*items.begin()).first)>;
  std::vector<Key> keys;
  for (auto&& item : items) keys.push_back(item.first);
  return keys;
}

// Suspends until resume() is called; keeps no work of its own on any executor.
inline asio::awaitable<void> park(std::function<void()>& resume) {
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
      [&](auto handler) {
        resume = [kept = std::make_shared<decltype(handler)>(std::move(handler))] { std::move (*kept)(); };
      },
      asio::use_awaitable);
}

}  // namespace fluxmap_test

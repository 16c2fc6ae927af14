// fluxmap as its users write it: writes are awaited on one io_context for each thread, reads are plain calls.
#pragma once

#include "../suite/kinds.hpp"
#include "../suite/plain_coroutine.hpp"
#include "../suite/workloads.hpp"
#include "../support/run_here.hpp"
#include "scratch_directory.hpp"

#include <fluxmap/detail/front/access.hpp>
#include <fluxmap/fluxmap.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_bench {

enum class Durability { memory, relaxed, full };

// The calls of a transaction by the names that all systems share.
template <class Key, class Value>
class FluxTransaction {
 public:
  using Transaction = typename fluxmap::Handle<Key, Value>::Transaction;

  explicit FluxTransaction(Transaction& transaction) : transaction_(transaction) {}
  auto get(KeyView<Key> key) { return transaction_.get(key); }
  void put(KeyView<Key> key, Value value) { transaction_.insert(Key(key), std::move(value)); }

 private:
  Transaction& transaction_;
};

template <class K, class V>
class FluxSession {
 public:
  using Key = K;
  using Value = V;
  using Database = fluxmap::Database<Key, Value>;
  using Handle = decltype(std::declval<Database&>().handle());
  using Work = asio::awaitable<void>;
  static constexpr Abilities k_abilities{};

  explicit FluxSession(Database& database) : handle_(database.handle()), database_(database) {}

  // Several coroutines take turns on one thread, so that their commits share a sync.
  template <class MakeWork>
  static void drive(unsigned coroutines, MakeWork make) {
    asio::io_context io(1);
    std::exception_ptr failure;
    for (unsigned i = 0; i < coroutines; ++i) {
      asio::co_spawn(io, make(i), [&failure](std::exception_ptr e) {
        if (e && !failure) failure = e;
      });
    }
    io.run();
    if (failure) std::rethrow_exception(failure);
  }

  std::optional<Value> get(KeyView<Key> key) const { return handle_.get(key); }
  auto get_many(const std::vector<KeyText<Key>>& keys) const {
    return handle_.get_many(keys | std::views::transform([](const auto& key) { return key.view(); }));
  }
  template <class F>
  void scan(KeyView<Key> first, KeyView<Key> last, F f) const {
    for (const auto& [key, value] : handle_.range_stream(first, last)) f(key, value);
  }
  template <class F>
  void for_each(F f) const {
    scan(KeyText<Key>(0).view(), KeyText<Key>(~std::uint64_t{0}).view(), f);
  }

  auto insert(KeyView<Key> key, Value value) { return handle_.insert(Key(key), std::move(value)); }
  auto overwrite(KeyView<Key> key, Value value) { return handle_.insert(Key(key), std::move(value)); }
  auto remove(KeyView<Key> key) { return handle_.remove(key); }
  template <class F>
  auto update(KeyView<Key> key, F f) {
    return handle_.update(Key(key), std::move(f));
  }
  template <class F>
  auto transaction(F f) {
    return handle_.transaction([f = std::move(f)](auto& tx) {
      FluxTransaction<Key, Value> wrapped(tx);
      f(wrapped);
    });
  }
  template <class F>
  auto read_only(F f) {
    const auto body = [f = std::move(f)](auto& tx) {
      FluxTransaction<Key, Value> wrapped(tx);
      f(wrapped);
    };
    return handle_.transaction(body, {.read_only = true});
  }
  void begin_and_drop() { const auto transaction = handle_.begin(); }

 protected:
  Handle handle_;
  Database& database_;
};

// The same with begin() and commit() instead of a closure.
template <class K, class V>
class FluxManualSession : public FluxSession<K, V> {
 public:
  using FluxSession<K, V>::FluxSession;

  template <class F>
  asio::awaitable<void> transaction(F f) {
    for (;;) {
      auto transaction = this->handle_.begin();
      try {
        FluxTransaction<K, V> wrapped(transaction);
        f(wrapped);
        co_await transaction.commit();
        co_return;
      } catch (const boost::system::system_error& error) {
        if (!fluxmap::is_retryable(error.code())) throw;
      }
    }
  }
};

// Without coroutines: the writes through the engine's own door, to see what the coroutine of an insert costs.
template <class K, class V>
class FluxPlainSession : public FluxSession<K, V> {
 public:
  using FluxSession<K, V>::FluxSession;
  using Work = PlainWork;
  static constexpr Abilities k_abilities{.removes = false, .updates = false, .transactions = false, .snapshots = false};

  template <class MakeWork>
  static void drive(unsigned coroutines, MakeWork make) {
    PlainSession::drive(coroutines, make);
  }
  Done<> insert(KeyView<K> key, V value) {
    fluxmap::detail::plain_insert(this->handle_, K(key), std::move(value));
    return {};
  }
  Done<> overwrite(KeyView<K> key, V value) { return insert(key, std::move(value)); }
};

template <class Key, class Value, template <class, class> class SessionOf = FluxSession>
class FluxStore {
 public:
  using Session = SessionOf<Key, Value>;

  explicit FluxStore(Durability durability = Durability::memory, unsigned coroutines = 1) : coroutines_(coroutines) {
    if constexpr (Session::k_abilities.everything) {
      auto builder = Session::Database::builder();
      if (durability != Durability::memory) directory_.emplace(ScratchDirectory::Place::disk);
      if (durability == Durability::relaxed) builder.durability_relaxed({.directory = directory_->path()});
      if (durability == Durability::full) builder.durability_full({.directory = directory_->path()});
      database_ = builder.build();
    } else {  // without a builder the code of logs is not compiled
      database_ = std::make_shared<typename Session::Database>();
    }
  }

  Session session() { return Session(*database_); }
  unsigned coroutines() const { return coroutines_; }

 private:
  std::optional<ScratchDirectory> directory_;  // outlives the database
  std::shared_ptr<typename Session::Database> database_;
  unsigned coroutines_;
};

template <class Key, class Value>
using FluxDefaultStore = FluxStore<Key, Value>;
template <class Key, class Value>
using FluxManualStore = FluxStore<Key, Value, FluxManualSession>;
template <class Key, class Value>
using FluxPlainStore = FluxStore<Key, Value, FluxPlainSession>;

}  // namespace fluxmap_bench

// RocksDB with optimistic or pessimistic transactions, all in its memtable: no write-ahead log, a buffer that is never
// full. What a transaction reads, it reads for update, so that it is serializable as far as single keys go.
#pragma once

#include "../suite/kinds.hpp"
#include "../suite/plain_coroutine.hpp"
#include "../suite/workloads.hpp"
#include "bytes.hpp"
#include "scratch_directory.hpp"

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/utilities/optimistic_transaction_db.h>
#include <rocksdb/utilities/transaction.h>
#include <rocksdb/utilities/transaction_db.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace fluxmap_bench {

inline bool rocks_check(const rocksdb::Status& status) {  // false: not found
  if (status.IsNotFound()) return false;
  if (!status.ok()) throw std::runtime_error("rocksdb: " + status.ToString());
  return true;
}

struct RocksConflict {};  // begin again

inline bool rocks_retry_check(const rocksdb::Status& status) {
  if (status.IsBusy() || status.IsTryAgain() || status.IsTimedOut() || status.IsDeadlock()) throw RocksConflict{};
  return rocks_check(status);
}

inline rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
inline std::string_view rocks_bytes(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

inline rocksdb::WriteOptions rocks_write_options() {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return options;
}

template <class Key, class Value>
class RocksTransaction {
 public:
  explicit RocksTransaction(rocksdb::Transaction& transaction) : transaction_(transaction) {}

  std::optional<Value> get(KeyView<Key> key) {
    const KeyBytes<Key> bytes(key);
    if (!rocks_retry_check(transaction_.GetForUpdate({}, slice(bytes.view()), &found_))) return std::nullopt;
    return Value(value_of<Value>(found_));
  }
  void put(KeyView<Key> key, const Value& value) {
    const KeyBytes<Key> bytes(key);
    rocks_retry_check(transaction_.Put(slice(bytes.view()), slice(bytes_of(value))));
  }

 private:
  rocksdb::Transaction& transaction_;
  std::string found_;
};

// Base is rocksdb::OptimisticTransactionDB or rocksdb::TransactionDB.
template <class K, class V, class Base>
class RocksStore {
 public:
  class Session;

  RocksStore() : directory_(ScratchDirectory::Place::memory) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = std::size_t{8} << 30;
    options.avoid_flush_during_shutdown = true;
    options.stats_dump_period_sec = 0;
    options.stats_persist_period_sec = 0;
    Base* opened = nullptr;
    if constexpr (std::is_same_v<Base, rocksdb::TransactionDB>) {
      rocks_check(Base::Open(options, rocksdb::TransactionDBOptions{}, directory_.path().string(), &opened));
    } else {
      rocks_check(Base::Open(options, directory_.path().string(), &opened));
    }
    database_.reset(opened);
  }

  Session session() { return Session(*database_); }
  unsigned coroutines() const { return 1; }

 private:
  ScratchDirectory directory_;
  std::unique_ptr<Base> database_;
};

template <class K, class V, class Base>
class RocksStore<K, V, Base>::Session : public PlainSession {
 public:
  using Key = K;
  using Value = V;
  static constexpr Abilities k_abilities{};

  explicit Session(Base& database) : database_(database) {}

  std::optional<Value> get(KeyView<Key> key) const { return get_at(key, nullptr); }
  std::vector<std::optional<Value>> get_many(const std::vector<KeyText<Key>>& keys) const {
    rocksdb::ManagedSnapshot snapshot(&database_);
    return values_of(keys, [&](KeyView<Key> key) { return get_at(key, snapshot.snapshot()); });
  }
  template <class F>
  void scan(KeyView<Key> first, KeyView<Key> last, F f) const {
    const KeyBytes<Key> from(first), to(last);
    const std::unique_ptr<rocksdb::Iterator> at(database_.NewIterator({}));
    for (at->Seek(slice(from.view())); at->Valid() && rocks_bytes(at->key()) < to.view(); at->Next()) visit(*at, f);
  }
  template <class F>
  void for_each(F f) const {
    const std::unique_ptr<rocksdb::Iterator> at(database_.NewIterator({}));
    for (at->SeekToFirst(); at->Valid(); at->Next()) visit(*at, f);
  }

  Done<> insert(KeyView<Key> key, const Value& value) {
    const KeyBytes<Key> bytes(key);
    rocks_check(database_.Put(k_write, slice(bytes.view()), slice(bytes_of(value))));
    return {};
  }
  Done<> overwrite(KeyView<Key> key, const Value& value) { return insert(key, value); }
  Done<bool> remove(KeyView<Key> key) {  // it does not tell whether there was one; nor does anybody ask here
    const KeyBytes<Key> bytes(key);
    rocks_check(database_.Delete(k_write, slice(bytes.view())));
    return {true};
  }
  template <class F>
  Done<> update(KeyView<Key> key, F f) {
    return transaction([&](auto& tx) {
      const auto old = tx.get(key);
      tx.put(key, f(old ? &*old : nullptr));
    });
  }
  template <class F>
  Done<> transaction(F f) {
    for (;;) {
      begin();
      RocksTransaction<Key, Value> tx(*transaction_);
      try {
        f(tx);
        rocks_retry_check(transaction_->Commit());
        return {};
      } catch (const RocksConflict&) {
        rocks_check(transaction_->Rollback());
      }
    }
  }
  template <class F>
  Done<> read_only(F f) {
    rocksdb::ManagedSnapshot snapshot(&database_);
    struct Reading {
      const Session& session;
      const rocksdb::Snapshot* snapshot;
      std::optional<Value> get(KeyView<Key> key) const { return session.get_at(key, snapshot); }
    };
    const Reading tx{*this, snapshot.snapshot()};
    f(tx);
    return {};
  }
  void begin_and_drop() {
    begin();
    rocks_check(transaction_->Rollback());
  }

 private:
  inline static const rocksdb::WriteOptions k_write = rocks_write_options();

  void begin() {  // the object is used again, as its documentation advises
    if constexpr (std::is_same_v<Base, rocksdb::TransactionDB>) {
      rocksdb::TransactionOptions options;
      options.deadlock_detect = true;  // else two that wait for each other do so for a second
      transaction_.reset(database_.BeginTransaction(k_write, options, transaction_.release()));
    } else {
      transaction_.reset(database_.BeginTransaction(k_write, {}, transaction_.release()));
    }
  }
  std::optional<Value> get_at(KeyView<Key> key, const rocksdb::Snapshot* snapshot) const {
    const KeyBytes<Key> bytes(key);
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    rocksdb::PinnableSlice found;
    if (!rocks_check(database_.Get(options, database_.DefaultColumnFamily(), slice(bytes.view()), &found))) {
      return std::nullopt;
    }
    return Value(value_of<Value>(rocks_bytes(found)));
  }
  template <class F>
  static void visit(const rocksdb::Iterator& at, F& f) {
    f(KeyBytes<Key>::key_of(rocks_bytes(at.key())), value_of<Value>(rocks_bytes(at.value())));
  }

  Base& database_;
  std::unique_ptr<rocksdb::Transaction> transaction_;
};

template <class Key, class Value>
using OptimisticRocksStore = RocksStore<Key, Value, rocksdb::OptimisticTransactionDB>;
template <class Key, class Value>
using PessimisticRocksStore = RocksStore<Key, Value, rocksdb::TransactionDB>;

}  // namespace fluxmap_bench

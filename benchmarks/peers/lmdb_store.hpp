// LMDB: a B+ tree in a memory-mapped file, here on a file system in memory and never synced. One writer at a time,
// readers see snapshots. A thread's read transaction is kept and renewed, as its documentation advises.
#pragma once

#include "../suite/kinds.hpp"
#include "../suite/plain_coroutine.hpp"
#include "../suite/workloads.hpp"
#include "bytes.hpp"
#include "scratch_directory.hpp"

#include <lmdb.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace fluxmap_bench {

inline bool lmdb_check(int code) {  // false: not found
  if (code == MDB_NOTFOUND) return false;
  if (code != 0) throw std::runtime_error(std::string("lmdb: ") + mdb_strerror(code));
  return true;
}

inline MDB_val lmdb_value(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};  // its interface knows no const; it does not write there
}
inline std::string_view lmdb_bytes(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

// Numbers are integer keys to it, as they are stored; texts are bytes.
template <class Key>
class LmdbKey {
 public:
  static constexpr bool k_integer = std::is_same_v<Key, std::uint64_t>;

  explicit LmdbKey(KeyView<Key> key) : key_(key) {}
  MDB_val value() const {
    if constexpr (k_integer) {
      return lmdb_value(bytes_of(key_));
    } else {
      return lmdb_value(key_);
    }
  }
  static KeyView<Key> key_of(const MDB_val& value) { return value_of<Key>(lmdb_bytes(value)); }

 private:
  KeyView<Key> key_;
};

template <class Key, class Value>
class LmdbTransaction {
 public:
  LmdbTransaction(MDB_txn* transaction, MDB_dbi map) : transaction_(transaction), map_(map) {}

  std::optional<Value> get(KeyView<Key> key) const {
    const LmdbKey<Key> text(key);
    MDB_val wanted = text.value();
    MDB_val found{};
    if (!lmdb_check(mdb_get(transaction_, map_, &wanted, &found))) return std::nullopt;
    return Value(value_of<Value>(lmdb_bytes(found)));
  }
  void put(KeyView<Key> key, const Value& value) const {
    const LmdbKey<Key> text(key);
    MDB_val wanted = text.value();
    MDB_val written = lmdb_value(bytes_of(value));
    lmdb_check(mdb_put(transaction_, map_, &wanted, &written, 0));
  }
  bool remove(KeyView<Key> key) const {
    const LmdbKey<Key> text(key);
    MDB_val wanted = text.value();
    return lmdb_check(mdb_del(transaction_, map_, &wanted, nullptr));
  }

 private:
  MDB_txn* transaction_;
  MDB_dbi map_;
};

template <class K, class V>
class LmdbStore {
 public:
  class Session;

  LmdbStore() : directory_(ScratchDirectory::Place::memory) {
    constexpr std::size_t k_map_bytes = std::size_t{16} << 30;  // addresses, not memory
    constexpr unsigned k_readers = 1024;
    lmdb_check(mdb_env_create(&environment_));
    lmdb_check(mdb_env_set_mapsize(environment_, k_map_bytes));
    lmdb_check(mdb_env_set_maxreaders(environment_, k_readers));
    const unsigned flags = MDB_NOSYNC | MDB_NOMETASYNC | MDB_WRITEMAP | MDB_NOTLS | MDB_NORDAHEAD;
    lmdb_check(mdb_env_open(environment_, directory_.path().c_str(), flags, 0600));
    MDB_txn* transaction = nullptr;
    lmdb_check(mdb_txn_begin(environment_, nullptr, 0, &transaction));
    lmdb_check(mdb_dbi_open(transaction, nullptr, LmdbKey<K>::k_integer ? MDB_INTEGERKEY : 0, &map_));
    lmdb_check(mdb_txn_commit(transaction));
  }
  LmdbStore(const LmdbStore&) = delete;
  LmdbStore& operator=(const LmdbStore&) = delete;
  ~LmdbStore() { mdb_env_close(environment_); }

  Session session() { return Session(environment_, map_); }
  unsigned coroutines() const { return 1; }

 private:
  ScratchDirectory directory_;
  MDB_env* environment_ = nullptr;
  MDB_dbi map_ = 0;
};

template <class K, class V>
class LmdbStore<K, V>::Session : public PlainSession {
 public:
  using Key = K;
  using Value = V;
  using Transaction = LmdbTransaction<Key, Value>;
  static constexpr Abilities k_abilities{.fills_in_bulk = true};

  Session(MDB_env* environment, MDB_dbi map) : environment_(environment), map_(map) {
    lmdb_check(mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &reader_));
    lmdb_check(mdb_cursor_open(reader_, map_, &cursor_));
    mdb_txn_reset(reader_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    mdb_cursor_close(cursor_);
    mdb_txn_abort(reader_);
  }

  std::optional<Value> get(KeyView<Key> key) const {
    const Reading reading(*this);
    return reading.transaction().get(key);
  }
  std::vector<std::optional<Value>> get_many(const std::vector<KeyText<Key>>& keys) const {
    const Reading reading(*this);
    return values_of(keys, [&](KeyView<Key> key) { return reading.transaction().get(key); });
  }
  template <class F>
  void scan(KeyView<Key> first, KeyView<Key> last, F f) const {
    const LmdbKey<Key> from(first);
    MDB_val key = from.value();
    walk(MDB_SET_RANGE, key, [&](KeyView<Key> at) { return at < last; }, f);
  }
  template <class F>
  void for_each(F f) const {
    MDB_val key{};
    walk(MDB_FIRST, key, [](KeyView<Key>) { return true; }, f);
  }

  Done<> insert(KeyView<Key> key, const Value& value) {
    return transaction([&](const Transaction& tx) { tx.put(key, value); });
  }
  Done<> overwrite(KeyView<Key> key, const Value& value) { return insert(key, value); }
  Done<bool> remove(KeyView<Key> key) {
    bool removed = false;
    transaction([&](const Transaction& tx) { removed = tx.remove(key); });
    return {removed};
  }
  template <class F>
  Done<> update(KeyView<Key> key, F f) {
    return transaction([&](const Transaction& tx) {
      const auto old = tx.get(key);
      tx.put(key, f(old ? &*old : nullptr));
    });
  }
  template <class F>
  Done<> transaction(F f) {
    MDB_txn* writer = nullptr;
    lmdb_check(mdb_txn_begin(environment_, nullptr, 0, &writer));
    try {
      Transaction tx(writer, map_);
      f(tx);
    } catch (...) {
      mdb_txn_abort(writer);
      throw;
    }
    lmdb_check(mdb_txn_commit(writer));
    return {};
  }
  template <class F>
  Done<> read_only(F f) {
    const Reading reading(*this);
    auto tx = reading.transaction();
    f(tx);
    return {};
  }
  void begin_and_drop() { const Reading reading(*this); }

 private:
  class Reading {
   public:
    explicit Reading(const Session& session) : session_(session) { lmdb_check(mdb_txn_renew(session.reader_)); }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    ~Reading() { mdb_txn_reset(session_.reader_); }
    Transaction transaction() const { return Transaction(session_.reader_, session_.map_); }

   private:
    const Session& session_;
  };

  template <class Within, class F>
  void walk(MDB_cursor_op start, MDB_val& key, Within within, F f) const {
    const Reading reading(*this);
    lmdb_check(mdb_cursor_renew(reader_, cursor_));
    MDB_val value{};
    for (bool more = lmdb_check(mdb_cursor_get(cursor_, &key, &value, start));
         more && within(LmdbKey<Key>::key_of(key));
         more = lmdb_check(mdb_cursor_get(cursor_, &key, &value, MDB_NEXT))) {
      f(LmdbKey<Key>::key_of(key), value_of<Value>(lmdb_bytes(value)));
    }
  }

  MDB_env* environment_;
  MDB_dbi map_;
  MDB_txn* reader_ = nullptr;
  MDB_cursor* cursor_ = nullptr;
};

}  // namespace fluxmap_bench

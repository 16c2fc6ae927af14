// SQLite in memory: one connection behind one mutex, since a database in memory belongs to its connection. Everything
// goes through prepared statements.
#pragma once

#include "../suite/kinds.hpp"
#include "../suite/plain_coroutine.hpp"
#include "../suite/workloads.hpp"
#include "bytes.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace fluxmap_bench {

// A prepared statement; numbers are integers to it, texts are blobs.
class SqliteStatement {
 public:
  SqliteStatement(sqlite3* connection, const char* sql) : connection_(connection) {
    check(sqlite3_prepare_v3(connection, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr));
  }
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;
  ~SqliteStatement() { sqlite3_finalize(statement_); }

  void bind(int place, std::uint64_t number) {
    check(sqlite3_bind_int64(statement_, place, static_cast<sqlite3_int64>(number)));
  }
  void bind(int place, std::string_view text) {  // it must stay until the statement has been reset
    check(sqlite3_bind_blob64(statement_, place, text.data(), text.size(), SQLITE_STATIC));
  }
  bool step() {  // true: there is a row
    const int code = sqlite3_step(statement_);
    if (code != SQLITE_ROW && code != SQLITE_DONE) check(code);
    return code == SQLITE_ROW;
  }
  void reset() { sqlite3_reset(statement_); }
  void run() {
    step();
    reset();
  }

  template <class T>  // good until the next step or reset
  auto column(int place) const {
    if constexpr (std::is_same_v<T, std::string>) {
      const void* const bytes = sqlite3_column_blob(statement_, place);
      return std::string_view(static_cast<const char*>(bytes),
                              static_cast<std::size_t>(sqlite3_column_bytes(statement_, place)));
    } else {
      return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, place));
    }
  }

 private:
  void check(int code) const {
    if (code != SQLITE_OK) throw std::runtime_error(std::string("sqlite: ") + sqlite3_errmsg(connection_));
  }

  sqlite3* connection_;
  sqlite3_stmt* statement_ = nullptr;
};

class SqliteConnection {
 public:
  explicit SqliteConnection(const char* schema) {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_MEMORY;
    const bool opened = sqlite3_open_v2(":memory:", &connection_, flags, nullptr) == SQLITE_OK;
    if (!opened || sqlite3_exec(connection_, schema, nullptr, nullptr, nullptr) != SQLITE_OK) {
      throw std::runtime_error("sqlite: cannot make a database in memory");
    }
  }
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;
  ~SqliteConnection() { sqlite3_close(connection_); }

  sqlite3* get() const { return connection_; }

 private:
  sqlite3* connection_ = nullptr;
};

template <class K, class V>
class SqliteStore {
 public:
  class Session;
  class Transaction;

  Session session() { return Session(*this); }
  unsigned coroutines() const { return 1; }

 private:
  static constexpr const char* k_schema = std::is_same_v<K, std::string>
                                              ? "create table map (k blob primary key, v) without rowid"
                                              : "create table map (k integer primary key, v)";
  std::mutex mutex_;
  SqliteConnection connection_{k_schema};
  SqliteStatement get_{connection_.get(), "select v from map where k = ?1"};
  SqliteStatement put_{connection_.get(), "insert into map values (?1, ?2) on conflict (k) do update set v = ?2"};
  SqliteStatement remove_{connection_.get(), "delete from map where k = ?1"};
  SqliteStatement scan_{connection_.get(), "select k, v from map where k >= ?1 and k < ?2 order by k"};
  SqliteStatement all_{connection_.get(), "select k, v from map order by k"};
  SqliteStatement begin_{connection_.get(), "begin immediate"};
  SqliteStatement commit_{connection_.get(), "commit"};
  SqliteStatement rollback_{connection_.get(), "rollback"};
};

template <class K, class V>
class SqliteStore<K, V>::Transaction {
 public:
  explicit Transaction(SqliteStore& store) : store_(store) {}

  std::optional<V> get(KeyView<K> key) const {
    std::optional<V> value;
    store_.get_.bind(1, key);
    if (store_.get_.step()) value.emplace(store_.get_.template column<V>(0));
    store_.get_.reset();
    return value;
  }
  void put(KeyView<K> key, const V& value) const {
    store_.put_.bind(1, key);
    store_.put_.bind(2, value);
    store_.put_.run();
  }

 private:
  SqliteStore& store_;
};

template <class K, class V>
class SqliteStore<K, V>::Session : public PlainSession {
 public:
  using Key = K;
  using Value = V;
  static constexpr Abilities k_abilities{.begins = false, .fills_in_bulk = true};

  explicit Session(SqliteStore& store) : store_(store), tx_(store) {}

  std::optional<Value> get(KeyView<Key> key) const {
    const std::lock_guard lock(store_.mutex_);
    return tx_.get(key);
  }
  std::vector<std::optional<Value>> get_many(const std::vector<KeyText<Key>>& keys) const {
    const std::lock_guard lock(store_.mutex_);
    return values_of(keys, [&](KeyView<Key> key) { return tx_.get(key); });
  }
  template <class F>
  void scan(KeyView<Key> first, KeyView<Key> last, F f) const {
    const std::lock_guard lock(store_.mutex_);
    store_.scan_.bind(1, first);
    store_.scan_.bind(2, last);
    visit(store_.scan_, f);
  }
  template <class F>
  void for_each(F f) const {
    const std::lock_guard lock(store_.mutex_);
    visit(store_.all_, f);
  }

  Done<> insert(KeyView<Key> key, const Value& value) {
    const std::lock_guard lock(store_.mutex_);
    tx_.put(key, value);
    return {};
  }
  Done<> overwrite(KeyView<Key> key, const Value& value) { return insert(key, value); }
  Done<bool> remove(KeyView<Key> key) {
    const std::lock_guard lock(store_.mutex_);
    store_.remove_.bind(1, key);
    store_.remove_.run();
    return {sqlite3_changes(store_.connection_.get()) == 1};
  }
  template <class F>
  Done<> update(KeyView<Key> key, F f) {
    return transaction([&](Transaction& tx) {
      const auto old = tx.get(key);
      tx.put(key, f(old ? &*old : nullptr));
    });
  }
  template <class F>
  Done<> transaction(F f) {
    const std::lock_guard lock(store_.mutex_);
    store_.begin_.run();
    try {
      f(tx_);
    } catch (...) {
      store_.rollback_.run();
      throw;
    }
    store_.commit_.run();
    return {};
  }
  template <class F>
  Done<> read_only(F f) {  // nobody else gets in while the mutex is held
    const std::lock_guard lock(store_.mutex_);
    f(tx_);
    return {};
  }

 private:
  template <class F>
  static void visit(SqliteStatement& rows, F& f) {
    while (rows.step()) f(rows.column<Key>(0), rows.column<Value>(1));
    rows.reset();
  }

  SqliteStore& store_;
  Transaction tx_;
};

}  // namespace fluxmap_bench

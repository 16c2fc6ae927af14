// fluxmap as a store of the interleaving harness: the databases that scenarios run on.
//
// A scenario runs on three kinds of prepared database: read by get and range; read by get_many and lazy streams, on
// keys that have older versions and tombstones behind them; and with a vacuum after every step.
#pragma once

#include <fluxmap/fluxmap.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "interleaving_explore.hpp"
#include "interleaving_scenario.hpp"

namespace fluxmap_test::interleaving {

using Database = fluxmap::Database<Key, Value>;
using Handle = decltype(std::declval<Database&>().handle());
using Transaction = decltype(std::declval<Handle&>().begin());

enum class Reading { direct, streams };

// What of the reads that not every build has this one has.
inline constexpr bool k_has_reversed_reads = false;
inline constexpr bool k_has_counted_reads = false;

// Runs awaitables to their end on one io_context that is kept, because a scenario commits a hundred thousand times.
class Driver {
 public:
  template <class T>
  T run(boost::asio::awaitable<T> work) {
    std::optional<T> result;
    finish([](boost::asio::awaitable<T> inner, std::optional<T>& out) -> boost::asio::awaitable<void> {
      out.emplace(co_await std::move(inner));
    }(std::move(work), result));
    return std::move(*result);
  }
  void run(boost::asio::awaitable<void> work) { finish(std::move(work)); }

 private:
  void finish(boost::asio::awaitable<void> work) {
    std::exception_ptr failure;
    bool ended = false;
    boost::asio::co_spawn(context_, std::move(work), [&](std::exception_ptr thrown) {
      failure = thrown;
      ended = true;
    });
    context_.restart();
    context_.run();
    if (failure) std::rethrow_exception(failure);
    if (!ended) throw std::logic_error("an awaitable was left suspended");
  }

  boost::asio::io_context context_{1};
};

inline bool is_conflict(const boost::system::system_error& error) {
  return error.code().category() == fluxmap::error_category() &&
         error.code().value() == static_cast<int>(fluxmap::errc::serialization_conflict);
}

// Turns fluxmap's conflicts into the harness's.
template <class F>
auto translated(F&& call) {
  try {
    return call();
  } catch (const boost::system::system_error& error) {
    if (is_conflict(error)) throw Conflict{};
    throw;
  }
}

template <class Stream>
Rows rows_of(Stream&& stream) {
  Rows rows;
  for (auto&& [key, value] : stream) rows.emplace_back(key, value);
  return rows;
}

template <class Stream>
std::optional<Row> first_row_of(Stream&& stream) {
  for (auto&& [key, value] : stream) return Row(key, value);
  return std::nullopt;
}

template <class Stream>
class StreamCursor : public Cursor {
 public:
  template <class MakeStream>
  explicit StreamCursor(MakeStream&& make_stream) : stream_(make_stream()) {}
  std::optional<Row> next() override {
    return translated([&]() -> std::optional<Row> {
      if (!at_) {
        at_.emplace(std::ranges::begin(stream_));
      } else {
        ++*at_;
      }
      if (*at_ == std::ranges::end(stream_)) return std::nullopt;
      auto&& [key, value] = **at_;
      return Row(key, value);
    });
  }

 private:
  Stream stream_;
  std::optional<std::ranges::iterator_t<Stream>> at_;
};

class TransactionAccess : public Access {
 public:
  TransactionAccess(Transaction transaction, Driver& driver, Reading reading)
      : transaction_(std::move(transaction)), driver_(driver), reading_(reading) {}

  std::optional<Value> get(const Key& key) override {
    return translated([&]() -> std::optional<Value> {
      const Value* found =
          reading_ == Reading::direct ? transaction_.get(key) : transaction_.get_many(std::vector<Key>{key}).at(0);
      return found == nullptr ? std::nullopt : std::optional<Value>(*found);
    });
  }
  bool contains(const Key& key) override {
    return translated([&] { return transaction_.contains(key); });
  }
  Rows range(const Key& first, const Key& last) override {
    return translated([&] {
      return reading_ == Reading::direct ? transaction_.range(first, last)
                                         : rows_of(transaction_.range_stream(first, last));
    });
  }
  Rows prefix(const Key& prefix) override {
    return translated([&] {
      return reading_ == Reading::direct ? transaction_.prefix_scan(prefix)
                                         : rows_of(transaction_.prefix_scan_stream(prefix));
    });
  }
  std::optional<Row> first_in(const Key& first, const Key& last) override {
    return translated([&] { return first_row_of(transaction_.range_stream(first, last)); });
  }
  // The library has neither yet. When it has, they are called here, and the constants above say so.
  Rows reversed(const Key&, const Key&) override { throw std::logic_error("this build has no reversed reads"); }
  std::size_t counted(const Key&, const Key&) override { throw std::logic_error("this build has no counted reads"); }
  std::unique_ptr<Cursor> open(const Key& first, const Key& last) override {
    using Stream = decltype(transaction_.range_stream(first, last));
    return translated(
        [&] { return std::make_unique<StreamCursor<Stream>>([&] { return transaction_.range_stream(first, last); }); });
  }
  void insert(const Key& key, Value value) override {
    translated([&] { transaction_.insert(key, value); });
  }
  bool remove(const Key& key) override {
    return translated([&] { return transaction_.remove(key); });
  }
  std::size_t savepoint() override {
    savepoints_.push_back(transaction_.savepoint());
    return savepoints_.size() - 1;
  }
  void rollback_to(std::size_t savepoint) override { transaction_.rollback_to(savepoints_.at(savepoint)); }
  void commit() override {
    translated([&] { driver_.run(transaction_.commit()); });
  }
  void rollback() noexcept override { transaction_.rollback(); }

 private:
  Transaction transaction_;
  Driver& driver_;
  Reading reading_;
  std::vector<decltype(std::declval<Transaction&>().savepoint())> savepoints_;
};

// Every call is a transaction of its own.
class AutocommitAccess : public Access {
 public:
  AutocommitAccess(Handle handle, Driver& driver, Reading reading)
      : handle_(std::move(handle)), driver_(driver), reading_(reading) {}

  std::optional<Value> get(const Key& key) override {
    if (reading_ == Reading::direct) return handle_.get(key);
    return handle_.get_many(std::vector<Key>{key}).at(0);
  }
  bool contains(const Key& key) override { return handle_.contains(key); }
  Rows range(const Key& first, const Key& last) override {
    return reading_ == Reading::direct ? handle_.range(first, last) : rows_of(handle_.range_stream(first, last));
  }
  Rows prefix(const Key& prefix) override {
    return reading_ == Reading::direct ? handle_.prefix_scan(prefix) : rows_of(handle_.prefix_scan_stream(prefix));
  }
  void insert(const Key& key, Value value) override {
    translated([&] { driver_.run(handle_.insert(key, value)); });
  }
  bool remove(const Key& key) override {
    return translated([&] { return driver_.run(handle_.remove(key)).has_value(); });
  }
  bool insert_if_absent(const Key& key, Value value) override {
    return translated([&] { return driver_.run(handle_.insert_if_absent(key, value)); });
  }
  Value update(const Key& key, const std::function<Value(std::optional<Value>)>& change) override {
    return translated([&] {
      return driver_.run(handle_.update(
          key, [&](const Value* old) { return change(old == nullptr ? std::nullopt : std::optional<Value>(*old)); }));
    });
  }
  std::size_t savepoint() override { throw std::logic_error("autocommit has no savepoints"); }
  void rollback_to(std::size_t) override { throw std::logic_error("autocommit has no savepoints"); }
  void commit() override {}
  void rollback() noexcept override {}

 private:
  Handle handle_;
  Driver& driver_;
  Reading reading_;
};

struct Preparation {
  Reading reading = Reading::direct;
  bool history = false;  // older versions and tombstones under the initial contents
  bool vacuum = false;   // after every step
};

class DatabaseStore : public Store {
 public:
  DatabaseStore(const Scenario& scenario, Preparation preparation) : preparation_(preparation) {
    if (preparation_.history) {
      write([&](Transaction& t) {
        for (const auto& [key, value] : scenario.initial) t.insert(key, -value - 1);
        for (const Key& key : scenario.once_there) t.insert(key, -1);
      });
      write([&](Transaction& t) {
        for (const Key& key : scenario.once_there) t.remove(key);
      });
    }
    write([&](Transaction& t) {
      for (const auto& [key, value] : scenario.initial) t.insert(key, value);
    });
  }

  std::unique_ptr<Access> begin(bool read_only) override {
    return std::make_unique<TransactionAccess>(handle_.begin({.read_only = read_only}), driver_, preparation_.reading);
  }
  std::unique_ptr<Access> autocommit() override {
    return std::make_unique<AutocommitAccess>(database_.handle(), driver_, preparation_.reading);
  }
  Contents contents() override {
    const Rows rows = handle_.range(Key(), k_end);
    Contents contents(rows.begin(), rows.end());
    if (contents.size() != rows.size() || !std::is_sorted(rows.begin(), rows.end()) ||
        database_.size() != rows.size()) {
      throw std::logic_error("range(), its order and size() do not agree");
    }
    for (const auto& [key, value] : rows) {
      if (handle_.get(key) != value) throw std::logic_error("get() and range() do not agree about " + key);
    }
    if (database_.stats().active_transactions != 0) throw std::logic_error("a transaction outlived its end");
    return contents;
  }
  void between_steps() override {
    if (preparation_.vacuum) driver_.run(database_.vacuum());
  }

 private:
  template <class F>
  void write(F&& writes) {
    Transaction transaction = handle_.begin();
    writes(transaction);
    driver_.run(transaction.commit());
  }

  Preparation preparation_;
  Driver driver_;
  Database database_;
  Handle handle_ = database_.handle();
};

inline Variant database_variant(std::string name, Preparation preparation) {
  return {std::move(name),
          [preparation](const Scenario& scenario) { return std::make_unique<DatabaseStore>(scenario, preparation); }};
}

inline const std::vector<Variant>& database_variants() {
  static const std::vector<Variant> variants{
      database_variant("fluxmap, get and range", {}),
      database_variant("fluxmap, get_many and streams, keys with a history",
                       {.reading = Reading::streams, .history = true}),
      database_variant("fluxmap, keys with a history, vacuum after every step", {.history = true, .vacuum = true}),
  };
  return variants;
}

}  // namespace fluxmap_test::interleaving

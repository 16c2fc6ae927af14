// Records autocommit operations. Their commit timestamps are not part of any interface, so they are read off the
// versions they wrote: a value by the place it has moved to, a removal by the version that lies on top of what it
// removed.
#pragma once

#include "support/record.hpp"

#include <fluxmap/detail/index/visibility.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace fluxmap_test {

// A handle whose operations are recorded. For one coroutine. No transaction may announce its reads (reserve_after = 0)
// while a write is under way: an epoch guard is held around it, so that the version written stays in memory however
// soon it is overwritten, and so the write must not have to wait.
template <class Keys, class Value>
class RecordedHandle {
 public:
  using Key = typename Keys::Key;
  using Database = fluxmap::Database<Key, Value, typename Keys::Compare>;
  using Handle = fluxmap::Handle<Key, Value, typename Keys::Compare>;
  using EntryType = fluxmap::detail::Entry<Key, Value>;
  using VersionType = fluxmap::detail::Version<Value>;

  RecordedHandle(Database& database, HistoryRecorder& recorder)
      : handle_(database.handle()),
        store_(fluxmap::detail::TransactionAccess::store(database)),
        lane_(recorder.open_lane()) {}

  Handle& handle() { return handle_; }
  HistoryRecorder::Lane& lane() { return lane_; }

  void get(std::int64_t key) {
    read([&](TxnRecord& record) {
      if (const std::optional<Value> found = handle_.get(Keys::key(key))) {
        record.reads.push_back(seen_read(key, &*found));
      } else {
        record.reads.push_back({key, k_unknown_absent, false, 0});
      }
    });
  }
  void visit(std::int64_t key) {
    read([&](TxnRecord& record) {
      const bool found =
          handle_.visit(Keys::key(key), [&](const Value& value) { record.reads.push_back(seen_read(key, &value)); });
      if (!found) record.reads.push_back({key, k_unknown_absent, false, 0});
    });
  }
  void get_many(const std::vector<std::int64_t>& keys) {
    read([&](TxnRecord& record) {
      std::vector<Key> asked;
      for (const std::int64_t key : keys) asked.push_back(Keys::key(key));
      const auto values = handle_.get_many(asked);
      expect(values.size() == keys.size(), "get_many() returned another number of values");
      for (std::size_t i = 0; i < keys.size(); ++i) {
        record.reads.push_back(seen_read(keys[i], values[i] ? &*values[i] : nullptr));
      }
    });
  }
  void range(std::int64_t first, std::int64_t last) {
    whole(first, last, [&] { return handle_.range(Keys::key(first), Keys::key(last)); });
  }
  void prefix_scan(std::int64_t group)
    requires Keys::k_has_prefixes
  {
    whole(group * Keys::k_group, (group + 1) * Keys::k_group, [&] { return handle_.prefix_scan(Keys::prefix(group)); });
  }
  void stream(std::int64_t first, std::int64_t last, std::size_t most) {
    read([&](TxnRecord& record) {
      ScanNote note(first, last, nullptr);
      auto items = handle_.range_stream(Keys::key(first), Keys::key(last));
      for (; most > 0; --most) {
        const auto item = items.next();
        if (!item) {
          note.finish();
          break;
        }
        note.item(Keys::number(item->first), item->second);
      }
      record.ranges.push_back(note.take());
    });
  }

  boost::asio::awaitable<void> insert(std::int64_t key) {
    TxnRecord record = lane_.begin(TxnKind::read_write);
    Value* where = nullptr;
    Stamp cts = 0;
    {
      const fluxmap::detail::EpochGuard guard(store_.epochs);
      co_await handle_.insert(Keys::key(key), Value(write_of(record), key, &where));
      cts = timestamp(where);
    }
    record.writes.push_back({key, false, write_of(record)});
    lane_.commit(std::move(record), cts);
  }
  boost::asio::awaitable<void> insert_if_absent(std::int64_t key) {
    TxnRecord record = lane_.begin(TxnKind::read_write);
    Value* where = nullptr;
    Stamp cts = 0;
    {
      const fluxmap::detail::EpochGuard guard(store_.epochs);
      const bool inserted = co_await handle_.insert_if_absent(Keys::key(key), Value(write_of(record), key, &where));
      if (!inserted) co_return;  // it saw some value, it does not say which
      cts = timestamp(where);
    }
    record.reads.push_back({key, k_unknown_absent, false, 0});
    record.writes.push_back({key, false, write_of(record)});
    lane_.commit(std::move(record), cts);
  }
  boost::asio::awaitable<void> update(std::int64_t key) {
    TxnRecord record = lane_.begin(TxnKind::read_write);
    Value* where = nullptr;
    const std::uint64_t write = write_of(record);
    Stamp cts = 0;
    {
      const fluxmap::detail::EpochGuard guard(store_.epochs);
      const Value written = co_await handle_.update(Keys::key(key), [&](const Value* old) {
        record.reads.assign(1, seen_read(key, old));        // the last call counts
        if (record.id % 4 == 0) std::this_thread::yield();  // for others to come in between
        return Value(write, key, &where);
      });
      expect(written.intact(key) && written.write() == write, "update() did not return what it wrote");
      cts = timestamp(where);
    }
    record.writes.push_back({key, false, write});
    lane_.commit(std::move(record), cts);
  }
  boost::asio::awaitable<void> remove(std::int64_t key) {
    {
      const fluxmap::detail::EpochGuard guard(store_.epochs);
      if (store_.index.find(Keys::key(key)) == nullptr) {  // what comes to be there could not be kept in sight
        get(key);
        co_return;
      }
    }
    TxnRecord record = lane_.begin(TxnKind::read_write);
    std::optional<Value> removed;
    std::optional<Stamp> cts;
    {
      const fluxmap::detail::EpochGuard guard(store_.epochs);
      const NoPruning chain(store_.index.find(Keys::key(key)));
      removed = co_await handle_.remove(Keys::key(key));
      if (removed) {
        cts = on_top_of(chain.entry(), removed->write());
        if (!cts) cts = on_top_of(store_.index.find(Keys::key(key)), removed->write());
      }
    }
    if (!removed) {
      record.kind = TxnKind::autocommit_read;
      record.reads.push_back({key, k_unknown_absent, false, 0});
      lane_.commit(std::move(record), 0);
      co_return;
    }
    // It takes another removal, a vacuum, a re-insertion and pruning between three neighbouring instructions.
    expect(cts.has_value(), "the test has lost sight of a removal: run it again");
    record.reads.push_back(seen_read(key, &*removed));
    record.writes.push_back({key, true, 0});
    lane_.commit(std::move(record), *cts);
  }

 private:
  // Keeps versions in a chain, as a pruner at work there would.
  class NoPruning {
   public:
    explicit NoPruning(EntryType* entry) : entry_(entry) {
      while (entry_ != nullptr && (entry_->flags.fetch_or(EntryType::k_pruning) & EntryType::k_pruning) != 0) {
        std::this_thread::yield();
      }
    }
    NoPruning(const NoPruning&) = delete;
    NoPruning& operator=(const NoPruning&) = delete;
    ~NoPruning() {
      if (entry_ != nullptr) entry_->flags.fetch_and(static_cast<std::uint8_t>(~EntryType::k_pruning));
    }
    EntryType* entry() const { return entry_; }

   private:
    EntryType* entry_;
  };

  static std::uint64_t write_of(const TxnRecord& record) { return (record.id << k_write_bits) | 1U; }

  template <class Read>
  void read(Read now) {
    TxnRecord record = lane_.begin(TxnKind::autocommit_read);
    now(record);
    lane_.commit(std::move(record), 0);
  }
  template <class Scan>
  void whole(std::int64_t first, std::int64_t last, Scan scan) {
    read([&](TxnRecord& record) {
      ScanNote note(first, last, nullptr);
      for (const auto& [key, value] : scan()) note.item(Keys::number(key), value);
      note.finish();
      record.ranges.push_back(note.take());
    });
  }

  // The commit timestamp of the version that holds this value. It must be stamped: its commit was acknowledged.
  static Stamp timestamp(Value* value) {
    VersionType probe;
    const auto offset = reinterpret_cast<char*>(std::addressof(probe.value)) - reinterpret_cast<char*>(&probe);
    const auto* version = reinterpret_cast<const VersionType*>(reinterpret_cast<char*>(value) - offset);
    const fluxmap::detail::Stamp stamp = version->stamp();
    expect(!stamp.is_tagged() && stamp.cts() != 0, "an acknowledged version is not stamped");
    return stamp.cts();
  }

  // The commit timestamp of the version that overwrote the given write.
  static std::optional<Stamp> on_top_of(const EntryType* entry, std::uint64_t write) {
    if (entry == nullptr) return std::nullopt;
    const VersionType* version = entry->load_head();
    if (version == EntryType::closed()) return std::nullopt;
    Stamp newer = 0;
    for (; version != nullptr; version = version->older.load()) {
      Stamp cts = 0;
      if (!fluxmap::detail::is_committed(*version, cts)) continue;
      if (!version->is_tombstone() && version->value.write() == write) {
        return newer != 0 ? std::optional(newer) : std::nullopt;
      }
      newer = cts;
    }
    return std::nullopt;
  }

  Handle handle_;
  fluxmap::detail::Store<Key, Value, typename Keys::Compare>& store_;
  HistoryRecorder::Lane& lane_;
};

}  // namespace fluxmap_test

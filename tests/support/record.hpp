// Records what transactions and autocommit operations of a database do, for the checkers of serialization_graph.hpp.
//
// Values are Tagged: a read names the write it saw, and resolve() turns that into the commit timestamp of the writer
// once it is known. What contradicts itself at once (a torn value, an own write not read back, an old pointer gone bad)
// throws std::logic_error on the spot.
#pragma once

#include "support/history.hpp"
#include "support/serialization_graph.hpp"
#include "support/tagged.hpp"

#include <fluxmap/detail/front/access.hpp>
#include <fluxmap/fluxmap.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fluxmap_test {

inline constexpr unsigned k_write_bits = 12;  // writes per transaction at most

// What a read saw; the version is the writer's record until resolve().
template <class Value>
KeyRead seen_read(std::int64_t key, const Value* value) {
  if (value == nullptr) return {key, k_unknown_absent, false, 0};
  expect(value->intact(key), "a value is torn, freed or in the wrong place");
  return {key, value->write() >> k_write_bits, true, value->write()};
}

// Own writes of a transaction: the number of the write, or nothing for a removal.
using OwnWrites = std::map<std::int64_t, std::optional<std::uint64_t>>;

// Follows a scan item by item. Own writes are looked at as they are when the scan passes them.
class ScanNote {
 public:
  ScanNote(std::int64_t first, std::int64_t last, const OwnWrites* own) : own_(own), next_(first), end_(last) {
    read_.first = first;
  }

  template <class Value>
  void item(std::int64_t key, const Value& value) {
    expect(key >= next_ && key < end_, "a scan returned a key out of order or out of its range");
    pass_own(key);
    const auto own = own_ == nullptr ? OwnWrites::const_iterator{} : own_->find(key);
    if (own_ != nullptr && own != own_->end()) {
      expect(own->second.has_value(), "a scan returned a key that its transaction has removed");
      expect(value.intact(key) && value.write() == *own->second, "a scan did not return its transaction's own write");
      read_.excluded.push_back(key);
    } else {
      read_.seen.push_back(seen_read(key, &value));
    }
    next_ = key + 1;
  }
  // The scan ended by itself.
  void finish() {
    pass_own(end_);
    next_ = end_;
  }
  std::size_t size() const { return read_.seen.size(); }
  RangeRead take() {
    read_.last = next_;
    return std::move(read_);
  }

 private:
  void pass_own(std::int64_t until) {
    if (own_ == nullptr) return;
    for (auto at = own_->lower_bound(next_); at != own_->end() && at->first < until; ++at) {
      expect(!at->second.has_value(), "a scan passed over its transaction's own write");
      read_.excluded.push_back(at->first);
    }
  }

  RangeRead read_;
  const OwnWrites* own_;
  std::int64_t next_;  // the first key not covered yet
  std::int64_t end_;
};

// One attempt of one transaction, under the hands of its closure or coroutine. The record must have been begun before
// the transaction was.
template <class Keys, class Value>
class RecordedTransaction {
 public:
  using Key = typename Keys::Key;
  using Transaction = fluxmap::Transaction<Key, Value, typename Keys::Compare>;

  RecordedTransaction(TxnRecord record, Transaction& transaction)
      : record_(std::move(record)), transaction_(transaction) {}

  void get(std::int64_t key) { note(key, transaction_.get(Keys::key(key))); }
  bool has(std::int64_t key) {
    const Value* const found = transaction_.get(Keys::key(key));
    note(key, found);
    return found != nullptr;
  }
  void contains(std::int64_t key) {
    const bool found = transaction_.contains(Keys::key(key));
    if (const auto own = own_.find(key); own != own_.end()) {
      expect(found == own->second.has_value(), "contains() did not see the transaction's own write");
    } else if (!found) {
      record_.reads.push_back({key, k_unknown_absent, false, 0});  // which value it found is not told
    }
  }
  void get_many(const std::vector<std::int64_t>& keys) {
    std::vector<Key> asked;
    for (const std::int64_t key : keys) asked.push_back(Keys::key(key));
    const std::vector<const Value*> values = transaction_.get_many(asked);
    expect(values.size() == keys.size(), "get_many() returned another number of values");
    for (std::size_t i = 0; i < keys.size(); ++i) note(keys[i], values[i]);
  }

  void insert(std::int64_t key) {
    const std::uint64_t write = next_write();
    transaction_.insert(Keys::key(key), Value(write, key));
    own_[key] = write;
    held_.erase(key);
  }
  // Which value a removal found is not told; call has() before to record it.
  void remove(std::int64_t key) {
    const bool removed = transaction_.remove(Keys::key(key));
    const auto own = own_.find(key);
    if (own != own_.end()) {
      expect(removed == own->second.has_value(), "remove() did not see the transaction's own write");
    } else if (!removed) {
      record_.reads.push_back({key, k_unknown_absent, false, 0});
    }
    if (removed) own_[key] = std::nullopt;
    held_.erase(key);
  }

  void range(std::int64_t first, std::int64_t last) {
    whole(first, last, transaction_.range(Keys::key(first), Keys::key(last)));
  }
  void prefix_scan(std::int64_t group)
    requires Keys::k_has_prefixes
  {
    whole(group * Keys::k_group, (group + 1) * Keys::k_group, transaction_.prefix_scan(Keys::prefix(group)));
  }
  // Takes at most `most` items of a lazy scan, and calls between() after each.
  template <class Between>
  void stream(std::int64_t first, std::int64_t last, std::size_t most, Between between) {
    auto items = transaction_.range_stream(Keys::key(first), Keys::key(last));
    ScanNote note(first, last, &own_);
    try {
      for (; most > 0; --most) {
        const auto item = items.next();
        if (!item) {
          note.finish();
          break;
        }
        note.item(Keys::number(item->first), item->second);
        between();
      }
    } catch (...) {  // what was read so far counts
      record_.ranges.push_back(note.take());
      throw;
    }
    record_.ranges.push_back(note.take());
  }

  void savepoint() { savepoints_.emplace_back(transaction_.savepoint(), own_); }
  void roll_back_to(std::size_t number) {
    transaction_.rollback_to(savepoints_[number].first);
    for (const auto& [key, write] : own_) held_.erase(key);
    own_ = savepoints_[number].second;
    savepoints_.erase(savepoints_.begin() + static_cast<std::ptrdiff_t>(number) + 1, savepoints_.end());
  }
  std::size_t savepoints() const { return savepoints_.size(); }

  // Pointers handed out earlier still point to what they did.
  void check_held() const {
    for (const auto& [key, pointer] : held_) {
      expect(pointer.first->intact(key) && pointer.first->write() == pointer.second, "a pointer of get() has gone bad");
    }
  }

  // What is to be recorded when the transaction commits next, if it commits. A reader's position is filled in.
  TxnRecord take() {
    for (const auto& [key, write] : own_) record_.writes.push_back({key, !write.has_value(), write.value_or(0)});
    // A reader may take any place from what it has read up to its snapshot. One that is published: with a log the
    // snapshot of a transaction that might have written is ahead of what is durable, and who has only read does not
    // wait for what it has not read.
    const auto& state = fluxmap::detail::TransactionAccess::state(transaction_);
    const Stamp published = fluxmap::detail::TransactionAccess::store(transaction_).published();
    record_.position = std::min(state.snapshot(), std::max(state.needed(), published));
    return std::move(record_);
  }
  // Of an attempt that has failed.
  TxnRecord abandon() { return std::move(record_); }

 private:
  std::uint64_t next_write() {
    expect(++writes_ < (1U << k_write_bits), "too many writes for one record");
    return (record_.id << k_write_bits) | writes_;
  }

  void note(std::int64_t key, const Value* found) {
    if (const auto own = own_.find(key); own != own_.end()) {
      expect((found != nullptr) == own->second.has_value(), "an own write was not read back");
      expect(found == nullptr || (found->intact(key) && found->write() == *own->second), "another write was read back");
    } else {
      record_.reads.push_back(seen_read(key, found));
    }
    if (found != nullptr) held_.insert_or_assign(key, std::pair{found, found->write()});
  }

  void whole(std::int64_t first, std::int64_t last, const std::vector<std::pair<Key, Value>>& items) {
    ScanNote note(first, last, &own_);
    for (const auto& [key, value] : items) note.item(Keys::number(key), value);
    note.finish();
    record_.ranges.push_back(note.take());
  }

  TxnRecord record_;
  Transaction& transaction_;
  OwnWrites own_;
  std::map<std::int64_t, std::pair<const Value*, std::uint64_t>> held_;
  std::vector<std::pair<fluxmap::Savepoint, OwnWrites>> savepoints_;
  std::uint64_t writes_ = 0;
};

// Turns "the write of record n" into that record's commit timestamp, everywhere.
inline CheckResult resolve(std::vector<TxnRecord>& history) {
  std::unordered_map<std::uint64_t, Stamp> positions;
  for (const TxnRecord& txn : history) {
    if (txn.committed && txn.writer()) positions.emplace(txn.id, txn.position);
  }
  CheckResult fault;
  const auto look_up = [&](const TxnRecord& txn, KeyRead& read) {
    if (!read.live) return;
    const auto found = positions.find(read.version);
    if (found != positions.end()) {
      read.version = found->second;
    } else if (fault.ok() && txn.committed) {
      fault = {Anomaly::uncommitted_read,
               describe(txn) + " read a value of T" + std::to_string(read.version) + ", which did not commit",
               {txn.id, read.version}};
    }
  };
  for (TxnRecord& txn : history) {
    for (KeyRead& read : txn.reads) look_up(txn, read);
    for (RangeRead& range : txn.ranges) {
      for (KeyRead& read : range.seen) look_up(txn, read);
    }
  }
  return fault;
}

}  // namespace fluxmap_test

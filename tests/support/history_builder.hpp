// Histories written by hand, for the tests of the checkers: auto t = Txn::rw(1, 5).reads(7, 0).writes(7);
#pragma once

#include "support/history.hpp"

#include <cstdint>
#include <utility>
#include <vector>

namespace fluxmap_test {

// Unless ticks() says otherwise, all transactions overlap, so real time orders none of them.
class Txn {
 public:
  static Txn rw(std::uint64_t id, Stamp cts) { return Txn(id, TxnKind::read_write, cts); }
  static Txn ro(std::uint64_t id, Stamp snapshot) { return Txn(id, TxnKind::read_only, snapshot); }
  static Txn point(std::uint64_t id) { return Txn(id, TxnKind::autocommit_read, 0); }

  Txn& ticks(std::uint64_t begin, std::uint64_t end) {
    record_.begin_tick = begin;
    record_.end_tick = end;
    return *this;
  }
  Txn& aborted() {
    record_.committed = false;
    return *this;
  }
  Txn& reads(std::int64_t key, Stamp version, std::uint64_t value = 0) {
    record_.reads.push_back({key, version, true, value});
    return *this;
  }
  Txn& absent(std::int64_t key, Stamp version = 0) {
    record_.reads.push_back({key, version, false, 0});
    return *this;
  }
  Txn& scans(std::int64_t first, std::int64_t last, std::vector<std::pair<std::int64_t, Stamp>> seen,
             std::vector<std::int64_t> excluded = {}) {
    RangeRead range{first, last, {}, std::move(excluded)};
    for (const auto& [key, version] : seen) range.seen.push_back({key, version, true, 0});
    record_.ranges.push_back(std::move(range));
    return *this;
  }
  Txn& writes(std::int64_t key, std::uint64_t value = 0) {
    record_.writes.push_back({key, false, value});
    return *this;
  }
  Txn& erases(std::int64_t key) {
    record_.writes.push_back({key, true, 0});
    return *this;
  }

  operator TxnRecord() const { return record_; }  // NOLINT: implicit, so that a list of Txn makes a history

 private:
  Txn(std::uint64_t id, TxnKind kind, Stamp position) {
    record_.id = id;
    record_.kind = kind;
    record_.committed = true;
    record_.position = position;
    record_.begin_tick = id;
    record_.end_tick = 1'000'000 + id;
  }

  TxnRecord record_;
};

using History = std::vector<TxnRecord>;

}  // namespace fluxmap_test

// The committed versions of a history by key, and what every transaction read of them: common ground of the two
// checkers in serialization_graph.hpp and commit_order.hpp.
#pragma once

#include "support/history.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fluxmap_test {

enum class Anomaly : std::uint8_t {
  none,
  malformed_record,   // the record contradicts itself: a bug of the test, or a scan out of order or out of its range
  duplicate_cts,      // two committed writers with one cts
  uncommitted_read,   // a version that no committed transaction wrote
  intermediate_read,  // a version of a committed transaction, but not what it finally wrote
  missed_live_key,    // absent was read where the key was live at the reader's position
  cycle,              // the serialization graph has a cycle
  stale_read,         // commit order only: the version read is not the one at the transaction's position
  real_time_order     // commit order only: positions disagree with real time
};

struct CheckResult {
  Anomaly anomaly = Anomaly::none;
  std::string explanation;
  std::vector<std::uint64_t> transactions;  // ids involved; for a cycle in its order

  bool ok() const { return anomaly == Anomaly::none; }
  explicit operator bool() const { return ok(); }
};

inline std::string describe(const TxnRecord& txn) {
  std::ostringstream out;
  out << 'T' << txn.id << " (";
  switch (txn.kind) {
    case TxnKind::read_write:
      out << "read-write";
      break;
    case TxnKind::read_only:
      out << "read-only";
      break;
    case TxnKind::autocommit_read:
      out << "autocommit read";
      break;
  }
  if (!txn.committed) out << ", aborted";
  if (!txn.position_known()) {
    out << ", position unknown";
  } else {
    out << (txn.writer() ? ", cts " : ", snapshot ") << txn.position;
  }
  out << ", ticks " << txn.begin_tick << "..";
  if (txn.end_tick == k_never) {
    out << "never)";
  } else {
    out << txn.end_tick << ')';
  }
  return out.str();
}

inline std::string describe(const KeyRead& read) {
  std::ostringstream out;
  out << "key " << read.key << (read.live ? " live" : " absent");
  if (read.version == k_unknown_absent) {
    out << " (version unknown)";
  } else {
    out << " at version " << read.version;
  }
  return out.str();
}

struct VersionRef {
  Stamp cts = 0;
  std::uint32_t txn = 0;  // index in the history
  bool tombstone = false;
  std::uint64_t value = 0;
};

// Keeps a reference to the history, which must outlive it.
class VersionIndex {
 public:
  explicit VersionIndex(const std::vector<TxnRecord>& history) : history_(history) {
    struct Row {
      std::int64_t key;
      VersionRef version;
      std::size_t place;  // of the write, in the order of the history
    };
    std::vector<Row> rows;
    for (std::size_t i = 0; i < history.size(); ++i) {
      if (!history[i].committed) continue;
      for (const KeyWrite& write : history[i].writes) {
        const VersionRef version{history[i].position, static_cast<std::uint32_t>(i), write.tombstone, write.value};
        rows.push_back({write.key, version, rows.size()});
      }
    }
    // Of several writes of one transaction to one key the last stays last and replaces the others.
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
      return std::tie(a.key, a.version.cts, a.place) < std::tie(b.key, b.version.cts, b.place);
    });
    versions_.reserve(rows.size());
    for (const Row& row : rows) {
      if (keys_.empty() || keys_.back() != row.key) {
        keys_.push_back(row.key);
        starts_.push_back(versions_.size());
      } else if (versions_.back().cts == row.version.cts && versions_.back().txn == row.version.txn) {
        versions_.pop_back();
      }
      versions_.push_back(row.version);
    }
    starts_.push_back(versions_.size());
    slots_.reserve(keys_.size());
    for (std::size_t i = 0; i < keys_.size(); ++i) slots_.emplace(keys_[i], static_cast<std::uint32_t>(i));
  }

  const std::vector<TxnRecord>& history() const { return history_; }
  const std::vector<std::int64_t>& keys() const { return keys_; }

  struct Chain {
    const VersionRef* first = nullptr;
    const VersionRef* last = nullptr;
    const VersionRef* begin() const { return first; }
    const VersionRef* end() const { return last; }

    // The newest version with a cts of at most `upto`; null for the initial state.
    const VersionRef* at(Stamp upto) const {
      const VersionRef* next = after(upto);
      return next == first ? nullptr : next - 1;
    }
    // The oldest version newer than `stamp`; end() when there is none.
    const VersionRef* after(Stamp stamp) const {
      return std::upper_bound(first, last, stamp, [](Stamp s, const VersionRef& v) { return s < v.cts; });
    }
    const VersionRef* exactly(Stamp cts) const {
      const VersionRef* found = at(cts);
      return found != nullptr && found->cts == cts ? found : nullptr;
    }
  };

  Chain chain(std::uint32_t slot) const {
    return {versions_.data() + starts_[slot], versions_.data() + starts_[slot + 1]};
  }
  static constexpr std::uint32_t k_no_slot = ~std::uint32_t{0};  // of a key nobody wrote
  std::uint32_t slot_of(std::int64_t key) const {
    const auto found = slots_.find(key);
    return found == slots_.end() ? k_no_slot : found->second;
  }
  // Empty for a key nobody wrote.
  Chain chain_of(std::int64_t key) const {
    const std::uint32_t slot = slot_of(key);
    return slot == k_no_slot ? Chain{} : chain(slot);
  }

  // Calls visit(const KeyRead&) for everything the transaction depends on: its point reads, the keys its scans
  // returned, and as "absent, version unknown" every other key that anybody ever wrote inside a scanned range.
  // Reads of the transaction's own writes are left out.
  template <class Visit>
  void for_each_read(const TxnRecord& txn, Visit visit) const {
    for (const KeyRead& read : txn.reads) {
      if (!is_own(txn, read)) visit(read);
    }
    for (const RangeRead& range : txn.ranges) {
      std::vector<std::int64_t> excluded = range.excluded;
      std::sort(excluded.begin(), excluded.end());
      std::vector<std::int64_t> hidden = excluded;
      for (const KeyRead& read : range.seen) {
        if (!std::binary_search(excluded.begin(), excluded.end(), read.key) && !is_own(txn, read)) visit(read);
        hidden.push_back(read.key);
      }
      std::sort(hidden.begin(), hidden.end());
      auto next_hidden = hidden.begin();
      for (auto key = std::lower_bound(keys_.begin(), keys_.end(), range.first);
           key != keys_.end() && *key < range.last; ++key) {
        while (next_hidden != hidden.end() && *next_hidden < *key) ++next_hidden;
        if (next_hidden != hidden.end() && *next_hidden == *key) continue;
        visit(KeyRead{*key, k_unknown_absent, false, 0});
      }
    }
  }

  // Faults that need no graph: records that contradict themselves, and reads of what nobody committed.
  CheckResult check_records() const {
    std::vector<std::pair<Stamp, std::size_t>> writers;
    for (std::size_t i = 0; i < history_.size(); ++i) {
      const TxnRecord& txn = history_[i];
      if (!txn.committed) continue;
      if (txn.begin_tick > txn.end_tick) return malformed(txn, "begins after its end");
      if (txn.writer()) {
        if (txn.position == 0 || txn.position == k_unknown_absent) return malformed(txn, "wrote but has no cts");
        writers.emplace_back(txn.position, i);
      }
      for (const RangeRead& range : txn.ranges) {
        if (const char* fault = range_fault(range)) return malformed(txn, fault);
      }
    }
    std::sort(writers.begin(), writers.end());
    for (std::size_t i = 1; i < writers.size(); ++i) {
      if (writers[i - 1].first != writers[i].first) continue;
      const TxnRecord& a = history_[writers[i - 1].second];
      const TxnRecord& b = history_[writers[i].second];
      return {Anomaly::duplicate_cts, "two writers with one cts: " + describe(a) + " and " + describe(b), {a.id, b.id}};
    }
    for (const TxnRecord& txn : history_) {
      if (!txn.committed) continue;
      CheckResult fault;
      for_each_read(txn, [&](const KeyRead& read) {
        if (fault.ok()) fault = check_read(txn, read);
      });
      if (!fault.ok()) return fault;
    }
    return {};
  }

 private:
  static bool writes_key(const TxnRecord& txn, std::int64_t key) {
    return std::any_of(txn.writes.begin(), txn.writes.end(), [key](const KeyWrite& w) { return w.key == key; });
  }
  static bool is_own(const TxnRecord& txn, const KeyRead& read) {
    return txn.writer() && read.version == txn.position && writes_key(txn, read.key);
  }

  static const char* range_fault(const RangeRead& range) {
    const auto& seen = range.seen;
    for (const KeyRead& read : seen) {
      if (!read.live) return "a scan recorded a key as seen that was not live";
      if (read.key < range.first || read.key >= range.last) return "a scan returned a key outside its range";
    }
    const auto not_ascending = [](const KeyRead& a, const KeyRead& b) { return a.key >= b.key; };
    const auto not_descending = [](const KeyRead& a, const KeyRead& b) { return a.key <= b.key; };
    if (std::adjacent_find(seen.begin(), seen.end(), not_ascending) != seen.end() &&
        std::adjacent_find(seen.begin(), seen.end(), not_descending) != seen.end()) {
      return "a scan returned a key twice or out of order";
    }
    return nullptr;
  }

  static CheckResult malformed(const TxnRecord& txn, const char* what) {
    return {Anomaly::malformed_record, describe(txn) + ": " + what, {txn.id}};
  }

  CheckResult check_read(const TxnRecord& txn, const KeyRead& read) const {
    if (read.version == k_unknown_absent || read.version == 0) {
      return read.live ? malformed(txn, "saw a value but no version of it") : CheckResult{};
    }
    if (const VersionRef* seen = chain_of(read.key).exactly(read.version)) {
      const bool same_value = read.value == 0 || seen->value == 0 || read.value == seen->value;
      if (seen->tombstone != read.live && (!read.live || same_value)) return {};
      const TxnRecord& source = history_[seen->txn];
      return {Anomaly::intermediate_read,
              describe(txn) + " read " + describe(read) + ", which is not what " + describe(source) + " finally wrote",
              {txn.id, source.id}};
    }
    for (const TxnRecord& other : history_) {
      if (other.position != read.version || !other.writer()) continue;
      return {Anomaly::uncommitted_read,
              describe(txn) + " read " + describe(read) + " of " + describe(other) +
                  (other.committed ? ", which did not write that key" : ""),
              {txn.id, other.id}};
    }
    return {Anomaly::uncommitted_read, describe(txn) + " read " + describe(read) + ", which nobody wrote", {txn.id}};
  }

  const std::vector<TxnRecord>& history_;
  std::vector<std::int64_t> keys_;    // every key ever written, ascending
  std::vector<std::size_t> starts_;   // keys_[i] has versions_[starts_[i], starts_[i + 1])
  std::vector<VersionRef> versions_;  // by key, then cts
  std::unordered_map<std::int64_t, std::uint32_t> slots_;
};

}  // namespace fluxmap_test

// A small multi-version store for tests of the interleaving harness, and of cases: right, or broken in one way.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "interleaving_explore.hpp"
#include "interleaving_scenario.hpp"

namespace fluxmap_test::interleaving {

// What a store may be made to do wrong.
enum class Fault {
  none,
  no_validation,             // reads from the snapshot, the last commit wins
  first_committer_wins,      // snapshot isolation: only written keys are validated
  ranges_not_validated,      // phantoms
  removals_not_validated,    // phantoms by removal
  absent_not_validated,      // a read that found nothing is forgotten
  own_commit_not_validated,  // what was read after its overwriter committed is not compared with the snapshot
  reads_the_latest,          // no snapshot at all
  reads_uncommitted,         // writes are visible at once
  stale_snapshots,           // transactions begin one commit behind
  savepoint_forgets_reads,   // rolling back to a savepoint drops the reads since
  conflicts_on_any_commit,   // a commit of anyone else is a conflict
  conflicts_when_read_only,  // read-only transactions are validated
  conflicts_when_nothing_written,
  snapshot_stays,  // a read does not move the snapshot forward: conflicts with commits before the read
  loses_a_write,   // the first write of a commit does not arrive
};

struct Version {
  std::size_t cts = 0;
  std::optional<Value> value = {};
};

struct Interval {
  Key first = {};
  Key last = {};
  bool empty = false;  // nothing was found in it
  bool single = false;
};

// Multi-version store with validation at commit and snapshots that are moved forward where all that was read is
// current.
class ToyStore : public Store {
 public:
  ToyStore(const Scenario& scenario, Fault fault) : fault_(fault) {
    for (const auto& [key, value] : scenario.initial) versions_[key].push_back({1, value});
    last_cts_ = 1;
  }

  std::unique_ptr<Access> begin(bool read_only) override;
  Contents contents() override {
    Contents contents;
    for (const auto& [key, chain] : versions_) {
      if (const auto value = visible(chain, last_cts_)) contents[key] = *value;
    }
    return contents;
  }

  static std::optional<Value> visible(const std::vector<Version>& chain, std::size_t snapshot) {
    const auto newest = std::find_if(chain.rbegin(), chain.rend(), [&](const Version& v) { return v.cts <= snapshot; });
    return newest == chain.rend() ? std::nullopt : newest->value;
  }

  const Fault fault_;
  std::map<Key, std::vector<Version>> versions_;
  std::map<Key, std::optional<Value>> uncommitted_;  // of all transactions; only reads_uncommitted looks here
  std::size_t last_cts_ = 0;
};

class ToyCursor : public Cursor {
 public:
  ToyCursor(Access& access, Key first, Key last) : access_(access), at_(std::move(first)), last_(std::move(last)) {}
  std::optional<Row> next() override {
    const std::optional<Row> row = access_.first_in(at_, last_);
    at_ = row ? just_after(row->first) : last_;
    return row;
  }

 private:
  Access& access_;
  Key at_;
  const Key last_;
};

class ToyAccess : public Access {
 public:
  ToyAccess(ToyStore& store, bool read_only)
      : store_(store),
        read_only_(read_only),
        snapshot_(store.last_cts_ - (has(Fault::stale_snapshots) && store.last_cts_ > 1)) {}

  std::optional<Value> get(const Key& key) override {
    const Rows rows = read(key, just_after(key), true);
    return rows.empty() ? std::nullopt : std::optional<Value>(rows.front().second);
  }
  Rows range(const Key& first, const Key& last) override { return read(first, last, false); }
  std::optional<Row> first_in(const Key& first, const Key& last) override {
    const Rows rows = read(first, last, false);
    if (rows.empty()) return std::nullopt;
    reads_.back().first.last = just_after(rows.front().first);  // it has stopped there
    return rows.front();
  }
  std::unique_ptr<Cursor> open(const Key& first, const Key& last) override {
    return std::make_unique<ToyCursor>(*this, first, last);
  }
  void insert(const Key& key, Value value) override { write(key, value); }
  bool remove(const Key& key) override {
    if (!get(key)) return false;
    write(key, std::nullopt);
    return true;
  }
  std::size_t savepoint() override {
    saved_.emplace_back(writes_, reads_);
    return saved_.size() - 1;
  }
  void rollback_to(std::size_t savepoint) override {
    writes_ = saved_.at(savepoint).first;
    if (has(Fault::savepoint_forgets_reads)) reads_ = saved_.at(savepoint).second;
  }
  void commit() override {
    const bool validates = !writes_.empty() || has(Fault::conflicts_when_nothing_written) ||
                           (read_only_ && has(Fault::conflicts_when_read_only));
    if (validates && !current()) throw Conflict{};
    if (writes_.empty()) return;
    if (has(Fault::loses_a_write)) writes_.erase(writes_.begin());
    ++store_.last_cts_;
    for (const auto& [key, value] : writes_) store_.versions_[key].push_back({store_.last_cts_, value});
  }
  void rollback() noexcept override {}

 private:
  bool has(Fault fault) const { return store_.fault_ == fault; }

  void write(const Key& key, std::optional<Value> value) {
    writes_[key] = value;
    if (has(Fault::reads_uncommitted)) store_.uncommitted_[key] = value;
  }

  Rows read(const Key& first, const Key& last, bool single) {
    const bool follows = !read_only_ && !has(Fault::no_validation) && !has(Fault::first_committer_wins) &&
                         !has(Fault::own_commit_not_validated) && !has(Fault::snapshot_stays);
    if (has(Fault::reads_the_latest)) {
      snapshot_ = store_.last_cts_;
    } else if (follows && changed_since({first, last}, snapshot_)) {
      if (!current()) throw Conflict{};
      snapshot_ = store_.last_cts_;
    }
    Contents found;
    for (const auto& [key, chain] : store_.versions_) {
      if (key < first || key >= last) continue;
      if (const auto value = ToyStore::visible(chain, snapshot_)) found[key] = *value;
    }
    overlay(store_.uncommitted_, first, last, found);
    overlay(writes_, first, last, found);
    const Interval interval{first, last, found.empty(), single};
    if (!single || writes_.count(first) == 0) reads_.emplace_back(interval, snapshot_);
    return Rows(found.begin(), found.end());
  }

  static void overlay(const std::map<Key, std::optional<Value>>& writes, const Key& first, const Key& last,
                      Contents& found) {
    for (const auto& [key, value] : writes) {
      if (key < first || key >= last) continue;
      if (value) found[key] = *value;
      if (!value) found.erase(key);
    }
  }

  bool changed_since(const Interval& interval, std::size_t snapshot) const {
    return std::any_of(store_.versions_.begin(), store_.versions_.end(), [&](const auto& entry) {
      const Version& newest = entry.second.back();
      if (has(Fault::removals_not_validated) && !newest.value) return false;
      return interval.first <= entry.first && entry.first < interval.last && newest.cts > snapshot;
    });
  }

  bool current() const {
    if (has(Fault::no_validation) || has(Fault::reads_the_latest)) return true;
    if (has(Fault::conflicts_on_any_commit)) return snapshot_ == store_.last_cts_;
    if (has(Fault::first_committer_wins)) {
      return std::none_of(writes_.begin(), writes_.end(), [&](const auto& write) {
        return changed_since({write.first, just_after(write.first)}, snapshot_);
      });
    }
    return std::none_of(reads_.begin(), reads_.end(), [&](const auto& read) {
      const Interval& interval = read.first;
      if (!interval.single && has(Fault::ranges_not_validated)) return false;
      if (interval.empty && has(Fault::absent_not_validated)) return false;
      return changed_since(interval, has(Fault::own_commit_not_validated) ? store_.last_cts_ : snapshot_);
    });
  }

  ToyStore& store_;
  const bool read_only_;
  std::size_t snapshot_;
  std::map<Key, std::optional<Value>> writes_;
  std::vector<std::pair<Interval, std::size_t>> reads_;
  std::vector<std::pair<decltype(writes_), decltype(reads_)>> saved_;
};

inline std::unique_ptr<Access> ToyStore::begin(bool read_only) { return std::make_unique<ToyAccess>(*this, read_only); }

inline Variant toy(Fault fault) {
  return {"toy", [fault](const Scenario& scenario) { return std::make_unique<ToyStore>(scenario, fault); }};
}

// The fault of that name; as cases spell it.
inline Fault fault_named(const std::string& name) {
  static const std::map<std::string, Fault> faults{
      {"none", Fault::none},
      {"no_validation", Fault::no_validation},
      {"first_committer_wins", Fault::first_committer_wins},
      {"ranges_not_validated", Fault::ranges_not_validated},
      {"removals_not_validated", Fault::removals_not_validated},
      {"absent_not_validated", Fault::absent_not_validated},
      {"own_commit_not_validated", Fault::own_commit_not_validated},
      {"reads_the_latest", Fault::reads_the_latest},
      {"reads_uncommitted", Fault::reads_uncommitted},
      {"stale_snapshots", Fault::stale_snapshots},
      {"savepoint_forgets_reads", Fault::savepoint_forgets_reads},
      {"conflicts_on_any_commit", Fault::conflicts_on_any_commit},
      {"conflicts_when_read_only", Fault::conflicts_when_read_only},
      {"conflicts_when_nothing_written", Fault::conflicts_when_nothing_written},
      {"snapshot_stays", Fault::snapshot_stays},
      {"loses_a_write", Fault::loses_a_write},
  };
  const auto found = faults.find(name);
  if (found == faults.end()) throw std::invalid_argument("no store is broken like this: " + name);
  return found->second;
}

}  // namespace fluxmap_test::interleaving

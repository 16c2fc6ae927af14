// Scenarios of the interleaving harness: sessions made of steps, the transactions they run on, and what they read.
//
// A step is a plain function on a View. The View hands every call on to an Access, the open transaction of some store
// (the database under test, a toy that is broken on purpose, the serial model of the oracle), and writes down what
// was read and what was written. Nothing here knows fluxmap.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_test::interleaving {

using Key = std::string;
using Value = std::int64_t;
using Row = std::pair<Key, Value>;
using Rows = std::vector<Row>;
using Contents = std::map<Key, Value>;

// Greater than every key of a scenario.
inline const Key k_end = "~";

// The least key greater than `key`.
inline Key just_after(const Key& key) { return key + '\0'; }

// The end of the range of keys that start with `prefix`; a scenario's prefixes end in '/'.
inline Key prefix_end(Key prefix) {
  if (prefix.empty()) return k_end;
  ++prefix.back();
  return prefix;
}

struct Conflict : std::runtime_error {  // what an Access throws where the store refuses to go on
  Conflict() : std::runtime_error("serialization conflict") {}
};
struct GiveUp {};  // thrown by View::give_up: the session's own logic ends the transaction

// A scan that is under way while other things happen.
class Cursor {
 public:
  Cursor() = default;
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  virtual ~Cursor() = default;
  virtual std::optional<Row> next() = 0;  // throws Conflict
};

// One open transaction of a store.
class Access {
 public:
  Access() = default;
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;
  virtual ~Access() = default;

  virtual std::optional<Value> get(const Key& key) = 0;
  virtual Rows range(const Key& first, const Key& last) = 0;
  virtual void insert(const Key& key, Value value) = 0;
  virtual bool remove(const Key& key) = 0;
  virtual std::size_t savepoint() = 0;
  virtual void rollback_to(std::size_t savepoint) = 0;
  virtual void commit() = 0;  // throws Conflict
  virtual void rollback() noexcept = 0;

  virtual bool contains(const Key& key) { return get(key).has_value(); }
  virtual Rows prefix(const Key& prefix) { return range(prefix, prefix_end(prefix)); }
  virtual std::optional<Row> first_in(const Key& first, const Key& last) {  // a scan that stops after one row
    const Rows rows = range(first, last);
    return rows.empty() ? std::nullopt : std::optional<Row>(rows.front());
  }
  virtual std::unique_ptr<Cursor> open(const Key&, const Key&) { throw std::logic_error("this store has no cursors"); }
  virtual Rows reversed(const Key& first, const Key& last) {  // descending
    const Rows rows = range(first, last);
    return Rows(rows.rbegin(), rows.rend());
  }
  virtual std::size_t counted(const Key& first, const Key& last) { return range(first, last).size(); }
  virtual bool insert_if_absent(const Key& key, Value value) {
    if (contains(key)) return false;
    insert(key, value);
    return true;
  }
  virtual Value update(const Key& key, const std::function<Value(std::optional<Value>)>& change) {
    const Value changed = change(get(key));
    insert(key, changed);
    return changed;
  }
};

// A store with its initial contents in it.
class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  virtual std::unique_ptr<Access> begin(bool read_only) = 0;
  virtual std::unique_ptr<Access> autocommit() { return begin(false); }  // for one call, committed by it
  virtual Contents contents() = 0;
  virtual void between_steps() {}
};

// One read: the keys in [first, last), and what was found there. `own`: the transaction's own write answered it.
struct Observation {
  std::size_t time = 0;
  Key first = {};
  Key last = {};
  Rows rows = {};
  bool own = false;

  bool covers(const Key& key) const { return !own && first <= key && key < last; }
  bool same_result(const Observation& other) const {
    return first == other.first && last == other.last && rows == other.rows;
  }
};

struct Savepoint {
  std::size_t id = 0;
  std::size_t writes = 0;
};

// What a session's steps work with; lives as long as the session's transaction.
class View {
 public:
  explicit View(std::unique_ptr<Access> access) : access_(std::move(access)) {}

  std::optional<Value> get(const Key& key) {
    const std::optional<Value> found = access_->get(key);
    note(key, just_after(key), found ? Rows{{key, *found}} : Rows{}, wrote(key));
    return found;
  }
  bool contains(const Key& key) {
    const bool found = access_->contains(key);
    note(key, just_after(key), Rows{{key, found ? 1 : 0}}, wrote(key));
    return found;
  }
  Rows range(const Key& first, const Key& last) {
    Rows rows = access_->range(first, last);
    note(first, last, rows, false);
    return rows;
  }
  Rows prefix(const Key& prefix) {
    Rows rows = access_->prefix(prefix);
    note(prefix, prefix_end(prefix), rows, false);
    return rows;
  }
  Rows reversed(const Key& first, const Key& last) {
    Rows rows = access_->reversed(first, last);
    note(first, last, rows, false);
    return rows;
  }
  std::size_t counted(const Key& first, const Key& last) {
    const std::size_t count = access_->counted(first, last);
    note(first, last, Rows{{first, static_cast<Value>(count)}}, false);
    return count;
  }
  std::optional<Row> first_in(const Key& first, const Key& last) {
    std::optional<Row> row = access_->first_in(first, last);
    note(first, row ? just_after(row->first) : last, row ? Rows{*row} : Rows{}, false);
    return row;
  }
  // A scan that goes on from step to step; the session writes nothing in its range meanwhile.
  void open(const Key& first, const Key& last) {
    cursor_ = access_->open(first, last);
    cursor_at_ = first;
    cursor_last_ = last;
  }
  std::optional<Row> next() {
    std::optional<Row> row = cursor_->next();
    const Key to = row ? just_after(row->first) : cursor_last_;
    note(cursor_at_, to, row ? Rows{*row} : Rows{}, false);
    cursor_at_ = to;
    return row;
  }
  void insert(const Key& key, Value value) {
    access_->insert(key, value);
    writes_.push_back(key);
  }
  bool remove(const Key& key) {  // tells whether there was one, so it reads
    const bool own = wrote(key);
    const bool removed = access_->remove(key);
    note(key, just_after(key), Rows{{key, removed ? 1 : 0}}, own);
    if (removed) writes_.push_back(key);
    return removed;
  }
  bool insert_if_absent(const Key& key, Value value) {
    const bool own = wrote(key);
    const bool inserted = access_->insert_if_absent(key, value);
    note(key, just_after(key), Rows{{key, inserted ? 1 : 0}}, own);
    if (inserted) writes_.push_back(key);
    return inserted;
  }
  Value update(const Key& key, const std::function<Value(std::optional<Value>)>& change) {
    const bool own = wrote(key);
    std::optional<Value> seen;
    const Value changed = access_->update(key, [&](std::optional<Value> old) { return change(seen = old); });
    note(key, just_after(key), seen ? Rows{{key, *seen}} : Rows{}, own);
    writes_.push_back(key);
    return changed;
  }
  Savepoint savepoint() { return {access_->savepoint(), writes_.size()}; }
  void rollback_to(const Savepoint& savepoint) {
    access_->rollback_to(savepoint.id);
    writes_.resize(savepoint.writes);
  }
  [[noreturn]] void give_up() { throw GiveUp{}; }

  std::array<Value, 4> local{};              // what a later step needs of an earlier one
  Savepoint mark{};                          // likewise
  std::map<std::string, Value> numbers{};    // likewise, in a case that is read from a file
  std::map<std::string, Savepoint> marks{};  // likewise

  Access& access() { return *access_; }
  const std::vector<Observation>& reads() const { return reads_; }
  const std::vector<Key>& writes() const { return writes_; }
  void set_time(std::size_t now) { now_ = now; }

 private:
  bool wrote(const Key& key) const { return std::find(writes_.begin(), writes_.end(), key) != writes_.end(); }
  void note(const Key& first, const Key& last, Rows rows, bool own) {
    reads_.push_back({now_, first, last, std::move(rows), own});
  }

  std::unique_ptr<Access> access_;
  std::unique_ptr<Cursor> cursor_;  // of access_
  Key cursor_at_;
  Key cursor_last_;
  std::vector<Observation> reads_;
  std::vector<Key> writes_;
  std::size_t now_ = 0;
};

enum class StepKind { act, commit, rollback };

struct Step {
  std::string name = {};
  std::function<void(View&)> action = {};
  StepKind kind = StepKind::act;
};

inline Step step(std::string name, std::function<void(View&)> action) { return {std::move(name), std::move(action)}; }
inline Step begin(std::string name) {
  return {std::move(name), [](View&) {}};
}  // opens the transaction, no more
inline Step commit(std::string name) { return {std::move(name), {}, StepKind::commit}; }
inline Step rollback(std::string name) { return {std::move(name), {}, StepKind::rollback}; }

// The last step of a session is its commit or rollback; an autocommit session is a single step of one call.
struct Session {
  std::string name = {};
  std::vector<Step> steps = {};
  bool read_only = false;
  bool autocommit = false;
  bool hop_threads = false;  // every step on a thread of its own
};

inline constexpr std::size_t k_no_limit = static_cast<std::size_t>(-1);

struct Scenario {
  std::string name = {};
  Contents initial = {};
  std::vector<Key> once_there = {};  // absent, yet stores prepared with a history held and removed them
  std::vector<Session> sessions = {};
  // What must hold beyond the oracle's own rules, in every interleaving:
  std::size_t most_conflicts = k_no_limit;
  std::vector<std::string> never_conflict = {};         // sessions that must not meet a conflict
  bool overlap_must_conflict = false;                   // of two sessions that overlap, one
  std::function<bool(const Contents&)> invariant = {};  // of the final contents
  // What may hold: a scan under way keeps the snapshot it began on, so what it meets may have been overwritten before.
  bool scans_keep_their_snapshot = false;
};

enum class Outcome { unfinished, committed, rolled_back, conflicted };

inline const char* to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::unfinished:
      return "unfinished";
    case Outcome::committed:
      return "committed";
    case Outcome::rolled_back:
      return "rolled back";
    case Outcome::conflicted:
      return "conflicted";
  }
  return "unknown";
}

inline std::ostream& operator<<(std::ostream& out, Outcome outcome) { return out << to_string(outcome); }

// What one session did in one run.
struct Record {
  Outcome outcome = Outcome::unfinished;
  std::size_t begin = 0;  // times are positions in the schedule
  std::size_t end = 0;
  std::size_t steps_started = 0;
  bool conflict_at_commit = false;
  std::vector<Observation> reads = {};
  std::vector<Key> writes = {};

  bool committed() const { return outcome == Outcome::committed; }
  bool conflicted() const { return outcome == Outcome::conflicted; }
  bool overlaps(const Record& other) const { return begin < other.end && other.begin < end; }
};

// A schedule names, for each point in time, the session that takes its next step.
using Schedule = std::vector<std::size_t>;

struct Run {
  Schedule schedule = {};
  std::vector<Record> records = {};  // one per session
  Contents final = {};

  std::size_t conflicts() const {
    return static_cast<std::size_t>(
        std::count_if(records.begin(), records.end(), [](const Record& one) { return one.conflicted(); }));
  }
};

}  // namespace fluxmap_test::interleaving

// Commit step 4: is everything that was read still current? · layer: txn
//
// The reader's own pending versions do not count; every other version with a smaller timestamp does. A pending version
// of another commit X is judged by X's record:
//   active                       X draws its timestamp after ours: it is larger, its write comes later
//   committing, no timestamp yet wait for it (X is between two instructions)
//   committing, larger than ours its write comes later
//   committing, smaller          wait for its decision
// Waits go from larger to smaller timestamps, so there is no cycle of them.
// Soundness: if X's timestamp is smaller, X's fetch_add precedes ours in the order of next_cts, so its pending versions
// and its `committing` are visible to us (design section 3, steps 3 and 4).
#pragma once

#include <fluxmap/detail/txn/read_set.hpp>
#include <fluxmap/detail/txn/store.hpp>
#include <fluxmap/detail/txn/write_set.hpp>

#include <string>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class Key, class Value, class Compare>
class Validator {
 public:
  using EntryType = Entry<Key, Value>;
  using VersionType = Version<Value>;

  // Checks against the state just before `limit` (a commit), or, with no record, as of `limit` (a snapshot <= decided).
  // `now` is the transaction's: what had expired for it counts as absent.
  Validator(const Store<Key, Value, Compare>& store, const Now& now, Cts limit, CommitRecord* self) noexcept
      : store_(store), now_(now), limit_(limit), self_(self) {}

  // True if all of `reads` is current. False: `conflict` is the entry, or the absent key, that is not.
  bool check(const ReadSet<Key, Value>& reads) {
    for (const auto& point : reads.points) {
      step();
      if (current(*point.entry) != point.version) return fail(point.entry->key);
    }
    for (const Key& key : reads.absent) {
      step();
      EntryType* const entry = store_.index.find(key);
      if (entry != nullptr && is_live(current(*entry))) return fail(key);
    }
    for (const auto& range : reads.ranges) {
      if (!check(range)) return false;
    }
    return true;
  }

  // The key that was overwritten, after check() was false. Valid inside the caller's guard.
  const Key* conflict() const noexcept { return conflict_; }

 private:
  bool is_live(const VersionType* version) const noexcept { return version != nullptr && version->is_live(now_); }

  bool fail(const Key& key) noexcept {
    conflict_ = std::addressof(key);
    return false;
  }

  void step() {
    schedule_point(Point::validate_read);
    if (self_ != nullptr) {
      // A sign of life for those who wait for our decision; we are its only writer and it orders nothing.
      self_->progress.store(self_->progress.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
  }

  // Walks the range anew, beside what was seen.
  bool check(const RangeRead<Key, Value>& range) {
    const Compare& compare = store_.index.compare();
    auto seen = range.seen.begin();
    const auto end = range.seen.end();
    if (!range.finished && seen == end) return true;  // nothing was asked of it yet
    for (EntryType* entry = range.first_in(store_.index); entry != nullptr && range.contains(compare, entry->key);
         entry = store_.index.next(*entry)) {
      step();
      while (seen != end && seen->own != nullptr && compare(seen->own->key_now(), entry->key)) ++seen;
      if (!range.finished && seen == end) return true;  // an early end: what follows was not looked at
      if (seen != end && seen->own != nullptr && !compare(entry->key, seen->own->key_now())) {
        ++seen;  // our own write hid the database's version from the scan
        continue;
      }
      VersionType* const version = current(*entry);
      if (seen != end && seen->own == nullptr && seen->entry == entry) {
        if (version != seen->version) return fail(entry->key);
        ++seen;
      } else if (is_live(version)) {
        return fail(entry->key);  // a key that was not there
      }
    }
    while (seen != end && seen->own != nullptr) ++seen;
    return seen == end || fail(seen->entry->key);  // the entry of a live version cannot have left: see vacuum
  }

  // The newest version before the limit, ours excluded; null: none.
  VersionType* current(const EntryType& entry) {
    VersionType* version = entry.load_head();
    if (version == EntryType::closed()) return nullptr;
    for (; version != nullptr; version = version->older.load(std::memory_order_acquire)) {  // [P7]
      const Stamp stamp = version->stamp();
      if (stamp.is_tagged() ? counts(*stamp.record()) : is_before(stamp.cts())) return version;
    }
    return nullptr;
  }

  bool is_before(Cts cts) const noexcept { return self_ != nullptr ? cts < limit_ : cts <= limit_; }

  // True if the record is that of a commit before the limit. May wait for it.
  bool counts(CommitRecord& record) {
    if (&record == self_) return false;
    RecordWait wait(record, Point::validate_wait);
    for (;;) {  // bounded by RecordWait: what stalls is aborted
      // [P3] seq_cst and after our own fetch_add: sees `committing` of every commit with a smaller timestamp.
      switch (record.state.load(std::memory_order_seq_cst)) {
        case CommitState::active:
        case CommitState::aborted:
          return false;
        case CommitState::committed:
          return is_before(record.cts.load(std::memory_order_relaxed));  // stored before the decision just read
        case CommitState::committing:
          break;
      }
      const Cts cts = record.cts.load(std::memory_order_acquire);  // [P9]
      if (cts != 0 && !is_before(cts)) return false;
      // For a snapshot <= decided, whatever has no timestamp yet will get a larger one.
      if (cts == 0 && self_ == nullptr) return false;
      wait.step();
      if (self_ != nullptr && self_->state.load(std::memory_order_relaxed) == CommitState::aborted) {
        return false;  // relaxed: we were taken for stalled; the caller's decision fails and it starts over
      }
    }
  }

  const Store<Key, Value, Compare>& store_;
  const Now& now_;
  const Cts limit_;
  CommitRecord* const self_;
  const Key* conflict_ = nullptr;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// One transaction: its snapshot, what it has read and written, and how it ends. · layer: txn
//
// Used by one coroutine or thread at a time; may change threads between calls. Everything but the registered snapshot
// is private memory. Pointers handed out stay good because the snapshot keeps the versions it sees, and because the
// write set keeps its values.
#pragma once

#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/detail/platform/mark.hpp>
#include <fluxmap/detail/txn/announcement.hpp>
#include <fluxmap/detail/txn/cleared_run.hpp>
#include <fluxmap/detail/txn/commit.hpp>
#include <fluxmap/detail/txn/read_set.hpp>
#include <fluxmap/detail/txn/store.hpp>
#include <fluxmap/detail/txn/validate.hpp>
#include <fluxmap/detail/txn/write_set.hpp>
#include <fluxmap/error.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Where a scan stands. Belongs to one transaction; survives moves of its snapshot.
template <class Key, class Value>
struct ScanCursor {
  RangeRead<Key, Value>* range = nullptr;
  Entry<Key, Value>* at = nullptr;  // the last live entry returned, if it may be used to go on from
  const Key* last_key = nullptr;    // of the last item met, an own tombstone included; null: not begun
  std::size_t ahead = 0;         // entries looked ahead to and still to come; read-only: the last ones of range->seen
  std::uint64_t generation = 0;  // `at` is good only while the snapshot is the same
  bool begun = false;            // a step has been made
  const Key* key = nullptr;      // the current item
  const Value* value = nullptr;
};

template <class Key, class Value, class Compare>
class TxnState {
 public:
  using StoreType = Store<Key, Value, Compare>;
  using EntryType = Entry<Key, Value>;
  using VersionType = Version<Value>;
  using WriteType = Write<Key, Value>;
  using Range = RangeRead<Key, Value>;
  using Cursor = ScanCursor<Key, Value>;

  explicit TxnState(StoreType& store)
      : store_(store), slot_(store.snapshots.claim()), now_(store.now()), writes_(store.index.compare()) {}
  TxnState(const TxnState&) = delete;
  TxnState& operator=(const TxnState&) = delete;
  ~TxnState() {
    end();
    store_.snapshots.release(slot_);
  }

  // Begins anew. A read-only transaction sees what is published; a read-write one what is decided, which is at least
  // as new: its own acknowledgement waits for its own timestamp.
  void begin(bool read_only) {
    store_.check_open();
    read_only_ = read_only;
    doomed_ = false;
    reads_.clear();  // a failed predecessor may have left them for take_reads
    snapshot_ = store_.snapshots.enter(slot_, [&] { return read_only ? store_.published() : store_.newest(); });
    needed_ = 0;
    owner_ = 0;
    now_.forget();
    next_serial();
    active_ = true;
  }

  // What is read from now on is added to the announcement, until either ends, or sever().
  void announce_by(Announcement<Key, Value, Compare>& announcement) noexcept {
    if (read_only_) return;
    announcement_ = &announcement;
    announcement.attach(&announcement_);
  }
  // The transaction leaves the thread that runs its closure, with which it shares the announcement; it keeps its
  // number.
  void sever() noexcept {
    if (announcement_ == nullptr) return;
    owner_ = announcement_->owner();
    std::exchange(announcement_, nullptr)->attach(nullptr);
  }
  // It does not step aside for announcements of this number: they are its own.
  void announced_as(std::uint64_t owner) noexcept { owner_ = owner; }

  const Compare& compare() const noexcept { return store_.index.compare(); }
  bool active() const noexcept { return active_; }
  bool read_only() const noexcept { return read_only_; }
  Cts snapshot() const noexcept { return snapshot_; }
  Cts commit_timestamp() const noexcept { return cts_; }  // of the last commit that wrote; for tests and traces
  // After a commit: what must be acknowledged by the log before the commit may be. A transaction that has only read may
  // have read what is not on the disk yet.
  Cts needed() const noexcept { return needed_; }
  // Relaxed: only a stream that is used after its transaction has ended can meet another thread's change of it.
  std::uint64_t serial() const noexcept { return serial_.load(std::memory_order_relaxed); }

  void check_usable() const {
    store_.check_open();
    if (!active_) throw_error(errc::transaction_inactive);
    if (!read_only_ && store_.log != nullptr && store_.log->failed() && snapshot_ > store_.published()) {
      store_.log->check_usable();  // its snapshot shows what will never be durable; and it can never commit
    }
    if (doomed_ && slot_.snapshot() != snapshot_) throw ConflictError(conflict_);  // see refresh
  }

  // The value of a key; null: none.
  template <class K>
  const Value* get(const K& key) {
    check_usable();
    if (WriteType* const own = writes_.find(key)) {
      return own->version->is_tombstone() ? nullptr : std::addressof(own->version->value);
    }
    EpochGuard guard(store_.epochs);
    return read(guard, key);
  }

  // Writes a value; blind, so it cannot conflict.
  template <class... Args>
  void put(Key&& key, Args&&... args) {
    put_for(store_.time_to_live, std::move(key), std::forward<Args>(args)...);
  }
  // One that expires so long after the transaction's now; 0: never.
  template <class... Args>
  void put_for(std::chrono::microseconds time, Key&& key, Args&&... args) {
    check_writable();
    check_place(store_.index.compare(), key);
    EntryType* const hint = reads_.recent_entry(store_.index.compare(), key);
    PrivateVersion<Value> version(VersionType::make_until(now_.after(time), 0, std::forward<Args>(args)...));
    cleared_.on_put(store_.index.compare(), key);
    writes_.put(std::move(key), std::move(version), hint);
  }

  // Removes a key. False: there was none, and that counts as a read.
  template <class K>
  bool remove(const K& key) {
    check_writable();
    if (get(key) == nullptr) return false;
    Key owned(key);
    EntryType* const hint = reads_.recent_entry(store_.index.compare(), owned);
    writes_.put(std::move(owned), PrivateVersion<Value>(VersionType::make(Stamp::k_tombstone)), hint);
    return true;
  }

  // Begins a scan. In a read-write transaction the range joins the read set; else it must be kept by the caller.
  Cursor open_scan(Range&& range, std::unique_ptr<Range>& kept) {
    check_usable();
    Cursor cursor;
    if (read_only_) {
      kept = std::make_unique<Range>(std::move(range));
      cursor.range = kept.get();
    } else {
      cursor.range = &reads_.ranges.emplace_back(std::move(range));
    }
    return cursor;
  }

  // The next item of a read-only scan, if it is among those that were looked up before; needs no guard.
  bool advance_ahead(Cursor& cursor) const {
    check_usable();
    if (!read_only_ || cursor.ahead == 0) return false;
    const auto& item = *(cursor.range->seen.end() - static_cast<std::ptrdiff_t>(cursor.ahead--));
    cursor.key = std::addressof(item.entry->key);
    cursor.value = std::addressof(item.version->value);
    return true;
  }

  // Moves to the next live key of the range, own writes merged in. False: there is none.
  bool advance(EpochGuard& guard, Cursor& cursor) {
    if (read_only_) return advance_ahead(cursor) || (look_up_stretch(guard, cursor) && advance_ahead(cursor));
    check_usable();
    const Compare& compare = store_.index.compare();
    Range& range = *cursor.range;
    const bool begins = !std::exchange(cursor.begun, true);
    if (begins) skip_cleared(range);
    for (;;) {
      const std::uint64_t generation = generation_;
      WriteType* const own = next_own(cursor);
      const std::size_t stretch = cursor.ahead > 0 ? 0 : next_stretch(cursor);
      EntryType* entry = resume(cursor, stretch);
      cursor.ahead += stretch - 1;
      Found<Value> found;
      std::size_t passed = 0;
      for (; entry != nullptr && range.contains(compare, entry->key); entry = store_.index.next(*entry), ++passed) {
        if (own != nullptr && !compare(entry->key, own->key)) break;
        found = visible_at(*entry, snapshot_);
        if (found.newer != 0 && refresh(guard, found.newer, entry->key)) break;
        needed_ = std::max(needed_, found.cts);
        if (found.live(now_)) break;
      }
      StoreType::note_passed(guard, passed);
      if (generation != generation_) continue;  // the snapshot has moved: look again from the same place
      if (found.live(now_)) {
        range.seen.push_back({entry, found.version, nullptr});
        cursor.at = entry;
        cursor.generation = generation_;
        cursor.last_key = cursor.key = std::addressof(entry->key);
        cursor.value = std::addressof(found.version->value);
        if (begins) note_cleared(range, entry->key);
        return true;
      }
      if (own == nullptr) {
        range.finished = true;
        if (begins && cursor.last_key != nullptr) note_cleared(range, *cursor.last_key);
        return false;
      }
      range.seen.push_back({nullptr, nullptr, own});
      writes_.keep(*own);
      cursor.at = nullptr;
      cursor.last_key = cursor.key = std::addressof(own->key);
      if (own->version->is_tombstone()) continue;
      if (begins) note_cleared(range, own->key);
      cursor.value = std::addressof(own->version->value);
      return true;
    }
  }

  // Calls emit(key, value) for the whole range. The epoch is let go now and then, so that a long scan does not hold up
  // reclamation; the snapshot keeps its place.
  template <class Emit>
  void scan(Range&& range, Emit&& emit) {
    std::unique_ptr<Range> kept;
    Cursor cursor = open_scan(std::move(range), kept);
    for (bool more = true; more;) {
      EpochGuard guard(store_.epochs);
      if (read_only_) {
        more = look_up_stretch(guard, cursor);
        for (const auto& item : cursor.range->seen) emit(item.entry->key, item.version->value);
      } else {
        for (int i = 0; i < k_scan_stretch && (more = advance(guard, cursor)); ++i) emit(*cursor.key, *cursor.value);
      }
    }
  }

  UndoMark add_savepoint() {
    check_usable();
    return writes_.mark();
  }
  void roll_back_to(const UndoMark& savepoint) {
    check_usable();
    if (!writes_.roll_back_to(savepoint)) {
      throw_error(errc::invalid_option, "fluxmap: not a savepoint of this transaction any more");
    }
    cleared_.forget();
  }

  // One attempt to commit. After `committed` and `conflict` the transaction has ended. `defer`: willing to step aside.
  CommitOutcome try_commit(bool defer) {
    check_usable();
    if (writes_.empty()) {  // what it read was true at its snapshot, which lies between its begin and now
      end();
      return CommitOutcome::committed;
    }
    order_.clear();
    writes_.for_each([&](WriteType& write) { order_.push_back(&write); });
    KeepLimit<Key, Value> keep_limit(store_.limiter.get());
    EpochGuard guard(store_.epochs);
    struct Abandon {  // an exception or a conflict ends the transaction; what it created is vacuum's
      TxnState* self;
      EpochGuard& guard;
      ~Abandon() {
        if (self == nullptr) return;
        Commit<Key, Value, Compare>::abandon(guard, self->order_);
        self->end();
      }
    } abandon{this, guard};
    if (doomed_) {
      guard.counters().conflicts.add(1);
      return CommitOutcome::conflict;
    }
    keep_limit.check(order_);
    Commit<Key, Value, Compare> commit(store_, guard);
    const CommitOutcome outcome = commit.run(order_, &reads_, now_, snapshot_, owner(), defer);
    switch (outcome) {
      case CommitOutcome::committed:
        cts_ = needed_ = commit.cts();
        keep_limit.committed(guard, cts_, order_.size());
        break;
      case CommitOutcome::conflict:
        guard.counters().conflicts.add(1);
        conflict_ = commit.conflict_key();
        keep_reads_ = true;
        break;
      case CommitOutcome::step_aside:
      case CommitOutcome::stalled:
        abandon.self = nullptr;
        break;
    }
    return outcome;
  }

  // Ends the transaction without committing. What it did leaves no trace.
  void roll_back() noexcept {
    if (!active_) return;
    if (!order_.empty()) {  // a commit was under way: entries it has created are vacuum's now
      EpochGuard guard(store_.epochs);
      Commit<Key, Value, Compare>::abandon(guard, order_);
    }
    end();
  }

  const std::string& conflict_key() const noexcept { return conflict_; }

  const ReadSet<Key, Value>& reads() const noexcept { return reads_; }
  // What a failed transaction had read, for an announcement; empties it.
  ReadSet<Key, Value> take_reads() {
    ReadSet<Key, Value> reads = std::move(reads_);
    reads_.clear();
    return reads;
  }
  // A conflict met by a read leaves the transaction open; this ends it and keeps what it had read for take_reads.
  void fail() noexcept {
    if (!active_) return;
    {
      EpochGuard guard(store_.epochs);
      guard.counters().conflicts.add(1);
    }
    keep_reads_ = true;
    roll_back();
  }

  void check_writable() {
    check_usable();
    if (read_only_) throw_error(errc::read_only);
    if (doomed_) throw ConflictError(conflict_);
  }

 private:
  std::uint64_t owner() const noexcept { return announcement_ != nullptr ? announcement_->owner() : owner_; }

  void next_serial() noexcept { serial_.store(serial() + 1, std::memory_order_relaxed); }  // see serial()

  void end() noexcept {
    active_ = false;
    next_serial();
    ++generation_;
    cleared_.forget();
    if (!keep_reads_) reads_.clear();
    keep_reads_ = false;
    writes_.clear();
    order_.clear();
    sever();
    store_.snapshots.withdraw(slot_);
  }

  template <class K>
  const Value* read(EpochGuard& guard, const K& key) {
    EntryType* entry = nullptr;
    Found<Value> found;
    do {  // where the snapshot has moved, the key may meanwhile have left the index and come back in another entry
      EntryType* const before = std::exchange(entry, store_.index.find(key));
      if (before != nullptr && entry != nullptr && entry != before) reach(Mark::key_came_back);
      found = entry != nullptr ? visible_at(*entry, snapshot_) : Found<Value>{};
    } while (found.newer != 0 && refresh(guard, found.newer, entry->key));
    needed_ = std::max(needed_, found.cts);
    if (found.live(now_)) {
      if (store_.limiter != nullptr) store_.limiter->accesses.touch(guard.slot(), entry->access);
      if (!read_only_) reads_.add(entry, found.version);
      if (announcement_ != nullptr) announcement_->on_read(guard, *entry, reads_);
      return std::addressof(found.version->value);
    }
    if (!read_only_) {
      static_assert(std::constructible_from<Key, const K&>,
                    "a transaction remembers the keys it did not find: Key must be constructible from the look-up key");
      reads_.absent.emplace_back(key);
    }
    return nullptr;
  }

  // On meeting a version newer than the snapshot: moves the snapshot forward if all that was read so far is still
  // current (Riegel, Felber, Fetzer 2006). True: moved, look again. False: it could not; then the transaction can only
  // end as a reader at its old snapshot, and writing it has become pointless. Throws where it has written already.
  bool refresh(EpochGuard&, Cts newer, const Key& key) {
    if (read_only_ || doomed_) return false;
    if (store_.log != nullptr) store_.log->check_usable();
    schedule_point(Point::refresh);
    store_.ring.wait_decided(newer);
    for (bool moved = false; !moved;) {  // bounded in practice: a round needs another view of the pruners' meanwhile
      const Cts target = store_.ring.decided();
      Validator<Key, Value, Compare> validator(store_, now_, target, nullptr);
      if (!validator.check(reads_)) {
        conflict_ = format_key(validator.conflict() != nullptr ? *validator.conflict() : key);
        doomed_ = true;
        reach(Mark::snapshot_doomed);
        // A first round may have registered a snapshot that the floor had passed already: neither that one nor the old
        // one can be read from any more, though what was read before stays good.
        if (!writes_.empty() || slot_.snapshot() != snapshot_) throw ConflictError(conflict_);
        return false;
      }
      // Versions read are visible at the old and the new snapshot: whichever of the two a pruner sees keeps them.
      moved = store_.snapshots.move(slot_, target);
      if (moved) snapshot_ = target;
    }
    // What is current now may have been otherwise in between: no state before this one has all that was read.
    needed_ = snapshot_;
    ++generation_;
    return true;
  }

  static bool may_be_cleared(const Range& range) noexcept { return range.first && !range.after; }
  // A scan of a read-write transaction begins, or has come to its first key, or to its end behind `key`.
  void skip_cleared(Range& range) {
    if constexpr (std::copy_constructible<Key>) {
      if (!may_be_cleared(range)) return;
      const Key* const start = cleared_.skip(store_.index.compare(), *range.first);
      if (start != nullptr && range.contains(store_.index.compare(), *start)) range.start.emplace(*start);
    }
  }
  void note_cleared(const Range& range, const Key& key) noexcept {
    if (!may_be_cleared(range)) return;
    range.start ? cleared_.met_after_skip(key) : cleared_.met(*range.first, key);
  }

  WriteType* next_own(const Cursor& cursor) {
    if (writes_.empty()) return nullptr;
    const Range& range = *cursor.range;
    WriteType* const own = cursor.last_key != nullptr ? writes_.upper_bound(*cursor.last_key)
                           : range.start              ? writes_.lower_bound(*range.start)
                           : !range.first             ? writes_.first()
                           : range.after              ? writes_.upper_bound(*range.first)
                                                      : writes_.lower_bound(*range.first);
    return own != nullptr && range.contains(store_.index.compare(), own->key) ? own : nullptr;
  }

  // Fills `seen` with the next items of a read-only scan. It may look further than it was asked to, because what a
  // snapshot shows does not change, and stays where it is. False: there are none.
  bool look_up_stretch(EpochGuard& guard, Cursor& cursor) {
    Range& range = *cursor.range;
    cursor.ahead = 0;
    const std::size_t stretch = next_stretch(cursor);
    EntryType* entry = range.finished ? nullptr : resume(cursor, stretch);
    range.seen.resize(stretch);
    std::size_t count = 0, passed = 0;
    const Compare& compare = store_.index.compare();
    for (; entry != nullptr && range.contains(compare, entry->key); entry = store_.index.next(*entry)) {
      const Found<Value> found = visible_at(*entry, snapshot_);
      needed_ = std::max(needed_, found.cts);
      if (!found.live(now_)) {
        ++passed;
        continue;
      }
      range.seen[count++] = {entry, found.version, nullptr};
      if (count < stretch) continue;
      cursor.at = entry;
      cursor.last_key = std::addressof(entry->key);
      cursor.generation = generation_;
      break;
    }
    StoreType::note_passed(guard, passed);
    range.finished = count < stretch;
    range.seen.resize(count);
    cursor.ahead = count;
    return count > 0;
  }

  // How far a scan looks ahead: few entries at first, because few may be all that is asked for.
  static std::size_t next_stretch(const Cursor& cursor) noexcept {
    return cursor.last_key == nullptr ? k_first_stretch : k_long_stretch;
  }

  // The first entry after the cursor's place. `ahead`: how many more will be walked over; see SkipList::look_ahead.
  EntryType* resume(const Cursor& cursor, std::size_t ahead) const {
    if (cursor.last_key == nullptr) return cursor.range->first_in(store_.index, ahead);
    if (cursor.at != nullptr && cursor.generation == generation_) {
      if (ahead > 0) store_.index.look_ahead(cursor.at->key, ahead);
      return store_.index.next(*cursor.at);
    }
    EntryType* const entry = store_.index.lower_bound(*cursor.last_key, ahead);
    const bool same = entry != nullptr && !store_.index.compare()(*cursor.last_key, entry->key);
    return same ? store_.index.next(*entry) : entry;
  }

  static constexpr int k_scan_stretch = 512;
  static constexpr std::size_t k_first_stretch = 16, k_long_stretch = 64;

  StoreType& store_;
  SnapshotRegistry::Slot& slot_;
  Now now_;  // by which all of the transaction judges what has expired
  Cts snapshot_ = 0;
  Cts cts_ = 0;
  Cts needed_ = 0;                   // the newest commit that was read
  Atomic<std::uint64_t> serial_{0};  // changes with every begin and end: tells stale streams
  std::uint64_t generation_ = 0;     // changes whenever the snapshot does
  bool active_ = false;
  bool read_only_ = false;
  bool doomed_ = false;      // something read was overwritten; may still end as a reader
  bool keep_reads_ = false;  // end() leaves the read set to take_reads
  Announcement<Key, Value, Compare>* announcement_ = nullptr;
  std::uint64_t owner_ = 0;  // of what it had announced before sever()
  std::string conflict_;
  ReadSet<Key, Value> reads_;
  WriteSet<Key, Value, Compare> writes_;
  ClearedRun<Key> cleared_;
  std::vector<WriteType*> order_;  // the writes of a commit under way
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// The commit protocol (design section 3, steps 1 to 7), for one attempt of one transaction. · layer: txn
//
// Runs without suspending, inside one epoch guard. Exceptions (comparators, moves, memory) come out only before the
// decision, with everything undone.
#pragma once

#include <fluxmap/detail/platform/format_key.hpp>
#include <fluxmap/detail/platform/mark.hpp>
#include <fluxmap/detail/platform/prefetch.hpp>
#include <fluxmap/detail/txn/publish.hpp>
#include <fluxmap/detail/txn/store.hpp>
#include <fluxmap/detail/txn/validate.hpp>
#include <fluxmap/detail/txn/write_set.hpp>

#include <boost/assert.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

enum class CommitOutcome {
  committed,
  conflict,    // something read was overwritten
  step_aside,  // a starving transaction has announced a read of something written here: wait, then try again
  stalled,     // a waiter took us for stalled and aborted us: try again
};

template <class Key, class Value, class Compare>
class Commit {
 public:
  using StoreType = Store<Key, Value, Compare>;
  using EntryType = Entry<Key, Value>;
  using VersionType = Version<Value>;
  using WriteType = Write<Key, Value>;

  Commit(StoreType& store, EpochGuard& guard) : store_(store), guard_(guard) {}

  // Commits `writes`, which are in ascending key order. `reads` (may be null) must be current, and were current as of
  // `snapshot` and `now`. `owner` is the number of the caller's own announcements, `defer` whether it is willing to
  // step aside for another one. After any outcome but `committed` the writes hold their values again and run() may be
  // called anew.
  CommitOutcome run(std::span<WriteType* const> writes, const ReadSet<Key, Value>* reads, const Now& now, Cts snapshot,
                    std::uint64_t owner, bool defer) {
    guard_.reserve(3 * writes.size() + 4);
    make_record(writes);
    cts_ = 0;
    try {
      const CommitOutcome outcome = attempt(writes, reads, now, snapshot, owner, defer);
      if (outcome == CommitOutcome::committed) {
        finish(writes);
      } else {
        undo(writes);
        for (WriteType* write : writes) take_value_back(*write);
        // What the next attempt finds may be another entry: only those we created are sure to stay.
        for (WriteType* write : writes) {
          if (!write->created) write->entry = nullptr;
        }
      }
      retire_record();
      return outcome;
    } catch (...) {  // not after the decision: publish() does not throw
      undo(writes);
      for (WriteType* write : writes) let_go(*write);
      retire_record();
      throw;
    }
  }

  Cts cts() const noexcept { return cts_; }                               // of the committed transaction
  const std::string& conflict_key() const noexcept { return conflict_; }  // as text, may be empty

  // Ends the claim that a finished transaction has on entries it created and did not fill. Call it when run() will not
  // be called again for these writes.
  static void abandon(EpochGuard& guard, std::span<WriteType* const> writes) noexcept {
    for (WriteType* write : writes) {
      if (std::exchange(write->created, false)) WorkList<EntryType>::push(guard, *write->entry);
    }
  }

 private:
  CommitOutcome attempt(std::span<WriteType* const> writes, const ReadSet<Key, Value>* reads, const Now& now,
                        Cts snapshot, std::uint64_t owner, bool defer) {
    const bool reserved = defer && store_.reservations.any();
    for (WriteType* write : writes) {  // step 2
      const CommitOutcome latched = latch(*write);
      if (latched != CommitOutcome::committed) return latched;
      if (reserved && store_.reservations.blocks(store_.index.compare(), *write, owner)) {
        reach(Mark::commit_stepped_aside);
        return CommitOutcome::step_aside;
      }
    }
    schedule_point(Point::latched);

    // Step 3: state before timestamp.
    CommitState state = CommitState::active;
    // [P3] seq_cst: before our fetch_add on next_cts; pairs with the seq_cst loads of validators.
    if (!record_->state.compare_exchange_strong(state, CommitState::committing, std::memory_order_seq_cst)) {
      return CommitOutcome::stalled;
    }
    schedule_point(Point::committing);
    cts_ = store_.ring.take(*record_);

    // Step 4. When nothing was committed since the snapshot, everything read is current by definition.
    if (reads != nullptr && cts_ != snapshot + 1) {
      Validator<Key, Value, Compare> validator(store_, now, cts_, record_);
      if (!validator.check(*reads)) {
        conflict_ = format_key(*validator.conflict());
        return CommitOutcome::conflict;
      }
    }
    schedule_point(Point::validated);
    hand_to_log(writes);

    // Step 5. [P5] acq_rel: publishes the timestamp and the versions with the decision.
    state = CommitState::committing;
    if (!record_->state.compare_exchange_strong(state, CommitState::committed, std::memory_order_acq_rel)) {
      reach(Mark::commit_found_aborted);
      return CommitOutcome::stalled;
    }
    schedule_point(Point::decided);
    return CommitOutcome::committed;
  }

  // Installs the pending version of one key: the version is the key's latch. Waits for another's decision; holders of
  // latches wait only for keys that come later, or for smaller timestamps, so there is no cycle.
  CommitOutcome latch(WriteType& write) {
    for (;;) {
      if (write.entry == nullptr && !find_or_create(write)) return CommitOutcome::committed;
      EntryType& entry = *write.entry;
      VersionType* head = entry.load_head();
      if (head == EntryType::closed()) {
        // Vacuum is taking the entry away: help, then look for its successor.
        reach(Mark::latch_met_closed);
        store_.index.unlink(guard_, entry);
        if (write.expects && !is_absent(write.expected)) {  // the value it was to stand on has been removed
          conflict_ = format_key(entry.key);
          return CommitOutcome::conflict;
        }
        write.entry = nullptr;
        continue;
      }
      if (head != nullptr && !settle(entry, head)) {
        if (record_->state.load(std::memory_order_relaxed) == CommitState::aborted) {  // ours; decided again later
          return CommitOutcome::stalled;
        }
        continue;
      }
      if (write.expects && head != write.expected && !(is_absent(head) && is_absent(write.expected))) {
        conflict_ = format_key(entry.key);
        return CommitOutcome::conflict;
      }
      VersionType* const version = write.version.get();
      BOOST_ASSERT(version != nullptr);
      version->older.store(head, std::memory_order_relaxed);  // private still
      version->stamp_bits.store(Stamp::tagged(record_, flags_of(*version)).bits(),
                                std::memory_order_relaxed);  // as above
      schedule_point(Point::latch_before_cas);
      // [P2] release: the version; pairs with load_head(). acquire: what the version below stands for.
      if (entry.head.compare_exchange_strong(head, version, std::memory_order_acq_rel, std::memory_order_relaxed)) {
        write.installed = write.version.release();
        write.over_any = head != nullptr;
        write.over_live = !is_absent(head);
        write.over_bytes = write.over_live && store_.limiter != nullptr ? head->bytes() : 0;
        if (head != nullptr) prefetch(head->older.load(std::memory_order_relaxed));  // for the pruning; only an address
        return CommitOutcome::committed;
      }
    }
  }

  static bool is_absent(const VersionType* version) noexcept { return version == nullptr || version->is_tombstone(); }

  static std::uint64_t flags_of(const VersionType& version) noexcept {
    return version.flags().bits() & ~Stamp::k_tagged;
  }

  // True if a version may be put on `head`: it is stamped, or its commit is decided. An aborted one is popped first.
  bool settle(EntryType& entry, VersionType* head) {
    const Stamp stamp = head->stamp();
    if (!stamp.is_tagged()) return true;
    CommitRecord& other = *stamp.record();
    RecordWait wait(other, Point::latch_wait);
    for (;;) {                                                // bounded by RecordWait: what stalls is aborted
      switch (other.state.load(std::memory_order_acquire)) {  // [P5]
        case CommitState::committed:
          return true;
        case CommitState::aborted:
          reach(Mark::latch_popped_aborted);
          pop(entry, head);
          return false;
        case CommitState::active:
        case CommitState::committing:
          break;
      }
      if (record_->state.load(std::memory_order_relaxed) == CommitState::aborted) return false;  // ours: start over
      wait.step();
      // Relaxed: only asks whether it is still worth waiting for this one; latch() reads the head again.
      if (entry.head.load(std::memory_order_relaxed) != head) return false;
    }
  }

  // Takes an aborted version off the head of its chain; anybody may.
  static void pop(EntryType& entry, VersionType* version) noexcept {
    schedule_point(Point::abort_pop);
    VersionType* expected = version;
    // acq_rel: what stands below was installed before. No ABA: the version is retired only after this.
    entry.head.compare_exchange_strong(expected, version->older.load(std::memory_order_acquire),
                                       std::memory_order_acq_rel, std::memory_order_relaxed);
  }

  // Finds the entry of a key, or links a new one with our pending version in place. False: linked, latched, done.
  bool find_or_create(WriteType& write) {
    const auto [entry, is_new] = store_.index.find_or_link(
        guard_, write.key_now(), [&] { return make_entry(write); },
        [&](EntryType* lost) { unmake_entry(write, lost); });
    write.entry = entry;
    if (!is_new) return true;
    write.created = true;
    guard_.counters().entries.add(1);
    guard_.counters().bytes.add(static_cast<std::int64_t>(entry->bytes()));
    write.installed = std::exchange(write.at_birth, nullptr);
    write.over_any = write.over_live = false;
    write.over_bytes = 0;
    if (write.installed == write.version.get()) {
      static_cast<void>(write.version.release());
    } else {
      write.version.reset();  // an empty shell: its value was moved inside the entry
    }
    return false;
  }

  EntryType* make_entry(WriteType& write) {
    EntryType* entry = std::exchange(write.spare, nullptr);
    if (entry == nullptr) entry = EntryType::make(std::move(write.key), store_.shape_for(*write.version));
    try {
      VersionType* version = entry->make_version_inside(*write.version);
      if (version == nullptr) {
        version = write.version.get();
        version->older.store(nullptr, std::memory_order_relaxed);  // private; latch() meant it for another entry, maybe
      }
      version->stamp_bits.store(Stamp::tagged(record_, flags_of(*version)).bits(),
                                std::memory_order_relaxed);   // private
      entry->head.store(version, std::memory_order_relaxed);  // private: linking publishes it
      write.at_birth = version;
    } catch (...) {
      write.spare = entry;
      throw;
    }
    return entry;
  }

  // Another thread has linked an entry for this key first: keep ours for the case that we need it again.
  void unmake_entry(WriteType& write, EntryType* entry) {
    reach(Mark::entry_came_too_late);
    write.spare = entry;
    VersionType* const version = std::exchange(write.at_birth, nullptr);
    entry->head.store(nullptr, std::memory_order_relaxed);  // private still
    if (version == write.version.get()) return;
    entry->forget_version_inside();
    struct Destroy {
      VersionType* inside;
      ~Destroy() { inside->destroy(); }
    } destroy{version};
    if (!version->is_tombstone()) write.version = moved_out_of(*version);
  }

  static PrivateVersion<Value> moved_out_of(VersionType& version) {
    return PrivateVersion<Value>(VersionType::make_until(version.deadline(), 0, std::move(version.value)));
  }

  // Aborts: pops what was installed. The versions stay the writes' (see take_value_back and let_go).
  void undo(std::span<WriteType* const> writes) noexcept {
    abort_stalled(*record_);  // it may be aborted already
    if (cts_ != 0) store_.ring.mark_done(cts_);
    for (WriteType* write : writes) {
      if (write->installed != nullptr) pop(*write->entry, write->installed);
    }
    if (cts_ != 0) store_.ring.advance();
  }

  // After an abort: gives a write its value back for the next attempt. Nobody reads the value of a version that never
  // committed, so it may be moved; the shell is retired, because readers may still be passing over it.
  void take_value_back(WriteType& write) {
    if (write.installed == nullptr) return;
    VersionType* const version = write.installed;
    if (version->is_tombstone()) {
      write.version = PrivateVersion<Value>(VersionType::make(Stamp::k_tombstone));
    } else {
      write.version = moved_out_of(*version);
    }
    let_go(write);
  }
  void let_go(WriteType& write) noexcept {
    if (write.installed != nullptr) guard_.retire(std::exchange(write.installed, nullptr), &EntryType::free_version);
  }

  using LoggedType = TypedLoggedCommit<Key, Value, Compare>;
  using InstalledType = Installed<Key, Value>;

  // Step 1: what the log will write, encoded while nothing has happened yet.
  void make_record(std::span<WriteType* const> writes) {
    if (store_.log == nullptr) {
      record_ = new CommitRecord;
      return;
    }
    store_.log->check_usable();
    auto logged = std::make_unique<LoggedType>(store_);
    store_.encode_redo(writes, logged->redo);
    if (store_.log->level() == LogLevel::full) logged->installed.reserve(writes.size());
    logged_ = logged.release();
    record_ = logged_;
  }

  // Before the decision: from then on the log may write, publish and let go of the commit at any time.
  void hand_to_log(std::span<WriteType* const> writes) noexcept {
    if (logged_ == nullptr) return;
    if (store_.log->level() == LogLevel::full) {
      for (WriteType* write : writes) logged_->installed.push_back(as_installed(*write));  // there is room
    }
    store_.log->push(*logged_);
  }

  static InstalledType as_installed(const WriteType& write) noexcept {
    return {write.entry, write.installed, write.created, write.over_any, write.over_live, write.over_bytes};
  }

  // Steps 6 and 7.
  void finish(std::span<WriteType* const> writes) noexcept {
    store_.ring.mark_done(cts_);
    store_.ring.wait_decided(cts_);
    schedule_point(Point::published);
    if (store_.limiter != nullptr) weigh(writes);
    if (logged_ == nullptr || store_.log->level() == LogLevel::relaxed) {
      Publisher<Key, Value, Compare> publisher(store_, guard_, cts_);
      for (WriteType* write : writes) publisher.stamp(as_installed(*write));
      schedule_point(Point::stamped);
      publisher.prune_below(writes, [](const WriteType* write) { return as_installed(*write); });
    }
    for (WriteType* write : writes) {
      write->installed = nullptr;
      write->created = false;
    }
    store_.help(guard_);
  }

  // What is live weighs from the decision on, though in level full the log's thread publishes it later: else evictions
  // on their way through the log would be taken for too few.
  void weigh(std::span<WriteType* const> writes) noexcept {
    std::int64_t bytes = 0;
    for (const WriteType* write : writes) {
      const bool live = !write->installed->is_tombstone();
      const auto entry = static_cast<std::int64_t>(write->entry->bytes());
      if (live) bytes += static_cast<std::int64_t>(write->installed->bytes()) + (write->over_live ? 0 : entry);
      if (write->over_live) bytes -= static_cast<std::int64_t>(write->over_bytes) + (live ? 0 : entry);
    }
    guard_.counters().live_bytes.add(bytes);
    store_.limiter->settle(guard_.slot());
  }

  void retire_record() noexcept {
    CommitRecord* const record = std::exchange(record_, nullptr);
    if (logged_ != nullptr) return LoggedCommit::let_go(guard_, *std::exchange(logged_, nullptr));
    guard_.retire(record, [](void* object) noexcept { delete static_cast<CommitRecord*>(object); });
  }

  StoreType& store_;
  EpochGuard& guard_;
  CommitRecord* record_ = nullptr;
  LoggedType* logged_ = nullptr;  // the same, where there is a log
  Cts cts_ = 0;
  std::string conflict_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

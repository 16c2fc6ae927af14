// Operations that are a transaction of their own. · layer: txn
//
// A read needs no transaction: the newest published version of one key is a consistent state. A write of one key holds
// that key's latch while it decides, so a read-modify-write needs no read set either: it commits only on top of exactly
// the version it has read.
#pragma once

#include <fluxmap/detail/txn/commit.hpp>
#include <fluxmap/detail/txn/store.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <type_traits>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Calls f(const Value&) with the value of a key, without a copy, inside an epoch guard. False: no such key.
// Writes nothing that other threads read.
template <class Key, class Value, class Compare, class K, class F>
bool visit_key(Store<Key, Value, Compare>& store, const K& key, F&& f) {
  store.check_open();
  EpochGuard guard(store.epochs);
  auto* const entry = store.index.find(key);
  if (entry == nullptr) return false;
  const Found<Value> found = newest_published(*entry, [&] { return store.published(); });
  if (!found.live(store.now())) return false;
  if (store.limiter != nullptr) store.limiter->accesses.touch(guard.slot(), entry->access);
  std::forward<F>(f)(std::as_const(found.version->value));
  return true;
}

// One write of one key, to be attempted until it is through. Kept in the caller's frame; it may suspend between
// attempts.
template <class Key, class Value, class Compare>
class SingleWrite {
 public:
  using StoreType = Store<Key, Value, Compare>;
  using VersionType = Version<Value>;

  // `lasts`: how long after now what is written is to live; 0: for ever.
  SingleWrite(StoreType& store, Key&& key, std::chrono::microseconds lasts)
      : store_(store), now_(store.now()), lasts_(lasts), write_(std::move(key)) {}
  SingleWrite(StoreType& store, Key&& key) : SingleWrite(store, std::move(key), store.time_to_live) {}
  SingleWrite(const SingleWrite&) = delete;
  SingleWrite& operator=(const SingleWrite&) = delete;
  ~SingleWrite() {
    if (!write_.created) return;
    EpochGuard guard(store_.epochs);
    Commit<Key, Value, Compare>::abandon(guard, span());
  }

  // After put() and update(): what the log must acknowledge before the outcome may be told.
  Cts needed() const noexcept { return needed_; }

  // The version of an attempt that was not committed, with its value.
  PrivateVersion<Value> reclaim() noexcept { return std::move(write_.version); }

  // A version to be written, with the deadline it is to have.
  template <class... Args>
  PrivateVersion<Value> make_version(Args&&... args) const {
    return PrivateVersion<Value>(VersionType::make_until(now_.after(lasts_), 0, std::forward<Args>(args)...));
  }
  // For put(): the value to be written.
  template <class... Args>
  void set_value(Args&&... args) {
    write_.version = make_version(std::forward<Args>(args)...);
  }

  // Writes the value, whatever is there. False: stepped aside for another transaction, wait and call again.
  bool put(bool defer) {
    store_.check_open();
    KeepLimit<Key, Value> keep_limit(store_.limiter.get());
    keep_limit.check(span());
    EpochGuard guard(store_.epochs);
    for (;;) {  // a round is lost only to a waiter that took us for stalled
      switch (run(guard, keep_limit, defer)) {
        case CommitOutcome::committed:
          return true;
        case CommitOutcome::step_aside:
          return false;
        case CommitOutcome::conflict:  // it expects nothing
        case CommitOutcome::stalled:
          break;
      }
    }
  }

  // Reads the key, asks decide(const Value* old), which returns the version to write or null for none, and writes it
  // on top of what was read; asks again when another commit came in between. False: as above.
  template <class Decide>
  bool update(Decide&& decide, bool defer) {
    store_.check_open();
    if (store_.log != nullptr) store_.log->check_usable();  // what is decided may never become durable
    KeepLimit<Key, Value> keep_limit(store_.limiter.get());
    for (;;) {  // lock-free: a round is lost to a commit of the same key
      EpochGuard guard(store_.epochs);
      auto* const entry = write_.created ? write_.entry : store_.index.find(write_.key_now());
      const Found<Value> found = entry != nullptr ? newest_committed(*entry) : Found<Value>{};
      PrivateVersion<Value> next = decide(found.live(now_) ? std::addressof(found.version->value) : nullptr);
      write_.version = std::move(next);  // not before decide has returned: it may reclaim the last attempt's
      if (write_.version == nullptr) {
        store_.ring.wait_decided(found.cts);  // what was read must not be taken back by an older read
        needed_ = found.cts;
        return true;
      }
      keep_limit.check(span());
      write_.entry = entry;
      write_.expects = true;
      write_.expected = found.version;
      switch (run(guard, keep_limit, defer)) {
        case CommitOutcome::committed:
          return true;
        case CommitOutcome::step_aside:
          return false;
        case CommitOutcome::conflict:
          guard.counters().retries.add(1);
          break;
        case CommitOutcome::stalled:
          break;
      }
    }
  }

 private:
  std::span<Write<Key, Value>* const> span() noexcept { return {pointers_.data(), 1}; }

  CommitOutcome run(EpochGuard& guard, KeepLimit<Key, Value>& keep_limit, bool defer) {
    Commit<Key, Value, Compare> commit(store_, guard);
    const CommitOutcome outcome = commit.run(span(), nullptr, now_, 0, 0, defer);
    if (outcome == CommitOutcome::committed) {
      needed_ = commit.cts();
      keep_limit.committed(guard, needed_, 1);
    }
    return outcome;
  }

  StoreType& store_;
  const Now now_;
  const std::chrono::microseconds lasts_;
  Write<Key, Value> write_;
  std::array<Write<Key, Value>*, 1> pointers_{&write_};
  Cts needed_ = 0;
};

// Removes an entry's value for the database's own reasons, if `value` is still its newest version: a commit of a
// tombstone like any other. Inside the caller's guard. False: something else was committed there meanwhile.
template <class Key, class Value, class Compare>
bool bury(Store<Key, Value, Compare>& store, EpochGuard& guard, Entry<Key, Value>& entry, Version<Value>& value) {
  Write<Key, Value> write{Key(entry.key)};
  std::array<Write<Key, Value>*, 1> writes{&write};
  write.expects = true;
  write.expected = &value;
  const Now now = store.now();
  for (;;) {  // a round is lost only to a waiter that took us for stalled
    write.entry = &entry;
    if (write.version == nullptr) {
      write.version = PrivateVersion<Value>(Version<Value>::make(Stamp::k_tombstone));
    }
    Commit<Key, Value, Compare> commit(store, guard);
    switch (commit.run(writes, nullptr, now, 0, 0, false)) {
      case CommitOutcome::committed:
        return true;
      case CommitOutcome::conflict:
        return false;
      case CommitOutcome::step_aside:  // it never does
      case CommitOutcome::stalled:
        break;
    }
  }
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// A memory limit: what is live is weighed, and the policy's choice is evicted when it is too much. · layer: txn
//
// Each commit weighs what it makes live and what it supersedes, in a counter of its slot; slots settle with the one
// total in portions of 1/4096 of the limit, so no line is shared on the hot path and the total is nearly exact. Who
// finds it beyond the limit evicts, after the commit and before it is acknowledged: a commit of a tombstone, logged and
// seen like any other (docs/protocol.md). So writers pay for eviction as they go, in proportion to what they bring in.
// What snapshots pin is not live and not evicted for; the rest of what is superseded is freed by the writer that has
// left it, a few dozen entries at a time, and the limit for what is live leaves room for it.
// Reads only mark what they meet (AccessClock). The policy's lock is taken for keys that come and go.
#pragma once

#include <fluxmap/detail/platform/key_hash.hpp>
#include <fluxmap/detail/platform/mutex.hpp>
#include <fluxmap/detail/txn/autocommit.hpp>
#include <fluxmap/detail/txn/store.hpp>
#include <fluxmap/detail/upkeep/arc_policy.hpp>
#include <fluxmap/detail/upkeep/eviction_policy.hpp>
#include <fluxmap/detail/upkeep/lfu_policy.hpp>
#include <fluxmap/error.hpp>
#include <fluxmap/options.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

namespace fluxmap::inline FLUXMAP_ABI::detail {

inline std::unique_ptr<EvictionPolicy> make_policy(Eviction eviction, std::uint64_t seed) {
  switch (eviction) {
    case Eviction::lru:
      return std::make_unique<LruPolicy>();
    case Eviction::lfu:
      return std::make_unique<LfuPolicy>();
    case Eviction::random:
      return std::make_unique<RandomPolicy>(seed);
    case Eviction::arc:
      return std::make_unique<ArcPolicy>();
    case Eviction::none:
      break;
  }
  return nullptr;
}

template <class Key, class Value, class Compare>
class MemoryLimit final : public MemoryLimiter<Key, Value> {
  using StoreType = Store<Key, Value, Compare>;
  using EntryType = Entry<Key, Value>;
  using WriteType = Write<Key, Value>;
  using Base = MemoryLimiter<Key, Value>;

 public:
  MemoryLimit(StoreType& store, std::size_t limit, Eviction eviction)
      : Base(*store.clock, eviction == Eviction::lfu),
        store_(store),
        limit_(static_cast<std::int64_t>(std::min<std::size_t>(limit, std::size_t{1} << 62))),
        live_limit_(limit_ - limit_ / 32),
        portion_(std::max<std::int64_t>(1, limit_ / 4096)),
        policy_(make_policy(eviction, reinterpret_cast<std::uintptr_t>(this))) {}

  void check(std::span<WriteType* const> writes) override {
    std::int64_t bytes = 0;
    for (const WriteType* write : writes) {
      if (write->version->is_tombstone()) continue;
      const auto one = static_cast<std::int64_t>(bytes_of(*write));
      if (one > limit_) throw_error(errc::memory_limit, "fluxmap: an entry is larger than max_memory");
      bytes += one;
    }
    if (policy_ != nullptr || bytes == 0) return;  // what is too much is evicted afterwards
    EpochGuard guard(store_.epochs);
    settle(guard.slot());
    if (live() + bytes <= limit_) return;
    for (const WriteType* write : writes) bytes -= superseded_by(*write);
    if (bytes > 0 && live() + bytes > limit_) throw_error(errc::memory_limit);
  }

  void add(EntryType& entry) noexcept override {
    Tracking& tracking = entry.tracking();
    const std::lock_guard lock(mutex_);
    if (policy_ == nullptr || tracking.place() != 0) return;
    entry.access.store(AccessClock::word_of(this->accesses.now(), 0),
                       std::memory_order_relaxed);  // the caller marks it
    enlist(entry);
  }

  void forget(EntryType& entry) noexcept override {
    const std::lock_guard lock(mutex_);
    if (policy_ == nullptr) return;
    policy_->remove(entry.tracking());
    weigh_policy();
  }

  void work_off(EpochGuard& guard) noexcept override {
    EpochDomain::Slot& slot = guard.slot();
    const bool due = slot.work.size() >= k_batch || slot.garbage > static_cast<std::size_t>(limit_) / 256;
    if (!due || slot.work.empty()) return;
    if (slot.patience > 0) {
      --slot.patience;
      return;
    }
    const SnapshotView* const view = store_.fresh_view(guard);
    if (view == nullptr) return;
    slot.garbage = 0;
    VacuumReport report;
    const std::size_t before = slot.work.size();
    store_.tidy(guard, *view).work_off(2 * k_batch, report);
    if (slot.work.size() == before) slot.patience = k_batch;  // a snapshot holds all of it
    settle(slot);
  }

  void settle(EpochDomain::Slot& slot) noexcept override {
    const std::int64_t now = slot.counters.live_bytes.get() + slot.counters.index_bytes.get();
    const std::int64_t change = now - slot.settled_bytes;
    if (change < portion_ && -change < portion_) return;
    slot.settled_bytes = now;
    live_.fetch_add(change, std::memory_order_relaxed);  // a weight; orders nothing
  }

  void keep_limit() noexcept override {
    if (policy_ == nullptr) return;
    try {
      // Bounded by what is live: each round makes it less, or finds no more to evict.
      while (live() > live_limit_ && !store_.is_closed()) {
        EpochGuard guard(store_.epochs);
        if (!evict_one(guard)) return;
      }
    } catch (...) {  // the log, a comparator or the memory: the commit stands, and the next one tries again
    }
  }

  std::size_t policy_bytes() const noexcept override {
    return static_cast<std::size_t>(policy_bytes_.load(std::memory_order_relaxed));  // a weight; orders nothing
  }

 private:
  static constexpr std::size_t k_batch = 32;  // entries that may wait to be freed in one slot
  static constexpr int k_dead = 256;          // removed keys that a search for a victim passes at most

  std::size_t bytes_of(const WriteType& write) const noexcept {
    return EntryType::bytes_for(write.key_now(), store_.shape_for(*write.version)) +
           MemorySize<Value>::of(write.version->value) - sizeof(Value);
  }
  // What goes when this write is committed.
  std::int64_t superseded_by(const WriteType& write) const {
    const EntryType* const entry = store_.index.find(write.key_now());
    if (entry == nullptr) return 0;
    const Found<Value> found = newest_committed(*entry);
    if (!found.is_value()) return 0;
    return static_cast<std::int64_t>(entry->bytes() + found.version->bytes());
  }

  std::int64_t live() const noexcept { return live_.load(std::memory_order_relaxed); }  // a weight; orders nothing

  // Under the lock.
  EvictionPolicy::Moment moment() {
    if (hits_age_++ % 16 == 0) {  // summing up the slots costs more than the rest
      std::int64_t hits = 0;
      store_.epochs.for_each_slot([&](EpochDomain::Slot& slot) { hits += slot.counters.first_hits.get(); });
      hits_ = static_cast<std::uint64_t>(std::max<std::int64_t>(hits, 0));
    }
    return {.tick = this->accesses.now(), .first_hits = hits_};
  }
  void enlist(EntryType& entry) noexcept {
    try {
      policy_->add(entry.tracking(), key_hash(entry.key), moment());
      weigh_policy();
    } catch (...) {  // no memory: the key is not evicted before it is written again
    }
    this->accesses.set_keys(policy_->size());
  }
  void weigh_policy() noexcept {
    const auto bytes = static_cast<std::int64_t>(policy_->bytes());
    const std::int64_t before = policy_bytes_.exchange(bytes, std::memory_order_relaxed);  // under the lock
    if (bytes != before) live_.fetch_add(bytes - before, std::memory_order_relaxed);       // weights; order nothing
  }

  // False: there is nothing to be evicted.
  bool evict_one(EpochGuard& guard) {
    Version<Value>* value = nullptr;
    EntryType* const entry = choose(value);
    if (entry == nullptr) return false;
    bool evicted = false;
    try {
      evicted = bury(store_, guard, *entry, *value);
    } catch (...) {
      put_back(*entry);
      throw;
    }
    if (!evicted) {
      put_back(*entry);  // it was written just now
      return true;
    }
    guard.counters().evictions.add(1);
    const std::lock_guard lock(mutex_);
    policy_->evicted(key_hash(entry->key));
    weigh_policy();
    return true;
  }

  // The policy's choice, with its newest version, taken out of the policy; null: there is none. The caller's guard
  // keeps it: what is in the policy has not left the index when the lock is held.
  EntryType* choose(Version<Value>*& value) {
    const std::lock_guard lock(mutex_);
    for (int dead = 0; dead < k_dead; ++dead) {
      Tracking* const tracking = policy_->victim(moment());
      if (tracking == nullptr) return nullptr;
      EntryType* const entry = EntryType::of_tracking(*tracking);
      const Found<Value> found = newest_committed(*entry);
      if (found.is_value()) {
        value = found.version;
        return entry;
      }
      // It was removed, and vacuum has not come to it yet. A commit that makes it live again adds it again: it does so
      // before it stamps its version, and after it was decided; had that happened it would be live now.
    }
    return nullptr;
  }
  void put_back(EntryType& entry) noexcept {
    const std::lock_guard lock(mutex_);
    // A chain is closed before forget() is called: what is not closed yet will be forgotten.
    if (entry.tracking().place() == 0 && entry.load_head() != EntryType::closed()) enlist(entry);
  }

  StoreType& store_;
  const std::int64_t limit_;
  const std::int64_t live_limit_;  // the rest is for what waits to be freed
  const std::int64_t portion_;
  alignas(64) std::atomic<std::int64_t> live_{0};
  Mutex mutex_;                                   // guards what follows, and the trackings' links and places
  const std::unique_ptr<EvictionPolicy> policy_;  // null: nothing is evicted
  std::atomic<std::int64_t> policy_bytes_{0};
  std::uint64_t hits_ = 0, hits_age_ = 0;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

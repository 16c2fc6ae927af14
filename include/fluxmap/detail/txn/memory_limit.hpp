// A memory limit: what is live is weighed, and the policy's choice is evicted when it is too much. · layer: txn
//
// Each commit weighs what it makes live and what it supersedes, in a counter of its slot; slots settle with the one
// total in portions of 1/4096 of the limit, so no line is shared on the hot path and the total is nearly exact. Who
// finds it beyond the limit evicts, after the commit and before it is acknowledged: a commit of a tombstone, logged and
// seen like any other (docs/protocol.md). So writers pay for eviction as they go, in proportion to what they bring in.
// What has expired goes first. What a commit has brought in does not go for its own sake: it was let through only
// because all of it fits (check), so there is always something else. With Eviction::none what is let through near the
// limit is set aside until it is weighed, so that two commits cannot both take the last room.
// What snapshots pin is not live and not evicted for; the rest of what is superseded is freed by the writer that has
// left it, a few dozen entries at a time, and the limit for what is live leaves room for it.
// Reads only mark what they meet (AccessClock). The policy's lock is taken for keys that come and go.
#pragma once

#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/detail/platform/key_hash.hpp>
#include <fluxmap/detail/platform/mutex.hpp>
#include <fluxmap/detail/txn/autocommit.hpp>
#include <fluxmap/detail/txn/expire.hpp>
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
#include <thread>
#include <vector>

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

  std::int64_t check(std::span<WriteType* const> writes) override {
    std::int64_t most = 0;
    std::size_t keys = 0;
    bool expires = false;
    for (const WriteType* write : writes) {
      if (write->version->is_tombstone()) continue;
      expires = expires || write->version->flags().expires();
      most += bytes_of(*write) + shell_of(*write);
      ++keys;
    }
    // Relaxed: a hint for the time when these are in the wheel.
    if (expires && !expires_.load(std::memory_order_relaxed)) expires_.store(true, std::memory_order_relaxed);
    if (keys == 0) return 0;
    if (most > limit_ / 2) check_fits(writes, keys);
    if (policy_ != nullptr) return 0;  // what is too much is evicted afterwards
    // Far from the limit, so far that several may be here at once, nothing need be set aside.
    if (most <= limit_ / 64 && live() + set_aside() <= limit_ - limit_ / 8) return 0;
    return take_room(writes);
  }

  void release(std::int64_t bytes) noexcept override {
    const std::lock_guard lock(mutex_);  // whoever takes room next sees what the commit has weighed
    set_aside_.fetch_sub(bytes, std::memory_order_relaxed);
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
    const auto much = static_cast<std::size_t>(limit_) / 256;
    const bool due = slot.work.size() >= k_batch || slot.garbage > much;
    if (!due || slot.work.empty()) return;
    if (slot.patience > 0 && slot.garbage < 4 * much) {
      --slot.patience;
      return;
    }
    slot.patience = free_some(guard, k_most_work) ? 0 : k_just_failed;
  }

  void settle(EpochDomain::Slot& slot) noexcept override {
    const std::int64_t now = slot.counters.live_bytes.get() + slot.counters.index_bytes.get();
    const std::int64_t change = now - slot.settled_bytes;
    if (change < portion_ && -change < portion_) return;
    slot.settled_bytes = now;
    live_.fetch_add(change, std::memory_order_relaxed);  // a weight; orders nothing
  }

  void keep_limit(const LimitedCommit& commit) noexcept override {
    std::int64_t evicted = 0;
    if (commit.cts == 0) expires_.store(store_.timers.waiting() > 0, std::memory_order_relaxed);  // see check
    if (policy_ != nullptr && over()) {
      try {
        evicted = evict(commit.cts);
      } catch (...) {  // the log, a comparator or the memory: the commit stands, and the next one tries again
      }
    }
    const bool tight = live() > limit_ - limit_ / 64 && (commit.listed || evicted > 0);
    const bool many = evicted >= static_cast<std::int64_t>(HeapTrimmer::k_much);
    if (tight || many || commit.held_up) clean_up(std::max<std::size_t>(k_most_work, 2 * commit.writes));
    if (evicted > limit_ / 64) clean_up_others();
    if (many) give_back(evicted);
  }

  std::size_t policy_bytes() const noexcept override {
    return static_cast<std::size_t>(policy_bytes_.load(std::memory_order_relaxed));  // a weight; orders nothing
  }

 private:
  // In which others end the calls that they are in; in a schedule build they need no turns.
  static constexpr int k_rounds = FLUXMAP_SCHEDULE != 0 ? 8 : 100;
  static constexpr std::size_t k_batch = 32;         // entries that may wait to be freed in one slot
  static constexpr std::size_t k_most_work = 4096;   // entries that are dealt with in one go where nearly all are freed
  static constexpr int k_passed = 256;               // keys that cannot be evicted and are passed under one lock
  static constexpr std::int64_t k_index_share = 24;  // of a key, in the express lane: 16, where all join it, and cells

  // Of a new entry with this value.
  std::int64_t bytes_of(const WriteType& write) const noexcept {
    return static_cast<std::int64_t>(EntryType::bytes_for(write.key_now(), store_.shape_for(*write.version)) +
                                     MemorySize<Value>::of(write.version->value) - sizeof(Value));
  }
  // What a version weighs beside its value where it has no room in its entry.
  static std::int64_t shell_of(const WriteType& write) noexcept {
    return static_cast<std::int64_t>(heap_bytes(Version<Value>::size(write.version->flags().expires())));
  }
  // What so many keys need besides, if there is nothing else.
  std::int64_t overhead(std::size_t keys) const noexcept {
    const std::size_t policy = policy_ != nullptr ? policy_->bytes_for(keys) : 0;
    return static_cast<std::int64_t>(keys + 1) * k_index_share + static_cast<std::int64_t>(policy);
  }

  // Throws where these could not all stay even if all else were evicted.
  void check_fits(std::span<WriteType* const> writes, std::size_t keys) {
    EpochGuard guard(store_.epochs);
    std::int64_t bytes = overhead(keys);
    for (const WriteType* write : writes) {
      if (write->version->is_tombstone()) continue;
      const EntryType* const entry = store_.index.find(write->key_now());
      const Version<Value>* const head = entry != nullptr ? entry->load_head() : nullptr;
      bytes += head == nullptr || head == EntryType::closed()
                   ? bytes_of(*write)
                   : static_cast<std::int64_t>(entry->bytes() + write->version->bytes());
    }
    if (bytes > limit_) throw_error(errc::memory_limit, "fluxmap: what is written is larger than max_memory");
  }

  // Without eviction, near the limit.
  std::int64_t take_room(std::span<WriteType* const> writes) {
    EpochGuard guard(store_.epochs);
    std::int64_t bytes = 0;
    for (const WriteType* write : writes) bytes += growth_by(*write);
    if (bytes <= 0) return 0;
    if (has_room(bytes)) return bytes;
    try {
      for (bool more = true; more;) {
        more = expire_more();
        if (has_room(bytes)) return bytes;  // or another thread has removed what had expired
      }
    } catch (...) {  // as in keep_limit
    }
    throw_error(errc::memory_limit);
  }
  bool has_room(std::int64_t bytes) {
    const std::lock_guard lock(mutex_);
    if (exact_live() - leaving() + set_aside() + bytes > limit_) return false;
    set_aside_.fetch_add(bytes, std::memory_order_relaxed);  // under the lock
    return true;
  }
  // How much more is live when this write is committed. A value that takes no more than the one before does not count
  // as more, though it may need a version of its own where that one had room in its entry.
  std::int64_t growth_by(const WriteType& write) const {
    const Version<Value>& version = *write.version;
    const EntryType* const entry = store_.index.find(write.key_now());
    if (entry == nullptr) return version.is_tombstone() ? 0 : bytes_of(write) + k_index_share;
    const Found<Value> found = newest_committed(*entry);
    const auto before = static_cast<std::int64_t>(found.is_value() ? entry->bytes() + found.version->bytes() : 0);
    if (version.is_tombstone()) return -before;
    if (found.is_value()) {
      const std::size_t value = MemorySize<Value>::of(version.value), old = MemorySize<Value>::of(found.version->value);
      if (value <= old) return static_cast<std::int64_t>(value) - static_cast<std::int64_t>(old);
    }
    return static_cast<std::int64_t>(entry->bytes() + version.bytes()) - before;
  }

  // Frees some of what is on the list of the guard's thread, and goes on while most of it can be freed. False: nothing
  // could be.
  bool free_some(EpochGuard& guard, std::size_t most) noexcept {
    EpochDomain::Slot& slot = guard.slot();
    const SnapshotView* const view = store_.fresh_view(guard);
    if (view == nullptr) return true;
    slot.garbage = 0;
    bool freed = false;
    for (std::size_t done = 0; done < most && !slot.work.empty(); done += 2 * k_batch) {
      VacuumReport report;
      const std::size_t before = slot.work.size();
      store_.tidy(guard, *view).work_off(std::min(2 * k_batch, before), report);
      const bool some = slot.work.size() < before || report.versions > 0;
      freed = freed || some;
      if (!some || report.kept > k_batch) break;
    }
    settle(slot);
    return freed;
  }
  void clean_up(std::size_t most) noexcept {
    try {
      EpochGuard guard(store_.epochs);
      EpochDomain::Slot& slot = guard.slot();
      if (slot.work.empty()) return;
      slot.patience = free_some(guard, most) ? 0 : k_just_failed - 1;
    } catch (...) {  // no memory for a slot
    }
  }
  // What was evicted may be on the list of the thread that had just written it, and did not see it go: that one has
  // nothing more to do with it. Bounded: it need not be found.
  void clean_up_others() noexcept {
    try {
      for (int round = 0; round < k_rounds && store_.bytes() > static_cast<std::uint64_t>(limit_); ++round) {
        if (round > 0) std::this_thread::yield();  // its call is about to end
        EpochGuard guard(store_.epochs);
        WorkList<EntryType>::gather(store_.epochs, guard.slot().work, EpochDomain::Busy::leave_alone);
        free_some(guard, k_most_work);
      }
    } catch (...) {  // no memory for a slot
    }
  }
  // Much was evicted at once: its memory is not left with the allocator.
  void give_back(std::int64_t evicted) noexcept {
    try {
      for (int round = 0; round < 3; ++round) store_.epochs.collect_idle();  // see Vacuum::step
    } catch (...) {
    }
    const std::uint64_t now = store_.bytes();
    store_.trimmer.before(now + static_cast<std::uint64_t>(evicted));
    store_.trimmer.after(now);
  }

  std::int64_t live() const noexcept { return live_.load(std::memory_order_relaxed); }  // a weight; orders nothing
  std::int64_t set_aside() const noexcept { return set_aside_.load(std::memory_order_relaxed); }  // as above
  // True if more is live than there is room for, apart from what is being evicted.
  bool over() const noexcept { return live() - leaving() > live_limit_; }
  std::int64_t leaving() const noexcept { return leaving_.load(std::memory_order_relaxed); }                // as above
  void note_leaving(std::int64_t bytes) noexcept { leaving_.fetch_add(bytes, std::memory_order_relaxed); }  // as above
  // The same as live(), to the byte while nothing is committed. O(threads).
  std::int64_t exact_live() const noexcept {
    std::int64_t sum = static_cast<std::int64_t>(policy_bytes());
    store_.epochs.for_each_slot([&](const EpochDomain::Slot& slot) {
      sum += slot.counters.live_bytes.get() + slot.counters.index_bytes.get();
    });
    return sum;
  }

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

  // Evicts what is too much, but nothing of the commit `own`. Returns what it weighed.
  std::int64_t evict(Cts own) {
    std::int64_t evicted = 0;
    while (over() && !store_.is_closed() && expire_more()) {
    }
    // What has been removed by now, by whomever, may not be settled yet.
    if (expires_.load(std::memory_order_relaxed) && exact_live() - leaving() <= live_limit_) return 0;  // see check
    if (evict_stretches(own, evicted) || !over()) return evicted;
    // Only what the commit has brought in is left, and what others have brought in and keep out of the policy just now:
    // one after another they cannot hide it from the last of them.
    const std::lock_guard one_at_a_time(alone_);
    if (!evict_stretches(own, evicted) && live() > limit_ - limit_ / 64) {
      const std::lock_guard lock(mutex_);
      policy_->forget_the_past();
      weigh_policy();
    }
    return evicted;
  }
  // False: there is nothing more to be evicted.
  bool evict_stretches(Cts own, std::int64_t& evicted) {
    bool more = true;
    // Bounded by what is live: each round makes it less, or finds no more to evict.
    while (more && over() && !store_.is_closed()) more = evict_stretch(own, evicted);
    return more;
  }
  bool evict_stretch(Cts own, std::int64_t& evicted) {
    EpochGuard guard(store_.epochs);
    Spared spared(*this);
    for (std::size_t i = 0; i < k_batch; ++i) {
      Victim victim;
      switch (choose(own, spared, victim)) {
        case Choice::found:
          evicted += evict_one(guard, victim);
          note_leaving(-victim.bytes);
          break;
        case Choice::look_on:
          break;
        case Choice::enough:
          return true;
        case Choice::none:
          return false;
      }
    }
    return true;
  }

  struct Victim {
    EntryType* entry = nullptr;
    Version<Value>* value = nullptr;
    std::int64_t bytes = 0;
  };
  // What it weighed; 0: it stays.
  std::int64_t evict_one(EpochGuard& guard, const Victim& victim) {
    bool evicted = false;
    try {
      evicted = bury(store_, guard, *victim.entry, *victim.value);
      if (evicted && store_.expirer != nullptr) store_.expirer->finish_when_quiet();
    } catch (...) {
      note_leaving(-victim.bytes);
      put_back(*victim.entry);
      throw;
    }
    if (!evicted) {
      put_back(*victim.entry);  // it was written just now
      return 0;
    }
    guard.counters().evictions.add(1);
    const std::lock_guard lock(mutex_);
    policy_->evicted(key_hash(victim.entry->key));
    weigh_policy();
    return victim.bytes;
  }

  // Keys that were chosen, and are not to be evicted by whoever chose them: back in the policy when this goes, inside
  // the same guard.
  class Spared {
   public:
    explicit Spared(MemoryLimit& limit) noexcept : limit_(limit) {}
    Spared(const Spared&) = delete;
    Spared& operator=(const Spared&) = delete;
    ~Spared() {
      for (EntryType* entry : entries_) limit_.put_back(*entry);
    }
    void add(EntryType& entry) { entries_.push_back(&entry); }

   private:
    MemoryLimit& limit_;
    std::vector<EntryType*> entries_;
  };

  enum class Choice {
    found,    // taken out of the policy, and counted as leaving
    look_on,  // not yet: call again
    enough,   // no more is too much
    none,     // there is nothing left to choose from
  };
  // The policy's choice, with its newest version. The caller's guard keeps it: what is in the policy has not left the
  // index when the lock is held.
  Choice choose(Cts own, Spared& spared, Victim& victim) {
    const std::lock_guard lock(mutex_);
    if (!over()) return Choice::enough;  // looked at under the lock: two do not evict for the same excess
    for (int passed = 0; passed < k_passed; ++passed) {
      Tracking* const tracking = policy_->victim(moment());
      if (tracking == nullptr) return Choice::none;
      EntryType* const entry = EntryType::of_tracking(*tracking);
      const Found<Value> found = newest_committed(*entry);
      // It was removed, and vacuum has not come to it yet. A commit that makes it live again adds it again: it does so
      // before it stamps its version, and after it was decided; had that happened it would be live now.
      if (!found.is_value()) continue;
      if (own != 0 && found.cts == own) {
        try {
          spared.add(*entry);
        } catch (...) {
          put_back_locked(*entry);
          throw;
        }
        continue;
      }
      victim = {entry, found.version, static_cast<std::int64_t>(entry->bytes() + found.version->bytes())};
      note_leaving(victim.bytes);
      return Choice::found;
    }
    return Choice::look_on;
  }
  void put_back(EntryType& entry) noexcept {
    const std::lock_guard lock(mutex_);
    put_back_locked(entry);
  }
  void put_back_locked(EntryType& entry) noexcept {
    // A chain is closed before forget() is called: what is not closed yet will be forgotten.
    if (entry.tracking().place() != 0 || entry.load_head() == EntryType::closed()) return;
    try {
      policy_->put_back(entry.tracking(), key_hash(entry.key), moment());
      weigh_policy();
    } catch (...) {  // as in enlist
    }
  }

  // Removes some of what has expired. False: that was all, and what others had found due is weighed as removed.
  bool expire_more() {
    return expires_.load(std::memory_order_relaxed) && expire_due(store_);  // see check
  }

  StoreType& store_;
  const std::int64_t limit_;
  const std::int64_t live_limit_;  // the rest is for what waits to be freed
  const std::int64_t portion_;
  alignas(64) Atomic<std::int64_t> live_{0};
  Atomic<std::int64_t> leaving_{0};    // of that: about to be evicted
  Atomic<std::int64_t> set_aside_{0};  // let through, and not weighed yet; where nothing is evicted
  Atomic<bool> expires_{false};        // something may expire
  Mutex alone_;
  Mutex mutex_;                                   // guards what follows, and the trackings' links and places
  const std::unique_ptr<EvictionPolicy> policy_;  // null: nothing is evicted
  Atomic<std::int64_t> policy_bytes_{0};
  std::uint64_t hits_ = 0, hits_age_ = 0;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

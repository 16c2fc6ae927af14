// What the bodies of a schedule test do: transactions, writes of one key, reads and vacuums, all of them recorded.
#pragma once

#include "schedule/schedule_world.hpp"

namespace fluxmap_test {

// Waits for an announced transaction, for a bounded time. False: in vain.
inline bool step_aside(World& world) {
  for (int turn = 0; turn < 200 && world.store().reservations.any(); ++turn) engine::schedule_wait(Point::latch_wait);
  return !world.store().reservations.any();
}

// One transaction. Its reads are recorded by the tags of their values; World's checks turn these into versions.
class Tx {
 public:
  using State = engine::TxnState<Key, std::int64_t, std::less<>>;

  Tx(World& world, HistoryRecorder::Lane& lane, bool read_only)
      : world_(world),
        lane_(lane),
        record_(lane.begin(read_only ? TxnKind::read_only : TxnKind::read_write)),
        state_(world.store()) {
    state_.begin(read_only);
  }

  std::optional<Amount> get(Key key) {
    check_held();
    const std::int64_t* const value = state_.get(key);
    if (!own_.contains(key)) {
      record_.reads.push_back(read_of(key, value));
      if (value != nullptr) held_.emplace_back(value, *value);
    }
    return value == nullptr ? std::nullopt : std::optional(amount_of(*value));
  }
  Amount amount(Key key) { return get(key).value_or(0); }

  void put(Key key, Amount amount) {
    const std::int64_t value = world_.make_value(amount, record_.id);
    state_.put(Key{key}, value);
    own_[key] = static_cast<std::int64_t>(tag_of(value));
  }

  bool remove(Key key) {
    const bool own = own_.contains(key);
    const std::int64_t* const value = state_.get(key);
    if (!own) record_.reads.push_back(read_of(key, value));
    if (!state_.remove(key)) return false;
    own_[key] = k_tombstone;
    return true;
  }

  // At most `limit` keys of [first, last), with their amounts. `between` is called after each key: it may write.
  std::vector<std::pair<Key, Amount>> scan(
      Key first, Key last, std::size_t limit = ~std::size_t{0}, const std::function<void(Key)>& between = [](Key) {}) {
    std::vector<std::pair<Key, Amount>> found;
    RangeRead range{first, first, {}, {}};
    std::unique_ptr<State::Range> kept;
    State::Cursor cursor = state_.open_scan({first, last, engine::RangeKind::half_open, false, {}}, kept);
    for (bool more = true; more && found.size() < limit;) {
      const std::map<Key, std::int64_t> own = own_;
      {
        engine::EpochGuard guard(world_.store().epochs);
        more = state_.advance(guard, cursor);
        if (more) {
          found.emplace_back(*cursor.key, amount_of(*cursor.value));
          if (!own.contains(*cursor.key)) range.seen.push_back(read_of(*cursor.key, cursor.value));
        }
      }
      const Key until = more ? found.back().first + 1 : last;
      for (const auto& [key, tag] : own) {
        if (key >= range.last && key < until) range.excluded.push_back(key);
      }
      range.last = until;
      if (more) between(found.back().first);
    }
    record_.ranges.push_back(std::move(range));
    return found;
  }

  struct Savepoint {
    engine::UndoMark mark;
    std::map<Key, std::int64_t> own;
  };
  Savepoint savepoint() { return {state_.add_savepoint(), own_}; }
  void roll_back_to(const Savepoint& savepoint) {
    state_.roll_back_to(savepoint.mark);
    own_ = savepoint.own;
  }

  // Tries until it is neither taken for stalled nor asked to step aside. False: a conflict.
  bool commit(const engine::Reservation<Key, std::int64_t>* mine = nullptr) {
    check_held();
    const engine::Cts snapshot = state_.snapshot();
    if (mine != nullptr) state_.announced_as(mine->owner);
    for (bool defer = mine == nullptr;;) {
      switch (state_.try_commit(defer)) {
        case engine::CommitOutcome::committed:
          finish(own_.empty() ? snapshot : state_.commit_timestamp());
          return true;
        case engine::CommitOutcome::conflict:
          lane_.abort(std::move(record_));
          return false;
        case engine::CommitOutcome::step_aside:
          defer = step_aside(world_);
          break;
        case engine::CommitOutcome::stalled:
          ++stalled_;
          break;
      }
    }
  }
  void abandon() {
    check_held();
    state_.fail();
    lane_.abort(std::move(record_));
  }

  engine::Cts snapshot() const { return state_.snapshot(); }
  unsigned stalled() const { return stalled_; }
  State& state() { return state_; }

 private:
  static constexpr std::int64_t k_tombstone = -1;

  // What get() has returned stays good until the end of the transaction.
  void check_held() const {
    for (const auto& [place, value] : held_) expect(*place == value, "a value that was read has been freed");
  }
  static KeyRead read_of(Key key, const std::int64_t* value) {
    if (value == nullptr) return {key, k_unknown_absent, false, 0};
    return {key, 0, true, tag_of(*value)};
  }
  void finish(engine::Cts position) {
    for (const auto& [key, tag] : own_) {
      record_.writes.push_back({key, tag == k_tombstone, tag == k_tombstone ? 0 : static_cast<std::uint64_t>(tag)});
    }
    lane_.commit(std::move(record_), position);
  }

  World& world_;
  HistoryRecorder::Lane& lane_;
  TxnRecord record_;
  State state_;
  std::map<Key, std::int64_t> own_;  // key -> tag
  std::vector<std::pair<const std::int64_t*, std::int64_t>> held_;
  unsigned stalled_ = 0;
};

inline constexpr std::size_t k_set_up = 31;  // the epoch slot of the main thread before the bodies run

// What one body works with. Belongs to one thread.
class Actor {
 public:
  Actor(World& world, std::size_t index)
      : random(world.seed() ^ (index + 1) * 0x2545f4914f6cdd1d),
        world_(world),
        lane_(world.history.open_lane()),
        index_(index) {}

  // The engine picks a thread's epoch slot by its address and its memory of the last one; for a run that is a function
  // of its seed the slot must be one too.
  void settle_in(std::vector<Nap> naps) {
    std::size_t at = 0;
    engine::thread_epoch_state.slot_hint = static_cast<std::uint32_t>(index_);
    world_.store().epochs.for_each_slot([&](engine::EpochDomain::Slot& slot) {
      if (at++ == index_) slot_ = &slot;
    });
    slot_->owner.store(&engine::thread_epoch_state);
    thread_probe = {};
    thread_probe.store = &world_.store();
    thread_probe.running = &world_.running;
    std::erase_if(naps, [&](const Nap& nap) { return nap.body != index_; });
    thread_probe.naps = std::move(naps);
  }

  void leave() {
    thread_probe = {};
    slot_->owner.store(nullptr);
    world_.running.fetch_sub(1);
  }

  // Runs f(Tx&) until it commits.
  struct Committed {
    unsigned attempts;
    engine::Cts cts;  // of one that wrote
  };
  template <class F>
  Committed transact(F&& f) {
    for (unsigned attempt = 1; attempt < k_most_attempts; ++attempt) {
      look_afresh();
      Tx tx(world_, lane_, false);
      try {
        f(tx);
        const bool committed = tx.commit();
        stalled += tx.stalled();
        if (committed) return {attempt, tx.state().commit_timestamp()};
      } catch (const fluxmap::ConflictError&) {
        tx.abandon();
      }
      ++conflicts;
    }
    throw Failure("a transaction does not get through");
  }
  // One attempt only. False: a conflict; `reads` is then what it had read.
  template <class F>
  bool attempt(F&& f, const engine::Reservation<Key, std::int64_t>* mine = nullptr,
               engine::ReadSet<Key, std::int64_t>* reads = nullptr) {
    look_afresh();
    Tx tx(world_, lane_, false);
    try {
      f(tx);
      const bool committed = tx.commit(mine);
      stalled += tx.stalled();
      if (committed) return true;
    } catch (const fluxmap::ConflictError&) {
      tx.abandon();
    }
    if (reads != nullptr) *reads = tx.state().take_reads();
    ++conflicts;
    return false;
  }
  template <class F>
  void read_only(F&& f) {
    Tx tx(world_, lane_, true);
    f(tx);
    expect(tx.commit(), "a read-only transaction has failed");
  }

  // Autocommit read.
  std::optional<Amount> get(Key key) {
    TxnRecord record = lane_.begin(TxnKind::autocommit_read);
    std::int64_t value = 0;
    const bool found = engine::visit_key(world_.store(), key, [&](const std::int64_t& v) { value = v; });
    record.reads.push_back(found ? KeyRead{key, 0, true, tag_of(value)} : KeyRead{key, k_unknown_absent, false, 0});
    lane_.commit(std::move(record), 0);
    return found ? std::optional(amount_of(value)) : std::nullopt;
  }

  // Autocommit blind write.
  void put(Key key, Amount amount) {
    look_afresh();
    TxnRecord record = lane_.begin(TxnKind::read_write);
    engine::SingleWrite<Key, std::int64_t, std::less<>> write(world_.store(), Key{key});
    const std::int64_t value = world_.make_value(amount, record.id);
    write.set_value(value);
    watch(key);
    for (bool defer = true; !write.put(defer);) defer = step_aside(world_);
    record.writes.push_back({key, false, tag_of(value)});
    lane_.commit(std::move(record), unwatch());
  }

  // Autocommit read-modify-write: f(optional<Amount>) gives the new amount, or none to remove the key.
  template <class F>
  void update(Key key, F&& f) {
    look_afresh();
    TxnRecord record = lane_.begin(TxnKind::read_write);
    KeyRead read{key, k_unknown_absent, false, 0};
    KeyWrite written{key, false, 0};
    using Version = engine::Version<std::int64_t>;
    const auto decide = [&](const std::int64_t* old) {
      read = old == nullptr ? KeyRead{key, k_unknown_absent, false, 0} : KeyRead{key, 0, true, tag_of(*old)};
      const auto next = f(old == nullptr ? std::nullopt : std::optional(amount_of(*old)));
      written = {key, !next.has_value(), 0};
      if (!next && old == nullptr) return engine::PrivateVersion<std::int64_t>();
      if (!next) return engine::PrivateVersion<std::int64_t>(Version::make(engine::Stamp::k_tombstone));
      const std::int64_t value = world_.make_value(*next, record.id);
      written.value = tag_of(value);
      return engine::PrivateVersion<std::int64_t>(Version::make(0, value));
    };
    engine::SingleWrite<Key, std::int64_t, std::less<>> write(world_.store(), Key{key});
    watch(key);
    for (bool defer = true; !write.update(decide, defer);) defer = step_aside(world_);
    record.reads.push_back(read);
    if (written.tombstone && !read.live) {
      record.kind = TxnKind::autocommit_read;  // nothing was written
    } else {
      record.writes.push_back(written);
    }
    const engine::Cts cts = unwatch();
    lane_.commit(std::move(record), record.kind == TxnKind::autocommit_read ? 0 : cts);
  }

  // A whole vacuum, entry by entry.
  fluxmap::VacuumReport vacuum() {
    fluxmap::VacuumReport report;
    auto vacuum = world_.store().vacuum();
    vacuum.start(world_.store().published());
    while (vacuum.step(1, report)) {
    }
    return report;
  }

  // The point at which a body may be interrupted for longer than the engine's own points allow.
  void pause() { engine::schedule_point(Point::find_step); }

  // Waits until `stage` is reached; not for ever, for the body that is to reach it may be gone.
  void await(const std::atomic<int>& stage, int reached) {
    for (int turn = 0; turn < 100 && stage.load() < reached; ++turn) engine::schedule_wait(Point::find_step);
  }

  // A rest of the body at a point of its own choice, beside those that are drawn.
  void rest_at(Point point, unsigned occurrence, unsigned length) {
    thread_probe.naps.push_back({index_, static_cast<unsigned>(point), occurrence, length});
  }

  World& world() { return world_; }
  HistoryRecorder::Lane& lane() { return lane_; }

  SplitMix random;
  unsigned stalled = 0, conflicts = 0;

 private:
  static constexpr unsigned k_most_attempts = 200;

  // Committers keep a view of the registered snapshots for some commits; here each is to have a fresh one.
  void look_afresh() { slot_->scratch_commits = ~std::uint64_t{0} >> 1; }
  void watch(const Key& key) {
    watched_ = key;
    thread_probe.single_cts = 0;
    thread_probe.single_key = &watched_;
  }
  engine::Cts unwatch() {
    thread_probe.single_key = nullptr;
    return thread_probe.single_cts;
  }

  World& world_;
  HistoryRecorder::Lane& lane_;
  std::size_t index_;
  engine::EpochDomain::Slot* slot_ = nullptr;
  Key watched_ = 0;
};

// Before the bodies run, on the main thread: one transaction that writes all of it.
inline void populate(World& world, std::initializer_list<std::pair<Key, Amount>> content) {
  Actor actor(world, k_set_up);
  actor.settle_in({});
  actor.transact([&](Tx& tx) {
    for (const auto& [key, amount] : content) tx.put(key, amount);
  });
  actor.leave();
}

}  // namespace fluxmap_test

// What must hold of a store: after every step of a schedule, and when all bodies have ended.
#pragma once

#include "schedule/schedule_actor.hpp"

namespace fluxmap_test {

// Evictions and expiries are noticed as soon as they are decided, before what they stand on can be pruned.
inline void note_removal(World& world, Key key, engine::Cts cts, const engine::Version<std::int64_t>& tombstone) {
  if (world.removals.contains({key, cts})) return;
  const auto* const below = tombstone.older.load();
  const bool value = below != nullptr && !below->is_tombstone();
  const bool allowed = value && (!world.may_remove || world.may_remove(*below));
  world.removals[{key, cts}] = {value ? tag_of(below->value) : 0, allowed};
}

// After every step, while all threads stand at some schedule point.
inline void check_step(World& world) {
  Store& store = world.store();
  const engine::Cts published = store.ring.published();
  expect(published >= world.newest_published, "published has gone back");
  world.newest_published = published;
  const Store::EntryType* before = nullptr;
  for (const auto* entry = store.index.first(); entry != nullptr; entry = Store::Index::next(*entry)) {
    expect(before == nullptr || before->key < entry->key, "the index has a key twice, or keys out of order");
    before = entry;
    const auto* head = entry->head.load();
    if (head == Store::EntryType::closed()) continue;
    engine::Cts newer = 0;  // 0: no committed version met yet
    for (const auto* version = head; version != nullptr; version = version->older.load()) {
      engine::Cts cts = 0;
      if (engine::is_committed(*version, cts)) {
        expect(newer == 0 || cts < newer, "a chain is not in the order of commit");
        expect(version->stamp().is_tagged() || cts <= published, "stamped before it was published");
        newer = cts;
        if (world.removes_by_itself && version->is_tombstone()) note_removal(world, entry->key, cts, *version);
      } else {
        expect(version == head, "a version stands on one that is not committed");
        const engine::CommitRecord& record = *version->stamp().record();
        expect(record.state.load() != engine::CommitState::committing || record.cts.load() == 0 ||
                   record.cts.load() > store.ring.decided(),
               "decided has passed an undecided timestamp");
      }
    }
  }
}

// Adds the removals that nobody has recorded.
inline void add_removals(World& world, std::vector<TxnRecord>& history) {
  auto removals = world.removals;
  std::uint64_t id = 0;
  for (const TxnRecord& txn : history) {
    id = std::max(id, txn.id);
    if (!txn.committed) continue;
    for (const KeyWrite& write : txn.writes) removals.erase({write.key, txn.position});
  }
  for (const auto& [removal, removed] : removals) {
    const std::string key = "key " + std::to_string(removal.first);
    expect(removed.tag != 0, key + ": there was nothing to be evicted, or to expire");
    expect(removed.allowed, key + ": was removed before its time");
    TxnRecord record;
    record.id = ++id;
    record.committed = true;
    record.position = removal.second;
    record.reads.push_back({removal.first, 0, true, removed.tag});
    record.writes.push_back({removal.first, true, 0});
    history.push_back(std::move(record));
  }
}

// The tags of what was read become the timestamps of their writers.
inline std::vector<TxnRecord> resolve(World& world) {
  std::vector<TxnRecord> history = world.history.take();
  add_removals(world, history);
  std::map<std::uint64_t, const TxnRecord*> by_id;
  for (const TxnRecord& txn : history) by_id[txn.id] = &txn;
  std::map<std::uint64_t, Stamp> position;
  for (const TxnRecord& txn : history) {
    if (txn.committed && txn.writer()) position[txn.id] = txn.position;
  }
  const auto name = [&](KeyRead& read) {
    if (!read.live) return;
    const auto found = position.find(world.owner_of(read.value));
    expect(found != position.end(), "key " + std::to_string(read.key) + ": a value was read that nobody committed");
    read.version = found->second;
  };
  for (TxnRecord& txn : history) {
    if (!txn.committed) continue;
    for (KeyRead& read : txn.reads) name(read);
    for (RangeRead& range : txn.ranges) {
      for (KeyRead& read : range.seen) name(read);
    }
  }
  return history;
}

// The index must hold what the history says, and the counters must agree with the index.
struct Census {
  std::map<Key, std::uint64_t> live;  // key -> tag
  std::int64_t entries = 0, versions = 0, bytes = 0;
};
inline Census count(Store& store) {
  Census census;
  for (const auto* entry = store.index.first(); entry != nullptr; entry = Store::Index::next(*entry)) {
    ++census.entries;
    census.bytes += static_cast<std::int64_t>(entry->bytes());
    const auto* head = entry->head.load();
    expect(head != Store::EntryType::closed(), "a closed entry is still in the index");
    if (head != nullptr && !head->is_tombstone()) census.live[entry->key] = tag_of(head->value);
    for (const auto* version = head; version != nullptr; version = version->older.load()) {
      expect(!version->stamp().is_tagged(), "a version was left without a stamp");
      ++census.versions;
      census.bytes += static_cast<std::int64_t>(version->bytes());
    }
  }
  return census;
}

inline void check_census(Store& store, const Census& census) {
  std::int64_t keys = 0, entries = 0, versions = 0, bytes = 0;
  store.epochs.for_each_slot([&](engine::EpochDomain::Slot& slot) {
    keys += slot.counters.keys.get();
    entries += slot.counters.entries.get();
    versions += slot.counters.versions.get();
    bytes += slot.counters.bytes.get();
  });
  const auto agree = [](const char* what, std::int64_t counter, std::int64_t counted) {
    expect(counter == counted, std::string("the counter of ") + what + " says " + std::to_string(counter) + ", not " +
                                   std::to_string(counted));
  };
  agree("keys", keys, static_cast<std::int64_t>(census.live.size()));
  agree("entries", entries, census.entries);
  agree("versions", versions, census.versions);
  agree("bytes", bytes, census.bytes);
}

// The lane holds entries in order, none that has left, and its counter agrees with it.
inline void check_lane(Store& store) {
  const Store::EntryType* before = nullptr;
  store.index.lane().for_each_cell([&](const Store::EntryType* low, const auto& block) {
    expect(block.size() == 0 || low == nullptr || low->key <= block.item(0)->key, "a cell holds a key below its own");
    for (std::size_t i = 0; i < block.size(); ++i) {
      const Store::EntryType* const entry = block.item(i);
      expect(before == nullptr || before->key < entry->key, "the lane has a key twice, or keys out of order");
      expect(!entry->is_leaving(), "an entry has left and is still in the lane");
      before = entry;
    }
  });
  std::int64_t bytes = 0;
  store.epochs.for_each_slot([&](engine::EpochDomain::Slot& slot) { bytes += slot.counters.index_bytes.get(); });
  expect(bytes == store.index.lane().bytes(), "the counter of the lane's bytes does not agree with the lane");
}

// When all bodies have ended.
inline void check_end(World& world) {
  check_step(world);
  Store& store = world.store();
  const std::vector<TxnRecord> history = resolve(world);
  const std::string fault = fault_of(history);
  expect(fault.empty(), fault);
  std::map<Key, std::pair<Stamp, KeyWrite>> newest;
  Stamp last = 0;
  for (const TxnRecord& txn : history) {
    if (!txn.committed || !txn.writer()) continue;
    last = std::max(last, txn.position);
    for (const KeyWrite& write : txn.writes) {
      auto& [cts, kept] = newest[write.key];
      if (cts <= txn.position) cts = txn.position, kept = write;
    }
  }
  std::map<Key, std::uint64_t> live;
  for (const auto& [key, write] : newest) {
    if (!write.second.tombstone) live[key] = write.second.value;
  }
  expect(store.ring.published() >= last, "a commit has ended and is not published");
  store.snapshots.for_each([](engine::Cts) { throw Failure("a snapshot is still registered"); });
  Census census = count(store);
  expect(census.live == live, "the index does not hold what the history says");
  check_census(store, census);
  // Everything that is not live can be freed now, and vacuum knows where it is.
  for (int round = 0; round < 4; ++round) {
    fluxmap::VacuumReport report;
    auto vacuum = store.vacuum();
    vacuum.start(store.published());
    while (vacuum.step(64, report)) {
    }
  }
  census = count(store);
  expect(census.live == live, "vacuum has changed what the index holds");
  expect(census.entries == static_cast<std::int64_t>(live.size()), "vacuum has left the entry of a removed key");
  expect(census.versions == census.entries, "vacuum has left a dead version");
  check_census(store, census);
  check_lane(store);
}

}  // namespace fluxmap_test

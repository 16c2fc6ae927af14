// The parts of a commit: the ring of timestamps, the write set, the read set and its validation, announcements.
#include <fluxmap/detail/txn/autocommit.hpp>
#include <fluxmap/detail/txn/commit_ring.hpp>
#include <fluxmap/detail/txn/held_snapshot.hpp>
#include <fluxmap/detail/txn/read_set.hpp>
#include <fluxmap/detail/txn/reservation.hpp>
#include <fluxmap/detail/txn/store.hpp>
#include <fluxmap/detail/txn/validate.hpp>
#include <fluxmap/detail/txn/write_set.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace fluxmap::detail;

using IntStore = Store<int, int, std::less<>>;
using Writes = WriteSet<int, int, std::less<>>;
using Reads = ReadSet<int, int>;
using IntVersion = Version<int>;

// As a committer does it, without any keys.
void begin_commit(CommitRing& ring, CommitRecord& record) {
  record.state = CommitState::committing;
  ring.take(record);
}
// False: somebody has decided it otherwise.
bool decide(CommitRecord& record, CommitState how = CommitState::committed) {
  CommitState state = CommitState::committing;
  return record.state.compare_exchange_strong(state, how);
}
void finish(CommitRing& ring, CommitRecord& record) {
  ring.mark_done(record.cts);
  ring.advance();
}

PrivateVersion<int> value(int number) { return PrivateVersion<int>(IntVersion::make(0, number)); }
PrivateVersion<int> tombstone() { return PrivateVersion<int>(IntVersion::make(Stamp::k_tombstone)); }

std::vector<std::pair<int, int>> contents(Writes& writes) {
  std::vector<std::pair<int, int>> items;
  writes.for_each([&](Writes::WriteType& write) {
    items.emplace_back(write.key, write.version->is_tombstone() ? -1 : write.version->value);
  });
  return items;
}

void put(IntStore& store, int key, int number) {
  SingleWrite<int, int, std::less<>> write(store, std::move(key));
  write.set_value(number);
  REQUIRE(write.put(false));
}
void remove(IntStore& store, int key) {
  SingleWrite<int, int, std::less<>> write(store, std::move(key));
  REQUIRE(write.update([](const int*) { return tombstone(); }, false));
}

// Reads of a store, as a transaction would note them.
struct Reader {
  explicit Reader(IntStore& in) : store(in) {}

  void get(int key) {
    auto* const entry = store.index.find(key);
    const auto found = entry != nullptr ? newest_committed(*entry) : Found<int>{};
    if (found.is_value()) {
      reads.add(entry, found.version);
    } else {
      reads.absent.push_back(key);
    }
  }
  // Notes what is in [first, last), up to `count` items; fewer: the end was reached.
  void scan(int first, int last, int count = 1000) {
    auto& range = reads.ranges.emplace_back(RangeRead<int, int>{first, last, RangeKind::half_open, false, {}});
    for (auto* entry = store.index.lower_bound(first); count > 0; entry = store.index.next(*entry)) {
      if (entry == nullptr || entry->key >= last) {
        range.finished = true;
        return;
      }
      const auto found = newest_committed(*entry);
      if (!found.is_value()) continue;
      range.seen.push_back({entry, found.version, nullptr});
      --count;
    }
  }
  // The key that is not current any more; none: all is.
  std::optional<int> conflict() {
    const fluxmap::detail::Now now = store.now();
    Validator<int, int, std::less<>> validator(store, now, store.ring.decided(), nullptr);
    if (validator.check(reads)) return std::nullopt;
    REQUIRE(validator.conflict() != nullptr);
    return *validator.conflict();
  }

  IntStore& store;
  HeldSnapshot<IntStore> snapshot{store};  // keeps what was read
  EpochGuard guard{store.epochs};
  Reads reads;
};

}  // namespace

TEST_CASE("decided_stops_below_the_first_undecided_timestamp", "[trap-01]") {
  CommitRing ring;
  std::array<CommitRecord, 3> records;
  for (CommitRecord& record : records) begin_commit(ring, record);
  CHECK(records[0].cts == 1);
  CHECK(records[2].cts == 3);
  for (const std::size_t at : {std::size_t{1}, std::size_t{2}}) {
    CHECK(decide(records[at]));
    finish(ring, records[at]);
    CHECK(ring.decided() == 0);  // a snapshot of 3 would not see what 1 may yet bring
  }
  CHECK(decide(records[0]));
  finish(ring, records[0]);
  CHECK(ring.decided() == 3);
  CHECK(ring.published() == 3);
}

TEST_CASE("an_aborted_commit_is_a_hole_that_nobody_waits_for", "[trap-12]") {
  CommitRing ring;
  std::array<CommitRecord, 2> records;
  for (CommitRecord& record : records) begin_commit(ring, record);
  CHECK(decide(records[1]));
  finish(ring, records[1]);
  CHECK(decide(records[0], CommitState::aborted));
  SECTION("its owner says so") { ring.mark_done(1); }
  SECTION("its owner has not come round to say so") {}
  ring.wait_decided(2);
  CHECK(ring.decided() == 2);
  finish(ring, records[0]);  // a late owner does no harm
  CHECK(ring.decided() == 2);
}

TEST_CASE("a_committer_that_stalls_is_aborted_and_learns_it_when_it_wakes_up", "[trap-13]") {
  CommitRing ring;
  CommitRecord stalled, other;
  begin_commit(ring, stalled);
  begin_commit(ring, other);
  CHECK(decide(other));
  ring.mark_done(2);
  ring.wait_decided(2);
  CHECK(ring.decided() == 2);
  CHECK(stalled.state == CommitState::aborted);
  CHECK_FALSE(decide(stalled));
}

TEST_CASE("what_is_not_durable_is_not_published", "[trap-04]") {
  CommitRing ring;
  ring.set_durable(0);
  CommitRecord record;
  begin_commit(ring, record);
  CHECK(decide(record));
  finish(ring, record);
  CHECK(ring.decided() == 1);
  CHECK(ring.published() == 0);

  auto* const entry = Entry<int, int>::make(1);
  auto* const version = IntVersion::make(0, 7);
  version->stamp_bits = Stamp::tagged(&record, 0).bits();
  entry->head = version;
  CHECK_FALSE(newest_published(*entry, [&] { return ring.published(); }).is_value());
  CHECK(newest_committed(*entry).is_value());
  ring.set_durable(1);
  CHECK(ring.published() == 1);
  CHECK(newest_published(*entry, [&] { return ring.published(); }).is_value());
  version->destroy();
  Entry<int, int>::destroy(entry);
}

TEST_CASE("the_ring_goes_round", "[trap-17]") {
  CommitRing ring(4);
  for (Cts cts = 1; cts <= 1000; ++cts) {
    CommitRecord record;
    begin_commit(ring, record);
    REQUIRE(record.cts == cts);
    CHECK(decide(record, cts % 3 == 0 ? CommitState::aborted : CommitState::committed));
    finish(ring, record);
    REQUIRE(ring.decided() == cts);
  }
}

TEST_CASE("a_full_ring_frees_itself_of_commits_that_stall", "[trap-17]") {
  CommitRing ring(4);
  std::array<CommitRecord, 4> records;
  for (CommitRecord& record : records) begin_commit(ring, record);  // more than half of it
  CHECK(records[0].state == CommitState::aborted);
  CHECK(decide(records[3]));
  ring.wait_decided(4);
  CHECK(ring.decided() == 4);
}

TEST_CASE("threads_on_a_small_ring_get_every_timestamp_decided", "[trap-17]") {
  CommitRing ring(16);
  constexpr int k_each = 3000;
  std::vector<std::thread> threads;
  std::atomic<bool> ok{true};
  EpochDomain epochs;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < k_each; ++i) {
        EpochGuard guard(epochs);
        auto* const record = new CommitRecord;
        begin_commit(ring, *record);
        decide(*record);
        ring.mark_done(record->cts);
        ring.wait_decided(record->cts);
        if (ring.decided() < record->cts) ok = false;
        guard.retire(record, [](void* object) noexcept { delete static_cast<CommitRecord*>(object); });
      }
    });
  }
  for (std::thread& one : threads) one.join();
  CHECK(ok);
  CHECK(ring.decided() >= 3 * k_each);  // and as many more as were skipped
}

TEST_CASE("a_write_set_is_ordered_and_holds_the_last_value") {
  Writes writes{std::less<>{}};
  for (const int key : {3, 1, 2}) writes.put(int{key}, value(key), nullptr);
  writes.put(2, value(20), nullptr);
  writes.put(3, tombstone(), nullptr);
  CHECK(contents(writes) == std::vector<std::pair<int, int>>{{1, 1}, {2, 20}, {3, -1}});
  CHECK(writes.size() == 3);
  CHECK(writes.find(2)->version->value == 20);
  CHECK(writes.find(4) == nullptr);
  CHECK(writes.lower_bound(2)->key == 2);
  CHECK(writes.upper_bound(2)->key == 3);
  CHECK(writes.upper_bound(3) == nullptr);
  writes.clear();
  CHECK(writes.empty());
  CHECK(writes.lower_bound(0) == nullptr);
}

TEST_CASE("a_write_set_rolls_back_to_its_marks") {
  Writes writes{std::less<>{}};
  writes.put(1, value(1), nullptr);
  const UndoMark first = writes.mark();
  const int* const kept = &writes.find(1)->version->value;
  for (int i = 0; i < 20; ++i) writes.put(1, value(10 + i), nullptr);
  writes.put(2, value(2), nullptr);
  const UndoMark second = writes.mark();
  writes.put(2, tombstone(), nullptr);
  writes.put(3, value(3), nullptr);
  CHECK(writes.roll_back_to(second));
  CHECK(contents(writes) == std::vector<std::pair<int, int>>{{1, 29}, {2, 2}});
  CHECK(writes.roll_back_to(first));
  CHECK_FALSE(writes.roll_back_to(second));
  CHECK(contents(writes) == std::vector<std::pair<int, int>>{{1, 1}});
  CHECK(&writes.find(1)->version->value == kept);
  CHECK(writes.size() == 1);
  CHECK(writes.find(2) == nullptr);  // a node that a rollback has emptied is gone
  CHECK(writes.upper_bound(1) == nullptr);
  writes.put(2, value(5), nullptr);
  CHECK(writes.size() == 2);
}

TEST_CASE("a_read_set_notes_a_key_read_again_and_again_once") {
  IntStore store(std::less<>{}, 0.25);
  for (int key = 0; key < 4; ++key) put(store, key, key);
  Reader reader(store);
  for (int round = 0; round < 100; ++round) reader.get(round % 4);
  CHECK(reader.reads.points.size() == 4);
  CHECK(reader.reads.recent_entry(std::less<>{}, 2) == store.index.find(2));
  CHECK(reader.reads.recent_entry(std::less<>{}, 9) == nullptr);
  CHECK_FALSE(reader.reads.empty());
  reader.reads.clear();
  CHECK(reader.reads.empty());
}

TEST_CASE("validation_finds_the_read_that_is_not_current") {
  IntStore store(std::less<>{}, 0.25);
  for (const int key : {10, 20, 30, 40}) put(store, key, 1);
  Reader reader(store);
  reader.get(10);
  reader.get(15);           // absent
  reader.scan(18, 35);      // to its end
  reader.scan(36, 100, 1);  // stopped at 40
  CHECK_FALSE(reader.conflict().has_value());
  SECTION("nothing read was touched") {
    for (const int key : {9, 16, 35, 41, 50}) put(store, key, 1);
    CHECK_FALSE(reader.conflict().has_value());
  }
  SECTION("an overwrite") {
    const int key = GENERATE(10, 20, 30, 40);
    put(store, key, 1);
    CHECK(reader.conflict() == key);
  }
  SECTION("a removal") {
    const int key = GENERATE(10, 20, 30, 40);
    remove(store, key);
    CHECK(reader.conflict() == key);
  }
  SECTION("a new key") {
    const int key = GENERATE(15, 18, 25, 34, 36, 39);
    put(store, key, 1);
    CHECK(reader.conflict() == key);
  }
  SECTION("a new key that is gone again") {
    for (const int key : {15, 25}) {
      put(store, key, 1);
      remove(store, key);
    }
    CHECK_FALSE(reader.conflict().has_value());
  }
}

TEST_CASE("validation_judges_a_pending_version_by_its_record", "[trap-02]") {
  IntStore store(std::less<>{}, 0.25);
  put(store, 1, 1);
  Reader reader(store);
  reader.get(1);
  CommitRecord self, other;
  self.state = CommitState::committing;
  self.cts = 10;
  auto* const entry = store.index.find(1);
  auto* const below = entry->load_head();
  auto* const pending = IntVersion::make(0, 2);
  pending->stamp_bits = Stamp::tagged(&other, 0).bits();
  pending->older = below;
  entry->head = pending;
  const fluxmap::detail::Now now = store.now();
  const auto current = [&] { return Validator<int, int, std::less<>>(store, now, 10, &self).check(reader.reads); };

  CHECK(current());  // active: it will draw a larger timestamp
  other.state = CommitState::committing;
  other.cts = 11;
  CHECK(current());
  other.cts = 9;
  CHECK(current());  // waits for its decision, and aborts it after the bound
  CHECK(other.state == CommitState::aborted);
  other.state = CommitState::committed;
  CHECK_FALSE(current());
  other.cts = 11;
  CHECK(current());
  pending->stamp_bits = Stamp::tagged(&self, 0).bits();
  CHECK(current());  // its own

  entry->head = below;
  pending->destroy();
}

TEST_CASE("an_announcement_makes_others_step_aside_from_what_it_read_and_from_nothing_else") {
  using Announcements = Reservations<int, int, std::less<>>;
  IntStore store(std::less<>{}, 0.25);
  for (const int key : {10, 20, 30, 50}) put(store, key, 1);
  Announcements announcements;
  const std::less<> less;
  Reader reader(store);
  reader.get(10);
  for (const int absent : {15, 17, 14, 15, 12, 17}) reader.get(absent);
  reader.scan(20, 40);
  CHECK_FALSE(announcements.any());
  auto* const mine =
      announcements.announce(reader.guard, less, 7, std::move(reader.reads), std::chrono::milliseconds(1), nullptr);
  REQUIRE(mine != nullptr);
  CHECK(announcements.any());
  const auto other = [&] {
    return announcements.announce(reader.guard, less, 8, {}, std::chrono::milliseconds(1), nullptr);
  };
  CHECK(other() == nullptr);  // one at a time
  CHECK(announcements.announce_early(reader.guard, 8, {}) == nullptr);
  CHECK(announcements.standing() == 7);

  const auto blocks = [&](int key, std::uint64_t own) {
    put(store, key, 2);
    Write<int, int> write(int{key});
    write.entry = store.index.find(key);
    return announcements.blocks(std::less<>{}, write, own);
  };
  for (const int key : {10, 12, 14, 15, 17, 20, 25, 39}) {
    CHECK(blocks(key, 0));
    CHECK_FALSE(blocks(key, 7));
  }
  for (const int key : {9, 13, 16, 40, 50}) CHECK_FALSE(blocks(key, 0));

  announcements.withdraw(reader.guard, mine);
  CHECK_FALSE(announcements.any());
  CHECK(announcements.standing() == 0);
  CHECK_FALSE(blocks(10, 0));

  // Early: the points only, and those that are added.
  reader.reads.clear();
  reader.get(10);
  auto* const early = announcements.announce_early(reader.guard, 9, reader.reads);
  REQUIRE(early != nullptr);
  CHECK(blocks(10, 0));
  CHECK_FALSE(blocks(50, 0));
  early->entries.add(store.index.find(50));
  CHECK(blocks(50, 0));
  CHECK_FALSE(blocks(50, 9));

  // Once it is over it blocks nobody, and another one takes its place, though its owner has not come round.
  const auto until = early->until;
  while (std::chrono::steady_clock::now() < until) {
  }
  CHECK_FALSE(blocks(10, 0));
  CHECK(announcements.standing() == 0);
  auto* const next = other();
  REQUIRE(next != nullptr);
  announcements.withdraw(reader.guard, early);
  CHECK(announcements.standing() == 8);
  announcements.withdraw(reader.guard, next);
  CHECK(announcements.standing() == 0);
}

TEST_CASE("an_announcement_holds_the_addresses_added_up_to_its_room") {
  std::vector<int> objects(3000);
  AddressSet set(100);
  for (int& object : objects) set.add(&object);
  std::size_t held = 0;
  for (int& object : objects) held += set.contains(&object) ? 1 : 0;
  CHECK(held >= 356);  // as many as asked for, and 256 to spare
  CHECK(held < objects.size());
  for (std::size_t i = 0; i < held; ++i) CHECK(set.contains(&objects[i]));  // the first ones
  const int other = 0;
  CHECK_FALSE(set.contains(&other));
}

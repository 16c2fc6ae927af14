// Pruning of chains, the lists of work, and vacuum.
#include <fluxmap/detail/txn/autocommit.hpp>
#include <fluxmap/detail/txn/store.hpp>
#include <fluxmap/detail/upkeep/vacuum.hpp>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace fluxmap::detail;

using IntEntry = Entry<int, int>;
using IntVersion = Version<int>;
using IntStore = Store<int, int, std::less<>>;
using IntVacuum = Vacuum<int, int, std::less<>>;

// An entry whose chain holds the given timestamps, newest first.
struct Chain {
  explicit Chain(std::initializer_list<Cts> newest_first) : entry(IntEntry::make(1)) {
    IntVersion* newer = nullptr;
    for (const Cts cts : newest_first) {
      auto* const version = IntVersion::make(0, static_cast<int>(cts));
      version->stamp_bits = Stamp::stamped(cts, 0).bits();
      (newer == nullptr ? entry->head : newer->older) = version;
      newer = version;
    }
  }
  ~Chain() {
    for (IntVersion* version = entry->head; version != nullptr;) std::exchange(version, version->older)->destroy();
    IntEntry::destroy(entry);
  }
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;

  // Puts a version tagged with a record on top.
  void cover(CommitRecord& record) {
    auto* const version = IntVersion::make(0, 0);
    version->stamp_bits = Stamp::tagged(&record, 0).bits();
    version->older = entry->head.load();
    entry->head = version;
  }
  Pruned prune(const SnapshotView& view, std::size_t limit = std::numeric_limits<std::size_t>::max()) {
    EpochGuard guard(epochs);
    guard.reserve(16);
    return fluxmap::detail::prune(guard, *entry, view, timers, limit);
  }
  // Timestamps from the newest on; 0 for tagged ones.
  std::vector<Cts> stamps() const {
    std::vector<Cts> found;
    for (const IntVersion* version = entry->head; version != nullptr; version = version->older) {
      found.push_back(version->stamp().is_tagged() ? 0 : version->stamp().cts());
    }
    return found;
  }

  EpochDomain epochs;
  fluxmap::detail::TimingWheel timers;
  IntEntry* entry;
};

void put(IntStore& store, int key, int value) {
  SingleWrite<int, int, std::less<>> write(store, std::move(key));
  write.set_value(value);
  REQUIRE(write.put(false));
}
void remove(IntStore& store, int key) {
  SingleWrite<int, int, std::less<>> write(store, std::move(key));
  REQUIRE(write.update([](const int*) { return PrivateVersion<int>(IntVersion::make(Stamp::k_tombstone)); }, false));
}
int value_of(IntStore& store, int key) {
  int value = -1;
  visit_key(store, key, [&](const int& found) { value = found; });
  return value;
}
fluxmap::VacuumReport vacuum_all(IntStore& store) {
  fluxmap::VacuumReport report;
  IntVacuum vacuum = store.vacuum();
  vacuum.start(store.published());
  while (vacuum.step(1000, report)) {
  }
  return report;
}

}  // namespace

TEST_CASE("pruning_keeps_what_a_snapshot_can_see_and_the_newest", "[trap-14]") {
  struct Case {
    SnapshotView view;
    std::vector<Cts> left;
  };
  const std::vector<Case> cases{
      {{.floor = 9, .listed = {}}, {9}},
      {{.floor = 100, .listed = {}}, {9}},
      {{.floor = 9, .listed = {9}}, {9}},
      {{.floor = 9, .listed = {8}}, {9, 7}},
      {{.floor = 9, .listed = {7}}, {9, 7}},
      {{.floor = 9, .listed = {4}}, {9, 3}},  // a hole in the middle: interval, not prefix
      {{.floor = 9, .listed = {1, 6}}, {9, 5, 1}},
      {{.floor = 9, .listed = {0}}, {9}},
      {{.floor = 8, .listed = {}}, {9, 7}},  // 9 is not published: 7 is what validators compare with
      {{.floor = 5, .listed = {}}, {9, 7, 5}},
      {{.floor = 0, .listed = {}}, {9, 7, 5, 3, 1}},
  };
  for (const Case& one : cases) {
    Chain chain{9, 7, 5, 3, 1};
    const Pruned pruned = chain.prune(one.view);
    CAPTURE(one.view.floor, one.view.listed);
    CHECK(chain.stamps() == one.left);
    CHECK(pruned.versions == 5 - one.left.size());
    CHECK(pruned.bytes == pruned.versions * fluxmap::detail::heap_bytes(sizeof(IntVersion)));
    CHECK(pruned.rest == (one.left.size() > 1));
  }
}

TEST_CASE("pruning_leaves_the_newest_committed_version_under_undecided_and_aborted_ones", "[trap-14]") {
  const CommitState state = GENERATE(CommitState::active, CommitState::committing, CommitState::aborted);
  Chain chain{7, 5, 3};
  CommitRecord record;
  record.state = state;
  chain.cover(record);
  chain.prune({.floor = 100, .listed = {}});
  CHECK(chain.stamps() == std::vector<Cts>{0, 7});
}

TEST_CASE("pruning_takes_no_version_that_is_not_stamped_yet") {
  Chain chain{5, 3};
  CommitRecord first, second;
  for (auto* const record : {&first, &second}) {
    record->cts = record == &first ? 7 : 9;
    record->state = CommitState::committed;
    chain.cover(*record);
  }
  chain.prune({.floor = 100, .listed = {}});
  CHECK(chain.stamps() == std::vector<Cts>{0, 0});  // whoever stamps the lower one will still touch it
}

TEST_CASE("pruning_looks_at_a_bounded_number_of_survivors") {
  Chain chain{9, 7, 5, 3, 1};
  const SnapshotView view{.floor = 9, .listed = {5, 7}};
  CHECK(chain.prune(view, 1).rest);
  CHECK(chain.stamps() == std::vector<Cts>{9, 7, 5, 3, 1});
  chain.prune(view);
  CHECK(chain.stamps() == std::vector<Cts>{9, 7, 5});
}

TEST_CASE("one_thread_at_a_time_prunes_a_chain") {
  Chain chain{9, 7};
  chain.entry->flags |= IntEntry::k_pruning;
  const Pruned pruned = chain.prune({.floor = 9, .listed = {}});
  CHECK(pruned.versions == 0);
  CHECK(pruned.rest);
  CHECK(chain.stamps().size() == 2);
  chain.entry->flags &= static_cast<std::uint8_t>(~IntEntry::k_pruning);
  CHECK(chain.prune({.floor = 9, .listed = {}}).versions == 1);
}

TEST_CASE("an_entry_has_one_token_which_its_creator_holds_first") {
  EpochDomain epochs;
  using Work = WorkList<IntEntry>;
  std::vector<IntEntry*> entries{IntEntry::make(0), IntEntry::make(1), IntEntry::make(2)};
  CHECK_FALSE(Work::acquire(*entries[0]));
  Work::release_token(*entries[0]);
  CHECK(Work::acquire(*entries[0]));
  CHECK_FALSE(Work::acquire(*entries[0]));
  EpochGuard guard(epochs);
  CHECK(Work::take(guard.slot()).empty());
  for (IntEntry* const entry : entries) Work::push(guard, *entry);
  std::vector<int> taken;
  for (void* const entry : Work::take(guard.slot())) taken.push_back(static_cast<IntEntry*>(entry)->key);
  CHECK(taken == std::vector{0, 1, 2});
  CHECK(Work::take(guard.slot()).empty());
  for (IntEntry* const entry : entries) IntEntry::destroy(entry);
}

TEST_CASE("vacuum_unlinks_removed_keys_and_prunes_chains") {
  IntStore store(std::less<>{}, 0.25);
  for (int key = 0; key < 10; ++key) put(store, key, 1);
  for (int key = 0; key < 4; ++key) remove(store, key);
  put(store, 7, 2);
  const fluxmap::VacuumReport report = vacuum_all(store);
  CHECK(report.entries == 4);
  CHECK(report.kept == 0);
  EpochGuard guard(store.epochs);
  for (int key = 0; key < 10; ++key) CHECK((store.index.find(key) == nullptr) == (key < 4));
  CHECK(value_of(store, 7) == 2);
}

TEST_CASE("vacuum_keeps_a_tombstone_that_some_snapshot_does_not_see") {
  IntStore store(std::less<>{}, 0.25);
  put(store, 1, 1);
  SnapshotRegistry::Slot& reader = store.snapshots.claim();
  store.snapshots.enter(reader, [&] { return store.published(); });
  remove(store, 1);
  CHECK(vacuum_all(store).kept == 1);
  {
    EpochGuard guard(store.epochs);
    const auto* const entry = store.index.find(1);
    REQUIRE(entry != nullptr);
    CHECK(visible_at(*entry, reader.snapshot()).is_value());
    CHECK_FALSE(newest_committed(*entry).is_value());
  }
  store.snapshots.release(reader);
  CHECK(vacuum_all(store).entries == 1);
}

TEST_CASE("vacuum_works_in_steps_and_gives_back_what_it_did_not_come_to") {
  IntStore store(std::less<>{}, 0.25);
  for (int key = 0; key < 10; ++key) put(store, key, 1);
  for (int key = 0; key < 10; ++key) remove(store, key);
  {
    fluxmap::VacuumReport report;
    IntVacuum vacuum = store.vacuum();
    vacuum.start(store.published());
    CHECK(vacuum.step(3, report));
    CHECK(report.entries == 3);
    IntVacuum other = store.vacuum();  // finds nothing: all of it is taken
    other.start(store.published());
    fluxmap::VacuumReport none;
    CHECK_FALSE(other.step(100, none));
    CHECK(none.entries == 0);
  }
  CHECK(vacuum_all(store).entries == 7);
  CHECK(vacuum_all(store).entries == 0);
}

namespace {

// Ten removed keys on the list of the calling thread, held up by a snapshot for so long.
void leave_ten(IntStore& store) {
  for (int key = 0; key < 10; ++key) put(store, key, 1);
  SnapshotRegistry::Slot& reader = store.snapshots.claim();
  store.snapshots.enter(reader, [&] { return store.published(); });
  for (int key = 0; key < 10; ++key) remove(store, key);
  store.snapshots.release(reader);
}

}  // namespace

TEST_CASE("vacuum_gets_the_list_of_a_thread_that_is_inside_a_call") {
  IntStore store(std::less<>{}, 0.25);
  leave_ten(store);
  std::optional<EpochGuard> call;
  call.emplace(store.epochs);
  REQUIRE(call->slot().work.size() == 10);
  CHECK(vacuum_all(store).entries == 0);  // it has asked, and waits for nobody
  call.reset();
  call.emplace(store.epochs);
  CHECK(call->slot().work.empty());
  CHECK(vacuum_all(store).entries == 10);
  call.reset();
  CHECK(vacuum_all(store).entries == 0);
}

TEST_CASE("writers_free_what_they_have_covered_without_a_vacuum") {
  constexpr int k_keys = 1000;
  constexpr std::int64_t k_unseen = 64;  // covered since the view of the snapshots was refreshed, at most
  IntStore store(std::less<>(), 0.25);
  const auto sum = [&](auto&& of) {
    std::int64_t total = 0;
    store.epochs.for_each_slot([&](const EpochDomain::Slot& slot) { total += of(slot); });
    return total;
  };
  const auto versions = [&] { return sum([](const auto& slot) { return slot.counters.versions.get(); }); };
  const auto queued = [&] { return sum([](const auto& slot) { return static_cast<std::int64_t>(slot.work.size()); }); };
  const auto put_all = [&](int value) {
    for (int key = 0; key < k_keys; ++key) put(store, key, value);
  };
  put_all(0);
  put_all(1);
  CHECK(versions() <= k_keys + k_unseen);
  CHECK(queued() <= k_unseen);

  SnapshotRegistry::Slot& reader = store.snapshots.claim();
  store.snapshots.enter(reader, [&] { return store.published(); });
  put_all(2);
  CHECK(versions() >= 2 * k_keys);  // the reader's
  put_all(3);
  put_all(4);
  CHECK(versions() <= 3 * k_keys);  // the reader's, the newest one, and one that the newest has covered
  store.snapshots.withdraw(reader);
  store.snapshots.release(reader);
  put_all(5);
  CHECK(versions() <= 2 * k_keys + k_unseen);  // vacuum has been told of all keys, and is left the rest
  vacuum_all(store);
  CHECK(versions() == k_keys);
  CHECK(queued() == 0);
  put_all(6);
  CHECK(versions() <= k_keys + k_unseen);
  for (int key = 0; key < k_keys; ++key) REQUIRE(value_of(store, key) == 6);
}

// A transaction commits while its own snapshot is registered, so what it has covered last is held up when it tidies.
TEST_CASE("writers_free_a_little_later_what_their_own_snapshots_have_held_up") {
  constexpr int k_keys = 500;
  constexpr int k_rounds = 100;
  IntStore store(std::less<>(), 0.25);
  SnapshotRegistry::Slot& own = store.snapshots.claim();
  for (int round = 0; round < k_rounds; ++round) {
    for (int key = 0; key < k_keys; ++key) {
      store.snapshots.enter(own, [&] { return store.published(); });
      put(store, key, round);
      store.snapshots.withdraw(own);
    }
  }
  store.snapshots.release(own);
  std::int64_t versions = 0;
  store.epochs.for_each_slot([&](const EpochDomain::Slot& slot) { versions += slot.counters.versions.get(); });
  CHECK(versions <= k_keys + 100);  // not one more for each key that was ever the last one before a refresh
  vacuum_all(store);
  versions = 0;
  store.epochs.for_each_slot([&](const EpochDomain::Slot& slot) { versions += slot.counters.versions.get(); });
  CHECK(versions == k_keys);
}

// Its chain is closed, so others may take it out and free it at any time from then on.
TEST_CASE("an_entry_that_a_comparator_has_kept_in_the_index_is_not_queued_again") {
  struct Order {
    bool* fails;
    bool operator()(int a, int b) const {
      if (*fails) throw 1;
      return a < b;
    }
  };
  bool fails = false;
  Store<int, int, Order> store(Order{&fails}, 0.25);
  for (int key = 0; key < 3; ++key) {
    for (const bool removes : {false, true}) {
      SingleWrite<int, int, Order> write(store, int{key});
      REQUIRE(write.update(
          [&](const int*) {
            return PrivateVersion<int>(removes ? IntVersion::make(Stamp::k_tombstone) : IntVersion::make(0, 1));
          },
          false));
    }
  }
  fluxmap::VacuumReport report;
  {
    EpochGuard guard(store.epochs);
    REQUIRE(guard.slot().work.size() == 3);
    fails = true;
    store.tidy(guard, *store.fresh_view(guard)).work_off(10, report);
    fails = false;
    CHECK(guard.slot().work.empty());
    CHECK(store.index.first() == nullptr);
  }
  CHECK(report.entries == 3);
  CHECK(report.kept == 0);
}

TEST_CASE("a_writer_that_meets_a_closed_chain_helps_and_starts_a_new_one", "[trap-07]") {
  IntStore store(std::less<>{}, 0.25);
  put(store, 1, 1);
  remove(store, 1);
  vacuum_all(store);
  put(store, 1, 2);
  IntEntry* closed = nullptr;
  {
    EpochGuard guard(store.epochs);
    // As vacuum leaves it when it is interrupted between closing and unlinking.
    closed = store.index.find_or_link(guard, 5, [] { return IntEntry::make(5); }, [](IntEntry*) {}).first;
    closed->head = IntEntry::closed();
    CHECK(value_of(store, 5) == -1);
    put(store, 5, 3);
    CHECK(store.index.find(5) != closed);
  }
  CHECK(value_of(store, 5) == 3);
  CHECK(value_of(store, 1) == 2);
}

TEST_CASE("an_entry_that_got_a_new_value_while_it_was_queued_stays") {
  IntStore store(std::less<>{}, 0.25);
  put(store, 1, 1);
  remove(store, 1);
  fluxmap::VacuumReport report;
  IntVacuum vacuum = store.vacuum();
  vacuum.start(store.published());
  put(store, 1, 2);
  while (vacuum.step(10, report)) {
  }
  CHECK(report.entries == 0);
  CHECK(value_of(store, 1) == 2);
  vacuum_all(store);
  CHECK(value_of(store, 1) == 2);
  remove(store, 1);
  CHECK(vacuum_all(store).entries == 1);
}

// Whole commits that have read: whoever comes later sees who came before. [P3] [P9]
#include "relacy/store.hpp"

#include <fluxmap/detail/txn/commit.hpp>
#include <fluxmap/detail/txn/read_set.hpp>

#include <array>
#include <memory>

namespace {

using namespace fluxmap_test::relacy;

struct Registration {
  explicit Registration(Store& store) : registry(store.snapshots), slot(registry.claim()) {
    snapshot = registry.enter(slot, [&] { return store.newest(); });
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
  ~Registration() { registry.release(slot); }

  engine::SnapshotRegistry& registry;
  engine::SnapshotRegistry::Slot& slot;
  Cts snapshot = 0;
};

// Reads both keys, and takes one away if both are there. True: committed, or nothing to do.
bool take_one(Store& store, int key) {
  engine::EpochGuard guard(store.epochs);
  const Registration registered(store);
  const Cts snapshot = registered.snapshot;
  engine::ReadSet<int, Value> reads;
  int sum = 0;
  for (int each = 1; each <= 2; ++each) {
    auto* const entry = store.index.find(each);
    const auto found = engine::visible_at(*entry, snapshot);
    reads.add(entry, found.version);
    sum += found.version->value.get();
  }
  if (sum < 2) return true;
  engine::Write<int, Value> write(std::move(key));
  write.version = engine::PrivateVersion<Value>(Version::make(0, Value(0)));
  const std::array<engine::Write<int, Value>*, 1> writes{&write};
  engine::Commit<int, Value, std::less<>> commit(store, guard);
  return commit.run(writes, &reads, store.now(), snapshot, 0, false) == engine::CommitOutcome::committed;
}

// Write skew: each of two takes another one of the two away. One must stay.
struct WriteSkew : Suite<WriteSkew, 2> {
  std::unique_ptr<Store> store;

  void before() { store = make_store({1, 2}); }
  void thread(unsigned index) { take_one(*store, static_cast<int>(index) + 1); }
  void after() {
    const int left = get(*store, 1).value + get(*store, 2).value;
    expect(left > 0, "two commits have not seen each other");
    store.reset();
  }
};

// The same beside a third commit, so that there are timestamps between, and waits for decisions.
struct Crowd : Suite<Crowd, 3> {
  std::unique_ptr<Store> store;

  void before() { store = make_store({1, 2}); }
  void thread(unsigned index) {
    if (index < 2) {
      take_one(*store, static_cast<int>(index) + 1);
    } else {
      put(*store, 2, 1);
    }
  }
  void after() {
    const int left = get(*store, 1).value + get(*store, 2).value;
    const Seen second = get(*store, 2);
    expect(left > 0 || second.cts > 2, "two commits have not seen each other");
    store.reset();
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv, {scenario<WriteSkew>("write_skew", 20000), scenario<Crowd>("crowd", 10000)});
}

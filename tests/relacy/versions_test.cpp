// Versions: how they come into a chain, are stamped, found and taken out. [P2] [P5] [P7] [P8]
#include "relacy/store.hpp"

#include <fluxmap/detail/index/prune.hpp>

#include <array>
#include <memory>

namespace {

using namespace fluxmap_test::relacy;

// Two keys are written by two threads. Who has seen the commit that is later sees the earlier one too.
struct LaterThenEarlier : Suite<LaterThenEarlier, 3> {
  std::unique_ptr<Store> store;
  std::array<Cts, 2> written{};
  Seen later, earlier;

  void before() { store = make_store({1, 2}); }
  void thread(unsigned index) {
    if (index < 2) {
      written[index] = put(*store, static_cast<int>(index) + 1, 2);
      return;
    }
    later = get(*store, 2);
    earlier = get(*store, 1);
  }
  void after() {
    expect(later.value == (later.cts == written[1] ? 2 : 1), "a value is not its commit's");
    expect(later.cts != written[1] || earlier.cts == written[0] || written[0] > written[1],
           "a commit was seen, and one before it was not");
    store.reset();
  }
};

// A key that is not there yet.
struct NewKey : Suite<NewKey, 3> {
  std::unique_ptr<Store> store;

  void before() { store = make_store(); }
  void thread(unsigned index) {
    if (index < 2) {
      put(*store, 1, 1);
    } else {
      for (int i = 0; i < 2; ++i) {
        const Seen found = get(*store, 1);
        expect(found.value == (found.cts != 0 ? 1 : 0), "a version without its value");
      }
    }
  }
  void after() { store.reset(); }
};

// A chain grows and is pruned, by two threads, below a registered snapshot and beside reads of the newest. Values are
// the timestamps.
struct Chain : Suite<Chain, 3> {
  std::unique_ptr<Store> store;

  void before() {
    store = make_store();
    for (int cts = 1; cts <= 3; ++cts) put(*store, 1, cts);
  }
  void prune_now() {
    engine::EpochGuard guard(store->epochs);
    auto* const entry = store->index.find(1);
    const engine::SnapshotView* const view = store->fresh_view(guard);
    engine::prune(guard, *entry, *view, store->timers);
  }
  void thread(unsigned index) {
    if (index == 0) {
      put(*store, 1, 4);
      prune_now();
    } else if (index == 1) {
      prune_now();
    } else {
      const engine::EpochGuard guard(store->epochs);
      auto& slot = store->snapshots.claim();
      const Cts snapshot = store->snapshots.enter(slot, [&] { return store->published(); });
      const Seen found = get_at(*store, 1, snapshot);
      expect(found.cts == snapshot && found.value == static_cast<int>(snapshot), "not what the snapshot sees");
      store->snapshots.release(slot);
    }
  }
  void after() {
    prune_now();
    std::int64_t versions = 0;
    store->epochs.for_each_slot([&](const auto& slot) { versions += slot.counters.versions.get(); });
    expect(versions == 1, "versions are left, or were taken out twice");
    store.reset();
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {scenario<LaterThenEarlier>("later_then_earlier", 15000), scenario<NewKey>("new_key", 8000),
              scenario<Chain>("chain", 10000)});
}

// Entries on work lists, and what vacuum does with them beside those who write the same keys. [W1] [W2] [P2]
#include "relacy/store.hpp"

#include <fluxmap/detail/index/work_list.hpp>
#include <fluxmap/detail/upkeep/vacuum.hpp>

#include <memory>
#include <vector>

namespace {

using namespace fluxmap_test::relacy;
using Work = engine::WorkList<Store::EntryType>;

// What vacuum does with the lists of idle threads, once.
void reclaim(Store& store) {
  engine::SnapshotView view;
  store.snapshots.refresh(view, store.published());
  std::vector<void*> work;
  Work::gather(store.epochs, work, engine::EpochDomain::Busy::leave_alone);
  engine::EpochGuard guard(store.epochs);
  fluxmap::VacuumReport report;
  for (void* one : work) {
    auto& entry = *static_cast<Store::EntryType*>(one);
    if (store.reclaimer().process(guard, entry, view, report)) Work::push(guard, entry);
  }
}

// What is left when all have ended and vacuum has run. Sums of the counters are enough: they say what was not found.
struct Left {
  std::int64_t entries = 0, versions = 0;
};
Left left_in(Store& store) {
  for (int i = 0; i < 2; ++i) reclaim(store);
  Left left;
  store.epochs.for_each_slot([&](const engine::EpochDomain::Slot& slot) {
    left.entries += slot.counters.entries.get();
    left.versions += slot.counters.versions.get();
  });
  return left;
}

// The key was removed, and vacuum is about to close its chain, while it is written again.
struct WrittenAgain : Suite<WrittenAgain, 3> {
  std::unique_ptr<Store> store;

  void before() {
    store = make_store({1});
    remove(*store, 1);
  }
  void thread(unsigned index) {
    if (index == 0) {
      put(*store, 1, 2);
    } else if (index == 1) {
      reclaim(*store);
    } else {
      const Seen found = get(*store, 1);
      expect(found.value == 0 || found.value == 2, "what was removed is seen again");
    }
  }
  void after() {
    expect(get(*store, 1).value == 2, "a write is lost");
    const Left left = left_in(*store);
    expect(left.entries == 1 && left.versions == 1, "something is left that nobody will look at");
    store.reset();
  }
};

// The key is removed while vacuum has its token: one of the two puts it on a list again.
struct RemovedMeanwhile : Suite<RemovedMeanwhile, 2> {
  std::unique_ptr<Store> store;

  void before() {
    store = make_store({1});
    put(*store, 1, 2);
  }
  void thread(unsigned index) {
    if (index == 0) {
      remove(*store, 1);
    } else {
      reclaim(*store);
    }
  }
  void after() {
    const Left left = left_in(*store);
    expect(left.entries == 0 && left.versions == 0, "something is left that nobody will look at");
    store.reset();
  }
};

// Tokens and lists by themselves: one holder at a time, and what is pushed comes with what was done to it.
struct Tokens : Suite<Tokens, 3> {
  engine::EpochDomain epochs;
  Store::EntryType* entry = nullptr;
  Plain<int> place;
  int held = 0;

  void before() {
    own_slots(epochs);
    entry = Store::EntryType::make(1);
    Work::release_token(*entry);  // it begins with its maker
  }
  void thread(unsigned index) {
    if (index < 2) {
      engine::EpochGuard guard(epochs);
      if (!Work::acquire(*entry)) return;
      place.set(place.get() + 1);
      ++held;
      if (index == 0) {
        Work::release_token(*entry);
      } else {
        Work::push(guard, *entry);
      }
      return;
    }
    std::vector<void*> taken;
    Work::gather(epochs, taken, engine::EpochDomain::Busy::leave_alone);
    for (void* one : taken) {
      place.set(place.get() + 1);
      ++held;
      Work::release_token(*static_cast<Store::EntryType*>(one));
    }
  }
  void after() {
    expect(place.get() == held, "an entry was in two places");
    Store::EntryType::destroy(entry);
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {scenario<WrittenAgain>("written_again", 8000), scenario<RemovedMeanwhile>("removed_meanwhile", 8000),
              scenario<Tokens>("tokens", 8000)});
}

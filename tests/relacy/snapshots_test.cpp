// The snapshot registry. [S1] [S2] [S3] [S4]
#include "relacy/harness.hpp"

#include <fluxmap/detail/index/snapshot_registry.hpp>
#include <fluxmap/detail/platform/atomic.hpp>

#include <array>
#include <memory>

namespace {

using namespace fluxmap_test::relacy;
using fluxmap::detail::Cts;
using fluxmap::detail::SnapshotRegistry;
using fluxmap::detail::SnapshotView;

// One pruner publishes 2 and 3 and frees what no snapshot sees; two readers register, read, and withdraw.
struct ReadersAndPruner : Suite<ReadersAndPruner, 3> {
  SnapshotRegistry registry;
  fluxmap::detail::Atomic<Cts> published{1};
  std::array<Plain<int>, 4> versions{{0, 1, 2, 3}};  // by timestamp; each is current until the next one

  void read() {
    auto& slot = registry.claim();
    const Cts seen = registry.enter(slot, [&] { return published.load(std::memory_order_acquire); });
    expect(versions[seen].get() == static_cast<int>(seen), "what a registered snapshot sees is gone");
    registry.release(slot);
  }
  void thread(unsigned index) {
    if (index > 0) return read();
    SnapshotView view;
    for (Cts now = 2; now <= 3; ++now) {
      published.store(now, std::memory_order_release);
      registry.refresh(view, now);
      for (Cts old = 1; old < now; ++old) {
        if (view.dead(old, old + 1)) versions[old].set(0);
      }
    }
  }
};

// A snapshot moves forward in its slot; the view holds the old one or the new one, never neither.
struct Moving : Suite<Moving, 2> {
  SnapshotRegistry registry;
  fluxmap::detail::Atomic<Cts> published{1};
  std::array<Plain<int>, 4> versions{{0, 1, 2, 3}};

  void thread(unsigned index) {
    if (index == 0) {
      auto& slot = registry.claim();
      for (int i = 0; i < 2; ++i) {
        const Cts seen = registry.enter(slot, [&] { return published.load(std::memory_order_acquire); });
        expect(versions[seen].get() == static_cast<int>(seen), "what a snapshot sees is gone");
      }
      registry.release(slot);
      return;
    }
    SnapshotView view;
    for (Cts now = 2; now <= 3; ++now) {
      published.store(now, std::memory_order_release);
      registry.refresh(view, now);
      if (view.dead(now - 1, now)) versions[now - 1].set(0);
    }
  }
};

// A slot has one owner at a time, who finds it as the one before has left it.
struct Owners : Suite<Owners, 3> {
  SnapshotRegistry registry;
  std::array<const SnapshotRegistry::Slot*, 3> known{};
  std::array<Plain<int>, 3> used;

  void before() {  // the first three slots
    std::array<SnapshotRegistry::Slot*, 3> slots{};
    for (std::size_t i = 0; i < slots.size(); ++i) known[i] = slots[i] = &registry.claim();
    for (auto* slot : slots) registry.release(*slot);
  }
  void thread(unsigned) {
    for (int i = 0; i < 2; ++i) {
      auto& slot = registry.claim();
      for (std::size_t at = 0; at < known.size(); ++at) {
        if (known[at] == &slot) used[at].set(used[at].get() + 1);
      }
      registry.release(slot);
    }
  }
  void after() { expect(used[0].get() + used[1].get() + used[2].get() == 6, "a slot had two owners"); }
};

// The first block is full: another one is made, and found by who claims and who looks.
struct MoreSlots : Suite<MoreSlots, 3> {
  SnapshotRegistry registry;

  void before() {
    for (int i = 0; i < 64; ++i) static_cast<void>(registry.claim());
  }
  void thread(unsigned index) {
    if (index < 2) {
      auto& slot = registry.claim();
      static_cast<void>(registry.move(slot, 7));
    } else {
      registry.for_each([](Cts snapshot) { expect(snapshot == 7, "no snapshot that was registered"); });
    }
  }
  void after() {
    int count = 0;
    registry.for_each([&](Cts) { ++count; });
    expect(count == 2, "two owners have one slot");
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {scenario<ReadersAndPruner>("readers_and_pruner", 20000), scenario<Moving>("moving", 10000),
              scenario<Owners>("owners", 10000), scenario<MoreSlots>("more_slots", 4000)});
}

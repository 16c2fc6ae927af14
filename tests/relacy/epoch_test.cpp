// Epochs: what a guard can reach is not freed. [E1] [E2] [E3] [E4]
#include "relacy/own_slots.hpp"

#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/platform/atomic.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace {

using namespace fluxmap_test::relacy;
using fluxmap::detail::Atomic;
using fluxmap::detail::EpochDomain;
using fluxmap::detail::EpochGuard;

struct Object {
  Plain<int> value{1};
};

void free_object(void* object) noexcept {
  auto* const gone = static_cast<Object*>(object);
  gone->value.set(0);  // a write, so that a reader without an order to it is a race
  delete gone;
}

constexpr std::size_t k_much = std::size_t{64} << 10;  // bytes with which a bag is full

// Two threads replace an object each and free what it was; the third reads them.
struct Readers : Suite<Readers, 3> {
  EpochDomain domain;
  std::array<Atomic<Object*>, 2> shared;

  void before() {
    own_slots(domain);
    for (Atomic<Object*>& one : shared) one.store(new Object);
  }
  void thread(unsigned index) {
    if (index == 2) {
      for (int i = 0; i < 2; ++i) {
        const EpochGuard guard(domain);
        for (const Atomic<Object*>& one : shared) {
          expect(one.load(std::memory_order_acquire)->value.get() == 1, "an object was freed inside a guard");
        }
      }
      return;
    }
    for (int i = 0; i < 3; ++i) {
      EpochGuard guard(domain);
      Object* const old = shared[index].exchange(new Object, std::memory_order_release);
      guard.retire(old, &free_object, k_much);
    }
  }
  void after() {
    domain.drain();
    for (const Atomic<Object*>& one : shared) delete one.load();
  }
};

// A slot has one holder at a time, who finds it as the one before has left it.
struct Holders : Suite<Holders, 3> {
  EpochDomain domain;
  std::array<Plain<int>, 32> used;

  void before() { fluxmap::detail::thread_epoch_state = {}; }  // all want the same slot
  Plain<int>& of(const EpochDomain::Slot& slot) {
    const EpochDomain::Slot* first = nullptr;
    domain.for_each_slot([&](const EpochDomain::Slot& any) {
      if (first == nullptr) first = &any;
    });
    return used[static_cast<std::size_t>(&slot - first)];
  }
  void thread(unsigned index) {
    if (index == 2) {
      domain.for_each_idle_slot([&](EpochDomain::Slot& slot) { of(slot).set(of(slot).get() + 1); });
      return;
    }
    for (int i = 0; i < 3; ++i) {
      const EpochGuard guard(domain);
      of(guard.slot()).set(of(guard.slot()).get() + 1);
    }
  }
};

// All slots of the first block are held: another block is made, and found.
struct MoreSlots : Suite<MoreSlots, 3> {
  EpochDomain domain;
  std::vector<std::unique_ptr<EpochGuard>> held;

  void before() {
    own_slots(domain);
    for (int i = 0; i < 32; ++i) held.push_back(std::make_unique<EpochGuard>(domain));
  }
  void thread(unsigned index) {
    if (index < 2) {
      EpochGuard guard(domain);
      guard.counters().commits.add(1);
    } else {
      domain.for_each_slot([](const EpochDomain::Slot& slot) { static_cast<void>(slot.counters.commits.get()); });
    }
  }
  void after() {
    std::int64_t commits = 0;
    domain.for_each_slot([&](const EpochDomain::Slot& slot) { commits += slot.counters.commits.get(); });
    expect(commits == 2, "a slot is lost, or had two holders");
    held.clear();
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {scenario<Readers>("readers", 40000), scenario<Holders>("holders", 4000),
              scenario<MoreSlots>("more_slots", 2000)});
}

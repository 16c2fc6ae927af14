// The announcement of a starving transaction: who sees it sees what it has read. [R1]
#include "relacy/store.hpp"

#include <fluxmap/detail/txn/reservation.hpp>

#include <array>
#include <chrono>
#include <memory>

namespace {

using namespace fluxmap_test::relacy;
using Reservations = engine::Reservations<int, Value, std::less<>>;

struct Announced : Suite<Announced, 3> {
  engine::EpochDomain epochs;
  Reservations reservations;
  Store::EntryType* entry = nullptr;
  std::array<Reservations::ReservationType*, 2> mine{};

  void before() {
    own_slots(epochs);
    entry = Store::EntryType::make(1);
  }
  void thread(unsigned index) {
    engine::EpochGuard guard(epochs);
    if (index < 2) {
      engine::ReadSet<int, Value> reads;
      reads.add(entry, nullptr);
      reads.absent = {2};
      mine[index] = reservations.announce(guard, std::less<>(), reservations.new_owner(), std::move(reads),
                                          std::chrono::seconds(1), nullptr);
      return;
    }
    engine::Write<int, Value> write(1);
    write.entry = entry;
    if (reservations.standing() != 0) {
      expect(reservations.blocks(std::less<>(), write, 99), "an announcement without what was read");
    } else {
      static_cast<void>(reservations.blocks(std::less<>(), write, 99));
    }
  }
  void after() {
    expect((mine[0] != nullptr) != (mine[1] != nullptr), "not one announcement");
    {
      engine::EpochGuard guard(epochs);
      for (auto* one : mine) {
        if (one != nullptr) reservations.withdraw(guard, one);
      }
    }
    epochs.drain();
    Store::EntryType::destroy(entry);
  }
};

}  // namespace

int main(int argc, char** argv) { return run(argc, argv, {scenario<Announced>("announced", 1500)}); }

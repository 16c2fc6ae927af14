// [W3] A list that is given away, with all that its owner has done with what is in it.
#include "relacy/harness.hpp"

#include <fluxmap/detail/index/hand_over.hpp>

#include <vector>

namespace {

using namespace fluxmap_test::relacy;
using fluxmap::detail::HandOver;

struct GiveAndTake : Suite<GiveAndTake, 3> {
  HandOver handed;
  Plain<int> items[2];
  int seen[2] = {};

  void take() {
    handed.take([&](const std::vector<void*>& list) {
      for (void* item : list) {
        auto* const plain = static_cast<Plain<int>*>(item);
        ++seen[plain - items];
        expect(plain->get() == 1, "an item is not as its owner left it");
      }
      return true;
    });
  }

  void thread(unsigned index) {
    if (index < 2) {
      items[index].set(1);
      std::vector<void*> list{&items[index]};
      handed.give(list);
    } else {
      take();
      take();
    }
  }
  void after() {
    take();
    expect(seen[0] == 1 && seen[1] == 1, "a list is lost, or was taken twice");
  }
};

}  // namespace

int main(int argc, char** argv) { return run(argc, argv, {scenario<GiveAndTake>("give_and_take", 20000)}); }

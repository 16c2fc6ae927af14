// Whole commits. [P2] [P3] [P5] [P6] [P7] [P8] [P9]
#include "relacy/harness.hpp"

#include <fluxmap/detail/txn/autocommit.hpp>
#include <fluxmap/detail/txn/txn_state.hpp>

#include <functional>

namespace {

using namespace fluxmap_test::relacy;
using namespace fluxmap::detail;

using Value = Plain<int>;
using TestStore = Store<int, Value, std::less<>>;
}  // namespace

template <>
struct fluxmap::MemorySize<Value> {
  static std::size_t of(const Value&) noexcept { return sizeof(Value); }
};

namespace {
struct OneKey : Suite<OneKey, 3> {
  std::unique_ptr<TestStore> store;

  void before() {
    thread_epoch_state = {};
    store = std::make_unique<TestStore>(std::less<>(), 0.25, 16);
  }
  void thread(unsigned index) {
    if (index < 2) {
      SingleWrite<int, Value, std::less<>> write(*store, 1);
      write.set_value(Value(static_cast<int>(index) + 1));
      while (!write.put(false)) {
      }
    } else {
      for (int i = 0; i < 2; ++i) {
        EpochGuard guard(store->epochs);
        auto* const entry = store->index.find(1);
        if (entry == nullptr) continue;
        const auto found = newest_published(*entry, [&] { return store->published(); });
        if (found.version != nullptr) expect(found.version->value.get() > 0, "no value");
      }
    }
  }
  void after() { store.reset(); }
};

}  // namespace

int main(int argc, char** argv) { return run(argc, argv, {scenario<OneKey>("one_key", 2000)}); }

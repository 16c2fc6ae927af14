// Copies, moves and comparisons that throw at random moments, under concurrency: transactions stay whole, values stay
// intact, and nothing is leaked.
#include <fluxmap/fluxmap.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "support/catch.hpp"
#include "support/counting.hpp"
#include "support/random_history.hpp"
#include "support/run.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/tagged.hpp"
#include "support/throwing.hpp"

namespace {

using namespace fluxmap_test;
namespace asio = boost::asio;

using Database = fluxmap::Database<int, Counting, ThrowingLess>;
using Handle = fluxmap::Handle<int, Counting, ThrowingLess>;
using Transaction = Handle::Transaction;

constexpr int k_pairs = 6;      // keys 2 i and 2 i + 1 are there together, with one value, or not at all
constexpr int k_single = 1000;  // from here on anything goes
constexpr unsigned k_threads = 4;

// What is thrown on purpose is swallowed; everything else, and every broken promise, fails the test.
template <class F>
bool survives(F work) {
  try {
    work();
    return true;
  } catch (const CountingThrow&) {
  } catch (const CompareThrow&) {
  }
  return false;
}

class Ordeal {
 public:
  Ordeal(std::uint64_t seed, std::uint64_t operations) : seed_(seed), operations_(operations) {}

  void run() {
    constexpr unsigned k_workers = 8;
    busy_ = k_workers;
    run_on_pool(k_threads, k_workers + 2, [this](unsigned i) { return i < k_workers ? work(i) : vacuum_and_look(i); });
    Counting::throw_in(0);
    ThrowingLess::throw_in(0);
  }
  void check() {
    CHECK(thrown_.load() > operations_ / 50);
    std::size_t found = 0;
    for (const auto& [key, value] : database_.handle().range_stream(-1, 2 * k_single))
      found += value.intact() ? 1U : 0U;
    CHECK(found == database_.size());
    fluxmap_test::run([](Database& database) -> asio::awaitable<void> {
      co_await database.vacuum();
      co_await database.vacuum();
    }(database_));
    const fluxmap::Stats stats = database_.stats();
    CHECK(stats.keys == found);
    CHECK(stats.versions == found);
    CHECK(stats.entries == found);
    CHECK(stats.active_transactions == 0);
  }

 private:
  // Arms one of the traps now and then; whoever comes next walks into it.
  static void sabotage(SplitMix& random) {
    switch (random.below(6)) {
      case 0:
        Counting::throw_in(1 + static_cast<std::int64_t>(random.below(8)));
        break;
      case 1:
        ThrowingLess::throw_in(1 + static_cast<std::int64_t>(random.below(40)));
        break;
      default:
        break;
    }
  }

  asio::awaitable<void> work(unsigned number) {
    struct Busy {
      std::atomic<unsigned>& count;
      ~Busy() { count.fetch_sub(1); }
    } const busy{busy_};
    SplitMix random(seed_ + number);
    Handle handle = database_.handle();
    for (std::uint64_t i = 0; i < operations_; ++i) {
      sabotage(random);
      bool good = true;
      try {
        if (random.below(2) == 0) {
          co_await pairs(handle, random, i + 1);
        } else {
          co_await singles(handle, random, i + 1);
        }
      } catch (const CountingThrow&) {
        good = false;
      } catch (const CompareThrow&) {
        good = false;
      } catch (const boost::system::system_error& error) {
        if (!fluxmap::is_retryable(error.code())) throw;
      }
      if (!good) thrown_.fetch_add(1);
      if (random.below(8) == 0) co_await hop();
    }
  }

  static void look_at(Transaction& t, int pair) {
    const Counting* one = t.get(2 * pair);
    const Counting* other = t.get(2 * pair + 1);
    expect((one == nullptr) == (other == nullptr), "half of a transaction is there");
    if (one == nullptr) return;
    expect(one->intact() && other->intact(), "a destroyed value was seen");
    expect(one->value() == other->value(), "two transactions are half there each");
  }

  static asio::awaitable<void> pairs(Handle& handle, SplitMix& random, std::uint64_t value) {
    const int pair = static_cast<int>(random.below(k_pairs)), also = static_cast<int>(random.below(k_pairs));
    const bool remove = random.below(3) == 0, scan = random.below(3) == 0, slow = random.below(4) == 0;
    co_await handle.transaction([&](Transaction& t) -> asio::awaitable<void> {
      look_at(t, also);
      if (slow) co_await hop();
      if (scan) {
        std::size_t met = 0;
        for (const auto& [key, found] : t.range_stream(0, 2 * k_pairs)) {
          expect(found.intact(), "a destroyed value was seen");
          ++met;
        }
        expect(met % 2 == 0, "a scan saw half of a transaction");
      }
      for (const int key : {2 * pair, 2 * pair + 1}) {
        if (remove) {
          t.remove(key);
        } else {
          t.insert(key, Counting(value));
        }
      }
      if (slow) co_await hop();
      look_at(t, pair);
    });
  }

  static asio::awaitable<void> singles(Handle& handle, SplitMix& random, std::uint64_t value) {
    const int key = k_single + static_cast<int>(random.below(8));
    switch (random.below(8)) {
      case 0:
        co_await handle.insert(key, Counting(value));
        break;
      case 1:
        static_cast<void>(co_await handle.insert_if_absent(key, Counting(value)));
        break;
      case 2: {
        const std::optional<Counting> removed = co_await handle.remove(key);
        expect(!removed || removed->intact(), "a destroyed value was removed");
        break;
      }
      case 3: {
        const Counting updated = co_await handle.update(key, [&](const Counting* old) {
          expect(old == nullptr || old->intact(), "a destroyed value was updated");
          return Counting(value);
        });
        expect(updated.intact() && updated.value() == value, "an update returned something else");
        break;
      }
      case 4: {
        const std::optional<Counting> found = handle.get(key);
        expect(!found || found->intact(), "a destroyed value was read");
        break;
      }
      case 5:
        for (const auto& [at, found] : handle.range(k_single, k_single + 8)) {
          expect(found.intact(), "a destroyed value was scanned");
        }
        break;
      case 6: {
        Transaction t = handle.begin();
        const auto mark = t.savepoint();
        t.insert(key, Counting(value));
        t.insert(key + 1, Counting(value));
        t.rollback_to(mark);
        t.insert(key, Counting(value));
        co_await t.commit();
        break;
      }
      default:
        handle.visit(key, [](const Counting& found) { expect(found.intact(), "a destroyed value was visited"); });
        break;
    }
  }

  asio::awaitable<void> vacuum_and_look(unsigned number) {
    SplitMix random(seed_ + number);
    Handle handle = database_.handle();
    do {
      try {
        co_await database_.vacuum();
      } catch (const CompareThrow&) {
        thrown_.fetch_add(1);
      }
      std::optional<Transaction> held;
      survives([&] { held.emplace(handle.begin({.read_only = true})); });
      for (int look = 0; held && look < 4; ++look) {
        survives([&] { look_at(*held, static_cast<int>(random.below(k_pairs))); });
        co_await hop();
      }
    } while (busy_.load() > 0);
  }

  const std::uint64_t seed_;
  const std::uint64_t operations_;
  Database database_;
  std::atomic<unsigned> busy_{0};
  std::atomic<std::uint64_t> thrown_{0};
};

TEST_CASE("whatever_throws_under_concurrency_transactions_stay_whole_and_nothing_is_leaked", "[stress][lifetimes]") {
  const std::uint64_t start = seed("exceptions under concurrency");
  for (unsigned round = 0; round < 4; ++round) {
    Counting::reset();
    ThrowingLess::throw_in(0);
    {
      Ordeal ordeal(start + 100 * round, scaled(20'000));
      ordeal.run();
      ordeal.check();
    }
    CHECK(Counting::live() == 0);
  }
}

}  // namespace

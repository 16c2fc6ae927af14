// A long transaction is not starved by short ones: it commits within the default retry policy.
#include <fluxmap/fluxmap.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "support/catch.hpp"
#include "support/random_history.hpp"
#include "support/run.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace {

using namespace fluxmap_test;
namespace asio = boost::asio;

using Database = fluxmap::Database<std::int64_t, std::int64_t>;
using Transaction = fluxmap::Transaction<std::int64_t, std::int64_t, std::less<>>;

constexpr std::int64_t k_keys = 200;

// Long transactions read all keys, with pauses, and write one, while short ones write them all the time.
class Crowd {
 public:
  Crowd(bool by_range, std::uint64_t seed, unsigned rounds) : by_range_(by_range), seed_(seed), rounds_(rounds) {}

  static constexpr unsigned k_long = 2, k_short = 8;
  static constexpr unsigned k_coroutines = k_long + k_short;

  asio::awaitable<void> fill() {
    auto handle = database_.handle();
    for (std::int64_t key = 0; key < k_keys; ++key) co_await handle.insert(key, 0);
    busy_ = k_long;
  }
  asio::awaitable<void> one(unsigned i) { return i < k_long ? long_ones() : short_ones(i); }

  void check() {
    const fluxmap::Stats stats = database_.stats();
    CAPTURE(most_attempts_.load(), short_commits_.load(), stats.reservations, stats.conflicts);
    CHECK(long_commits_.load() >= k_long * rounds_);
    CHECK(most_attempts_.load() <= fluxmap::RetryPolicy{}.attempts);
    CHECK(short_commits_.load() > 0);
    CHECK(stats.reservations > 0);  // without the guard against starvation they would not have got through
    CHECK(stats.active_transactions == 0);
    // Every long transaction has counted up once, and no short one has got lost in its way.
    std::int64_t sum = 0;
    for (const auto& [key, value] : database_.handle().range(0, k_keys)) sum += value;
    CHECK(sum == short_commits_.load() + 1000 * static_cast<std::int64_t>(long_commits_.load()));
  }

 private:
  asio::awaitable<void> long_ones() {
    struct Busy {
      std::atomic<unsigned>& count;
      ~Busy() { count.fetch_sub(1); }
    } const busy{busy_};
    auto handle = database_.handle();
    // A scheduler may run them one after another for a while; on until they have met.
    for (unsigned round = 0; round < rounds_ || (!have_met() && round < 1000 * rounds_); ++round) {
      unsigned attempts = 0;
      co_await handle.transaction([&](Transaction& transaction) -> asio::awaitable<void> {
        ++attempts;
        std::int64_t last = 0;
        if (by_range_) {
          auto stream = transaction.range_stream(0, k_keys);
          for (std::int64_t n = 0; const auto item = stream.next(); ++n) {
            last = item->second;
            if (n % 10 == 9) co_await hop();
          }
        } else {
          for (std::int64_t key = 0; key < k_keys; ++key) {
            last = *transaction.get(key);
            if (key % 10 == 9) co_await hop();
          }
        }
        transaction.insert(k_keys - 1, last + 1000);
      });
      most_attempts_ = std::max(most_attempts_.load(), attempts);
      long_commits_.fetch_add(1);
    }
  }

  bool have_met() const { return database_.stats().reservations > 0; }

  asio::awaitable<void> short_ones(unsigned number) {
    SplitMix random(seed_ + number);
    auto handle = database_.handle();
    do {
      const auto key = static_cast<std::int64_t>(random.below(k_keys));
      if (random.below(2) == 0) {
        co_await handle.update(key, [](const std::int64_t* old) { return *old + 1; });
      } else {
        co_await handle.transaction(
            [&](Transaction& transaction) { transaction.insert(key, *transaction.get(key) + 1); });
      }
      short_commits_.fetch_add(1);
      co_await hop();
    } while (busy_.load() > 0);
  }

  const bool by_range_;
  const std::uint64_t seed_;
  const unsigned rounds_;
  Database database_;
  std::atomic<unsigned> busy_{0};
  std::atomic<unsigned> most_attempts_{0};
  std::atomic<unsigned> long_commits_{0};
  std::atomic<std::int64_t> short_commits_{0};
};

void crowd_on_pool(bool by_range, std::uint64_t seed) {
  Crowd crowd(by_range, seed, 40 * stress_factor());
  run(crowd.fill());
  run_on_pool(4, Crowd::k_coroutines, [&](unsigned i) { return crowd.one(i); });
  crowd.check();
}

void crowd_on_one_thread(bool by_range, std::uint64_t seed) {
  Crowd crowd(by_range, seed, 40 * stress_factor());
  run(crowd.fill());
  asio::io_context context(1);
  std::vector<std::future<void>> done;
  for (unsigned i = 0; i < Crowd::k_coroutines; ++i)
    done.push_back(asio::co_spawn(context, crowd.one(i), asio::use_future));
  context.run();
  for (auto& one : done) one.get();
  crowd.check();
}

TEST_CASE("a_writer_with_many_point_reads_is_not_starved_on_a_pool", "[stress]") {
  crowd_on_pool(false, seed("point reads on a pool"));
}

TEST_CASE("a_writer_with_a_long_scan_is_not_starved_on_a_pool", "[stress]") {
  crowd_on_pool(true, seed("scan on a pool"));
}

TEST_CASE("a_writer_with_many_point_reads_is_not_starved_on_one_thread", "[stress]") {
  crowd_on_one_thread(false, seed("point reads on one thread"));
}

TEST_CASE("a_writer_with_a_long_scan_is_not_starved_on_one_thread", "[stress]") {
  crowd_on_one_thread(true, seed("scan on one thread"));
}

}  // namespace

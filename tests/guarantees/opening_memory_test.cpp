// Opening a directory takes the memory of what is live, of a batch of writes and of a piece of a file; not of the log.
#include <fluxmap/fluxmap.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "shared.hpp"
#include "support/persistent.hpp"

namespace {

using namespace fluxmap_test;

// Text that counts how many of its kind there are, and were at the most.
class Counted {
 public:
  explicit Counted(std::string from) : text(std::move(from)) { born(); }
  Counted(const Counted& other) : text(other.text) { born(); }
  Counted(Counted&& other) noexcept : text(std::move(other.text)) { born(); }
  Counted& operator=(const Counted&) = default;
  Counted& operator=(Counted&&) noexcept = default;
  ~Counted() { live_.fetch_sub(1); }

  std::string text;

  static std::int64_t peak() { return peak_; }
  static void reset() { peak_ = live_.load(); }

 private:
  static void born() {
    const std::int64_t now = live_.fetch_add(1) + 1;
    for (std::int64_t peak = peak_; peak < now && !peak_.compare_exchange_weak(peak, now);) continue;
  }

  inline static std::atomic<std::int64_t> live_{0}, peak_{0};
};

}  // namespace

template <>
struct fluxmap::Codec<Counted> {
  static void encode(const Counted& value, Encoder& encoder) { Codec<std::string>::encode(value.text, encoder); }
  static Counted decode(Decoder& decoder) { return Counted(Codec<std::string>::decode(decoder)); }
};

namespace {

using Opened = fluxmap::Database<std::uint64_t, Counted>;
using Transaction = fluxmap::Transaction<std::uint64_t, Counted>;

constexpr std::size_t k_value = 8 << 10;
constexpr std::uint64_t k_values = 6000;  // three times what is held of the log beside what is live
constexpr std::int64_t k_in_batch = (16 << 20) / k_value;
constexpr std::int64_t k_few = 16;  // on their way from here to there

Counted value_of(std::uint64_t number) {
  return Counted(std::to_string(number) + std::string(k_value, static_cast<char>('a' + number % 26)));
}

struct OpeningMemory {
  std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>();
  std::shared_ptr<fluxmap::ManualClock> clock = std::make_shared<fluxmap::ManualClock>();

  auto open() const {
    auto builder = builder_on<std::uint64_t, Counted>(disk, Level::full, in_directory(4 << 20));
    return builder.clock(clock).build();
  }
  // Writes in transactions of 64; write(transaction, i) for each i.
  void fill(const std::function<void(Transaction&, std::uint64_t)>& write) const {
    const auto database = open();
    auto handle = database->handle();
    for (std::uint64_t i = 0; i < k_values; i += 64) {
      run(handle.transaction([&](Transaction& transaction) {
        for (std::uint64_t k = i; k < std::min(i + 64, k_values); ++k) write(transaction, k);
      }));
    }
    run(database->close());
  }
  // The most values there are while the directory is opened.
  std::int64_t peak(std::uint64_t keys) const {
    Counted::reset();
    const auto database = open();
    const std::int64_t peak = Counted::peak();
    CHECK(database->size() == keys);
    return peak;
  }
};

TEST_CASE("opening_a_log_of_overwrites_takes_memory_for_what_is_live") {
  const OpeningMemory test;
  test.fill([](Transaction& transaction, std::uint64_t i) { transaction.insert(i % 100, value_of(i)); });
  CHECK(test.peak(100) <= 100 + k_in_batch + k_few);
  const auto database = test.open();
  for (std::uint64_t i = k_values - 100; i < k_values; ++i) {
    CHECK(database->handle().get(i % 100)->text == value_of(i).text);
  }
}

TEST_CASE("opening_a_log_of_keys_that_were_removed_takes_no_memory_for_them") {
  const OpeningMemory test;
  test.fill([](Transaction& transaction, std::uint64_t i) {
    transaction.insert(i, value_of(i));
    if (i >= 100) transaction.remove(i - 100);
  });
  CHECK(test.peak(100) <= 100 + k_in_batch + k_few);
}

TEST_CASE("opening_a_log_of_keys_that_have_expired_takes_no_memory_for_them") {
  using namespace std::chrono_literals;
  const OpeningMemory test;
  test.fill([](Transaction& transaction, std::uint64_t i) {
    if (i % 100 == 0) {
      transaction.insert(i, value_of(i));
    } else {
      transaction.insert(i, value_of(i), fluxmap::ExpiresAfter{1h});
    }
  });
  test.clock->advance(2h);
  CHECK(test.peak(k_values / 100) <= static_cast<std::int64_t>(k_values) / 100 + k_few);
}

TEST_CASE("opening_a_checkpoint_of_keys_that_have_expired_takes_no_memory_for_them") {
  using namespace std::chrono_literals;
  const OpeningMemory test;
  {
    const auto database = test.open();
    auto handle = database->handle();
    for (std::uint64_t i = 0; i < 500; ++i) run(handle.insert(i, value_of(i), fluxmap::ExpiresAfter{1h}));
    run(handle.insert(std::uint64_t{1000}, value_of(1)));
    run(database->checkpoint());
    run(database->close());
  }
  test.clock->advance(2h);
  CHECK(test.peak(1) <= k_few);
}

TEST_CASE("opening_a_log_of_few_large_commits_takes_memory_for_what_is_live") {
  const OpeningMemory test;
  {
    const auto database = test.open();
    auto handle = database->handle();
    for (int round = 0; round < 2; ++round) {
      run(handle.transaction([](Transaction& transaction) {
        for (std::uint64_t i = 0; i < k_values / 2; ++i) transaction.insert(i, value_of(i));
      }));
    }
    run(database->close());
  }
  CHECK(test.peak(k_values / 2) <= static_cast<std::int64_t>(k_values) / 2 + k_in_batch + k_few);
}

}  // namespace

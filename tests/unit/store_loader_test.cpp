// What recovery builds a store from: checkpoint entries and commits, merged in batches of any size.
// Without threads.
#include <fluxmap/detail/txn/redo_codec.hpp>
#include <fluxmap/detail/txn/store.hpp>
#include <fluxmap/detail/txn/store_loader.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/counting.hpp"
#include "support/seed.hpp"

template <>
struct fluxmap::Codec<fluxmap_test::Counting> {
  static void encode(const fluxmap_test::Counting& value, Encoder& encoder) { encoder.write_integer(value.value()); }
  static fluxmap_test::Counting decode(Decoder& decoder) {
    return fluxmap_test::Counting(decoder.read_integer<std::uint64_t>());
  }
};

namespace {

using namespace fluxmap::detail;
using fluxmap_test::Counting;
using fluxmap_test::CountingThrow;
using fluxmap_test::seed;
using fluxmap_test::SplitMix;

constexpr Deadline k_now = 1000;

// The bytes of checkpoint blocks and of commits.
template <class Key>
class Payload {
 public:
  void value(const Key& key, std::uint64_t value, Deadline deadline = k_no_deadline) {
    const bool expires = deadline != k_no_deadline;
    encoder_.write_integer(static_cast<std::uint8_t>(expires ? WriteKind::expiring : WriteKind::value));
    if (expires) encoder_.write_integer(deadline);
    fluxmap::Codec<Key>::encode(key, encoder_);
    encoder_.write_integer(value);
  }
  void removal(const Key& key) {
    encoder_.write_integer(static_cast<std::uint8_t>(WriteKind::removal));
    fluxmap::Codec<Key>::encode(key, encoder_);
  }
  void entry(const Key& key, std::uint64_t value, Deadline deadline) {  // of an expiring block
    encoder_.write_integer(deadline);
    fluxmap::Codec<Key>::encode(key, encoder_);
    encoder_.write_integer(value);
  }
  Bytes bytes() const { return encoder_.bytes(); }

 private:
  fluxmap::Encoder encoder_;
};

template <class Key, class Compare>
struct Loaded {
  using StoreType = Store<Key, Counting, Compare>;

  explicit Loaded(std::size_t batch_bytes, Compare compare = {}) : store(std::move(compare), 0.5) {
    auto clock = std::make_shared<fluxmap::ManualClock>();
    clock->advance(std::chrono::microseconds(k_now) - clock->now().time_since_epoch());
    store.clock = std::move(clock);
    loader.emplace(store, false, batch_bytes);
  }
  std::vector<std::pair<Key, std::uint64_t>> finish() {
    loader->finish();
    std::vector<std::pair<Key, std::uint64_t>> contents;
    EpochGuard guard(store.epochs);
    for (auto* entry = store.index.first(); entry != nullptr; entry = store.index.next(*entry)) {
      contents.emplace_back(entry->key, entry->load_head()->value.value());
    }
    return contents;
  }

  StoreType store;
  std::optional<StoreLoader<Key, Counting, Compare>> loader;
};

template <class Key, class Compare, class MakeKey>
void load_at_random(const char* name, MakeKey make_key) {
  SplitMix random(seed(name));
  for (int round = 0; round < 60; ++round) {
    Counting::reset();
    {
      const std::size_t batch = std::size_t{1} << random.below(16);
      const std::uint64_t keys = 1 + random.below(300);
      Loaded<Key, Compare> loaded(batch);
      std::map<Key, std::uint64_t, Compare> expected;
      const auto deadline = [&] {
        switch (random.below(6)) {
          case 0:
            return k_now - static_cast<Deadline>(random.below(3));  // has passed
          case 1:
            return k_now + 1 + static_cast<Deadline>(random.below(1000));
          default:
            return k_no_deadline;
        }
      };
      const auto note = [&](const Key& key, std::uint64_t value, Deadline until) {
        if (until <= k_now) {
          expected.erase(key);
        } else {
          expected[key] = value;
        }
      };
      if (random.below(2) == 0) {
        std::map<Key, std::uint64_t, Compare> entries;
        for (std::uint64_t i = 0; i < keys; ++i) entries[make_key(random.below(keys))] = random();
        Payload<Key> payload;
        for (const auto& [key, value] : entries) {
          const Deadline until = deadline();
          payload.entry(key, value, until);
          note(key, value, until);
        }
        loaded.loader->entries(payload.bytes(), BlockKind::expiring, static_cast<std::uint32_t>(entries.size()));
      }
      for (std::uint64_t cts = 1; cts < 200; ++cts) {
        Payload<Key> payload;
        std::map<Key, bool, Compare> written;
        for (std::uint64_t i = random.below(12); i > 0; --i)
          written[make_key(random.below(keys))] = random.below(3) == 0;
        for (const auto& [key, removed] : written) {
          if (removed) {
            payload.removal(key);
            expected.erase(key);
          } else {
            const std::uint64_t value = random();
            const Deadline until = deadline();
            payload.value(key, value, until);
            note(key, value, until);
          }
        }
        loaded.loader->commit(cts, payload.bytes());
      }
      const auto contents = loaded.finish();
      REQUIRE(contents == std::vector<std::pair<Key, std::uint64_t>>(expected.begin(), expected.end()));
      CHECK(Counting::live() == static_cast<std::int64_t>(expected.size()));
    }
    CHECK(Counting::live() == 0);
  }
}

TEST_CASE("a_store_is_loaded_with_the_last_write_of_each_key_whatever_the_batches") {
  load_at_random<std::uint64_t, std::less<>>("numbers", [](std::uint64_t i) { return i * 7; });
  load_at_random<std::uint64_t, std::greater<>>("numbers, descending", [](std::uint64_t i) { return i * 7; });
  load_at_random<std::string, std::less<>>("texts",
                                           [](std::uint64_t i) { return "a common start " + std::to_string(i); });
}

// How many values there are at once, at the most, while `count` commits of one write each are loaded.
template <class Write>
std::int64_t peak_of(std::uint64_t count, std::size_t batch, Write write) {
  Counting::reset();
  std::int64_t peak = 0;
  {
    Loaded<std::uint64_t, std::less<>> loaded(batch);
    for (std::uint64_t i = 0; i < count; ++i) {
      Payload<std::uint64_t> payload;
      write(payload, i);
      loaded.loader->commit(i + 1, payload.bytes());
      peak = std::max(peak, Counting::live());
    }
    loaded.finish();
  }
  CHECK(Counting::live() == 0);
  return peak;
}

TEST_CASE("a_log_of_any_length_is_loaded_with_no_more_in_memory_than_is_live_and_a_batch") {
  constexpr std::uint64_t k_count = 100'000;
  constexpr std::size_t k_batch = 64 << 10;
  constexpr std::int64_t k_in_batch = k_batch / 48;  // an entry weighs more
  using Numbers = Payload<std::uint64_t>;
  // Overwritten again and again.
  CHECK(peak_of(k_count, k_batch, [](Numbers& log, std::uint64_t i) { log.value(i % 100, i); }) <= 100 + k_in_batch);
  // Never the same key, and nothing left of it.
  CHECK(peak_of(k_count, k_batch, [](Numbers& log, std::uint64_t i) {
          if (i % 2 == 0) {
            log.value(i, i);
          } else {
            log.removal(i - 1);
          }
        }) <= k_in_batch);
  CHECK(peak_of(k_count, k_batch, [](Numbers& log, std::uint64_t i) { log.value(i, i, k_now - 1); }) <= 1);
  // A queue, whose entries live for a while.
  CHECK(peak_of(k_count, k_batch, [](Numbers& log, std::uint64_t i) {
          log.value(i, i);
          if (i >= 500) log.removal(i - 500);
        }) <= 500 + k_in_batch);
  // What is live makes the batches larger, by no more than a part of it.
  CHECK(peak_of(k_count, k_batch, [](Numbers& log, std::uint64_t i) { log.value(i % 10'000, i); }) <=
        10'000 + 10'000 / 2 + k_in_batch);
}

// Orders as std::less does, until it is told to throw.
struct Touchy {
  std::shared_ptr<std::uint64_t> left = std::make_shared<std::uint64_t>(0);
  bool operator()(std::uint64_t a, std::uint64_t b) const {
    if (*left > 0 && --*left == 0) throw CountingThrow();
    return a < b;
  }
};

TEST_CASE("a_comparator_that_throws_while_a_store_is_loaded_loses_nothing_and_destroys_nothing_twice") {
  SplitMix random(seed("touchy"));
  bool all_of_it = false;
  for (std::uint64_t n = 1; !all_of_it; n += 1 + random.below(1 + n / 8)) {
    Counting::reset();
    {
      const Touchy touchy;
      Loaded<std::uint64_t, Touchy> loaded(std::size_t{8} << 10, touchy);
      *touchy.left = n;
      try {
        Payload<std::uint64_t> block;
        for (std::uint64_t i = 0; i < 50; ++i) block.entry(i * 3, i, i % 9 == 0 ? k_now : k_no_deadline);
        loaded.loader->entries(block.bytes(), BlockKind::expiring, 50);
        for (std::uint64_t i = 0; i < 400; ++i) {
          Payload<std::uint64_t> payload;
          const std::uint64_t key = i * 7919 % 211;
          if (i % 5 == 0) {
            payload.removal(key);
          } else {
            payload.value(key, i);
          }
          loaded.loader->commit(i + 1, payload.bytes());
        }
        loaded.finish();
        all_of_it = *touchy.left > 0;
      } catch (const CountingThrow&) {
      }
      *touchy.left = 0;
      loaded.loader.reset();
    }
    REQUIRE(Counting::live() == 0);
  }
}

}  // namespace

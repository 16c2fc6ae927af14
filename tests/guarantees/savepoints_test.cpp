// Savepoints: rolling back restores exactly what was, whatever was written, removed and rolled back before; and what
// they cost: taking one nothing, rolling back what there is to be undone, and one old value of a key between two.
#include <fluxmap/fluxmap.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shared.hpp"
#include "support/catch.hpp"
#include "support/counting.hpp"
#include "support/run.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

using namespace fluxmap_test;
using fluxmap::ExpiresAfter;
using fluxmap::Savepoint;

namespace {

using Counted = fluxmap::Database<int, Counting>;

struct CountingLess {
  static inline std::uint64_t calls = 0;
  bool operator()(int a, int b) const {
    ++calls;
    return a < b;
  }
};

template <class F>
double seconds(F&& f) {
  const auto start = std::chrono::steady_clock::now();
  std::forward<F>(f)();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST_CASE("between_two_savepoints_one_old_value_of_a_key_is_kept") {
  Counting::reset();
  {
    Counted store;
    auto handle = store.handle();
    auto transaction = handle.begin();
    transaction.insert(1, Counting(7));
    const Savepoint savepoint = transaction.savepoint();
    const std::uint64_t writes = scaled(50'000);
    std::int64_t most = 0;
    for (std::uint64_t i = 0; i < writes; ++i) {
      transaction.insert(1, Counting(100 + i));
      most = std::max(most, Counting::live());
    }
    CHECK(most == 2);
    const Savepoint second = transaction.savepoint();
    for (std::uint64_t i = 0; i < writes; ++i) {
      if (i % 10 == 0) transaction.remove(1);
      transaction.insert(1, Counting(i));
      most = std::max(most, Counting::live());
    }
    CHECK(most == 3);
    transaction.rollback_to(second);
    CHECK(transaction.get(1)->value() == 100 + writes - 1);
    CHECK(Counting::live() == 2);
    transaction.rollback_to(savepoint);
    CHECK(transaction.get(1)->value() == 7);
    CHECK(Counting::live() == 1);
  }
  CHECK(Counting::live() == 0);
}

TEST_CASE("what_only_savepoints_that_nobody_holds_could_need_is_let_go_of") {
  const std::uint64_t writes = scaled(50'000);
  for (const bool outer_held : {false, true}) {
    for (const int keys : {1, 10}) {
      Counting::reset();
      Counted store;
      auto handle = store.handle();
      auto transaction = handle.begin();
      for (int key = 0; key < keys; ++key) transaction.insert(key, Counting(7));
      std::optional<Savepoint> outer;
      if (outer_held) outer = transaction.savepoint();
      std::int64_t most = 0;
      for (std::uint64_t i = 0; i < writes; ++i) {
        const Savepoint row = transaction.savepoint();
        const int key = static_cast<int>(i) % keys;
        const Counting* const before = transaction.get(key);
        const std::uint64_t value = before->value();
        transaction.insert(key, Counting(100 + i));
        if (i % 3 == 0) {
          transaction.rollback_to(row);
          REQUIRE(transaction.get(key) == before);
          REQUIRE(before->value() == value);
          transaction.insert(key, Counting(100 + i));
        }
        most = std::max(most, Counting::live());
      }
      CHECK(most < 4 * keys + 16);
      for (std::uint64_t i = 0; i < writes / 10; ++i) {  // without another one
        transaction.insert(static_cast<int>(i) % keys, Counting(i));
        most = std::max(most, Counting::live());
      }
      CHECK(most < 4 * keys + 16);
      if (outer_held) {
        transaction.rollback_to(*outer);
        for (int key = 0; key < keys; ++key) CHECK(transaction.get(key)->value() == 7);
      }
    }
  }
}

TEST_CASE("a_savepoint_for_each_row_costs_each_row_the_same") {
  struct Cost {
    double comparisons = 0, moves = 0;
  };
  const auto cost = [](int rows, bool one_by_one) {
    Counting::reset();
    fluxmap::Database<int, Counting, CountingLess> store;
    auto handle = store.handle();
    auto transaction = handle.begin();
    std::vector<Savepoint> savepoints;
    CountingLess::calls = 0;
    for (int row = 0; row < rows; ++row) {
      savepoints.push_back(transaction.savepoint());
      transaction.insert(row * 7919 % rows, Counting(1));
      transaction.insert(0, Counting(2));
    }
    const std::int64_t live = Counting::live();
    if (one_by_one) {
      for (int row = rows; row-- > 0;) transaction.rollback_to(savepoints[static_cast<std::size_t>(row)]);
    } else {
      transaction.rollback_to(savepoints.front());
    }
    CHECK(live <= 2 * rows);
    CHECK(Counting::live() == 0);
    CHECK_FALSE(transaction.contains(0));
    return Cost{static_cast<double>(CountingLess::calls) / rows, static_cast<double>(Counting::moves()) / rows};
  };
  for (const bool one_by_one : {false, true}) {
    const Cost few = cost(1000, one_by_one);
    const Cost many = cost(16'000, one_by_one);
    CHECK(many.comparisons < 2 * few.comparisons);  // log2: 14 to 10
    CHECK(many.moves <= few.moves + 0.1);
  }
}

TEST_CASE("rolling_back_row_by_row_and_scanning_afterwards_take_no_longer_for_each_row_where_there_are_many") {
  const auto cost = [](int rows) {
    return seconds([rows] {
      fluxmap::Database<int, int> store;
      auto handle = store.handle();
      auto transaction = handle.begin();
      std::vector<Savepoint> savepoints;
      for (int row = 0; row < rows; ++row) {
        savepoints.push_back(transaction.savepoint());
        transaction.insert(row, row);
      }
      for (auto at = savepoints.rbegin(); at != savepoints.rend(); ++at) transaction.rollback_to(*at);
      transaction.insert(rows, 1);
      for (int row = 0; row < rows; ++row) REQUIRE(transaction.range(0, row + 1).empty());
    });
  };
  cost(1000);
  const int rows = static_cast<int>(5000 / std::min(k_sanitizer_cost, 5U));
  const double few = std::min({cost(rows), cost(rows), cost(rows)});
  const double many = cost(20 * rows);  // 400 times as long where each row looks at all others
  CHECK(many < 100 * few + 0.5);
}

TEST_CASE("a_savepoint_may_be_copied_and_kept_longer_than_its_transaction_and_its_database") {
  std::vector<Savepoint> kept;
  {
    fluxmap::Database<int, int> store;
    auto handle = store.handle();
    auto transaction = handle.begin();
    transaction.insert(1, 1);
    kept.push_back(transaction.savepoint());
    for (int i = 2; i < 100; ++i) {
      transaction.insert(1, i);
      kept.push_back(kept.front());
      kept.push_back(transaction.savepoint());
    }
    Savepoint moved = std::move(kept[1]);
    Savepoint assigned = kept.back();
    assigned = moved;
    for (const Savepoint& same : {kept[1], moved, assigned, kept[0]}) {
      transaction.rollback_to(same);
      CHECK(*transaction.get(1) == 1);
      transaction.insert(1, 5);
    }
    CHECK(code_of([&] { transaction.rollback_to(kept.back()); }) == errc::invalid_option);
    run(transaction.commit());
    CHECK(code_of([&] { transaction.rollback_to(kept.front()); }) == errc::transaction_inactive);
    auto next = handle.begin();
    CHECK(code_of([&] { next.rollback_to(kept.front()); }) == errc::invalid_option);
    CHECK(handle.get(1) == 5);
  }
  kept.clear();
}

// Random writes, removals, savepoints and rollbacks against a stack of copies of a map.
TEST_CASE("rolling_back_restores_exactly_what_was") {
  using Store = fluxmap::Database<int, std::string>;
  struct Item {
    std::string value;
    int lasts;  // milliseconds; 0: for ever
    bool operator==(const Item&) const = default;
  };
  using Model = std::map<int, Item>;
  SplitMix random(seed("rolling_back_restores_exactly_what_was"));
  for (std::uint64_t round = 0; round < scaled(300); ++round) {
    const auto clock = std::make_shared<fluxmap::ManualClock>();
    const auto store = Store::builder().clock(clock).build();
    auto handle = store->handle();
    const auto keys = static_cast<int>(1 + random.below(random.below(2) == 0 ? 4 : 40));
    const auto any_key = [&] { return static_cast<int>(random.below(static_cast<std::uint64_t>(keys))); };
    Model model;
    for (int key = 0; key < keys; key += 2) {
      model[key] = {"old" + std::to_string(key), 0};
      put(handle, key, model[key].value);
    }
    auto transaction = handle.begin();
    struct Taken {
      std::optional<Savepoint> savepoint;  // none: let go of
      Model model;
    };
    std::vector<Taken> taken;
    std::map<int, std::pair<const std::string*, std::string>> held;  // pointers handed out
    auto stream = std::optional(transaction.range_stream(-1, keys));
    int stream_at = -1;
    for (int step = 0; step < 200; ++step) {
      const int key = any_key();
      switch (random.below(14)) {
        case 0:
        case 1:
        case 2: {
          const Item item{"v" + std::to_string(step), 0};
          held.erase(key);
          transaction.insert(key, item.value);
          model[key] = item;
          break;
        }
        case 3: {
          const Item item{"e" + std::to_string(step), static_cast<int>(1 + random.below(1000))};
          held.erase(key);
          transaction.insert(key, item.value, ExpiresAfter{std::chrono::milliseconds(item.lasts)});
          model[key] = item;
          break;
        }
        case 4:
        case 5:
          held.erase(key);
          REQUIRE(transaction.remove(key) == (model.erase(key) == 1));
          break;
        case 6:
        case 7:
          taken.push_back({transaction.savepoint(), model});
          break;
        case 8: {
          if (taken.empty()) break;
          const std::size_t at = taken.size() - 1 - random.below(std::min<std::size_t>(taken.size(), 4));
          if (!taken[at].savepoint) break;
          // What was written since is another value again, or may be.
          std::erase_if(held, [&](const auto& one) {
            const auto before = taken[at].model.find(one.first);
            return before == taken[at].model.end() || before->second.value != one.second.second;
          });
          transaction.rollback_to(*taken[at].savepoint);
          model = taken[at].model;
          for (std::size_t later = at + 1; later < taken.size(); ++later) {
            if (!taken[later].savepoint) continue;
            REQUIRE(code_of([&] { transaction.rollback_to(*taken[later].savepoint); }) == errc::invalid_option);
          }
          taken.resize(at + 1);
          break;
        }
        case 9:  // let go of some
          for (Taken& one : taken) {
            if (random.below(4) == 0) one.savepoint.reset();
          }
          break;
        case 10: {
          const std::string* const found = transaction.get(key);
          REQUIRE((found != nullptr) == model.contains(key));
          if (found != nullptr) {
            REQUIRE(*found == model[key].value);
            held[key] = {found, *found};
          }
          break;
        }
        case 11: {  // a scan that goes on beside all that
          const auto item = stream->next();
          const auto next = model.upper_bound(stream_at);
          REQUIRE(item.has_value() == (next != model.end()));
          if (item) {
            REQUIRE(item->first == next->first);
            REQUIRE(item->second == next->second.value);
            stream_at = item->first;
          } else {
            stream.emplace(transaction.range_stream(-1, keys));
            stream_at = -1;
          }
          break;
        }
        case 12:
          for (const auto& [at, pointer] : held) {
            INFO("key " << at);
            REQUIRE(*pointer.first == pointer.second);
          }
          break;
        default: {
          const auto items = transaction.range(-1, keys);
          REQUIRE(items.size() == model.size());
          for (const auto& [at, value] : items) REQUIRE(model.at(at).value == value);
          break;
        }
      }
    }
    stream.reset();
    run(transaction.commit());
    for (int elapsed = 0;; elapsed += 100) {
      for (int key = 0; key < keys; ++key) {
        const auto expected = model.find(key);
        const bool there = expected != model.end() && (expected->second.lasts == 0 || expected->second.lasts > elapsed);
        const auto found = handle.get(key);
        REQUIRE(found.has_value() == there);
        if (there) REQUIRE(*found == expected->second.value);
      }
      if (elapsed >= 1000) break;
      clock->advance(std::chrono::milliseconds(100));
    }
  }
}

// Versions, entries and the skiplist that links them.
#include <fluxmap/detail/index/skiplist.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/counting.hpp"
#include "support/seed.hpp"

namespace {

using namespace fluxmap::detail;
using fluxmap_test::Counting;
using fluxmap_test::CountingThrow;

// An order that can be told to throw at its n-th comparison.
struct Order {
  bool operator()(int a, int b) const {
    if (throw_in > 0 && --throw_in == 0) throw std::runtime_error("broken order");
    return a < b;
  }
  inline static thread_local int throw_in = 0;
};

using IntEntry = Entry<int, int>;

// A list of ints with all it needs to be used.
struct List {
  explicit List(double p = 0.25) : index(Order{}, p) {}

  // Links a key; the entry, and whether it is new.
  std::pair<IntEntry*, bool> link(EpochGuard& guard, int key) {
    return index.find_or_link(
        guard, key, [&] { return IntEntry::make(key); }, [&](IntEntry* lost) { IntEntry::destroy(lost); });
  }
  std::pair<IntEntry*, bool> link(int key) {
    EpochGuard guard(epochs);
    return link(guard, key);
  }
  // Closes an empty chain and takes the entry out. False: there was none, or another thread did it.
  bool unlink(int key) {
    EpochGuard guard(epochs);
    IntEntry* const entry = index.find(key);
    if (entry == nullptr) return false;
    Version<int>* empty = nullptr;
    if (!entry->head.compare_exchange_strong(empty, IntEntry::closed())) return false;
    index.unlink(guard, *entry);
    return true;
  }
  std::vector<int> keys() {
    EpochGuard guard(epochs);
    std::vector<int> found;
    for (IntEntry* entry = index.first(); entry != nullptr; entry = index.next(*entry)) found.push_back(entry->key);
    return found;
  }

  SkipList<int, int, Order> index;
  EpochDomain epochs;  // destroyed first: frees what was unlinked
};

std::vector<int> up_to(int count) {
  std::vector<int> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

}  // namespace

TEST_CASE("a_stamp_keeps_its_timestamp_or_its_record_and_its_flags") {
  const Stamp stamped = Stamp::stamped(Stamp::k_max_cts, Stamp::k_tombstone);
  CHECK_FALSE(stamped.is_tagged());
  CHECK(stamped.is_tombstone());
  CHECK_FALSE(stamped.is_inside());
  CHECK(stamped.cts() == Stamp::k_max_cts);
  CommitRecord record;
  const Stamp tagged = Stamp::tagged(&record, Stamp::k_inside | Stamp::k_expires);
  CHECK(tagged.is_tagged());
  CHECK(tagged.is_inside());
  CHECK(tagged.expires());
  CHECK_FALSE(tagged.is_tombstone());
  CHECK(tagged.record() == &record);
}

TEST_CASE("a_version_owns_one_value_and_a_tombstone_none") {
  Counting::reset();
  auto* const value = Version<Counting>::make(0, std::uint64_t{7});
  auto* const tombstone = Version<Counting>::make(Stamp::k_tombstone);
  CHECK(Counting::live() == 1);
  CHECK(value->value.value() == 7);
  CHECK_FALSE(value->is_tombstone());
  CHECK(tombstone->is_tombstone());
  Counting::throw_in(1);
  const Counting original(1);
  CHECK_THROWS_AS(Version<Counting>::make(0, original), CountingThrow);
  value->destroy();
  tombstone->destroy();
  CHECK(Counting::live() == 1);  // the original
}

TEST_CASE("an_entry_keeps_its_key_and_a_version_inside") {
  using StringEntry = Entry<std::string, std::string>;
  StringEntry* const entry = StringEntry::make(std::string("key"));
  CHECK(entry->key == "key");
  CHECK(entry->load_head() == nullptr);
  CHECK_FALSE(entry->is_leaving());
  auto* const outside = Version<std::string>::make(0, 100, 'x');
  auto* const inside = entry->make_version_inside(*outside);
  REQUIRE(inside != nullptr);
  CHECK(inside->value == std::string(100, 'x'));
  CHECK(StringEntry::of_inside(inside) == entry);
  CHECK(entry->key == "key");
  outside->destroy();
  StringEntry::free_entry(entry);     // the index's claim
  StringEntry::free_version(inside);  // the version's: the last one
}

TEST_CASE("entries_of_over_aligned_keys_and_values_are_aligned") {
  struct alignas(64) Wide {
    int number;
  };
  using WideEntry = Entry<Wide, Wide>;
  WideEntry* const entry = WideEntry::make(Wide{3});
  CHECK(reinterpret_cast<std::uintptr_t>(&entry->key) % 64 == 0);
  auto* const outside = Version<Wide>::make(0, Wide{4});
  CHECK(reinterpret_cast<std::uintptr_t>(&outside->value) % 64 == 0);
  auto* const inside = entry->make_version_inside(*outside);
  REQUIRE(inside != nullptr);
  CHECK(reinterpret_cast<std::uintptr_t>(&inside->value) % 64 == 0);
  CHECK(inside->value.number == 4);
  outside->destroy();
  WideEntry::free_version(inside);
  WideEntry::free_entry(entry);
}

TEST_CASE("a_key_that_throws_while_an_entry_is_made_leaves_nothing") {
  Counting::reset();
  const Counting key(1);
  Counting::throw_in(1);
  CHECK_THROWS_AS((Entry<Counting, int>::make(key)), CountingThrow);
  CHECK(Counting::live() == 1);
}

TEST_CASE("linked_keys_are_found_and_in_order_whatever_the_probability") {
  fluxmap_test::SplitMix random(fluxmap_test::seed("linked_keys"));
  for (const double p : {1e-9, 0.25, 0.5, 0.75, 0.999999}) {
    List list(p);
    std::vector<int> keys = up_to(400);
    std::shuffle(keys.begin(), keys.end(), random);
    for (const int key : keys) CHECK(list.link(2 * key).second);
    std::vector<int> expected = up_to(400);
    for (int& key : expected) key *= 2;
    CHECK(list.keys() == expected);
    EpochGuard guard(list.epochs);
    for (int key = -1; key < 801; ++key) {
      IntEntry* const found = list.index.find(key);
      CHECK((found != nullptr) == (key % 2 == 0 && key >= 0 && key < 800));
      if (found != nullptr) CHECK(found->key == key);
      IntEntry* const bound = list.index.lower_bound(key);
      CHECK((bound == nullptr) == (key > 798));
      if (bound != nullptr) CHECK(bound->key == std::max(0, key + (key & 1)));
    }
  }
}

TEST_CASE("a_key_is_linked_once", "[trap-05]") {
  List list;
  const auto [first, first_is_new] = list.link(1);
  const auto [second, second_is_new] = list.link(1);
  CHECK(first_is_new);
  CHECK_FALSE(second_is_new);
  CHECK(first == second);
}

TEST_CASE("an_unlinked_key_is_gone_and_can_be_linked_anew") {
  List list;
  for (int key = 0; key < 100; ++key) list.link(key);
  for (int round = 0; round < 3; ++round) {
    for (int key = 0; key < 100; key += 3) CHECK(list.unlink(key));
    CHECK_FALSE(list.unlink(0));
    std::vector<int> expected;
    for (int key = 0; key < 100; ++key) {
      if (key % 3 != 0) expected.push_back(key);
    }
    CHECK(list.keys() == expected);
    for (int key = 0; key < 100; key += 3) CHECK(list.link(key).second);
    CHECK(list.keys() == up_to(100));
  }
}

TEST_CASE("a_walk_goes_on_from_an_entry_that_is_unlinked_under_it") {
  List list;
  for (int key = 0; key < 10; ++key) list.link(key);
  EpochGuard guard(list.epochs);
  IntEntry* const entry = list.index.find(4);
  for (const int key : {4, 5, 6}) list.unlink(key);
  IntEntry* const next = list.index.next(*entry);
  REQUIRE(next != nullptr);
  CHECK(next->key == 7);
}

TEST_CASE("a_comparator_that_throws_changes_nothing") {
  for (int n = 1; n < 200; ++n) {
    List list;
    for (int key = 0; key < 20; ++key) list.link(2 * key);
    const std::vector<int> before = list.keys();
    Order::throw_in = n;
    bool thrown = false;
    try {
      list.link(15);
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    Order::throw_in = 0;
    if (thrown) {
      CHECK(list.keys() == before);
      CHECK(list.link(15).second);
    }
    CHECK_FALSE(list.link(15).second);
    CHECK(list.keys().size() == 21);
  }
}

TEST_CASE("threads_that_link_the_same_keys_get_the_same_entries", "[trap-05]") {
  List list(0.5);
  constexpr int k_threads = 3;
  constexpr int k_keys = 1500;
  std::array<std::vector<IntEntry*>, k_threads> found;
  std::atomic<int> made{0};
  std::vector<std::thread> threads;
  for (auto& mine : found) {
    threads.emplace_back([&] {
      for (int key = 0; key < k_keys; ++key) {
        const auto [entry, is_new] = list.link(key);
        mine.push_back(entry);
        if (is_new) ++made;
      }
    });
  }
  for (std::thread& one : threads) one.join();
  CHECK(made == k_keys);
  CHECK(found[0] == found[1]);
  CHECK(found[0] == found[2]);
  CHECK(list.keys() == up_to(k_keys));
}

TEST_CASE("threads_that_link_and_unlink_leave_what_was_linked_last", "[trap-07]") {
  List list(0.5);
  constexpr int k_keys = 8;
  std::array<std::atomic<int>, k_keys> balance{};  // links minus unlinks of each key: 0 or 1 in the end
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      fluxmap_test::SplitMix random(t + 1);
      for (int i = 0; i < 6000; ++i) {
        const int key = static_cast<int>(random.below(k_keys));
        if (random.below(2) == 0) {
          if (list.link(key).second) ++balance[static_cast<std::size_t>(key)];
        } else if (list.unlink(key)) {
          --balance[static_cast<std::size_t>(key)];
        }
      }
    });
  }
  for (std::thread& one : threads) one.join();
  std::vector<int> expected;
  for (int key = 0; key < k_keys; ++key) {
    const int left = balance[static_cast<std::size_t>(key)];
    CHECK((left == 0 || left == 1));
    if (left == 1) expected.push_back(key);
  }
  CHECK(list.keys() == expected);
}

// The lane's cells split at 128 entries and die when their block is empty: a window of keys that moves on makes and
// kills cells all the time, and what is linked must be found whatever the lane has come to.
TEST_CASE("a_moving_window_of_keys_is_found_and_its_dead_cells_go") {
  List list(0.9);
  constexpr int k_window = 1000;
  for (int key = 0; key < 20000; ++key) {
    CHECK(list.link(key).second);
    if (key >= k_window) CHECK(list.unlink(key - k_window));
    if (key % 997 != 0) continue;
    EpochGuard guard(list.epochs);
    for (int at = std::max(0, key - k_window + 1); at <= key; at += 13) {
      REQUIRE(list.index.find(at) != nullptr);
    }
    CHECK(list.index.find(key - k_window) == nullptr);
    CHECK(list.index.find(key + 1) == nullptr);
  }
}

TEST_CASE("keys_with_a_long_common_prefix_are_found_and_in_order") {
  using Text = Entry<std::string, int>;
  EpochDomain epochs;
  SkipList<std::string, int, std::less<>> index(std::less<>{}, 0.5);
  const auto name = [](int i) {
    return "a common prefix that is longer than eight bytes/" + std::to_string(100000 + i);
  };
  for (int i = 0; i < 3000; ++i) {
    EpochGuard guard(epochs);
    const std::string key = name(i * 7919 % 3000);
    CHECK(index.find_or_link(
                   guard, key, [&] { return Text::make(key); }, [](Text* lost) { Text::destroy(lost); })
              .second);
  }
  EpochGuard guard(epochs);
  int at = 0;
  for (Text* entry = index.first(); entry != nullptr; entry = index.next(*entry)) CHECK(entry->key == name(at++));
  CHECK(at == 3000);
  for (int i = 0; i < 3000; ++i) REQUIRE(index.find(std::string_view(name(i))) != nullptr);
  CHECK(index.find("a common prefix that is longer than eight bytes/") == nullptr);
}

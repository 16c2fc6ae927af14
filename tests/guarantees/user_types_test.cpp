// Keys and values of the user's: those that cannot be copied, default-constructed or assigned, and those that throw in
// the middle of any operation.
#include <boost/asio/use_future.hpp>

#include <cctype>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "guarantees/shared.hpp"
#include "support/counting.hpp"

namespace {

using namespace fluxmap_test;

// Can be made from a number and moved into place, nothing else.
struct Unique {
  explicit Unique(int number) : value(std::make_unique<int>(number)) {}
  Unique(Unique&&) noexcept = default;
  std::unique_ptr<int> value;
};
static_assert(!std::copy_constructible<Unique> && !std::default_initializable<Unique>);

// Copyable, but without default constructor and assignment.
struct Fixed {
  explicit Fixed(int n) : number(n) {}
  const int number;
};
static_assert(!std::default_initializable<Fixed> && !std::is_copy_assignable_v<Fixed> &&
              std::copy_constructible<Fixed>);

// A key that can only be moved; looked up by its number.
struct Ticket {
  explicit Ticket(int n) : number(std::make_unique<int>(n)) {}
  std::unique_ptr<int> number;
};
struct ByNumber {
  using is_transparent = void;
  bool operator()(const Ticket& a, const Ticket& b) const { return *a.number < *b.number; }
  bool operator()(const Ticket& a, int b) const { return *a.number < b; }
  bool operator()(int a, const Ticket& b) const { return a < *b.number; }
};

struct alignas(128) Wide {
  explicit Wide(int n) : number(n) {}
  int number;
};

struct BrokenOrder : std::runtime_error {
  BrokenOrder() : std::runtime_error("broken order") {}
};
// An order whose n-th comparison from now on throws.
struct Fragile {
  bool operator()(int a, int b) const {
    if (throw_in > 0 && --throw_in == 0) throw BrokenOrder();
    return a < b;
  }
  inline static int throw_in = 0;
};

using Values = fluxmap::Database<int, Counting>;
using Ordered = fluxmap::Database<int, int, Fragile>;

// Each operation of a handle and a transaction that can meet the user's code, on keys 1 … 20 of which the odd ones are
// there with value == key. Even keys and 100 and above are free.
template <class Database>
struct Operation {
  using Handle = decltype(std::declval<Database&>().handle());
  using Value = typename Database::mapped_type;
  const char* name;
  std::function<void(Database&, Handle&)> make;
  bool hands_over = false;  // moves a value to the caller after its commit
};
template <class Database>
std::vector<Operation<Database>> operations() {
  using Handle = typename Operation<Database>::Handle;
  using Value = typename Operation<Database>::Value;
  using Transaction = typename Handle::Transaction;
  const auto in_transaction = [](auto body) {
    return [body](Database&, Handle& handle) { run(handle.transaction([&](Transaction& tx) { body(tx); })); };
  };
  return {
      {"get", [](Database&, Handle& h) { h.get(7); }},
      {"contains", [](Database&, Handle& h) { h.contains(7); }},
      {"get_many", [](Database&, Handle& h) { h.get_many(std::vector{3, 4, 7}); }},
      {"range", [](Database&, Handle& h) { h.range(3, 15); }},
      {"insert new", [](Database&, Handle& h) { run(h.insert(8, Value(8))); }},
      {"insert over", [](Database&, Handle& h) { run(h.insert(7, Value(70))); }},
      {"insert_if_absent new", [](Database&, Handle& h) { run(h.insert_if_absent(8, Value(8))); }},
      {"insert_if_absent old", [](Database&, Handle& h) { run(h.insert_if_absent(7, Value(8))); }},
      {"remove", [](Database&, Handle& h) { run(h.remove(7)); }, true},
      {"evict", [](Database&, Handle& h) { run(h.evict(7)); }},
      {"update new", [](Database&, Handle& h) { run(h.update(8, [](const Value*) { return Value(8); })); }, true},
      {"update old", [](Database&, Handle& h) { run(h.update(7, [](const Value* old) { return *old; })); }, true},
      {"transaction writes", in_transaction([](Transaction& tx) {
         for (const int key : {2, 7, 8, 12, 30}) tx.insert(key, Value(99));
         tx.remove(9);
         tx.insert(2, Value(98));
       })},
      {"transaction reads and writes", in_transaction([](Transaction& tx) {
         tx.get(3);
         tx.get(4);
         tx.insert(6, Value(99));
         tx.range(1, 12);
         tx.insert(1, *tx.get(5));
       })},
      {"transaction with a savepoint", in_transaction([](Transaction& tx) {
         tx.insert(6, Value(1));
         const auto savepoint = tx.savepoint();
         tx.insert(6, Value(2));
         tx.insert(5, Value(2));
         tx.rollback_to(savepoint);
         tx.insert(8, Value(1));
       })},
      {"transaction validates",
       [](Database&, Handle& h) {
         Transaction tx = h.begin();
         tx.get(3);
         tx.get(4);
         tx.range(10, 14);
         tx.insert(6, Value(99));
         run(h.insert(19, Value(19)));  // changes nothing but makes the commit look at what was read
         run(tx.commit());
       }},
      {"vacuum", [](Database& db, Handle&) { run(db.vacuum()); }},
  };
}

template <class Value>
Value made_of(int n) {
  if constexpr (std::same_as<Value, Counting>) {
    return Counting(static_cast<std::uint64_t>(n));
  } else {
    return Value(n);
  }
}
int number(const Counting& value) {
  CHECK(value.intact());
  return static_cast<int>(value.value());
}
int number(int value) { return value; }

template <class Database>
void fill(Database& store) {
  auto handle = store.handle();
  for (int key = 1; key <= 20; key += 2) run(handle.insert(key, made_of<typename Database::mapped_type>(key)));
  for (int key = 50; key < 60; ++key) {
    run(handle.insert(key, made_of<typename Database::mapped_type>(key)));
    run(handle.remove(key));  // work for vacuum
  }
}
template <class Database>
std::vector<std::pair<int, int>> contents(Database& store) {
  std::vector<std::pair<int, int>> items;
  for (const auto& [key, value] : store.handle().range_stream(-1000, 1000)) items.emplace_back(key, number(value));
  return items;
}

// Runs each operation again and again with the user's code throwing at its 1st, 2nd, … use, until it gets through.
template <class Thrown, class Database, class Arm>
void check_every_throw(Arm arm) {
  for (const Operation<Database>& operation : operations<Database>()) {
    std::vector<std::pair<int, int>> done;
    {
      Database store;
      fill(store);
      auto handle = store.handle();
      operation.make(store, handle);
      done = contents(store);
    }
    bool thrown = true;
    for (int n = 1; thrown; ++n) {
      INFO(operation.name << ", throwing at use " << n);
      Database store;
      fill(store);
      auto handle = store.handle();
      const auto before = contents(store);
      const auto keys = store.size();
      thrown = false;
      arm(n);
      try {
        operation.make(store, handle);
      } catch (const Thrown&) {
        thrown = true;
      }
      arm(0);
      REQUIRE(n < 1000);
      if (!thrown) continue;
      if (!operation.hands_over || contents(store) != done) {
        CHECK(contents(store) == before);
        CHECK(store.size() == keys);
      }
      CHECK(store.stats().active_transactions == 0);
      // and everything still works
      for (const int key : {2, 6, 7, 8}) run(handle.insert(key, made_of<typename Database::mapped_type>(key)));
      CHECK(number(*handle.get(8)) == 8);
      run(store.vacuum());
      CHECK(store.size() == keys + 3);
      CHECK(store.stats().entries == store.size());
      CHECK(store.stats().versions == store.size());
    }
  }
}

// Converts to its bytes, which have another order.
struct Caseless {
  std::string text;
  operator std::string_view() const { return text; }
  static std::string lower(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
  }
  friend bool operator<(const Caseless& a, const Caseless& b) { return lower(a.text) < lower(b.text); }
};

}  // namespace

TEST_CASE("a_throwing_copy_or_move_of_a_value_leaves_everything_as_it_was") {
  Counting::reset();
  check_every_throw<CountingThrow, Values>([](int n) { Counting::throw_in(n); });
  CHECK(Counting::live() == 0);
}

TEST_CASE("a_throwing_comparator_leaves_everything_as_it_was") {
  check_every_throw<BrokenOrder, Ordered>([](int n) { Fragile::throw_in = n; });
}

TEST_CASE("a_transaction_goes_on_after_an_operation_in_it_has_thrown") {
  Counting::reset();
  {
    Values store;
    fill(store);
    auto handle = store.handle();
    auto transaction = handle.begin();
    const Counting first(100);
    transaction.insert(2, first);
    const auto* const own = transaction.get(2);
    Counting::throw_in(1);
    CHECK_THROWS_AS(transaction.insert(2, Counting(101)), CountingThrow);
    CHECK(transaction.get(2) == own);
    CHECK(number(*own) == 100);
    Counting::throw_in(1);
    CHECK_THROWS_AS(transaction.range(0, 100), CountingThrow);
    transaction.insert(4, Counting(4));
    CHECK(commits(transaction));
    CHECK(number(*handle.get(2)) == 100);
    CHECK(number(*handle.get(4)) == 4);
  }
  CHECK(Counting::live() == 0);
}

TEST_CASE("what_visit_and_closures_throw_comes_through") {
  Ordered store;
  auto handle = store.handle();
  put(handle, 1, 1);
  CHECK_THROWS_AS(handle.visit(1, [](const int&) { throw BrokenOrder(); }), BrokenOrder);
  CHECK_THROWS_AS(run(handle.update(1, [](const int*) -> int { throw BrokenOrder(); })), BrokenOrder);
  CHECK(handle.get(1) == 1);
  CHECK(store.stats().commits == 1);
}

TEST_CASE("every_value_is_destroyed_exactly_once") {
  Counting::reset();
  {
    Values store;
    fill(store);
    auto handle = store.handle();
    auto open = handle.begin();
    open.insert(1, Counting(5));
    for (int round = 0; round < 300; ++round) {
      run(handle.insert(round % 7, Counting(1)));
      run(handle.insert_if_absent(round % 11, Counting(2)));
      if (round % 3 == 0) run(handle.remove(round % 5));
      auto rolled_back = handle.begin();
      rolled_back.insert(round % 7, Counting(3));
    }
    run(store.vacuum());
    std::int64_t values = 1;  // of the open transaction
    values += static_cast<std::int64_t>(store.stats().versions);
    CHECK(Counting::live() >= values);
    open.rollback();
    run(store.vacuum());
    CHECK(store.stats().versions == store.size());
    CHECK(Counting::live() == static_cast<std::int64_t>(store.size()));
  }
  CHECK(Counting::live() == 0);
}

TEST_CASE("values_that_can_only_be_moved_work") {
  fluxmap::Database<int, Unique> store;
  auto handle = store.handle();
  using Transaction = decltype(handle)::Transaction;
  run(handle.insert(1, Unique(1)));
  handle.insert(2, Unique(2), asio::use_future).get();
  CHECK(run(handle.insert_if_absent(3, Unique(3))));
  CHECK_FALSE(run(handle.insert_if_absent(3, Unique(4))));
  CHECK_FALSE(handle.insert_if_absent(3, Unique(4), asio::use_future).get());
  run(handle.update(4, [](const Unique* old) { return Unique(old == nullptr ? 4 : -1); }));
  handle.update(4, [](const Unique* old) { return Unique(*old->value * 10); }, asio::use_future).get();
  int seen = 0;
  CHECK(handle.visit(4, [&](const Unique& value) { seen = *value.value; }));
  CHECK(seen == 40);
  CHECK(run(handle.remove(1)));
  CHECK_FALSE(run(handle.remove(1)));
  CHECK(handle.remove(2, asio::use_future).get());
  CHECK(run(handle.evict(3)));
  const int sum = run(handle.transaction([](Transaction& tx) {
    tx.insert(5, Unique(5));
    int total = 0;
    for (const auto& [key, value] : tx.range_stream(0, 100)) total += *value.value;
    tx.remove(4);
    return total + *tx.get(5)->value;
  }));
  CHECK(sum == 50);
  const Unique returned = run(
      handle.transaction([](Transaction& tx) -> asio::awaitable<Unique> { co_return Unique(*tx.get(5)->value + 1); }));
  CHECK(*returned.value == 6);
  CHECK(keys_of(handle.range_stream(0, 100)) == std::vector{5});
  run(store.vacuum());
  CHECK(store.size() == 1);
}

TEST_CASE("values_without_default_constructor_and_assignment_work") {
  fluxmap::Database<int, Fixed> store;
  auto handle = store.handle();
  run(handle.insert(1, Fixed(1)));
  run(handle.insert(1, Fixed(2)));
  CHECK(handle.get(1)->number == 2);
  CHECK(run(handle.update(1, [](const Fixed* old) { return Fixed(old->number + 1); })).number == 3);
  CHECK(handle.get_many(std::vector{1, 2}).at(0)->number == 3);
  CHECK(handle.range(0, 9).at(0).second.number == 3);
  CHECK(run(handle.transaction([](auto& tx) { return *tx.get(1); })).number == 3);
  CHECK(run(handle.remove(1))->number == 3);
  CHECK_FALSE(run(handle.remove(1)).has_value());
}

TEST_CASE("keys_that_can_only_be_moved_work") {
  fluxmap::Database<Ticket, int, ByNumber> store;
  auto handle = store.handle();
  for (const int key : {3, 1, 2}) run(handle.insert(Ticket(key), 10 * key));
  CHECK(handle.get(2) == 20);
  CHECK(handle.get(Ticket(3)) == 30);
  CHECK(run(handle.remove(1)) == 10);
  run(handle.transaction([](auto& tx) {
    CHECK(tx.get(1) == nullptr);
    tx.insert(Ticket(5), *tx.get(2));
    tx.remove(2);
  }));
  std::vector<int> keys;
  for (const auto& [key, value] : handle.range_stream(0, 9)) keys.push_back(*key.number);
  CHECK(keys == std::vector{3, 5});
}

TEST_CASE("over_aligned_values_are_aligned") {
  fluxmap::Database<int, Wide> store;
  auto handle = store.handle();
  for (int key = 0; key < 50; ++key) run(handle.insert(key % 40, Wide(key)));
  for (int key = 0; key < 40; ++key) {
    CHECK(handle.visit(key, [&](const Wide& wide) {
      CHECK(reinterpret_cast<std::uintptr_t>(&wide) % alignof(Wide) == 0);
      CHECK(wide.number == (key < 10 ? key + 40 : key));
    }));
  }
}

TEST_CASE("keys_that_convert_to_text_keep_the_order_of_their_own") {
  fluxmap::Database<Caseless, int> store;
  auto handle = store.handle();
  constexpr int k_keys = 3000;
  const auto name = [](int i) {
    return std::string(1, static_cast<char>((i % 2 != 0 ? 'a' : 'A') + i % 26)) + std::to_string(i * 7919 % k_keys);
  };
  for (int i = 0; i < k_keys; ++i) put(handle, Caseless{name(i)}, i);
  int missing = 0;
  for (int i = 0; i < k_keys; ++i) {
    std::string other = name(i);
    other[0] = static_cast<char>(other[0] ^ ' ');
    missing += handle.contains(Caseless{name(i)}) && handle.contains(Caseless{other}) ? 0 : 1;
  }
  CHECK(missing == 0);
}

TEST_CASE("a_stream_whose_first_step_throws_begins_with_the_first_item_the_next_time") {
  fluxmap::Database<int, int, Fragile> store;
  auto handle = store.handle();
  for (int key = 0; key < 100; ++key) put(handle, int{key}, key);
  auto stream = handle.range_stream(10, 20);
  Fragile::throw_in = 1;
  CHECK_THROWS_AS(stream.begin(), BrokenOrder);
  Fragile::throw_in = 0;
  int expected = 10;
  for (const auto& [key, value] : stream) CHECK(key == expected++);
  CHECK(expected == 20);
}

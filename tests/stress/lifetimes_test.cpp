// Whatever a user's copies, moves and comparisons throw, and whenever: the exception comes through as it is, the
// database is as it was, and no object is leaked or destroyed twice.
#include <fluxmap/fluxmap.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/counting.hpp"
#include "support/run.hpp"
#include "support/tagged.hpp"
#include "support/throwing.hpp"

namespace {

using namespace fluxmap_test;
namespace asio = boost::asio;

using Model = std::map<int, std::uint64_t>;

// One call, or one transaction, and what it does to the contents.
template <class Value>
struct Operation {
  using Database = fluxmap::Database<int, Value, ThrowingLess>;
  using Handle = fluxmap::Handle<int, Value, ThrowingLess>;

  using Work = std::function<asio::awaitable<void>(Database&, Handle&)>;
  using Effect = std::function<void(Model&)>;

  std::string name;
  Work work;
  Effect effect;    // none: the contents stay
  bool hands_over;  // hands a value over after the commit: a throwing move may come too late to undo that

  Operation(std::string n, Work w, Effect e = nullptr, bool h = false)
      : name(std::move(n)), work(std::move(w)), effect(std::move(e)), hands_over(h) {}
};

const Model& contents_before() {
  static const Model contents{{0, 100}, {2, 102}, {4, 104}, {6, 106}, {8, 108}};
  return contents;
}

// With a removed key (5), an overwritten one (4), and so some work for vacuum.
template <class Value>
asio::awaitable<void> fill(typename Operation<Value>::Handle& handle) {
  for (const auto& [key, value] : contents_before()) co_await handle.insert(key, Value(value + (key == 4 ? 1U : 0U)));
  co_await handle.insert(5, Value(1));
  co_await handle.insert(4, Value(104));
  static_cast<void>(co_await handle.remove(5));
}

template <class Value>
Model contents_of(typename Operation<Value>::Database& database) {
  auto handle = database.handle();
  Model found;
  for (const auto& [key, value] : handle.range_stream(-10, 100)) {
    CHECK(value.intact());
    found.emplace(key, value.value());
  }
  for (int key = -2; key < 20; ++key) {
    CHECK(handle.visit(key, [&](const Value& value) { CHECK(found[key] == value.value()); }) == (found.count(key) > 0));
  }
  CHECK(database.size() == found.size());
  return found;
}

template <class Value>
void check_no_garbage(typename Operation<Value>::Database& database) {
  run([](auto& db) -> asio::awaitable<void> {
    co_await db.vacuum();
    co_await db.vacuum();
  }(database));
  const fluxmap::Stats stats = database.stats();
  CHECK(stats.active_transactions == 0);
  CHECK(stats.versions == stats.keys);
  CHECK(stats.entries == stats.keys);
}

// Lets the operation fail at its first use of what `arm` arms, its second, and so on, until it succeeds. Returns how
// often it has failed.
template <class Value, class Expected, class Arm>
int fail_everywhere(const Operation<Value>& operation, bool moves_throw, Arm arm) {
  Model after = contents_before();
  if (operation.effect) operation.effect(after);
  for (int n = 1;; ++n) {
    CAPTURE(operation.name, n);
    REQUIRE(n < 10'000);
    Counting::reset();
    bool thrown = false;
    {
      typename Operation<Value>::Database database;
      auto handle = database.handle();
      run(fill<Value>(handle));
      arm(n);
      try {
        run(operation.work(database, handle));
      } catch (const Expected&) {
        thrown = true;
      }
      arm(0);
      const Model found = contents_of<Value>(database);
      if (!thrown) {
        CHECK(found == after);
      } else {
        if (!(operation.hands_over && moves_throw && found == after)) CHECK(found == contents_before());
        if (found != after || after == contents_before()) {  // it can be done again, and nothing stands in its way
          run(operation.work(database, handle));
          CHECK(contents_of<Value>(database) == after);
        }
      }
      check_no_garbage<Value>(database);
      CHECK(contents_of<Value>(database) == after);
    }
    CHECK(Counting::live() == 0);
    if (!thrown) return n - 1;
  }
}

template <class Value>
std::vector<Operation<Value>> autocommit_operations() {
  using Db = typename Operation<Value>::Database;
  using Handle = typename Operation<Value>::Handle;
  using Done = asio::awaitable<void>;
  return {
      {"get",
       [](Db&, Handle& h) -> Done {
         expect(h.get(4) && !h.get(5) && !h.get(7), "get");
         co_return;
       }},
      {"contains",
       [](Db&, Handle& h) -> Done {
         expect(h.contains(4) && !h.contains(5), "contains");
         co_return;
       }},
      {"visit",
       [](Db&, Handle& h) -> Done {
         h.visit(4, [](const Value& v) { Value copy(v); });
         co_return;
       }},
      {"get_many",
       [](Db&, Handle& h) -> Done {
         const auto values = h.get_many(std::vector<int>{8, 5, 0, 3});
         expect(values.size() == 4 && values[0] && !values[1] && values[2] && !values[3], "get_many");
         co_return;
       }},
      {"range",
       [](Db&, Handle& h) -> Done {
         expect(h.range(1, 8).size() == 3, "range");
         co_return;
       }},
      {"range_stream",
       [](Db&, Handle& h) -> Done {
         std::vector<Value> copies;
         for (const auto& [key, value] : h.range_stream(-5, 50)) copies.push_back(value);
         expect(copies.size() == 5, "range_stream");
         co_return;
       }},
      {"insert of a new key", [](Db&, Handle& h) -> Done { co_await h.insert(7, Value(7)); },
       [](Model& m) { m[7] = 7; }},
      {"insert of a removed key", [](Db&, Handle& h) -> Done { co_await h.insert(5, Value(7)); },
       [](Model& m) { m[5] = 7; }},
      {"insert over a value", [](Db&, Handle& h) -> Done { co_await h.insert(4, Value(7)); },
       [](Model& m) { m[4] = 7; }},
      {"insert_if_absent of a new key",
       [](Db&, Handle& h) -> Done { expect(co_await h.insert_if_absent(3, Value(7)), "insert_if_absent"); },
       [](Model& m) { m[3] = 7; }},
      {"insert_if_absent where there is one",
       [](Db&, Handle& h) -> Done { expect(!co_await h.insert_if_absent(2, Value(7)), "insert_if_absent"); }},
      {"remove", [](Db&, Handle& h) -> Done { static_cast<void>(co_await h.remove(6)); }, [](Model& m) { m.erase(6); },
       true},
      {"remove of nothing",
       [](Db&, Handle& h) -> Done { expect(!(co_await h.remove(5)) && !(co_await h.remove(9)), "remove"); }},
      {"evict", [](Db&, Handle& h) -> Done { static_cast<void>(co_await h.evict(0)); }, [](Model& m) { m.erase(0); },
       true},
      {"update of a value",
       [](Db&, Handle& h) -> Done {
         static_cast<void>(co_await h.update(8, [](const Value* old) { return Value(old->value() + 1); }));
       },
       [](Model& m) { m[8] = 109; }, true},
      {"update that copies",
       [](Db&, Handle& h) -> Done { static_cast<void>(co_await h.update(8, [](const Value* old) { return *old; })); }},
      {"update of nothing",
       [](Db&, Handle& h) -> Done {
         static_cast<void>(co_await h.update(9, [](const Value* old) { return Value(old == nullptr ? 9 : 0); }));
       },
       [](Model& m) { m[9] = 9; }, true},
      {"vacuum", [](Db& db, Handle&) -> Done { co_await db.vacuum(); }},
  };
}

// What a transaction can do, all at once.
template <class Value, class Transaction>
void do_a_lot(Transaction& t) {
  expect(t.get(0) != nullptr && t.get(5) == nullptr && !t.contains(7), "get");
  expect(t.range(1, 7).size() == 3, "range");
  t.insert(0, Value(1));
  t.insert(7, Value(1));
  t.insert(5, Value(1));
  const auto mark = t.savepoint();
  t.insert(7, Value(2));
  t.insert(11, Value(3));
  t.remove(8);
  std::size_t met = 0;
  for (const auto& [key, value] : t.range_stream(-1, 20)) met += value.intact() ? 1U : 0U;
  expect(met == 7, "range_stream");
  t.rollback_to(mark);
  t.remove(2);
  t.insert(-1, Value(4));
  t.insert(12, Value(5));
  const auto values = t.get_many(std::vector<int>{-1, 2, 8});
  expect(values[0] != nullptr && values[1] == nullptr && values[2] != nullptr, "get_many");
}
void effect_of_a_lot(Model& m) { m = {{-1, 4}, {0, 1}, {4, 104}, {5, 1}, {6, 106}, {7, 1}, {8, 108}, {12, 5}}; }

template <class Value>
std::vector<Operation<Value>> transaction_operations() {
  using Db = typename Operation<Value>::Database;
  using Handle = typename Operation<Value>::Handle;
  using Transaction = typename Handle::Transaction;
  using Done = asio::awaitable<void>;
  return {
      {"transaction",
       [](Db&, Handle& h) -> Done { co_await h.transaction([](Transaction& t) { do_a_lot<Value>(t); }); },
       effect_of_a_lot},
      {"transaction with a coroutine",
       [](Db&, Handle& h) -> Done {
         co_await h.transaction([](Transaction& t) -> Done {
           do_a_lot<Value>(t);
           co_return;
         });
       },
       effect_of_a_lot},
      {"begin and commit",
       [](Db&, Handle& h) -> Done {
         Transaction t = h.begin();
         do_a_lot<Value>(t);
         co_await t.commit();
       },
       effect_of_a_lot},
      {"begin and rollback",
       [](Db&, Handle& h) -> Done {
         Transaction t = h.begin();
         do_a_lot<Value>(t);
         t.rollback();
         co_return;
       }},
      {"read-only transaction",
       [](Db&, Handle& h) -> Done {
         co_await h.transaction([](Transaction& t) { expect(t.range(0, 9).size() == 5 && !t.contains(5), "range"); },
                                {.read_only = true});
       }},
      {"retry after a conflict",
       [](Db&, Handle& h) -> Done {
         bool first = true;
         co_await h.transaction([&](Transaction& t) -> Done {
           t.get(2);
           t.range(3, 6);
           t.insert(3, Value(3));
           t.insert(9, Value(9));
           if (std::exchange(first, false)) co_await h.insert(4, Value(104));  // as it was, but a new version
         });
       },
       [](Model& m) {
         m[3] = 3;
         m[9] = 9;
       }},
  };
}

template <class Value>
void fail_copies_and_moves(bool moves_throw) {
  int failures = 0;
  for (const auto& operations : {autocommit_operations<Value>(), transaction_operations<Value>()}) {
    for (const auto& operation : operations) {
      failures += fail_everywhere<Value, CountingThrow>(operation, moves_throw, &Counting::throw_in);
    }
  }
  CHECK(failures > 20);
}

TEST_CASE("a_copy_that_throws_leaves_the_database_as_it_was", "[stress][lifetimes]") {
  fail_copies_and_moves<CopyThrowing>(false);
}

TEST_CASE("a_move_that_throws_leaves_the_database_as_it_was", "[stress][lifetimes]") {
  fail_copies_and_moves<Counting>(true);
}

TEST_CASE("a_comparison_that_throws_leaves_the_database_as_it_was", "[stress][lifetimes]") {
  int failures = 0;
  for (const auto& operations : {autocommit_operations<CopyThrowing>(), transaction_operations<CopyThrowing>()}) {
    for (const auto& operation : operations) {
      failures += fail_everywhere<CopyThrowing, CompareThrow>(operation, false, &ThrowingLess::throw_in);
    }
  }
  CHECK(failures > 100);
}

}  // namespace

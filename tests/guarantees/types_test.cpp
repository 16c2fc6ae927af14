// Types of keys and values that are unlike the usual: each works in memory, with a limit, and those with a codec with a
// log too.
// A program of its own: many types of databases.
// Without threads.
#include <any>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "guarantees/shared.hpp"
#include "support/persistent.hpp"

namespace {

using namespace fluxmap_test;

// A range of itself, as the path of Boost.Filesystem, without a hash.
struct Path {
  std::string text;
  struct Iterator {
    using value_type = Path;
    using difference_type = std::ptrdiff_t;
    const Path* at = nullptr;
    const Path& operator*() const { return *at; }
    Iterator& operator++() {
      ++at;
      return *this;
    }
    Iterator operator++(int) { return Iterator{at++}; }
    friend bool operator==(const Iterator&, const Iterator&) = default;
  };
  Iterator begin() const { return {this}; }
  Iterator end() const { return {this + 1}; }
  friend auto operator<=>(const Path&, const Path&) = default;
};
static_assert(std::ranges::range<const Path>);

struct Row {
  std::int32_t number;
  char name[8];
  std::string texts[2];
  friend auto operator<=>(const Row&, const Row&) = default;
};
struct Base {
  std::string text;
  friend auto operator<=>(const Base&, const Base&) = default;
};
struct Derived : Base {
  std::int32_t number;
  friend auto operator<=>(const Derived&, const Derived&) = default;
};
struct Tag {};
struct Tagged : Tag {
  std::int32_t number;
  std::string text;
  friend bool operator<(const Tagged& a, const Tagged& b) { return a.number < b.number; }
};
struct Empty {
  friend auto operator<=>(const Empty&, const Empty&) = default;
};
struct Everything {
  std::any any;
  std::variant<int, std::string> variant;
  std::shared_ptr<int> shared;
  std::vector<Everything> children;
  std::string_view view;
  union {
    int number;
    float fraction;
  };
  int& reference;
  unsigned bits : 3;
};
// Whoever takes its address, or puts a comma behind it, is wrong.
struct Hostile {
  std::int32_t number;
  void operator&() const { throw std::logic_error("address"); }
  void operator,(const auto&) const { throw std::logic_error("comma"); }
  friend bool operator<(const Hostile& a, const Hostile& b) { return a.number < b.number; }
};

// Uses a database in every way that asks something of its types.
template <class Database>
void use(Database& store, const std::vector<typename Database::key_type>& keys,
         const typename Database::mapped_type& value) {
  auto handle = store.handle();
  for (const auto& key : keys) run(handle.insert(key, value));
  for (const auto& key : keys) CHECK(handle.get(key).has_value());
  CHECK(handle.range(keys.front(), keys.back()).size() == keys.size() - 1);
  auto transaction = handle.begin();
  std::size_t seen = 0;
  for (const auto& item : transaction.range_stream(keys.front(), keys.back())) {
    CHECK_FALSE(item.first < keys.front());
    ++seen;
  }
  CHECK(seen == keys.size() - 1);
  CHECK(transaction.get(keys.front()) != nullptr);
  CHECK(transaction.remove(keys.back()));
  transaction.insert(keys.back(), value);
  CHECK(commits(transaction));
  CHECK(run(handle.remove(keys.back())).has_value());
  CHECK(store.size() == keys.size() - 1);
  CHECK(store.stats().memory_bytes > 0);
  store.scan_metadata([](const auto& entry) { CHECK(entry.size >= sizeof(typename Database::key_type)); });
}

template <class Key, class Value>
void check_in_memory(const std::vector<Key>& keys, const Value& value,
                     fluxmap::Eviction eviction = fluxmap::Eviction::lru) {
  using Chosen = fluxmap::Database<Key, Value>;
  auto store = Chosen::builder().max_memory(1 << 20).eviction(eviction).build();
  use(*store, keys, value);
}

template <class Key, class Value>
void check_with_a_log(const std::vector<Key>& keys, const Value& value) {
  auto disk = std::make_shared<MemoryDisk>();
  {
    auto store = open_on<Key, Value>(disk, Level::full);
    use(*store, keys, value);
    run(store->close());
  }
  auto store = open_on<Key, Value>(disk, Level::full);
  CHECK(store->size() == keys.size() - 1);
  CHECK(store->handle().get(keys.front()).has_value());
  run(store->checkpoint());
}

}  // namespace

TEST_CASE("a_key_that_is_a_range_of_itself_works") {
  check_in_memory<Path, int>({{"a"}, {"b"}, {"c"}}, 1);
  using Chosen = fluxmap::Database<Path, int>;
  // What such a key is made of is known to nobody: it has no hash.
  CHECK(code_of([] { Chosen::builder().max_memory(1 << 20).eviction(fluxmap::Eviction::arc).build(); }) ==
        errc::invalid_option);
  check_with_a_log<Path, int>({{"a"}, {"b"}, {"c"}}, 1);
  check_in_memory<std::filesystem::path, std::filesystem::path>({"/a", "/a/b", "/c"}, "value");
}

TEST_CASE("aggregates_with_c_arrays_and_base_classes_work_in_memory") {
  check_in_memory<Row, Row>({{1, "a", {}}, {1, "b", {}}, {1, "b", {"x", "y"}}}, {2, "b", {"x", "y"}});
  check_in_memory<Derived, Derived>({{{"a"}, 1}, {{"a"}, 2}, {{"b"}, 0}}, {{"b"}, 1});
  check_in_memory<Tagged, Tagged>({{{}, 1, "a"}, {{}, 2, "b"}}, {{}, 1, "a"});
}

TEST_CASE("aggregates_with_c_arrays_and_empty_base_classes_work_with_a_log") {
  check_with_a_log<Row, Tagged>({{1, "a", {}}, {1, "b", {}}, {1, "b", {"x", "y"}}}, {{}, 1, "a"});
}

TEST_CASE("values_of_what_has_no_codec_work_in_memory") {
  static int number = 0;
  check_in_memory<int, Everything>({1, 2, 3}, Everything{1, "text", nullptr, {}, "view", {5}, number, 3});
  check_in_memory<int, std::any>({1, 2, 3}, std::any(5));
  check_in_memory<std::variant<int, std::string>, std::variant<int, std::string>>({1, "a", "b"}, "text");
  check_in_memory<Empty, Empty>({Empty()}, Empty());
}

TEST_CASE("operators_that_a_type_has_overloaded_are_not_called") {
  check_in_memory<Hostile, Hostile>({{1}, {2}, {3}}, {1});
  check_with_a_log<Hostile, Hostile>({{1}, {2}, {3}}, {1});
}

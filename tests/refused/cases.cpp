// See CMakeLists.txt. Not a test by itself.
#include <fluxmap/fluxmap.hpp>

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

struct Caseless {  // text in an order of its own
  std::string text;
  operator std::string_view() const { return text; }
  friend bool operator<(const Caseless& a, const Caseless& b) { return a.text.size() < b.text.size(); }
};
struct ByLength {
  bool operator()(const std::string& a, const std::string& b) const { return a.size() < b.size(); }
};
struct BigNumber {  // cuts what a narrower type cannot hold, as such classes do
  explicit operator std::uint32_t() const { return 5; }
};
struct Base {
  std::string text;
};
struct Derived : Base {
  std::string more;
};
struct WithUnion {
  std::string text;
  union {
    int number;
    float fraction;
  };
};
struct WithReference {
  const int& number;
};
struct WithPointer {
  std::unique_ptr<int> pointer;
};
struct WithConstantArray {
  const int numbers[3];
};
struct Hidden {
  explicit Hidden(int n) : number(n) {}

 private:
  int number;
};

// A program that keeps such values, or keys, on the disk.
template <class Key, class Value>
void keep() {
  fluxmap::Database<Key, Value>::builder().durability_full({.directory = "data"});
}

// The texts stand in one line each.
// clang-format off
void refused() {
  using namespace std::chrono_literals;
#if CASE == 0  // the_cases_compile_without_their_faults: compiles
  fluxmap::Database<std::string, int, std::greater<>> store;
  store.handle().prefix_scan("a");
  keep<std::string, std::vector<std::string>>();
#elif CASE == 1  // prefix_scan_in_an_order_of_the_users: prefix scans need text keys in the order of std::less or std::greater
  fluxmap::Database<std::string, int, ByLength> store;
  store.handle().prefix_scan("a");
#elif CASE == 2  // prefix_scan_of_keys_that_convert_to_text: prefix scans need keys that are text
  fluxmap::Database<Caseless, int> store;
  store.handle().prefix_scan("a");
#elif CASE == 3  // prefix_scan_of_pointers_to_text: prefix scans need keys that are text
  fluxmap::Database<const char*, int> store;
  auto handle = store.handle();
  handle.begin().prefix_scan_stream("a");
#elif CASE == 4  // prefix_of_other_characters: the prefix must be text of the keys' characters
  fluxmap::Database<std::string, int> store;
  store.handle().prefix_scan(u"a");
#elif CASE == 5  // prefix_scan_of_views_downwards: prefix scans of views need the order of std::less
  fluxmap::Database<std::string_view, int, std::greater<>> store;
  store.handle().prefix_scan("a");
#elif CASE == 6  // look_up_by_a_number_that_converts_by_force: a key of this type cannot be looked up
  fluxmap::Database<std::uint32_t, int, std::less<std::uint32_t>> store;
  store.handle().contains(BigNumber());
#elif CASE == 7  // look_up_by_something_else: a key of this type cannot be looked up
  fluxmap::Database<std::string, int> store;
  store.handle().contains(5);
#elif CASE == 8  // removal_by_something_else: a key of this type cannot be looked up
  fluxmap::Database<std::uint32_t, int> store;
  store.handle().remove("5");
#elif CASE == 9  // bound_of_another_period_in_fractions: a key of this type cannot be looked up
  fluxmap::Database<std::chrono::milliseconds, int> store;
  store.handle().range(0.1s, 1s);
#elif CASE == 10  // a_base_class_with_members_on_the_disk: fluxmap cannot see the fields of this aggregate
  keep<int, Derived>();
#elif CASE == 11  // a_union_on_the_disk: fluxmap cannot see the fields of this aggregate
  keep<int, WithUnion>();
#elif CASE == 12  // a_reference_on_the_disk: fluxmap has no codec for an aggregate with a reference in it
  keep<int, WithReference>();
#elif CASE == 13  // a_pointer_on_the_disk: fluxmap has no codec for this type
  keep<int, std::vector<WithPointer>>();
#elif CASE == 14  // a_constant_array_on_the_disk: fluxmap has a codec for an aggregate with a C array only if
  keep<int, WithConstantArray>();
#elif CASE == 15  // private_members_on_the_disk: fluxmap has no codec for this type
  keep<int, Hidden>();
#elif CASE == 16  // a_view_as_key_on_the_disk: fluxmap has no codec for this type
  keep<std::string_view, int>();
#elif CASE == 17  // a_variant_on_the_disk: fluxmap has no codec for this type
  keep<int, std::variant<int, std::string>>();
#elif CASE == 18  // several_keys_of_something_else: a key of this type cannot be looked up
  fluxmap::Database<std::string, int> store;
  store.handle().get_many(std::vector<int>{5});
#elif CASE == 19  // a_closure_that_takes_something_else: TransactionClosure
  fluxmap::Database<std::string, int> store;
  store.handle().transaction([](std::string) {});
#elif CASE == 20  // an_update_that_takes_no_pointer: Updater
  fluxmap::Database<std::string, int> store;
  store.handle().update("a", [](int old) { return old; });
#elif CASE == 21  // a_visitor_that_takes_something_else: Visitor
  fluxmap::Database<std::string, int> store;
  store.handle().visit("a", [](std::string) {});
#elif CASE == 22  // keys_that_are_no_range: KeyRange
  fluxmap::Database<std::string, int> store;
  store.handle().get_many(5);
#endif
}

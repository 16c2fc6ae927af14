// How aggregates are taken apart: whatever is in them, their fields are counted right or not seen at all.
#include <fluxmap/codec.hpp>
#include <fluxmap/detail/platform/fields.hpp>
#include <fluxmap/detail/platform/heap_bytes.hpp>
#include <fluxmap/memory_size.hpp>

#include <any>
#include <array>
#include <atomic>
#include <bitset>
#include <chrono>
#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "support/catch.hpp"

namespace {

using fluxmap::Codec;
using fluxmap::Encoder;
using fluxmap::MemorySize;
using fluxmap::detail::codec_spelling;
using fluxmap::detail::field_types_t;
using fluxmap::detail::FieldList;
using fluxmap::detail::has_visible_fields;
using fluxmap::detail::k_fields;
using fluxmap::detail::with_fields;

struct NoDefault {
  explicit NoDefault(int) {}
  NoDefault(NoDefault&&) = default;
};
struct OfTwo {
  OfTwo(int, int) {}
};
struct ExplicitDefault {
  explicit ExplicitDefault() {}
  ExplicitDefault(const ExplicitDefault&) = default;
};
// Made from anything.
struct Greedy {
  Greedy() = default;
  template <class T>
  Greedy(T&&) {}  // NOLINT
};
union Either {
  int number;
  float fraction;
};
struct Nothing {};
struct Tag {};
struct OtherTag {};
template <class T>
struct Mixin {};
struct WithMembers {
  int number;
  std::string text;
};
int global = 0;

// The number of fields; -1: they are not seen. They can be taken apart.
template <class T>
constexpr int seen() {
  if constexpr (!has_visible_fields<T>()) {
    return -1;
  } else {
    using Take = decltype(with_fields(std::declval<const T&>(), [](const auto&... field) { return sizeof...(field); }));
    static_assert(std::same_as<Take, std::size_t>);
    static_cast<void>(field_types_t<T>());
    return static_cast<int>(k_fields<T>.count);
  }
}

struct Plain {
  int a;
  std::string b;
};
static_assert(seen<Nothing>() == 0 && seen<Plain>() == 2 && seen<int>() == -1 && seen<NoDefault>() == -1);
struct Arrays {
  std::string text;
  char name[256];
  std::string names[3];
  int matrix[2][3];
  WithMembers more[2];
  int last;
};
static_assert(seen<Arrays>() == 6);
static_assert(std::same_as<field_types_t<Arrays>,
                           FieldList<std::string, char[256], std::string[3], int[2][3], WithMembers[2], int>>);
struct ArraysBesideNoDefault {
  int matrix[2][3];
  OfTwo two;
  std::vector<int> lists[2];
  OfTwo other;
  WithMembers more[2];
};
static_assert(seen<ArraysBesideNoDefault>() == 5);
struct OneElement {
  int one[1];
  NoDefault other;
};
static_assert(seen<OneElement>() == 2);
struct Explicit {
  ExplicitDefault a;
  int b;
  ExplicitDefault c = ExplicitDefault();
};
static_assert(seen<Explicit>() == 3);
struct FromAnything {
  std::any any;
  std::variant<int, std::string> variant;
  std::function<void()> function;
  Greedy greedy;
  int last;
};
static_assert(seen<FromAnything>() == 5);
struct Owners {
  std::unique_ptr<int> a;
  std::shared_ptr<int> b;
  int* c;
  std::string_view d;
  std::span<int> e;
  std::filesystem::path f;
  std::bitset<3> g;
  std::complex<double> h;
  std::atomic<int> i;
  std::optional<std::any> j;
};
static_assert(seen<Owners>() == 10);
struct Constants {
  const int a;
  const std::string b;
  [[no_unique_address]] Nothing c;
};
static_assert(seen<Constants>() == 3);
struct Bits {
  unsigned a : 3;
  unsigned b : 5;
  std::string c;
};
static_assert(seen<Bits>() == 3);
struct Itself {
  int a;
  std::vector<Itself> b;
  std::map<int, Itself> c;
  std::unique_ptr<Itself> d;
};
static_assert(seen<Itself>() == 4);
struct OfEmptyBases : Tag, OtherTag, Mixin<OfEmptyBases> {
  char name[3];
  std::string text;
};
static_assert(seen<OfEmptyBases>() == 2);
struct OfEmptyBaseOnly : Tag {};
static_assert(seen<OfEmptyBaseOnly>() == 0);
struct OfEmptyBaseWithoutDefault : Tag {
  NoDefault a;
  int b[3];
};
static_assert(seen<OfEmptyBaseWithoutDefault>() == 2);
struct OfBase : WithMembers {
  std::string more;
};
struct OfBaseOnly : WithMembers {};
struct OfBaseWithoutDefault : WithMembers {
  NoDefault a;
};
static_assert(seen<OfBase>() == -1 && seen<OfBaseOnly>() == -1 && seen<OfBaseWithoutDefault>() == -1);
struct Unions {
  Either either;
  std::string text;
};
struct Anonymous {
  union {
    int number;
    float fraction;
  };
  std::string text;
};
struct AnonymousWithoutDefault {
  NoDefault a;
  union {
    int number;
    float fraction;
  };
};
static_assert(seen<Unions>() == -1 && seen<Anonymous>() == -1 && seen<AnonymousWithoutDefault>() == -1);
struct Reference {
  int& a;
  std::string b;
};
struct DefaultReference {
  std::string a;
  int& b = global;
};
struct ConstReference {
  const int& a;
  std::string b;
};
static_assert(seen<Reference>() == -1 && seen<DefaultReference>() == -1);
static_assert(seen<ConstReference>() == -1 || std::is_reference_v<decltype(ConstReference::a)>);
struct TooMany {
  std::string a[1], b[1], c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, a1, b1, c1, d1, e1,
      f1, g1, h1, i1, j1, k1, l1, m1, n1, o1, p1, q1, r1, s1, t1, u1, v1, w1, x1, y1, z1, a2, b2, c2, d2, e2, f2, g2,
      h2, i2, j2, k2, l2, m2;
};
static_assert(seen<TooMany>() == -1);

template <class T>
T again(const T& value) {
  Encoder out;
  Codec<T>::encode(value, out);
  return fluxmap::decode_all<T>(out.bytes());
}

}  // namespace

TEST_CASE("c_arrays_in_aggregates_count_and_come_back_like_arrays") {
  struct Row {
    std::int32_t number;
    char name[8];
    std::string texts[2];
    std::int16_t matrix[2][2];
  };
  struct SameRow {
    std::int32_t number;
    std::array<char, 8> name;
    std::array<std::string, 2> texts;
    std::array<std::array<std::int16_t, 2>, 2> matrix;
  };
  const Row row{1, "seven..", {"", std::string(100, 'x')}, {{1, 2}, {3, 4}}};
  const Row back = again(row);
  CHECK(back.number == 1);
  CHECK(std::strcmp(back.name, row.name) == 0);
  CHECK(back.texts[1] == row.texts[1]);
  CHECK(back.matrix[1][1] == 4);
  CHECK(codec_spelling<Row>() == "{i32,array<8,c8>,array<2,string>,array<2,array<2,i16>>}");
  CHECK(codec_spelling<Row>() == codec_spelling<SameRow>());
  Encoder out;
  Codec<Row>::encode(row, out);
  CHECK(fluxmap::decode_all<SameRow>(out.bytes()).texts[1] == row.texts[1]);
  CHECK(MemorySize<Row>::of(row) == sizeof(Row) + fluxmap::detail::heap_bytes(101));
}

TEST_CASE("empty_base_classes_take_no_part") {
  struct Own : Tag, Mixin<Own> {
    std::int32_t number;
    std::string text;
  };
  const Own own = again(Own{{}, {}, 7, std::string(100, 'x')});
  CHECK(own.number == 7);
  CHECK(own.text == std::string(100, 'x'));
  CHECK(codec_spelling<Own>() == "{i32,string}");
  CHECK(MemorySize<Own>::of(own) > sizeof(Own) + 100);
}

TEST_CASE("what_cannot_be_seen_weighs_what_it_is_itself") {
  CHECK(MemorySize<OfBase>::of({{1, std::string(100, 'x')}, "text"}) == sizeof(OfBase));
  CHECK(MemorySize<Anonymous>::of({}) == sizeof(Anonymous));
  CHECK(MemorySize<TooMany>::of({}) == sizeof(TooMany));
  CHECK(MemorySize<DefaultReference>::of({}) == sizeof(DefaultReference));
  CHECK(MemorySize<FromAnything>::of({}) == sizeof(FromAnything));
  CHECK(MemorySize<Bits>::of({1, 2, std::string(100, 'x')}) > sizeof(Bits) + 100);
}

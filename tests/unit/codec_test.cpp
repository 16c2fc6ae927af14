// Codec: round trips, the exact bytes, what damaged bytes do, and the fingerprints of types.
// Without threads.
#include <fluxmap/codec.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "support/catch.hpp"
#include "support/seed.hpp"

namespace codec_test {

using namespace std::chrono_literals;
using fluxmap::Bytes;
using fluxmap::Codec;
using fluxmap::codec_fingerprint;
using fluxmap::decode_all;
using fluxmap::Decoder;
using fluxmap::Encoder;
using fluxmap::errc;
using fluxmap::detail::codec_spelling;
using fluxmap_test::SplitMix;
using Buffer = std::vector<std::byte>;

// A user's type with a codec of its own; neither default-constructible nor copyable.
class Account {
 public:
  Account(std::string owner, std::int64_t cents) : owner_(std::move(owner)), cents_(cents) {}
  Account(Account&&) = default;
  Account& operator=(Account&&) = default;
  const std::string& owner() const { return owner_; }
  std::int64_t cents() const { return cents_; }
  friend bool operator==(const Account&, const Account&) = default;

 private:
  std::string owner_;
  std::int64_t cents_;
};

// Takes no bytes at all.
class Nothing {
 public:
  explicit Nothing(int) {}
  friend bool operator==(const Nothing&, const Nothing&) = default;
  friend bool operator<(const Nothing&, const Nothing&) { return false; }
};

enum class Color : std::uint8_t { red = 0, green = 7, any = 255 };
enum class Wide : std::int64_t { low = std::numeric_limits<std::int64_t>::min() };
enum class Flag : bool { off, on };
enum Plain { first, second };
// Its codec is a user's: it must not be copied as the number that it is.
enum class Letter : char { a = 'a', b = 'b' };

struct Empty {
  friend bool operator==(const Empty&, const Empty&) = default;
};
struct Point {
  std::int32_t x;
  std::int32_t y = 3;
  friend bool operator==(const Point&, const Point&) = default;
};
struct Place {
  std::string name;
  Point point;
  std::optional<Point> other;
  friend bool operator==(const Place&, const Place&) = default;
};
struct Everything {
  bool truth;
  const int constant;
  Color color;
  Place place;
  std::array<std::string, 2> names;
  std::array<Point, 2> points;
  std::pair<std::int16_t, Place> pair;
  std::tuple<std::tuple<std::int8_t>, std::string> tuple;
  std::vector<bool> bits;
  std::map<std::string, std::vector<std::optional<double>>> map;
  std::chrono::milliseconds pause;
  std::optional<std::chrono::seconds> maybe_pause;
  std::optional<std::optional<bool>> doubly;
  Empty empty;
  std::monostate nothing;
  std::u16string wide;
  std::vector<Color> colors;
  friend bool operator==(const Everything&, const Everything&) = default;
};
struct Holder {
  Account account;
  std::vector<Account> more;
  std::map<std::int32_t, Account> by_number;
  friend bool operator==(const Holder&, const Holder&) = default;
};
struct Tree {
  std::int32_t value = 0;
  std::vector<Tree> children;
  std::map<std::int32_t, Tree> named;
  friend bool operator==(const Tree&, const Tree&) = default;
};
struct Renamed {
  std::int32_t a;
  std::int32_t b;
};
struct Moved {
  std::int32_t a;
  std::string b;
};
struct MovedTheOtherWay {
  std::string b;
  std::int32_t a;
};
struct SixtyFour {
  std::array<std::int8_t, 1> a0{}, a1{}, a2{}, a3{}, a4{}, a5{}, a6{}, a7{}, a8{}, a9{}, a10{}, a11{}, a12{}, a13{},
      a14{}, a15{}, a16{}, a17{}, a18{}, a19{}, a20{}, a21{}, a22{}, a23{}, a24{}, a25{}, a26{}, a27{}, a28{}, a29{},
      a30{}, a31{}, a32{}, a33{}, a34{}, a35{}, a36{}, a37{}, a38{}, a39{}, a40{}, a41{}, a42{}, a43{}, a44{}, a45{},
      a46{}, a47{}, a48{}, a49{}, a50{}, a51{}, a52{}, a53{}, a54{}, a55{}, a56{}, a57{}, a58{}, a59{}, a60{}, a61{},
      a62{}, a63{};
  friend bool operator==(const SixtyFour&, const SixtyFour&) = default;
};

// Notes the greatest single allocation of all its kind.
inline std::size_t greatest_allocation = 0;

template <class T>
struct NotingAllocator {
  using value_type = T;
  NotingAllocator() = default;
  template <class U>
  explicit(false) NotingAllocator(const NotingAllocator<U>&) {}
  T* allocate(std::size_t n) {
    greatest_allocation = std::max(greatest_allocation, n * sizeof(T));
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) { std::allocator<T>().deallocate(p, n); }
  friend bool operator==(const NotingAllocator&, const NotingAllocator&) { return true; }
};

}  // namespace codec_test

template <>
struct fluxmap::Codec<codec_test::Account> {
  static constexpr std::string_view name = "bank.Account/1";
  static void encode(const codec_test::Account& account, Encoder& out) {
    Codec<std::string>::encode(account.owner(), out);
    out.write_integer(account.cents());
  }
  static codec_test::Account decode(Decoder& in) {
    std::string owner = Codec<std::string>::decode(in);
    const auto cents = in.read_integer<std::int64_t>();
    return codec_test::Account(std::move(owner), cents);
  }
};

template <>
struct fluxmap::Codec<codec_test::Nothing> {
  static void encode(const codec_test::Nothing&, Encoder&) {}
  static codec_test::Nothing decode(Decoder&) { return codec_test::Nothing(0); }
};

template <>
struct fluxmap::Codec<std::function<void()>> {
  static void encode(const std::function<void()>&, Encoder&) { throw std::runtime_error("not written"); }
  static std::function<void()> decode(Decoder&) { throw std::runtime_error("not read"); }
};

template <>
struct fluxmap::Codec<codec_test::Letter> {
  static constexpr const char* name = "Letter";
  static void encode(codec_test::Letter letter, Encoder& out) {
    out.write_integer(static_cast<std::uint8_t>(letter == codec_test::Letter::a ? 1 : 2));
  }
  static codec_test::Letter decode(Decoder& in) {
    const auto byte = in.read_integer<std::uint8_t>();
    if (byte != 1 && byte != 2) detail::throw_error(errc::decode_failed, "no letter");
    return byte == 1 ? codec_test::Letter::a : codec_test::Letter::b;
  }
};

namespace codec_test {
namespace {

Buffer bytes(std::initializer_list<int> values) {
  Buffer buffer;
  for (const int value : values) buffer.push_back(static_cast<std::byte>(value));
  return buffer;
}

template <class T>
Buffer encoded(const T& value) {
  Buffer buffer;
  Encoder out(buffer);
  Codec<T>::encode(value, out);
  return buffer;
}

// Whether `decode` throws decode_failed; anything else it throws comes through.
bool fails(std::invocable auto decode) {
  try {
    decode();
    return false;
  } catch (const boost::system::system_error& error) {
    if (error.code() != errc::decode_failed) throw;
    return true;
  }
}

template <class T>
bool fails_as(const Buffer& buffer) {
  return fails([&] { static_cast<void>(decode_all<T>(buffer)); });
}

// What is the same for every type; not a template, which is compiled a hundred times.
void check_damage(const Buffer& buffer, const std::function<void(const Buffer&)>& decode_all_of,
                  const std::function<void(Decoder&)>& decode) {
  CHECK_FALSE(buffer.empty());
  // Each try has a buffer of its own, so that AddressSanitizer sees a read past the end.
  for (std::size_t size = 0; size < buffer.size(); ++size) {
    const Buffer part(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
    REQUIRE(fails([&] { decode_all_of(part); }));
  }
  Buffer longer = buffer;
  longer.push_back(std::byte{0});
  CHECK(fails([&] { decode_all_of(longer); }));
  Decoder in(longer);
  decode(in);
  CHECK(in.position() == buffer.size());
  CHECK(in.remaining() == 1);
}

// The value comes back; no beginning of its bytes is a value, nor are they with one byte more.
template <class T>
void check_round_trip(const T& value) {
  const Buffer buffer = encoded(value);
  const bool same = decode_all<T>(buffer) == value;
  CHECK(same);
  check_damage(
      buffer, [](const Buffer& some) { static_cast<void>(decode_all<T>(some)); },
      [](Decoder& in) { static_cast<void>(Codec<T>::decode(in)); });
}

template <class T>
void check_extremes() {
  using Limits = std::numeric_limits<T>;
  for (const T value : {Limits::min(), Limits::max(), T(0), T(1), static_cast<T>(-1), T('x')}) check_round_trip(value);
  const std::vector<T> many{Limits::min(), T(0), Limits::max()};
  check_round_trip(many);
  CHECK(encoded(many).size() == 1 + 3 * sizeof(T));
}

Everything everything() {
  return {.truth = true,
          .constant = -5,
          .color = Color::green,
          .place = {"here", {1, 2}, Point{3, 4}},
          .names = {"one", "two"},
          .points = {Point{5, 6}, Point{7, 8}},
          .pair = {-1, {"there", {9, 10}, std::nullopt}},
          .tuple = {std::tuple<std::int8_t>(-8), "text"},
          .bits = {true, false, true},
          .map = {{"a", {1.5, std::nullopt}}, {"b", {}}},
          .pause = 1500ms,
          .maybe_pause = 2s,
          .doubly = std::optional<bool>(),
          .empty = {},
          .nothing = {},
          .wide = u"\u20ac\U0001f600",
          .colors = {Color::red, Color::any}};
}

}  // namespace

TEST_CASE("integers_come_back") {
  check_extremes<char>();
  check_extremes<signed char>();
  check_extremes<unsigned char>();
  check_extremes<char8_t>();
  check_extremes<char16_t>();
  check_extremes<char32_t>();
  check_extremes<wchar_t>();
  check_extremes<short>();
  check_extremes<unsigned short>();
  check_extremes<int>();
  check_extremes<unsigned>();
  check_extremes<long>();
  check_extremes<unsigned long>();
  check_extremes<long long>();
  check_extremes<unsigned long long>();
  check_round_trip(false);
  check_round_trip(true);
}

TEST_CASE("floats_come_back_bit_by_bit") {
  check_extremes<float>();
  check_extremes<double>();
  for (const std::uint32_t bits : {0U, 0x80000000U, 1U, 0x7f800000U, 0xff800000U, 0x7fc00000U, 0x7fa00001U, ~0U}) {
    const auto value = std::bit_cast<float>(bits);
    CHECK(std::bit_cast<std::uint32_t>(decode_all<float>(encoded(value))) == bits);
    const std::vector<float> many{value, value};
    CHECK(std::bit_cast<std::uint32_t>(decode_all<std::vector<float>>(encoded(many))[1]) == bits);
  }
  for (const std::uint64_t bits : {std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{0x7ff0000000000000},
                                   std::uint64_t{0x7ff4000000000001}, std::uint64_t{0xfff8123456789abc}}) {
    const auto value = std::bit_cast<double>(bits);
    CHECK(std::bit_cast<std::uint64_t>(decode_all<double>(encoded(value))) == bits);
  }
}

TEST_CASE("enumerations_and_durations_come_back") {
  for (const Color color : {Color::red, Color::green, Color::any, static_cast<Color>(99)}) check_round_trip(color);
  check_round_trip(Wide::low);
  check_round_trip(Flag::on);
  check_round_trip(second);
  check_round_trip(std::byte{0xa5});
  check_round_trip(std::vector<Color>{Color::any, Color::red});
  check_round_trip(std::vector<Flag>{Flag::on, Flag::off});
  check_round_trip(std::chrono::nanoseconds::min());
  check_round_trip(std::chrono::milliseconds(1500));
  check_round_trip(std::chrono::duration<double, std::ratio<1, 3>>(0.1));
  CHECK(fails_as<Flag>(bytes({2})));
}

TEST_CASE("strings_come_back") {
  for (const std::size_t size : {0U, 1U, 15U, 16U, 127U, 128U, 300U}) {
    check_round_trip(std::string(size, 'x'));
    check_round_trip(std::u8string(size, u8'x'));
    check_round_trip(std::u16string(size, u'\u20ac'));
    check_round_trip(std::u32string(size, U'\U0001f600'));
    check_round_trip(std::wstring(size, L'\u20ac'));
  }
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  check_round_trip(all);
}

TEST_CASE("compounds_come_back") {
  check_round_trip(std::pair<int, std::string>(1, "one"));
  check_round_trip(std::pair<const int, const std::string>(1, "one"));
  check_round_trip(std::tuple<>());
  check_round_trip(std::tuple<int>(1));
  check_round_trip(std::tuple<std::tuple<std::tuple<std::string>>>());
  check_round_trip(std::tuple<bool, std::string, double>(true, "text", 0.5));
  check_round_trip(std::optional<int>());
  check_round_trip(std::optional<int>(-1));
  check_round_trip(std::optional<std::optional<std::string>>());
  check_round_trip(std::optional<std::optional<std::string>>(std::in_place));
  check_round_trip(std::optional<std::optional<std::string>>("text"));
  check_round_trip(std::array<int, 0>());
  check_round_trip(std::array<std::string, 0>());
  check_round_trip(std::array<int, 3>{1, 2, 3});
  check_round_trip(std::array<std::string, 3>{"a", "", "c"});
  check_round_trip(std::array<std::array<Empty, 2>, 2>());
  check_round_trip(std::vector<int>());
  check_round_trip(std::vector<std::string>{"a", "", "c"});
  check_round_trip(std::vector<std::vector<std::vector<int>>>{{{1}, {}}, {}, {{2, 3}}});
  check_round_trip(std::vector<bool>());
  check_round_trip(std::vector<bool>{true, false, true, true, false, false, true, false, true});
  check_round_trip(std::vector<Empty>(3));
  check_round_trip(std::vector<std::tuple<>>(3));
  check_round_trip(std::map<int, std::string>());
  check_round_trip(std::map<int, std::string>{{-1, "a"}, {0, ""}, {1, "b"}});
  check_round_trip(std::map<std::string, std::map<int, bool>>{{"", {}}, {"x", {{1, true}, {2, false}}}});
  check_round_trip(std::map<int, int, std::greater<>>{{1, 2}, {3, 4}});
}

TEST_CASE("aggregates_come_back") {
  check_round_trip(Empty());
  check_round_trip(std::monostate());
  check_round_trip(Point{1, -1});
  check_round_trip(Place{"name", {1, 2}, {}});
  check_round_trip(SixtyFour());
  check_round_trip(everything());
  Tree tree{1, {{2, {}, {}}, {3, {{4, {}, {}}}, {}}}, {}};
  tree.named.emplace(5, tree);
  check_round_trip(tree);
}

TEST_CASE("types_with_codecs_of_their_own_come_back") {
  check_round_trip(Account("owner", -5));
  check_round_trip(Letter::b);
  check_round_trip(std::vector<Letter>{Letter::a, Letter::b});
  check_round_trip(std::basic_string<Color>{Color::red, Color::any});
  CHECK(encoded(std::vector<Letter>{Letter::a, Letter::b}) == bytes({2, 1, 2}));
  CHECK(fails_as<std::vector<Letter>>(bytes({2, 1, 3})));
  std::optional<Account> maybe(std::in_place, "owner", 5);
  check_round_trip(maybe);
  check_round_trip(std::pair<Account, int>(Account("a", 1), 2));
  check_round_trip(std::tuple<Account, int>(Account("a", 1), 2));
  check_round_trip(std::array<Account, 2>{Account("a", 1), Account("b", 2)});
  Holder holder{Account("a", 1), {}, {}};
  holder.more.emplace_back("b", 2);
  holder.by_number.emplace(7, Account("c", 3));
  check_round_trip(holder);
}

TEST_CASE("elements_that_write_nothing_are_kept_apart") {
  check_round_trip(std::vector<Nothing>());
  check_round_trip(std::vector<Nothing>(3, Nothing(0)));
  check_round_trip(std::vector<std::pair<Nothing, Nothing>>(2, std::pair(Nothing(0), Nothing(0))));
  check_round_trip(std::vector<std::vector<Nothing>>(2, std::vector<Nothing>(2, Nothing(0))));
  check_round_trip(std::map<Nothing, Nothing>{{Nothing(0), Nothing(0)}});
  check_round_trip(std::map<int, Nothing>{{1, Nothing(0)}, {2, Nothing(0)}});
  CHECK(encoded(std::vector<Nothing>(3, Nothing(0))) == bytes({3, 0, 0, 0}));
  CHECK(encoded(std::map<int, Nothing>{{1, Nothing(0)}}) == bytes({1, 1, 0, 0, 0}));
  CHECK(fails_as<std::vector<Nothing>>(bytes({1, 1})));
  // By themselves, or with others in one value, they take no bytes.
  CHECK(encoded(Nothing(0)).empty());
  CHECK(encoded(std::pair(Nothing(0), true)) == bytes({1}));
}

// Bytes that are on disks: a change here is a new version of the format.
TEST_CASE("the_bytes_never_change") {
  CHECK(encoded(std::int8_t{-2}) == bytes({0xfe}));
  CHECK(encoded(std::uint16_t{0x1234}) == bytes({0x34, 0x12}));
  CHECK(encoded(std::int32_t{-2}) == bytes({0xfe, 0xff, 0xff, 0xff}));
  CHECK(encoded(std::uint64_t{0x0102030405060708}) == bytes({8, 7, 6, 5, 4, 3, 2, 1}));
  CHECK(encoded('A') == bytes({0x41}));
  CHECK(encoded(u'\u20ac') == bytes({0xac, 0x20}));
  CHECK(encoded(true) == bytes({1}));
  CHECK(encoded(1.0F) == bytes({0, 0, 0x80, 0x3f}));
  CHECK(encoded(-2.0) == bytes({0, 0, 0, 0, 0, 0, 0, 0xc0}));
  CHECK(encoded(Color::green) == bytes({7}));
  CHECK(encoded(std::string("abc")) == bytes({3, 'a', 'b', 'c'}));
  CHECK(encoded(std::string()) == bytes({0}));
  CHECK(encoded(std::u16string(u"\u20ac")) == bytes({1, 0xac, 0x20}));
  CHECK(encoded(std::pair<std::uint8_t, bool>(5, true)) == bytes({5, 1}));
  CHECK(encoded(std::tuple<std::uint8_t, bool, std::string>(5, true, "a")) == bytes({5, 1, 1, 'a'}));
  CHECK(encoded(std::tuple<>()) == bytes({0}));
  CHECK(encoded(Empty()) == bytes({0}));
  CHECK(encoded(std::optional<std::uint8_t>()) == bytes({0}));
  CHECK(encoded(std::optional<std::uint8_t>(9)) == bytes({1, 9}));
  CHECK(encoded(std::array<std::uint16_t, 2>{1, 2}) == bytes({1, 0, 2, 0}));
  CHECK(encoded(std::array<std::uint16_t, 0>{}) == bytes({0}));
  CHECK(encoded(std::vector<std::uint16_t>{1, 2}) == bytes({2, 1, 0, 2, 0}));
  CHECK(encoded(std::vector<bool>{true, false}) == bytes({2, 1, 0}));
  CHECK(encoded(std::map<std::uint8_t, std::string>{{2, "b"}, {1, "a"}}) == bytes({2, 1, 1, 'a', 2, 1, 'b'}));
  CHECK(encoded(std::chrono::duration<std::int32_t>(258)) == bytes({2, 1, 0, 0}));
  CHECK(encoded(Place{"p", {1, 2}, Point{3, 4}}) == bytes({1, 'p', 1, 0, 0, 0, 2, 0, 0, 0, 1, 3, 0, 0, 0, 4, 0, 0, 0}));
  CHECK(encoded(Account("o", 1)) == bytes({1, 'o', 1, 0, 0, 0, 0, 0, 0, 0}));
}

TEST_CASE("lengths_are_varints") {
  const std::vector<std::pair<std::size_t, Buffer>> cases{
      {0, bytes({0})},
      {127, bytes({0x7f})},
      {128, bytes({0x80, 1})},
      {300, bytes({0xac, 2})},
      {16383, bytes({0xff, 0x7f})},
      {16384, bytes({0x80, 0x80, 1})},
      {std::numeric_limits<std::size_t>::max(), bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})}};
  for (const auto& [length, expected] : cases) {
    Encoder out;
    out.write_length(length);
    CHECK(Buffer(out.bytes().begin(), out.bytes().end()) == expected);
    Decoder in(expected);
    CHECK(in.read_length() == length);
    CHECK(in.remaining() == 0);
    for (std::size_t size = 0; size < expected.size(); ++size) {
      const Buffer part(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(size));
      CHECK(fails([&] { static_cast<void>(Decoder(part).read_length()); }));
    }
  }
  for (const Buffer& wrong : {bytes({0x80, 0}),                                                           // too long
                              bytes({0xff, 0x80, 0}),                                                     // likewise
                              bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2}),           // 2^64
                              bytes({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1})}) {  // 11 bytes
    CHECK(fails([&] { static_cast<void>(Decoder(wrong).read_length()); }));
  }
}

TEST_CASE("an_encoder_appends_to_what_it_is_given") {
  Buffer buffer = bytes({1, 2});
  Encoder out(buffer);
  CHECK(out.size() == 2);
  out.write(bytes({3}));
  out.write({});
  out.write_integer(std::uint16_t{5});
  CHECK(buffer == bytes({1, 2, 3, 5, 0}));
  CHECK(out.bytes().data() == buffer.data());
  CHECK(out.size() == 5);
  out.clear();
  CHECK(buffer.empty());
  out.write_integer(std::int8_t{-1});
  CHECK(buffer == bytes({0xff}));
}

TEST_CASE("a_decoder_says_what_is_wrong_and_where") {
  const Buffer buffer = bytes({1, 2, 3});
  Decoder in(buffer);
  CHECK(in.read(2).data() == buffer.data());
  CHECK(in.position() == 2);
  try {
    static_cast<void>(in.read(2));
    FAIL("read past the end");
  } catch (const boost::system::system_error& error) {
    CHECK(error.code() == errc::decode_failed);
    CHECK(std::string(error.what()).find("fluxmap: the bytes end too early at byte 2") == 0);
  }
  CHECK(in.position() == 2);
  CHECK(fails([&] { static_cast<void>(in.read(std::numeric_limits<std::size_t>::max())); }));
  CHECK(in.read(1)[0] == std::byte{3});
  CHECK(in.read(0).empty());
  CHECK(fails([&] { static_cast<void>(in.read_integer<std::uint8_t>()); }));
}

TEST_CASE("bytes_that_are_no_value_are_refused") {
  CHECK(fails_as<bool>(bytes({2})));
  CHECK(fails_as<std::optional<int>>(bytes({2, 0, 0, 0, 0})));
  CHECK(fails_as<Empty>(bytes({1})));
  CHECK(fails_as<std::tuple<>>(bytes({1})));
  CHECK(fails_as<std::array<int, 0>>(bytes({1})));
  CHECK(fails_as<std::vector<bool>>(bytes({1, 2})));
  CHECK(fails_as<std::string>(bytes({0x81, 0, 'x'})));
}

TEST_CASE("a_map_must_ascend_by_its_comparator") {
  using Map = std::map<std::uint8_t, std::uint8_t>;
  using Descending = std::map<std::uint8_t, std::uint8_t, std::greater<>>;
  const Buffer ascending = bytes({2, 1, 0, 2, 0});
  const Buffer descending = bytes({2, 2, 0, 1, 0});
  const Buffer twice = bytes({2, 1, 0, 1, 0});
  CHECK(decode_all<Map>(ascending) == Map{{1, 0}, {2, 0}});
  CHECK(fails_as<Map>(descending));
  CHECK(fails_as<Map>(twice));
  CHECK(decode_all<Descending>(descending) == Descending{{1, 0}, {2, 0}});
  CHECK(fails_as<Descending>(ascending));
  CHECK(fails_as<Descending>(twice));
}

TEST_CASE("a_huge_length_sets_no_memory_aside") {
  using Text = std::basic_string<char, std::char_traits<char>, NotingAllocator<char>>;
  using Wider = std::basic_string<char32_t, std::char_traits<char32_t>, NotingAllocator<char32_t>>;
  using Numbers = std::vector<std::uint64_t, NotingAllocator<std::uint64_t>>;
  using Bits = std::vector<bool, NotingAllocator<bool>>;
  using Big = std::array<std::optional<std::string>, 100>;  // 100 bytes, but 4000 in memory
  using Bigs = std::vector<Big, NotingAllocator<Big>>;
  using Map = std::map<int, int, std::less<>, NotingAllocator<std::pair<const int, int>>>;
  using Nothings = std::vector<Nothing, NotingAllocator<Nothing>>;
  for (const std::uint64_t length :
       {std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<std::uint64_t>::max() / 8 + 2,
        std::uint64_t{1} << 61, std::uint64_t{1} << 32, std::uint64_t{1} << 20, std::uint64_t{990}}) {
    Encoder out;
    out.write_length(length);
    out.write(Buffer(980, std::byte{0}));
    const Buffer buffer(out.bytes().begin(), out.bytes().end());
    greatest_allocation = 0;
    CHECK(fails_as<Text>(buffer));
    CHECK(fails_as<Wider>(buffer));
    CHECK(fails_as<Numbers>(buffer));
    CHECK(fails_as<Bits>(buffer));
    CHECK(fails_as<Bigs>(buffer));
    CHECK(fails_as<Map>(buffer));
    CHECK(fails_as<Nothings>(buffer));
    CHECK(greatest_allocation == 0);
  }
  // A length that the bytes could just hold is not believed either.
  Encoder out;
  out.write_length(970);
  out.write(Buffer(980, std::byte{0}));
  const Buffer buffer(out.bytes().begin(), out.bytes().end());
  greatest_allocation = 0;
  CHECK(fails_as<Bigs>(buffer));
  CHECK(greatest_allocation > 0);
  CHECK(greatest_allocation <= 2 * (buffer.size() / 100 + 1) * sizeof(Big));  // what has been read, doubled
}

TEST_CASE("nesting_is_bounded_the_same_both_ways") {
  Tree tree;
  Buffer buffer;
  std::size_t levels = 1;
  for (;; ++levels) {
    try {
      buffer = encoded(tree);
      CHECK(encoded(decode_all<Tree>(buffer)) == buffer);
    } catch (const std::length_error&) {
      break;
    }
    Tree parent;
    parent.children.push_back(std::move(tree));
    tree = std::move(parent);
  }
  CHECK(levels == 257);  // each is an aggregate and a vector
  Buffer deeper = bytes({0, 0, 0, 0, 1});
  deeper.insert(deeper.end(), buffer.begin(), buffer.end());
  deeper.push_back(std::byte{0});
  CHECK(fails_as<Tree>(deeper));
  // An encoder and a decoder are as good as new after that.
  Encoder out;
  CHECK_THROWS_AS(Codec<Tree>::encode(tree, out), std::length_error);
  out.clear();
  Codec<Tree>::encode(Tree(), out);
  CHECK(decode_all<Tree>(out.bytes()) == Tree());

  Buffer endless;
  for (int i = 0; i < 100000; ++i) {
    for (const int byte : {0, 0, 0, 0, 1}) endless.push_back(static_cast<std::byte>(byte));
  }
  CHECK(fails_as<Tree>(endless));
}

TEST_CASE("an_exception_of_a_users_codec_comes_through") {
  CHECK_THROWS_AS(encoded(std::vector<std::function<void()>>(1)), std::runtime_error);
  CHECK_THROWS_AS(decode_all<std::function<void()>>(Buffer()), std::runtime_error);
}

TEST_CASE("types_are_spelt_the_same_everywhere") {
  CHECK(codec_spelling<std::int8_t>() == "i8");
  CHECK(codec_spelling<std::uint64_t>() == "u64");
  CHECK(codec_spelling<char>() == "c8");
  CHECK(codec_spelling<char16_t>() == "c16");
  CHECK(codec_spelling<bool>() == "bool");
  CHECK(codec_spelling<float>() == "f32");
  CHECK(codec_spelling<double>() == "f64");
  CHECK(codec_spelling<Color>() == "enum:u8");
  CHECK(codec_spelling<std::byte>() == "enum:u8");
  CHECK(codec_spelling<std::string>() == "string");
  CHECK(codec_spelling<std::u8string>() == "string");
  CHECK(codec_spelling<std::u16string>() == "string<c16>");
  CHECK(codec_spelling<std::pair<const int, std::string>>() == "pair<i32,string>");
  CHECK(codec_spelling<std::tuple<>>() == "tuple<>");
  CHECK(codec_spelling<std::tuple<bool, double>>() == "tuple<bool,f64>");
  CHECK(codec_spelling<std::optional<std::vector<bool>>>() == "optional<vector<bool>>");
  CHECK(codec_spelling<std::array<int, 3>>() == "array<3,i32>");
  CHECK(codec_spelling<std::map<int, bool, std::greater<>>>() == "map<i32,bool>");
  CHECK(codec_spelling<std::chrono::duration<std::int64_t, std::milli>>() == "duration<i64,1/1000>");
  CHECK(codec_spelling<std::chrono::duration<double, std::ratio<120, 2>>>() == "duration<f64,60/1>");
  CHECK(codec_spelling<Empty>() == "{}");
  CHECK(codec_spelling<Place>() == "{string,{i32,i32},optional<{i32,i32}>}");
  CHECK(codec_spelling<Tree>() == "{i32,vector<^1>,map<i32,^1>}");
  CHECK(codec_spelling<std::pair<Tree, Point>>() == "pair<{i32,vector<^1>,map<i32,^1>},{i32,i32}>");
  CHECK(codec_spelling<Account>() == "user:bank.Account/1");
  CHECK(codec_spelling<Letter>() == "user:Letter");
  CHECK(codec_spelling<std::vector<Nothing>>() == "vector<user:codec_test::Nothing>");
}

TEST_CASE("fingerprints_tell_types_apart_and_never_change") {
  // FNV-1a of "string" and of "i64".
  CHECK(codec_fingerprint<std::string>() == 0x704be0d8faaffc58ULL);
  CHECK(codec_fingerprint<std::int64_t>() == 0x2ae1af192b331746ULL);
  // And of what the others are spelt as.
  const auto of = [](std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char character : text) hash = (hash ^ static_cast<unsigned char>(character)) * 0x100000001b3ULL;
    return hash;
  };
  CHECK(of("string") == codec_fingerprint<std::string>());
  CHECK(of("{i32,i32}") == codec_fingerprint<Point>());
  CHECK(of("{i32,vector<^1>,map<i32,^1>}") == codec_fingerprint<Tree>());
  CHECK(of("enum:u8") == codec_fingerprint<Color>());
  CHECK(of("bool") == codec_fingerprint<bool>());
  CHECK(of("f64") == codec_fingerprint<double>());
  CHECK(of("string<c16>") == codec_fingerprint<std::u16string>());
  CHECK(of("array<2,i32>") == codec_fingerprint<std::array<int, 2>>());
  CHECK(of("optional<i32>") == codec_fingerprint<std::optional<int>>());
  CHECK(of("pair<i32,u8>") == codec_fingerprint<std::pair<int, std::uint8_t>>());
  CHECK(of("tuple<i32,i32>") == codec_fingerprint<std::tuple<int, int>>());

  CHECK(codec_fingerprint<Point>() == codec_fingerprint<Renamed>());
  if constexpr (sizeof(long) == sizeof(long long)) {
    CHECK(codec_fingerprint<long>() == codec_fingerprint<long long>());
    CHECK(codec_fingerprint<unsigned long>() == codec_fingerprint<unsigned long long>());
  } else {
    CHECK(codec_fingerprint<long>() == codec_fingerprint<int>());
  }

  const std::vector<std::uint64_t> all{codec_fingerprint<char>(),
                                       codec_fingerprint<std::int8_t>(),
                                       codec_fingerprint<std::uint8_t>(),
                                       codec_fingerprint<std::int16_t>(),
                                       codec_fingerprint<std::uint16_t>(),
                                       codec_fingerprint<std::int32_t>(),
                                       codec_fingerprint<std::uint32_t>(),
                                       codec_fingerprint<std::int64_t>(),
                                       codec_fingerprint<std::uint64_t>(),
                                       codec_fingerprint<bool>(),
                                       codec_fingerprint<float>(),
                                       codec_fingerprint<double>(),
                                       codec_fingerprint<Color>(),
                                       codec_fingerprint<Wide>(),
                                       codec_fingerprint<Letter>(),
                                       codec_fingerprint<std::string>(),
                                       codec_fingerprint<std::u16string>(),
                                       codec_fingerprint<std::u32string>(),
                                       codec_fingerprint<std::vector<char>>(),
                                       codec_fingerprint<std::pair<int, int>>(),
                                       codec_fingerprint<std::tuple<int, int>>(),
                                       codec_fingerprint<std::array<int, 2>>(),
                                       codec_fingerprint<std::array<int, 3>>(),
                                       codec_fingerprint<Point>(),
                                       codec_fingerprint<Moved>(),
                                       codec_fingerprint<MovedTheOtherWay>(),
                                       codec_fingerprint<Empty>(),
                                       codec_fingerprint<Tree>(),
                                       codec_fingerprint<std::tuple<>>(),
                                       codec_fingerprint<std::optional<int>>(),
                                       codec_fingerprint<std::vector<int>>(),
                                       codec_fingerprint<std::map<int, int>>(),
                                       codec_fingerprint<std::vector<std::pair<int, int>>>(),
                                       codec_fingerprint<std::chrono::milliseconds>(),
                                       codec_fingerprint<std::chrono::microseconds>(),
                                       codec_fingerprint<Account>(),
                                       codec_fingerprint<Nothing>()};
  CHECK(std::set<std::uint64_t>(all.begin(), all.end()).size() == all.size());
}

TEST_CASE("whatever_decodes_is_written_as_the_same_bytes") {
  SplitMix random(fluxmap_test::seed("whatever_decodes_is_written_as_the_same_bytes"));
  std::size_t decoded = 0;
  const auto try_all = [&]<class T>(const Buffer& buffer, const T*) {
    Decoder in(buffer);
    std::optional<T> value;
    if (fails([&] { value.emplace(Codec<T>::decode(in)); })) return;
    ++decoded;
    const Buffer again = encoded(*value);
    REQUIRE(again.size() == in.position());
    REQUIRE(std::equal(again.begin(), again.end(), buffer.begin()));
  };
  const Buffer original = encoded(everything());
  for (unsigned round = 0; round < 20000 * fluxmap_test::stress_factor(); ++round) {
    // Noise, small numbers (which get further as lengths), and a good encoding with a few bytes changed.
    Buffer buffer = original;
    if (round % 3 == 2) {
      for (std::uint64_t i = 1 + random.below(3); i > 0; --i) {
        buffer[random.below(buffer.size())] = static_cast<std::byte>(random.below(round % 2 == 0 ? 4 : 256));
      }
    } else {
      buffer.resize(random.below(200));
      for (std::byte& byte : buffer) byte = static_cast<std::byte>(random.below(round % 3 == 0 ? 3 : 256));
    }
    try_all(buffer, static_cast<const Everything*>(nullptr));
    try_all(buffer, static_cast<const Tree*>(nullptr));
    try_all(buffer, static_cast<const Holder*>(nullptr));
    try_all(buffer, static_cast<const std::map<std::uint8_t, std::vector<std::vector<bool>>>*>(nullptr));
  }
  CHECK(decoded > 0);
}

}  // namespace codec_test

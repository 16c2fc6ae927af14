// Any bytes either fail to decode, with decode_failed, or are exactly what the value they decode to is written as.
#include <fluxmap/codec.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace {

using fluxmap::Bytes;
using fluxmap::Codec;
using fluxmap::Decoder;
using fluxmap::Encoder;

enum class Color : std::uint8_t { red };
enum class Flag : bool { off, on };

struct Point {
  std::int32_t x;
  double y;
};
struct Place {
  std::string name;
  std::optional<Point> point;
  std::array<std::string, 2> lines;
};
struct Everything {
  bool truth;
  Color color;
  Place place;
  std::pair<std::int16_t, Flag> pair;
  std::tuple<std::tuple<float>, std::u16string> tuple;
  std::vector<bool> bits;
  std::map<std::string, std::vector<std::optional<double>>> map;
  std::chrono::milliseconds pause;
  std::monostate nothing;
  std::vector<std::uint32_t> numbers;
};
struct Tree {
  std::uint8_t value;
  std::vector<Tree> children;
  std::map<std::uint8_t, Tree> named;
};

// Takes no bytes at all.
class Nothing {
 public:
  explicit Nothing(int) {}
};

}  // namespace

template <>
struct fluxmap::Codec<Nothing> {
  static void encode(const Nothing&, Encoder&) {}
  static Nothing decode(Decoder&) { return Nothing(0); }
};

namespace {

[[noreturn]] void fault(const char* what) {
  std::fprintf(stderr, "codec_fuzz: %s\n", what);
  std::abort();
}

template <class T>
void check(Bytes bytes) {
  Decoder in(bytes);
  std::optional<T> value;
  try {
    value.emplace(Codec<T>::decode(in));
  } catch (const boost::system::system_error& error) {
    if (error.code() != fluxmap::errc::decode_failed) fault("an error other than decode_failed");
    return;
  }
  Encoder once;
  Codec<T>::encode(*value, once);
  const Bytes used = bytes.first(in.position());
  if (!std::equal(used.begin(), used.end(), once.bytes().begin(), once.bytes().end())) {
    fault("a value is written as other bytes than it was read from");
  }
  Encoder twice;
  Codec<T>::encode(fluxmap::decode_all<T>(once.bytes()), twice);
  if (!std::equal(once.bytes().begin(), once.bytes().end(), twice.bytes().begin(), twice.bytes().end())) {
    fault("a value changes when it is written and read");
  }
}

constexpr std::array k_checks{&check<Everything>,
                              &check<Tree>,
                              &check<std::map<std::string, Place>>,
                              &check<std::vector<std::pair<Nothing, std::vector<Nothing>>>>,
                              &check<std::tuple<std::wstring, std::u32string, std::vector<float>>>,
                              &check<std::vector<std::vector<bool>>>,
                              &check<std::map<std::int64_t, std::map<bool, Flag>>>,
                              &check<std::vector<std::array<std::optional<std::string>, 20>>>};

}  // namespace

// The first byte chooses the type, the others are decoded.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span input(data, size);
  k_checks[input[0] % k_checks.size()](std::as_bytes(input.subspan(1)));
  return 0;
}

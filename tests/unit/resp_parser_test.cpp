// The parser of examples/resp_server: whole requests, half ones, and what is no request at all; its glob patterns, and
// the cursors of SCAN.
#include "../../examples/resp_server/parser.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../../examples/resp_server/cursors.hpp"
#include "../../examples/resp_server/glob.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

namespace resp_parser_test {

using resp::glob_matches;
using resp::literal_prefix;
using resp::parse_integer;
using resp::RequestLimits;
using resp::RequestParser;
using resp::ScanCursors;
using Status = RequestParser::Status;
using Words = std::vector<std::string>;

struct Parsed {
  std::vector<Words> requests;  // those without arguments left out
  std::string error;            // empty: none
  std::string rest;             // what was no whole request
  friend bool operator==(const Parsed&, const Parsed&) = default;
};

// Hands the bytes over in pieces of the given size, as a connection does.
Parsed parse(std::string_view bytes, std::size_t piece, RequestLimits limits = {}) {
  Parsed parsed;
  RequestParser parser(limits);
  std::string buffer;
  std::size_t given = 0;
  for (;;) {
    std::vector<std::string_view> words;
    const Status status = parser.parse(buffer, words);
    if (status == Status::complete) {
      if (!words.empty()) parsed.requests.emplace_back(words.begin(), words.end());
      REQUIRE(parser.consumed() > 0);
      REQUIRE(parser.consumed() <= buffer.size());
      parser.forget_words();
      buffer.erase(0, parser.consumed());
    } else if (status == Status::failed) {
      parsed.error = parser.error();
      return parsed;
    } else {
      REQUIRE(words.empty());
      if (given == bytes.size()) break;
      const std::size_t more = std::min(piece, bytes.size() - given);
      buffer.append(bytes.substr(given, more));
      given += more;
    }
  }
  parsed.rest = buffer;
  return parsed;
}
Parsed parse(std::string_view bytes) { return parse(bytes, bytes.size() + 1); }
std::string error_of(std::string_view bytes, RequestLimits limits = {}) { return parse(bytes, 1, limits).error; }

constexpr std::string_view k_mixed =
    "*3\r\n$3\r\nSET\r\n$4\r\n\r\n\r\n\r\n$0\r\n\r\n"
    "\r\n"
    "get \"a b\" 'c'\r\n"
    "*0\r\n*-1\r\n"
    "PING\n"
    "*1\r\n$4\r\nPING\r\n";

TEST_CASE("requests_are_taken_apart") {
  const Parsed parsed = parse(k_mixed);
  CHECK(parsed.error.empty());
  CHECK(parsed.rest.empty());
  CHECK(parsed.requests == std::vector<Words>{{"SET", "\r\n\r\n", ""}, {"get", "a b", "c"}, {"PING"}, {"PING"}});
}

TEST_CASE("pieces_of_any_size_give_the_same_requests") {
  const Parsed whole = parse(k_mixed);
  for (std::size_t piece = 1; piece < k_mixed.size(); ++piece) CHECK(parse(k_mixed, piece) == whole);
}

TEST_CASE("half_a_request_at_any_point_is_no_fault") {
  for (std::size_t cut = 0; cut < k_mixed.size(); ++cut) {
    const Parsed parsed = parse(k_mixed.substr(0, cut));
    CHECK(parsed.error.empty());
    CHECK(parsed.requests.size() <= 4);
  }
}

std::string line(std::string_view before, std::string_view text) {
  std::string bytes(before);
  bytes += text;
  bytes += "\r\n";
  return bytes;
}

TEST_CASE("lengths_that_cannot_be_are_refused") {
  const std::string count = "Protocol error: invalid multibulk length";
  const std::string bulk = "Protocol error: invalid bulk length";
  for (const char* text : {"1048577", "99999999999999999999", "9223372036854775807", "x", "", "+1", "01", " 1", "1 "}) {
    CHECK(error_of(line("*", text)) == count);
  }
  for (const char* text : {"-1", "-2", "67108865", "99999999999999999999", "x", "", "+1", "01", " 1", "-0"}) {
    CHECK(error_of(line("*1\r\n$", text)) == bulk);
  }
  CHECK(error_of("*1\r\n:1\r\n") == "Protocol error: expected '$', got ':'");
  CHECK(error_of("*1\r\n$1\r\nabc") == "Protocol error: expected CRLF after a bulk string");
  CHECK(error_of("*1\r\n$1\r\na\n\n") == "Protocol error: expected CRLF after a bulk string");
}

TEST_CASE("what_is_only_announced_takes_no_memory") {
  // Would be 64 GiB.
  RequestLimits limits;
  limits.bulk = std::size_t{1} << 36;
  limits.arguments = std::size_t{1} << 36;
  CHECK(parse("*68719476736\r\n$68719476736\r\nabc", 3, limits).error.empty());
}

TEST_CASE("limits_hold_to_the_byte") {
  RequestLimits limits;
  limits.arguments = 2;
  limits.bulk = 3;
  limits.line = 8;
  CHECK(error_of("*2\r\n$3\r\nabc\r\n$0\r\n\r\n", limits).empty());
  CHECK_FALSE(error_of("*3\r\n", limits).empty());
  CHECK_FALSE(error_of("*1\r\n$4\r\n", limits).empty());
  CHECK(error_of("abcdefg\r\n", limits).empty());
  CHECK(error_of("abcdefgh\r\n", limits) == "Protocol error: too big inline request");
  CHECK(error_of("abcdefghi", limits) == "Protocol error: too big inline request");
  CHECK(error_of("*00000000", limits) == "Protocol error: too big mbulk count string");
  CHECK(error_of("*1\r\n$00000000", limits) == "Protocol error: too big bulk count string");
}

TEST_CASE("inline_words_have_quotes_and_escapes") {
  CHECK(parse("a  \"b \\x41\\n\\\"\\\\\"\t'c \\' \\n'\r\n").requests ==
        std::vector<Words>{{"a", "b A\n\"\\", "c ' \\n"}});
  CHECK(parse("ab\"cd\"\r\n").requests == std::vector<Words>{{"abcd"}});
  CHECK(parse("\"\" ''\r\n").requests == std::vector<Words>{{"", ""}});
  CHECK(parse("   \r\n").requests.empty());
  for (const char* line : {"\"\r\n", "'\r\n", "\"a\r\n", "\"a\"b\r\n", "'a'b\r\n", "\"a\\\r\n", "\"\\x4\r\n"}) {
    CHECK(error_of(line) == "Protocol error: unbalanced quotes in request");
  }
}

TEST_CASE("random_bytes_never_do_harm") {
  fluxmap_test::SplitMix random(fluxmap_test::seed("random_bytes_never_do_harm"));
  constexpr std::string_view alphabet = "*$\r\n0123456789-ab\"'\\x \t";
  for (int i = 0; i < 20000; ++i) {
    std::string bytes;
    for (std::size_t size = random.below(40); size > 0; --size) {
      bytes += random.below(8) == 0 ? static_cast<char>(random()) : alphabet[random.below(alphabet.size())];
    }
    const Parsed whole = parse(bytes);
    const Parsed pieces = parse(bytes, 1 + random.below(5));
    CHECK(whole.requests == pieces.requests);
    CHECK(whole.error == pieces.error);
  }
}

TEST_CASE("integers_are_read_as_strictly_as_redis_does") {
  CHECK(parse_integer("0") == 0);
  CHECK(parse_integer("-9223372036854775808") == std::numeric_limits<std::int64_t>::min());
  CHECK(parse_integer("9223372036854775807") == std::numeric_limits<std::int64_t>::max());
  for (const char* text : {"", "-", "+1", "-0", "00", "01", "-01", " 1", "1 ", "1.0", "9223372036854775808", "0x1"}) {
    CHECK_FALSE(parse_integer(text).has_value());
  }
}

TEST_CASE("globs_match_as_in_redis") {
  struct Case {
    const char* pattern;
    const char* text;
    bool matches;
  };
  for (const Case& c : {Case{"", "", true},
                        {"", "a", false},
                        {"*", "", true},
                        {"***", "abc", true},
                        {"a*c", "abbc", true},
                        {"a*c", "abbd", false},
                        {"*a*b*", "xxaxxbxx", true},
                        {"*a*b*", "xxbxxaxx", false},
                        {"a?c", "abc", true},
                        {"a?c", "ac", false},
                        {"[abc]", "b", true},
                        {"[^abc]", "b", false},
                        {"[^abc]", "d", true},
                        {"[a-c]", "b", true},
                        {"[c-a]", "b", true},
                        {"[a-c]", "d", false},
                        {"[\\-x]", "-", true},
                        {"[\\]]", "]", true},
                        {"[a-", "a", true},
                        {"[a", "a", true},
                        {"[", "a", false},
                        {"\\*", "*", true},
                        {"\\*", "a", false},
                        {"\\", "\\", true},
                        {"a\\", "a\\", true},
                        {"*\\?", "abc?", true},
                        {"*[0-9]", "key:7", true}}) {
    CAPTURE(c.pattern, c.text);
    CHECK(glob_matches(c.pattern, c.text) == c.matches);
  }
  CHECK(literal_prefix("key:*") == "key:");
  CHECK(literal_prefix("a\\*b") == "a");
  CHECK(literal_prefix("abc") == "abc");
}

TEST_CASE("no_glob_takes_exponential_time") {
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += "a*";
  CHECK_FALSE(glob_matches(pattern + "b", std::string(10000, 'a')));
}

TEST_CASE("who_has_said_no_password_is_believed_little") {
  const auto error_of_a_stranger = [](std::string_view bytes) {
    RequestParser parser(RequestLimits{});
    parser.set_trusted(false);
    std::vector<std::string_view> words;
    return parser.parse(bytes, words) == Status::failed ? parser.error() : std::string();
  };
  CHECK(error_of_a_stranger("*10\r\n").empty());
  CHECK(error_of_a_stranger("*11\r\n") == "Protocol error: unauthenticated multibulk length");
  CHECK(error_of_a_stranger("*1\r\n$16384\r\n").empty());
  CHECK(error_of_a_stranger("*1\r\n$16385\r\n") == "Protocol error: unauthenticated bulk length");
  CHECK(error_of_a_stranger("*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n").empty());
}

TEST_CASE("a_cursor_stands_for_its_key_in_every_run") {
  // As a client may have been given them by an earlier run.
  CHECK(ScanCursors::of("") == 8927754533097244u);
  CHECK(ScanCursors::of("key:000123") == 3887169076032495u);
  CHECK(ScanCursors::of(std::string("\0\xff", 2)) == 605868365191738u);

  ScanCursors cursors;
  fluxmap_test::SplitMix random(fluxmap_test::seed("a_cursor_stands_for_its_key_in_every_run"));
  std::map<std::uint64_t, std::string> given;
  for (int i = 0; i < 20000; ++i) {
    const std::string key = std::to_string(random.below(1'000'000));
    const std::uint64_t cursor = cursors.remember(key);
    CHECK(cursor > 0);
    CHECK(cursor < std::uint64_t{1} << 53);  // a double holds it
    CHECK(given.emplace(cursor, key).first->second == key);
    CHECK(cursors.find(cursor) == key);
    CHECK(cursors.remember(key) == cursor);
  }
  CHECK(cursors.find(1) == std::nullopt);
}

TEST_CASE("cursors_are_forgotten_before_they_take_much_memory") {
  ScanCursors cursors;
  const std::uint64_t first = cursors.remember("first");
  for (int i = 0; i < 300; ++i) cursors.remember(std::to_string(i) + std::string(100'000, 'x'));  // 30 MB
  CHECK(cursors.find(first) == std::nullopt);
  CHECK(ScanCursors::of("first") == first);  // it is found among the keys
  const std::uint64_t large = cursors.remember(std::string(20'000'000, 'y'));
  CHECK(cursors.find(large) != std::nullopt);
}

}  // namespace resp_parser_test

// Requests of the Redis protocol out of untrusted bytes: arrays of bulk strings, and inline commands as people type
// them into a terminal. No I/O, and no memory for what was only announced: a request of a billion arguments costs
// nothing until they come.
//
// The caller keeps the bytes. It hands over all that it has from the beginning of a request on, and more of the same
// after `incomplete`; the parser remembers where it stopped, so that a request which comes byte by byte takes linear
// time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inline_words.hpp"
#include "integer.hpp"

namespace resp {

struct RequestLimits {
  std::size_t arguments = std::size_t{1} << 20;  // of one request
  std::size_t bulk = std::size_t{64} << 20;      // bytes of one argument
  std::size_t line = std::size_t{64} << 10;      // bytes of an inline command, or of a line with a length
};

class RequestParser {
 public:
  enum class Status {
    complete,    // one request: consumed() bytes
    incomplete,  // no fault so far, but more bytes are needed
    failed,      // error() says why; nothing after it can be trusted
  };

  explicit RequestParser(const RequestLimits& limits) noexcept : limits_(limits) {}

  // For what comes from now on.
  void set_limits(const RequestLimits& limits) noexcept { limits_ = limits; }
  // Whoever has not said the password yet is believed little.
  void set_trusted(bool trusted) noexcept { trusted_ = trusted; }

  // Looks for one request at the beginning of `input`. On `complete` its arguments are appended to `arguments`; there
  // may be none (an empty line, an empty array), which is no request. They point into `input`, those of an inline
  // command into the parser: until forget_words().
  Status parse(std::string_view input, std::vector<std::string_view>& arguments) {
    if (position_ == 0 && !input.empty() && input.front() != '*') return parse_inline(input, arguments);
    while (!counted_ || missing_ > 0) {
      const Status status = counted_ ? parse_bulk(input) : parse_count(input);
      if (status != Status::complete) return status;
    }
    for (const auto& [offset, length] : places_) arguments.push_back(input.substr(offset, length));
    return finish(position_);
  }

  // Of the last complete request.
  std::size_t consumed() const noexcept { return consumed_; }
  const std::string& error() const noexcept { return error_; }
  // The arguments of the inline commands so far are not needed any more.
  void forget_words() noexcept { words_.clear(); }

 private:
  Status fail(std::string why) {
    error_ = "Protocol error: " + std::move(why);
    return Status::failed;
  }
  Status finish(std::size_t bytes) noexcept {
    consumed_ = bytes;
    position_ = searched_ = missing_ = 0;
    counted_ = false;
    places_.clear();
    if (places_.capacity() > k_kept_places) places_.shrink_to_fit();
    return Status::complete;
  }

  // The line at position_, without its end; `line` is untouched unless it is complete.
  Status find_line(std::string_view input, std::string_view& line, const char* too_long) {
    const std::size_t end = input.find('\n', std::max(position_, searched_));
    if (end == std::string_view::npos) {
      searched_ = input.size();
      return input.size() - position_ > limits_.line ? fail(too_long) : Status::incomplete;
    }
    if (end - position_ > limits_.line) return fail(too_long);
    line = input.substr(position_, end - position_);
    line_end_ = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    return Status::complete;
  }

  Status parse_count(std::string_view input) {
    std::string_view line;
    const Status status = find_line(input, line, "too big mbulk count string");
    if (status != Status::complete) return status;
    const auto count = parse_integer(line.substr(1));
    if (!count || *count > static_cast<std::int64_t>(limits_.arguments)) return fail("invalid multibulk length");
    if (!trusted_ && *count > k_untrusted_arguments) return fail("unauthenticated multibulk length");
    missing_ = *count > 0 ? static_cast<std::size_t>(*count) : 0;
    counted_ = true;
    position_ = line_end_;
    return Status::complete;
  }

  Status parse_bulk(std::string_view input) {
    if (!bulk_) {
      std::string_view line;
      if (position_ < input.size() && input[position_] != '$') {
        return fail(std::string("expected '$', got '") + input[position_] + "'");
      }
      const Status status = find_line(input, line, "too big bulk count string");
      if (status != Status::complete) return status;
      const auto length = parse_integer(line.substr(1));
      if (!length || *length < 0 || static_cast<std::uint64_t>(*length) > limits_.bulk) {
        return fail("invalid bulk length");
      }
      if (!trusted_ && *length > k_untrusted_bulk) return fail("unauthenticated bulk length");
      bulk_ = static_cast<std::size_t>(*length);
      position_ = line_end_;
    }
    if (input.size() - position_ < *bulk_ + 2) return Status::incomplete;
    if (input.substr(position_ + *bulk_, 2) != "\r\n") return fail("expected CRLF after a bulk string");
    places_.emplace_back(position_, *bulk_);
    position_ += *bulk_ + 2;
    bulk_.reset();
    --missing_;
    return Status::complete;
  }

  Status parse_inline(std::string_view input, std::vector<std::string_view>& arguments) {
    std::string_view line;
    const Status status = find_line(input, line, "too big inline request");
    if (status != Status::complete) return status;
    position_ = line_end_;
    std::vector<std::string> words;
    if (!split_words(line, words)) return fail("unbalanced quotes in request");
    for (std::string& word : words) arguments.push_back(words_.emplace_back(std::move(word)));
    return finish(position_);
  }

  static constexpr std::size_t k_kept_places = 1024;
  static constexpr std::int64_t k_untrusted_arguments = 10;
  static constexpr std::int64_t k_untrusted_bulk = 16384;

  RequestLimits limits_;
  bool trusted_ = true;
  std::size_t position_ = 0;                                 // everything before it has been understood
  std::size_t searched_ = 0;                                 // there is no end of a line between position_ and here
  std::size_t line_end_ = 0;                                 // where the line after the last one found begins
  bool counted_ = false;                                     // the array's length is known
  std::size_t missing_ = 0;                                  // arguments still to come
  std::optional<std::size_t> bulk_;                          // the length of the one being read
  std::vector<std::pair<std::size_t, std::size_t>> places_;  // of the arguments: offset, length
  std::deque<std::string> words_;                            // a deque: what it holds stays where it is
  std::size_t consumed_ = 0;
  std::string error_;
};

}  // namespace resp

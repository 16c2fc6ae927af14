// Words on a command line, what is wrong with them, and the frame of a program that takes some.
#pragma once

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace fluxmap_bench {

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class Number>
Number parse_number(std::string_view option, std::string_view text, Number smallest, Number largest) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= smallest) || !(value <= largest)) {
    throw UsageError(fmt::format("{} wants a number from {} to {}, not '{}'", option, smallest, largest, text));
  }
  return value;
}

// The parts between the commas.
inline std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, comma - begin));
    begin = comma + 1;
  }
  return parts;
}

class CommandLine {
 public:
  CommandLine(int argc, char** argv) : argc_(argc), argv_(argv) {}

  bool next() { return ++at_ < argc_; }
  std::string_view word() const { return argv_[at_]; }
  bool asks_for_help() const { return word() == "--help" || word() == "-h"; }

  std::string_view value() {  // of the option at which we are
    const auto option = word();
    if (at_ + 1 >= argc_) throw UsageError(fmt::format("{} wants a value", option));
    return argv_[++at_];
  }
  template <class Number>
  Number number(Number smallest, Number largest) {
    const auto option = word();
    return parse_number(option, value(), smallest, largest);
  }
  [[noreturn]] void refuse() const { throw UsageError(fmt::format("unknown option '{}'", word())); }

 private:
  int argc_;
  char** argv_;
  int at_ = 0;
};

// What is being measured just now, in a line that the next one overwrites; on a terminal only.
inline void show_progress(std::string_view text) {
  static const bool terminal = ::isatty(STDERR_FILENO) != 0;
  if (!terminal) return;
  fmt::print(stderr, "\r\033[K{}", text);
  std::fflush(stderr);
}

// A whole program: parse(command line) gives its options, run(options) its exit code. Tells what they throw.
template <class Parse, class Run>
int run_program(std::string_view name, std::string_view usage, int argc, char** argv, Parse parse, Run run) {
  try {
    CommandLine line(argc, argv);
    const auto options = parse(line);
    if (!options.help) return run(options);
    fmt::print("{}", usage);
    return 0;
  } catch (const UsageError& error) {
    fmt::print(stderr, "{}: {} (--help tells more)\n", name, error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", name, error.what());
    return 1;
  }
}

}  // namespace fluxmap_bench

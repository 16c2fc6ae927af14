#include "command_line.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <exception>
#include <utility>

namespace fluxmap_bench {
namespace {

// Stricter than CLI11, which takes what is negative, empty or no number for some number.
template <class Number>
CLI::Validator between(Number smallest, Number largest) {
  const auto check = [=](std::string& text) -> std::string {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc{} && end == text.data() + text.size() && value >= smallest && value <= largest) return {};
    return fmt::format("wants a number from {} to {}, not '{}'", smallest, largest, text);
  };
  return CLI::Validator(check, fmt::format("{} to {}", smallest, largest));
}

}  // namespace

struct CommandLine::Parser : CLI::App {
  using CLI::App::App;

  template <class Value>
  CLI::Option* add(const std::string& name, Value& value, const std::string& meaning) {
    return add_option(name, value, meaning)->capture_default_str()->take_last();
  }
  template <class Value>
  CLI::Option* add_list(const std::string& name, std::vector<Value>& values, const std::string& meaning) {
    return add_option(name, values, meaning)->type_name("A,B,..")->delimiter(',')->allow_extra_args(false);
  }
};

CommandLine::CommandLine(std::string program, std::string question)
    : program_(std::move(program)), parser_(std::make_unique<Parser>(std::move(question), program_)) {}
CommandLine::~CommandLine() = default;

template <class Number>
void CommandLine::number(const std::string& name, Number& value, Number smallest, Number largest,
                         const std::string& meaning) {
  parser_->add(name, value, meaning)->type_name("N")->check(between(smallest, largest));
}
template void CommandLine::number(const std::string&, unsigned&, unsigned, unsigned, const std::string&);
template void CommandLine::number(const std::string&, std::uint64_t&, std::uint64_t, std::uint64_t, const std::string&);
template void CommandLine::number(const std::string&, double&, double, double, const std::string&);

void CommandLine::text(const std::string& name, std::string& value, const std::string& meaning,
                       const std::vector<std::string>& allowed) {
  auto* const option = parser_->add(name, value, meaning);
  if (!allowed.empty()) option->check(CLI::IsMember(allowed));
}

void CommandLine::flag(const std::string& name, std::function<void()> set, const std::string& meaning) {
  parser_->add_flag_callback(name, std::move(set), meaning);
}

void CommandLine::require(const std::string& name) { parser_->get_option(name)->required(); }

template <class Number>
void CommandLine::numbers(const std::string& name, std::vector<Number>& values, Number smallest, Number largest,
                          const std::string& meaning) {
  parser_->add_list(name, values, meaning)->check(between(smallest, largest));
}
template void CommandLine::numbers(const std::string&, std::vector<unsigned>&, unsigned, unsigned, const std::string&);
template void CommandLine::numbers(const std::string&, std::vector<std::uint64_t>&, std::uint64_t, std::uint64_t,
                                   const std::string&);

void CommandLine::texts(const std::string& name, std::vector<std::string>& values, const std::string& meaning,
                        const std::vector<std::string>& allowed) {
  auto* const option = parser_->add_list(name, values, meaning);
  if (!allowed.empty()) option->check(CLI::IsMember(allowed));
}

int CommandLine::run(int argc, char** argv, const std::function<int()>& program) {
  try {
    parser_->parse(argc, argv);
    return program();
  } catch (const CLI::Success& help) {
    return parser_->exit(help);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "{}: {} (--help tells more)\n", program_, error.what());
    return 2;
  } catch (const UsageError& error) {
    fmt::print(stderr, "{}: {} (--help tells more)\n", program_, error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", program_, error.what());
    return 1;
  }
}

void show_progress(std::string_view text) {
  static const bool terminal = ::isatty(STDERR_FILENO) != 0;
  if (!terminal) return;
  fmt::print(stderr, "\r\033[K{}", text);
  std::fflush(stderr);
}

}  // namespace fluxmap_bench

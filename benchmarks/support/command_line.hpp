// The frame of a program that takes options. CLI11 reads them, in command_line.cpp alone: it takes longer to compile
// than what is measured.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmap_bench {

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Options by their names, and words in their order by names without dashes. What is given sets the value, what is not
// leaves it, and --help tells it as the default. They are set in the order in which they are declared here.
class CommandLine {
 public:
  CommandLine(std::string program, std::string question);
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;
  ~CommandLine();

  // unsigned, std::uint64_t, double
  template <class Number>
  void number(const std::string& name, Number& value, Number smallest, Number largest, const std::string& meaning);
  void seed(std::uint64_t& value) { number("--seed", value, std::uint64_t{0}, ~std::uint64_t{0}, "of random numbers"); }
  void text(const std::string& name, std::string& value, const std::string& meaning,
            const std::vector<std::string>& allowed = {});
  void flag(const std::string& name, std::function<void()> set, const std::string& meaning);
  void require(const std::string& name);

  // Several values with commas between them.
  template <class Number>
  void numbers(const std::string& name, std::vector<Number>& values, Number smallest, Number largest,
               const std::string& meaning);
  void texts(const std::string& name, std::vector<std::string>& values, const std::string& meaning,
             const std::vector<std::string>& allowed = {});

  // The exit code: that of the program, 2 where the command line is wrong, 1 where something was thrown.
  int run(int argc, char** argv, const std::function<int()>& program);

 private:
  struct Parser;
  std::string program_;
  std::unique_ptr<Parser> parser_;
};

// What is being measured just now, in a line that the next one overwrites; on a terminal only.
void show_progress(std::string_view text);

}  // namespace fluxmap_bench

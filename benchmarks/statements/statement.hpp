// Statements of docs/comparison.md about another library, each followed by what was seen of it.
#pragma once

#include <cstdio>
#include <string>

namespace fluxmap_bench {

class Statements {
 public:
  explicit Statements(const std::string& about) { std::printf("%s\n", about.c_str()); }

  void holds(const char* statement, bool seen) {
    std::printf("  %s  %s\n", seen ? "seen    " : "NOT SEEN", statement);
    all_ = all_ && seen;
  }
  // Of main(): 0 if all that was stated was seen.
  int result() const { return all_ ? 0 : 1; }

 private:
  bool all_ = true;
};

}  // namespace fluxmap_bench

// What docs/comparison.md says of absl::btree_map: what becomes of references and values when others come and go.
#include "statement.hpp"

#include <absl/base/config.h>
#include <absl/container/btree_map.h>

#include <map>
#include <string>

namespace {

// Counts how often values were moved.
struct Counted {
  static inline int moves = 0;
  explicit Counted(int of) : number(of) {}
  Counted(Counted&& other) noexcept : number(other.number) { ++moves; }
  Counted& operator=(Counted&& other) noexcept {
    number = other.number;
    ++moves;
    return *this;
  }

  int number;
};

template <class Map>
Map filled(int size) {
  Map map;
  for (int key = 0; key < size; ++key) map.emplace(key, key);
  Counted::moves = 0;
  return map;
}

template <class Map>
int moves_of_insertions() {
  Map map;
  Counted::moves = 0;
  for (int key = 1000; key > 0; --key) map.emplace(key, key);
  return Counted::moves;
}
template <class Map>
int moves_of_erasures() {
  auto map = filled<Map>(1000);
  for (int key = 0; key < 900; ++key) map.erase(key);
  return Counted::moves;
}

}  // namespace

int main() {
  using Tree = absl::btree_map<int, Counted>;
  using Standard = std::map<int, Counted>;
  fluxmap_bench::Statements statements("absl " + std::to_string(ABSL_LTS_RELEASE_VERSION));
  std::printf("  values moved by 1000 insertions: %d, by 900 erasures: %d\n", moves_of_insertions<Tree>(),
              moves_of_erasures<Tree>());
  statements.holds("insertions move values of other keys", moves_of_insertions<Tree>() > 1000);
  statements.holds("erasures too", moves_of_erasures<Tree>() > 900);
  statements.holds("those of std::map do not", moves_of_insertions<Standard>() + moves_of_erasures<Standard>() == 0);

  auto tree = filled<Tree>(3);
  const Counted* const last = &tree.find(2)->second;
  tree.erase(0);
  statements.holds("after the erasure of another key a value is elsewhere", &tree.find(2)->second != last);
  return statements.result();
}

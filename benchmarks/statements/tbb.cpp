// What docs/comparison.md says of tbb::concurrent_map: what there is not, and what insertions leave alone.
#include "statement.hpp"

#include <tbb/concurrent_map.h>
#include <tbb/version.h>

#include <string>

namespace {

using Map = tbb::concurrent_map<int, int>;

template <class M>
concept Erases = requires(M& map) { map.erase(1); };
template <class M>
concept ErasesUnsafely = requires(M& map) { map.unsafe_erase(1); };
template <class M>
concept Overwrites = requires(M& map) { map.insert_or_assign(1, 1); };

}  // namespace

int main() {
  fluxmap_bench::Statements statements(std::string("oneTBB ") + TBB_runtime_version());
  statements.holds("there is no erase()", !Erases<Map>);
  statements.holds("there is unsafe_erase(), not to be called beside anything else", ErasesUnsafely<Map>);
  statements.holds("there is no insertion that overwrites", !Overwrites<Map>);

  Map map;
  map.emplace(0, 0);
  const int* const first = &map.find(0)->second;
  statements.holds("an insertion of a key that is there changes nothing", !map.emplace(0, 1).second && *first == 0);
  auto at = map.begin();
  for (int key = 1; key <= 1000; ++key) map.emplace(key, key);
  int seen = 0;
  for (; at != map.end(); ++at) ++seen;
  statements.holds("a traversal is no snapshot: it meets what was inserted after its begin", seen == 1001);
  statements.holds("insertions move no values", &map.find(0)->second == first);
  return statements.result();
}

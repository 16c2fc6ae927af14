#include "../../peers/locked_map.hpp"

#include "../instance.hpp"
#include "systems.hpp"

#include <absl/base/config.h>
#include <absl/container/btree_map.h>

#include <functional>
#include <string>

namespace fluxmap_bench {

template <class Key, class Value>
using AbslStore = LockedStore<absl::btree_map<Key, Value, std::less<>>>;

static std::string version_text() {
#ifdef ABSL_LTS_RELEASE_VERSION
  return std::to_string(ABSL_LTS_RELEASE_VERSION);
#else
  return "";
#endif
}

void add_absl(std::vector<System>& systems) {
  systems.push_back(system_of<AbslStore>("absl", "absl::btree+lock", version_text(), std::string(k_lock_caveat)));
}

}  // namespace fluxmap_bench

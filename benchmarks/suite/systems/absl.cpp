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
  systems.push_back({.id = "absl",
                     .name = "absl::btree+lock",
                     .version = version_text(),
                     .caveat = "One lock for everything: a reader holds up every writer for as long as it reads, a "
                               "writer everybody. No snapshots that outlive the lock, no rollback.",
                     .abilities = AbslStore<std::uint64_t, std::uint64_t>::Session::k_abilities,
                     .open = [](Kind kind) { return open_store<AbslStore>(kind); }});
}

}  // namespace fluxmap_bench

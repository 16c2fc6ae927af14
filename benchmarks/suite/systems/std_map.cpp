#include "../../peers/locked_map.hpp"

#include "../instance.hpp"
#include "systems.hpp"

#include <functional>
#include <map>

namespace fluxmap_bench {

template <class Key, class Value>
using StdStore = LockedStore<std::map<Key, Value, std::less<>>>;

void add_std_map(std::vector<System>& systems) {
  systems.push_back({.id = "map",
                     .name = "std::map+lock",
                     .version = "libstdc++",
                     .caveat = "One lock for everything: a reader holds up every writer for as long as it reads, a "
                               "writer everybody. No snapshots that outlive the lock, no rollback.",
                     .abilities = StdStore<std::uint64_t, std::uint64_t>::Session::k_abilities,
                     .open = [](Kind kind) { return open_store<StdStore>(kind); }});
}

}  // namespace fluxmap_bench

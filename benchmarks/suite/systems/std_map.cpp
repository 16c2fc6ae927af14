#include "../../peers/locked_map.hpp"

#include "../instance.hpp"
#include "systems.hpp"

#include <functional>
#include <map>

namespace fluxmap_bench {

template <class Key, class Value>
using StdStore = LockedStore<std::map<Key, Value, std::less<>>>;

void add_std_map(std::vector<System>& systems) {
  systems.push_back(system_of<StdStore>("map", "std::map+lock", "libstdc++", std::string(k_lock_caveat)));
}

}  // namespace fluxmap_bench

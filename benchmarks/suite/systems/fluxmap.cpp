#include "../../peers/fluxmap.hpp"

#include "../instance.hpp"
#include "systems.hpp"

namespace fluxmap_bench {

void add_fluxmap(std::vector<System>& systems) {
  const auto add = [&](const char* id, const char* name, const char* caveat, Durability durability,
                       unsigned coroutines) {
    systems.push_back(system_of<FluxDefaultStore>(id, name, "this tree", caveat, durability == Durability::memory,
                                                  durability, coroutines));
  };
  add("fluxmap", "fluxmap", "Serializable transactions, snapshots, in memory. No caveat that its README does not tell.",
      Durability::memory, 1);
  add("fluxmap-relaxed", "fluxmap relaxed", "The same with a log that is synced every 100 ms.", Durability::relaxed, 1);
  add("fluxmap-full", "fluxmap full",
      "The same with a log; every commit is on the disk before it is acknowledged. 64 coroutines on each thread.",
      Durability::full, 64);
}

}  // namespace fluxmap_bench

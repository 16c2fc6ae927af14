#include "../../peers/fluxmap.hpp"

#include "../instance.hpp"
#include "systems.hpp"

namespace fluxmap_bench {

void add_fluxmap(std::vector<System>& systems) {
  const auto add = [&](std::string id, std::string name, std::string caveat, Durability durability,
                       unsigned coroutines) {
    systems.push_back({.id = std::move(id),
                       .name = std::move(name),
                       .version = "this tree",
                       .caveat = std::move(caveat),
                       .by_default = durability == Durability::memory,
                       .abilities = {},
                       .open = [=](Kind kind) { return open_store<FluxDefaultStore>(kind, durability, coroutines); }});
  };
  add("fluxmap", "fluxmap", "Serializable transactions, snapshots, in memory. No caveat that its README does not tell.",
      Durability::memory, 1);
  add("fluxmap-relaxed", "fluxmap relaxed", "The same with a log that is synced every 100 ms.", Durability::relaxed, 1);
  add("fluxmap-full", "fluxmap full",
      "The same with a log; every commit is on the disk before it is acknowledged. 64 coroutines on each thread.",
      Durability::full, 64);
}

}  // namespace fluxmap_bench

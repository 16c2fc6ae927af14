#include "../../peers/fluxmap.hpp"

#include "../instance.hpp"
#include "systems.hpp"

namespace fluxmap_bench {

void add_fluxmap_forms(std::vector<System>& systems) {
  systems.push_back({.id = "fluxmap-manual",
                     .name = "fluxmap begin/commit",
                     .version = "this tree",
                     .caveat = "fluxmap with begin() and commit() instead of transaction(closure).",
                     .by_default = false,
                     .abilities = {},
                     .open = [](Kind kind) { return open_store<FluxManualStore>(kind); }});
  systems.push_back(
      {.id = "fluxmap-plain",
       .name = "fluxmap plain",
       .version = "this tree",
       .caveat = "fluxmap without coroutines: inserts through a door of its own tests, not of its interface.",
       .by_default = false,
       .abilities = FluxPlainSession<std::uint64_t, std::uint64_t>::k_abilities,
       .open = [](Kind kind) { return open_store<FluxPlainStore>(kind); }});
}

}  // namespace fluxmap_bench

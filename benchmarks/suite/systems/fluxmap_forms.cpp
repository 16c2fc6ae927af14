#include "../../peers/fluxmap.hpp"

#include "../instance.hpp"
#include "systems.hpp"

namespace fluxmap_bench {

void add_fluxmap_forms(std::vector<System>& systems) {
  systems.push_back(system_of<FluxManualStore>("fluxmap-manual", "fluxmap begin/commit", "this tree",
                                               "fluxmap with begin() and commit() instead of transaction(closure).",
                                               false));
  systems.push_back(system_of<FluxPlainStore>(
      "fluxmap-plain", "fluxmap plain", "this tree",
      "fluxmap without coroutines: inserts through a door of its own tests, not of its interface.", false));
}

}  // namespace fluxmap_bench

#include "../../peers/tbb_map.hpp"

#include "../instance.hpp"
#include "systems.hpp"

#include <tbb/version.h>

namespace fluxmap_bench {

void add_tbb(std::vector<System>& systems) {
  systems.push_back(system_of<TbbStore>(
      "tbb", "tbb::concurrent_map", TBB_VERSION_STRING,
      "Single operations only: no transactions, no snapshots (a scan may see half of what another thread does), no "
      "concurrent erase. Its numbers are atomics, an overwrite is one store; longer values cannot be overwritten."));
}

}  // namespace fluxmap_bench

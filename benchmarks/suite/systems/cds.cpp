#include "../../peers/cds_map.hpp"

#include "../instance.hpp"
#include "systems.hpp"

#include <cds/version.h>

namespace fluxmap_bench {

void add_cds(std::vector<System>& systems) {
  systems.push_back(system_of<CdsStore>(
      "libcds", "libcds SkipListMap", CDS_VERSION_STRING,
      "Single operations only: no transactions, no snapshots, no scans. Its numbers are atomics, as with TBB."));
}

}  // namespace fluxmap_bench

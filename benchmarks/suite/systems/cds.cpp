#include "../../peers/cds_map.hpp"

#include "../instance.hpp"
#include "systems.hpp"

#include <cds/version.h>

namespace fluxmap_bench {

void add_cds(std::vector<System>& systems) {
  systems.push_back(
      {.id = "libcds",
       .name = "libcds SkipListMap",
       .version = CDS_VERSION_STRING,
       .caveat =
           "Single operations only: no transactions, no snapshots, no scans. Its numbers are atomics, as with TBB.",
       .abilities = CdsStore<std::uint64_t, std::uint64_t>::Session::k_abilities,
       .open = [](Kind kind) { return open_store<CdsStore>(kind); },
       .has =
           [](Workload workload, Kind kind) {
             const bool numbers = kind == Kind::u64_u64 || kind == Kind::s16_u64;
             return numbers || can_do({.overwrites = false, .updates = false}, workload);
           }});
}

}  // namespace fluxmap_bench

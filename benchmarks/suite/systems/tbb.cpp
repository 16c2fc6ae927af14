#include "../../peers/tbb_map.hpp"

#include "../instance.hpp"
#include "systems.hpp"

#include <tbb/version.h>

namespace fluxmap_bench {

void add_tbb(std::vector<System>& systems) {
  systems.push_back({.id = "tbb",
                     .name = "tbb::concurrent_map",
                     .version = TBB_VERSION_STRING,
                     .caveat = "Single operations only: no transactions, no snapshots (a scan may see half of what "
                               "another thread does), no concurrent erase. Its numbers are atomics, an overwrite is "
                               "one store; longer values cannot be overwritten.",
                     .abilities = TbbStore<std::uint64_t, std::uint64_t>::Session::k_abilities,
                     .open = [](Kind kind) { return open_store<TbbStore>(kind); },
                     .has =
                         [](Workload workload, Kind kind) {
                           const bool numbers = kind == Kind::u64_u64 || kind == Kind::s16_u64;
                           return numbers || can_do({.overwrites = false, .updates = false}, workload);
                         }});
}

}  // namespace fluxmap_bench

#include "../../peers/lmdb_store.hpp"

#include "../instance.hpp"
#include "systems.hpp"

namespace fluxmap_bench {

void add_lmdb(std::vector<System>& systems) {
  systems.push_back(system_of<LmdbStore>("lmdb", "LMDB", MDB_VERSION_STRING,
                                         "One writer at a time, serializable; readers see snapshots. A memory-mapped "
                                         "file on a file system in memory, never "
                                         "synced."));
}

}  // namespace fluxmap_bench

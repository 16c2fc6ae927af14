#include "../../peers/lmdb_store.hpp"

#include "../instance.hpp"
#include "systems.hpp"

namespace fluxmap_bench {

void add_lmdb(std::vector<System>& systems) {
  systems.push_back({.id = "lmdb",
                     .name = "LMDB",
                     .version = MDB_VERSION_STRING,
                     .caveat = "One writer at a time, serializable; readers see snapshots. A memory-mapped file on a "
                               "file system in memory, never synced.",
                     .abilities = LmdbStore<std::uint64_t, std::uint64_t>::Session::k_abilities,
                     .open = [](Kind kind) { return open_store<LmdbStore>(kind); }});
}

}  // namespace fluxmap_bench

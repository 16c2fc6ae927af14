#include "../../peers/sqlite_store.hpp"

#include "../instance.hpp"
#include "systems.hpp"

namespace fluxmap_bench {

void add_sqlite(std::vector<System>& systems) {
  systems.push_back({.id = "sqlite",
                     .name = "SQLite in memory",
                     .version = sqlite3_libversion(),
                     .caveat = "SQL, one connection behind one mutex: one thread at a time.",
                     .abilities = SqliteStore<std::uint64_t, std::uint64_t>::Session::k_abilities,
                     .open = [](Kind kind) { return open_store<SqliteStore>(kind); }});
}

}  // namespace fluxmap_bench

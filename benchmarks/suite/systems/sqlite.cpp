#include "../../peers/sqlite_store.hpp"

#include "../instance.hpp"
#include "systems.hpp"

namespace fluxmap_bench {

void add_sqlite(std::vector<System>& systems) {
  systems.push_back(system_of<SqliteStore>("sqlite", "SQLite in memory", sqlite3_libversion(),
                                           "SQL, one connection behind one mutex: one thread at a time."));
}

}  // namespace fluxmap_bench

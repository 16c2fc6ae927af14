#include "../../peers/rocksdb_store.hpp"

#include "../instance.hpp"
#include "systems.hpp"

#include <rocksdb/version.h>

namespace fluxmap_bench {

void add_rocksdb(std::vector<System>& systems) {
  systems.push_back(
      {.id = "rocksdb-opt",
       .name = "RocksDB optimistic",
       .version = rocksdb::GetRocksVersionAsString(),
       .caveat =
           "Memtable only, no log. Serializable for single keys that are read for update, not for "
           "ranges. A removal does not tell whether there was something. Holds some 60 MB of locks from the start.",
       .abilities = OptimisticRocksStore<std::uint64_t, std::uint64_t>::Session::k_abilities,
       .open = [](Kind kind) { return open_store<OptimisticRocksStore>(kind); }});
  systems.push_back({.id = "rocksdb-pess",
                     .name = "RocksDB pessimistic",
                     .version = rocksdb::GetRocksVersionAsString(),
                     .caveat = "The same with a lock for each key that is read or written, made when it is needed, and "
                               "detection of deadlocks: some 3 MB from the start.",
                     .abilities = PessimisticRocksStore<std::uint64_t, std::uint64_t>::Session::k_abilities,
                     .open = [](Kind kind) { return open_store<PessimisticRocksStore>(kind); }});
}

}  // namespace fluxmap_bench

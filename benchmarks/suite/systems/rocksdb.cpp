#include "../../peers/rocksdb_store.hpp"

#include "../instance.hpp"
#include "systems.hpp"

#include <rocksdb/version.h>

namespace fluxmap_bench {

void add_rocksdb(std::vector<System>& systems) {
  const auto version = rocksdb::GetRocksVersionAsString();
  systems.push_back(
      system_of<OptimisticRocksStore>("rocksdb-opt", "RocksDB optimistic", version,
                                      "Memtable only, no log. Serializable for single keys that are read for update, "
                                      "not for ranges. A removal does not "
                                      "tell whether there was something. Holds some 60 MB of locks from the start."));
  systems.push_back(
      system_of<PessimisticRocksStore>("rocksdb-pess", "RocksDB pessimistic", version,
                                       "The same with a lock for each key that is read or written, made when it is "
                                       "needed, and detection of deadlocks: some 3 MB from the start."));
}

}  // namespace fluxmap_bench

#include "systems.hpp"

namespace fluxmap_bench {

std::vector<System> all_systems() {
  std::vector<System> systems;
  add_fluxmap(systems);
  add_fluxmap_forms(systems);
  add_std_map(systems);
#if FLUXMAP_BENCH_ABSL
  add_absl(systems);
#endif
#if FLUXMAP_BENCH_TBB
  add_tbb(systems);
#endif
#if FLUXMAP_BENCH_CDS
  add_cds(systems);
#endif
#if FLUXMAP_BENCH_LMDB
  add_lmdb(systems);
#endif
#if FLUXMAP_BENCH_ROCKSDB
  add_rocksdb(systems);
#endif
#if FLUXMAP_BENCH_SQLITE
  add_sqlite(systems);
#endif
  return systems;
}

}  // namespace fluxmap_bench

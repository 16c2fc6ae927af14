// Where each file of this directory adds its systems. Which of them are compiled is CMake's choice.
#pragma once

#include "../system.hpp"

#include <vector>

namespace fluxmap_bench {

void add_fluxmap(std::vector<System>& systems);
void add_fluxmap_forms(std::vector<System>& systems);
void add_std_map(std::vector<System>& systems);
void add_absl(std::vector<System>& systems);
void add_tbb(std::vector<System>& systems);
void add_cds(std::vector<System>& systems);
void add_lmdb(std::vector<System>& systems);
void add_rocksdb(std::vector<System>& systems);
void add_sqlite(std::vector<System>& systems);

}  // namespace fluxmap_bench

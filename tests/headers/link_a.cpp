// With link_b.cpp: two translation units that include everything link together, and agree on one database type.
#include <fluxmap/fluxmap.hpp>

#include <cstddef>
#include <string>

std::size_t size_seen_elsewhere(const fluxmap::Database<int, std::string>& database);

int main() {
  fluxmap::Database<int, std::string> database;
  return database.size() == 0 && size_seen_elsewhere(database) == 0 ? 0 : 1;
}

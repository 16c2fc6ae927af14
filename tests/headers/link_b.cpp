// The other half of link_a.cpp.
#include <fluxmap/fluxmap.hpp>

#include <cstddef>
#include <string>

std::size_t size_seen_elsewhere(const fluxmap::Database<int, std::string>& database);

std::size_t size_seen_elsewhere(const fluxmap::Database<int, std::string>& database) {
  fluxmap::Database<int, std::string> another;
  return database.size() + another.size();
}

#include "descriptors.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace resp {

std::size_t reserved_descriptors(unsigned threads) noexcept {
  constexpr std::size_t the_database_and_others = 32;
  constexpr std::size_t an_event_loop = 3;
  return the_database_and_others + an_event_loop * threads;
}

std::size_t make_room_for_clients(std::size_t clients, unsigned threads) {
  const std::size_t reserved = reserved_descriptors(threads);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = limit.rlim_max = 1024;
  const rlim_t wanted = clients + reserved;
  if (limit.rlim_cur < wanted) {
    rlimit raised = limit;
    raised.rlim_cur = std::min(wanted, limit.rlim_max);
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  if (limit.rlim_cur >= wanted) return clients;
  if (limit.rlim_cur <= reserved) {
    throw std::runtime_error("a limit of " + std::to_string(limit.rlim_cur) + " open files (ulimit -n) is too low: " +
                             std::to_string(reserved) + " are set aside, and clients need one each");
  }
  return static_cast<std::size_t>(limit.rlim_cur) - reserved;
}

}  // namespace resp

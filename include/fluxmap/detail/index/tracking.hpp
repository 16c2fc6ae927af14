// What a database with a memory limit keeps with each entry, in front of it. · layer: index
//
//   Tracking | Entry | first version
//
// Reads mark it, without a lock; the eviction policy links it, under its own.
#pragma once

#include <fluxmap/config.hpp>

#include <boost/intrusive/list.hpp>

#include <atomic>
#include <cstdint>

namespace fluxmap::inline FLUXMAP_ABI::detail {

struct Tracking : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  std::uint32_t place = 0;  // where the policy has it; 0: nowhere. Guarded by the policy's lock
  std::uint32_t spare = 0;
  std::atomic<std::uint32_t> count{0};  // accesses since it came in; see AccessClock
  std::atomic<std::uint32_t> tick{0};   // of the last access
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

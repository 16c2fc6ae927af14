// What a thread remembers between its guards, for the threads of a run. They are one thread to the operating system, so
// its thread-local state is exchanged whenever another one goes on. Each has an epoch slot of its own to begin with, as
// real threads have: who takes over another one's slot is ordered after it, which would hide what is to be seen.
#pragma once

#include "relacy/harness.hpp"

#include <fluxmap/detail/index/epoch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace fluxmap_test::relacy {

inline std::array<fluxmap::detail::ThreadEpochState, 4> thread_states{};

// In before(), once.
inline void own_slots(fluxmap::detail::EpochDomain& domain) {
  using fluxmap::detail::thread_epoch_state;
  std::size_t at = 0;
  domain.for_each_slot([&](fluxmap::detail::EpochDomain::Slot& slot) {
    if (at >= thread_states.size()) return;
    slot.owner.store(&thread_epoch_state);
    thread_states[at] = {.slot_hint = static_cast<std::uint32_t>(at), .guards_held = 0};
    ++at;
  });
  thread_epoch_state = thread_states[rl::thread_index()];
  on_switch = [](rl::thread_id_t from, rl::thread_id_t to) {
    thread_states[static_cast<std::size_t>(from)] = thread_epoch_state;
    thread_epoch_state = thread_states[static_cast<std::size_t>(to)];
  };
}

}  // namespace fluxmap_test::relacy

// Named points of the protocol at which a test may switch threads. · layer: platform
//
// In an ordinary build they are empty. With FLUXMAP_SCHEDULE=1 each calls the hook that the test has set, with the
// point's number and whether the caller is waiting for another thread. The call sites are the same in both builds, so
// they cannot rot; only the bodies here differ, and with them the inline namespace (see config.hpp).
#pragma once

#include <fluxmap/config.hpp>

#if FLUXMAP_SCHEDULE
#include <atomic>
#endif

namespace fluxmap::inline FLUXMAP_ABI::detail {

enum class Point : unsigned {
  latch_before_cas,  // commit step 2: about to install a pending version
  latch_wait,        //   waiting for the holder of a key's latch
  latched,           //   all pending versions are in place
  committing,        // step 3: state = committing is set, no timestamp yet
  cts_taken,         //   timestamp drawn, slot not claimed
  cts_claimed,       //   slot claimed, timestamp not yet published in the descriptor
  cts_published,     //   timestamp published
  validate_read,     // step 4: about to check one read
  validate_wait,     //   waiting for a predecessor's timestamp or decision
  validated,         //   all reads were current
  decided,           // step 5: state is committed or aborted, the ring does not know yet
  abort_pop,         // step 6: about to pop one pending version
  ring_marked,       //   the ring knows
  publish_wait,      // step 7: waiting for published >= cts
  published,         //   visible to new snapshots, versions not stamped yet
  stamped,           //   stamped
  prune,             // about to unlink a dead version
  snapshot_loaded,   // a snapshot was read from the ring, not registered yet
  snapshot_stored,   //   stored in its slot, floor not checked yet
  refresh,           // a transaction is about to move its snapshot forward
  read_head,         // a reader has loaded a chain's head
  find_step,         // a search is about to look at the next entry, or has found its place
  unlink_marked,     // an entry was marked as leaving, and is linked still
  unlinked,          //   and was taken out of the list
  link,              // about to link a new entry
  lane_replace,      // about to publish a new block of the express lane
  lane_frozen,       //   a cell is frozen for its split
  lane_linked,       //   the right half is linked, both still frozen
  lane_wait,         //   waiting for a frozen block
  vacuum_close,      // about to close a dead chain
  vacuum_closed,     //   closed, still linked
  epoch_enter,       // about to publish the epoch of a guard
  ring_wait,         // waiting for room in the ring
  read_older,        // a reader is about to step to an older version
  view_floor,        // a pruner has raised the floor, has not listed the snapshots yet
  epoch_loaded,      // the epoch was read, the slot not claimed with it yet
  vacuum_released,   // vacuum has given back an entry's token, has not looked once more yet
  list_given,        // about to hand over a list of work
  vacuum_wait,       // vacuum waits for lists that it has asked for
  lock_wait,         // waiting for a lock that may be held at a schedule point
  expiring,          // timers that are due were taken out of the wheel, their values are there still
};

#if FLUXMAP_SCHEDULE
using ScheduleHook = void (*)(unsigned point, bool waiting);
// The scheduler of the running test; set before its threads start and cleared after they are joined.
inline std::atomic<ScheduleHook> schedule_hook{nullptr};

inline void schedule_point(Point point) {
  if (ScheduleHook hook = schedule_hook.load()) hook(static_cast<unsigned>(point), false);
}
inline void schedule_wait(Point point) {
  if (ScheduleHook hook = schedule_hook.load()) hook(static_cast<unsigned>(point), true);
}
#else
inline void schedule_point(Point) noexcept {}
inline void schedule_wait(Point) noexcept {}
#endif

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

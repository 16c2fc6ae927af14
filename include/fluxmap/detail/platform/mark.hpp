// The rare branches of the protocol, by name: a test tells whether the suites together have been on each of them, as
// SQLite's testcase() and TigerBeetle's marks do. · layer: platform
//
// In an ordinary build reach() is empty. With FLUXMAP_MARKS defined it notes the mark; tests/support/marks.hpp writes
// down what a program has reached. The call sites are the same in both builds.
#pragma once

#include <fluxmap/config.hpp>

#include <cstddef>

#ifdef FLUXMAP_MARKS
#include <array>
#include <atomic>
#endif

namespace fluxmap::inline FLUXMAP_ABI::detail {

#define FLUXMAP_DETAIL_EACH_MARK(mark)                                                                      \
  mark(ring_owner_helped)          /* a commit was told to the ring by another thread than its own */       \
      mark(ring_hole_skipped)      /* a timestamp that was drawn and not claimed was decided by a waiter */ \
      mark(ring_claim_lost)        /*   and its owner drew another one */                                   \
      mark(ring_was_full)          /* a committer waited for room in the ring */                            \
      mark(record_aborted)         /* a commit that stood still was aborted by a waiter */                  \
      mark(commit_found_aborted)   /*   and its owner found that out */                                     \
      mark(latch_met_closed)       /* a committer found the entry of its key leaving, and helped */         \
      mark(latch_popped_aborted)   /* a committer took an aborted version off a chain */                    \
      mark(entry_came_too_late)    /* another thread linked an entry for the same key first */              \
      mark(commit_stepped_aside)   /* a committer let a starving transaction go first */                    \
      mark(key_came_back)          /* a read found its key in another entry after its snapshot had moved */ \
      mark(snapshot_doomed)        /* a snapshot could not be moved */                                      \
      mark(snapshot_passed)        /* the floor had passed a snapshot before it was registered */           \
      mark(snapshot_slots_added)   /* more snapshots than there were slots */                               \
      mark(epoch_slots_added)      /* more guards than there were slots */                                  \
      mark(epoch_pause)            /* a thread paused for one that keeps what it retires */                 \
      mark(epoch_list_handed_over) /* a busy thread gave vacuum its list */                                 \
      mark(prune_met_another)      /* a chain was being pruned by somebody else */                          \
      mark(vacuum_lost_to_commit)  /* a commit landed on a chain that vacuum was about to close */          \
      mark(vacuum_freed_empty)     /* the entry of an aborted insertion was taken away */                   \
      mark(vacuum_looked_again)    /* something came while vacuum gave the token back */                    \
      mark(list_link_lost)         /* another thread changed the link that a new entry was to hang on */    \
      mark(list_walk_lost)         /* a search started over */                                              \
      mark(list_gap_mended)        /* after a long walk an entry joined the lane */                         \
      mark(lane_split)             /* a cell became two */                                                  \
      mark(lane_merged)            /* two cells became one */                                               \
      mark(lane_died)              /* the last entry of a cell has gone */                                  \
      mark(lane_met_frozen)        /* an insertion into the lane waited for a frozen cell */                \
      mark(lane_gave_up)           /*   and went without */                                                 \
      mark(lane_left_over)         /* what was to leave a frozen cell was left to whoever had frozen it */  \
      mark(lane_swept)             /*   who swept it out */

enum class Mark : std::size_t {
#define FLUXMAP_DETAIL_MARK(name) name,
  FLUXMAP_DETAIL_EACH_MARK(FLUXMAP_DETAIL_MARK)
#undef FLUXMAP_DETAIL_MARK
};

#ifdef FLUXMAP_MARKS
inline constexpr std::array k_mark_names{
#define FLUXMAP_DETAIL_MARK(name) #name,
    FLUXMAP_DETAIL_EACH_MARK(FLUXMAP_DETAIL_MARK)
#undef FLUXMAP_DETAIL_MARK
};
inline std::array<std::atomic<bool>, k_mark_names.size()> marks_reached{};

inline void reach(Mark mark) noexcept {
  // Relaxed: read at the end of the program.
  marks_reached[static_cast<std::size_t>(mark)].store(true, std::memory_order_relaxed);
}
#else
constexpr void reach(Mark) noexcept {}
#endif

#undef FLUXMAP_DETAIL_EACH_MARK

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

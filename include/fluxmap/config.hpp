// Build switches that every header sees.
//
// FLUXMAP_SCHEDULE (default 0): 1 turns the named schedule points into calls of a test's scheduler. That changes
// inline functions, so it changes the inline namespace too: the two builds cannot be mixed up by a linker.
// FLUXMAP_RELACY (default 0): 1 makes the engine's atomics and mutexes those of a model checker; see
// platform/atomic.hpp.
#pragma once

#ifndef FLUXMAP_SCHEDULE
#define FLUXMAP_SCHEDULE 0
#endif

#ifndef FLUXMAP_RELACY
#define FLUXMAP_RELACY 0
#endif

#if FLUXMAP_RELACY
#define FLUXMAP_ABI v1_relacy
#elif FLUXMAP_SCHEDULE
#define FLUXMAP_ABI v1_sched
#else
#define FLUXMAP_ABI v1
#endif

// All of the library. What is in fluxmap::detail is not for users; the inline namespace keeps builds apart.
namespace fluxmap {
inline namespace FLUXMAP_ABI {}
}  // namespace fluxmap

// The engine's atomics: std::atomic, or what a model checker has instead. · layer: platform
//
// Every atomic that belongs to an object is an Atomic; those with static storage, which no checker could give back, are
// std::atomic. With FLUXMAP_RELACY=1 the tests supply the type, before they include anything of fluxmap: see
// tests/relacy/model.hpp.
#pragma once

#include <fluxmap/config.hpp>

#include <atomic>

namespace fluxmap::inline FLUXMAP_ABI::detail {

#if FLUXMAP_RELACY
template <class T>
using Atomic = fluxmap_test::relacy::Atomic<T>;
#else
template <class T>
using Atomic = std::atomic<T>;
#endif

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

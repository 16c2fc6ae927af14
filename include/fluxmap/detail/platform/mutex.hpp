// A mutex that may be held at a schedule point. · layer: platform
//
// In an ordinary build it is std::mutex. A seeded scheduler runs one thread at a time and cannot see who waits in the
// operating system, so with FLUXMAP_SCHEDULE=1 the wait is made of schedule points. With FLUXMAP_RELACY=1 it is the
// model checker's.
#pragma once

#include <fluxmap/detail/platform/schedule_point.hpp>

#include <mutex>

namespace fluxmap::inline FLUXMAP_ABI::detail {

#if FLUXMAP_RELACY
using Mutex = fluxmap_test::relacy::Mutex;
#elif FLUXMAP_SCHEDULE
class Mutex {
 public:
  void lock() {
    while (!mutex_.try_lock()) schedule_wait(Point::lock_wait);
  }
  void unlock() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};
#else
using Mutex = std::mutex;
#endif

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// Whether the log's thread sleeps without an end. · layer: storage
//
// It says so before it looks whether there is something to do; whoever makes something to do (moves `decided`) looks
// here afterwards. All of it is seq_cst [G4], so one of the two sees the other, and in the usual case nobody takes the
// lock under which the thread sleeps.
// Thread safety: set and clear by the log's thread, the rest by all.
#pragma once

#include <fluxmap/detail/platform/atomic.hpp>

#include <atomic>

namespace fluxmap::inline FLUXMAP_ABI::detail {

class LogIdle {
 public:
  LogIdle() = default;
  LogIdle(const LogIdle&) = delete;
  LogIdle& operator=(const LogIdle&) = delete;

  void set() noexcept { idle_.store(true, std::memory_order_seq_cst); }           // [G4]
  bool is_set() const noexcept { return idle_.load(std::memory_order_seq_cst); }  // [G4]
  void clear() noexcept { idle_.store(false, std::memory_order_relaxed); }        // a needless notify is harmless

 private:
  Atomic<bool> idle_{false};
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

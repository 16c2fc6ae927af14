// Whose turn it is with the log: one thread at a time. · layer: storage
//
// Who finds it taken goes away and leaves its work to the holder. So whoever gives it back looks afterwards whether
// there is more to do, and whoever has made more to do (has moved `decided`) tries to take it afterwards; all of it
// seq_cst [G3], so one of the two sees the other. Thread safety: all calls. Lock-free.
#pragma once

#include <fluxmap/detail/platform/atomic.hpp>

#include <atomic>
#include <thread>

namespace fluxmap::inline FLUXMAP_ABI::detail {

class LogTurn {
 public:
  LogTurn() = default;
  LogTurn(const LogTurn&) = delete;
  LogTurn& operator=(const LogTurn&) = delete;

  bool try_take() noexcept {
    // [G3] seq_cst, the first look too: it spares a write of a shared line, and an old value would leave work undone.
    // acquire, in the exchange: what the last holder did.
    return !taken_.load(std::memory_order_seq_cst) && !taken_.exchange(true, std::memory_order_seq_cst);
  }
  void take() noexcept {
    while (!try_take()) std::this_thread::yield();  // another holder writes to the page cache, no more
  }
  void give_back() noexcept { taken_.store(false, std::memory_order_seq_cst); }  // [G3]

 private:
  alignas(128) Atomic<bool> taken_{false};
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// Waiting for another thread without a lock. · layer: platform
#pragma once

#include <fluxmap/detail/platform/schedule_point.hpp>

#include <chrono>
#include <thread>

namespace fluxmap::inline FLUXMAP_ABI::detail {

inline void cpu_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  asm volatile("pause");  // not _mm_pause: its header is a megabyte of every program's compilation
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Three stages: pauses (the other thread is running and will be done in nanoseconds), then yields (it may have lost
// its core to us), and at last stalled() (it has been away for as long as a scheduler's time slice, and whoever waits
// may take the decision out of its hands). Local to one wait on one thread.
class SpinWait {
 public:
  explicit SpinWait(Point where) noexcept : where_(where) {}

  // One step of waiting.
  void step() {
    schedule_wait(where_);
    ++steps_;
    if constexpr (FLUXMAP_SCHEDULE != 0) return;  // the test's scheduler has already run somebody else
    if (steps_ <= k_pause_rounds) {
      for (unsigned i = 0; i < (1U << steps_); ++i) cpu_pause();
      return;
    }
    if (steps_ == k_pause_rounds + 1) started_ = std::chrono::steady_clock::now();
    std::this_thread::yield();
  }

  // True once the other thread has shown no progress for the bound. The bound is steps in a schedule build, so that
  // a run is a function of its seed, and time otherwise.
  bool stalled() const {
    if constexpr (FLUXMAP_SCHEDULE != 0) return steps_ > k_schedule_bound;
    return steps_ > k_pause_rounds + k_min_yields && std::chrono::steady_clock::now() - started_ > k_bound;
  }

  // The other thread has moved on: the bound starts again.
  void progressed() noexcept { steps_ = 0; }

 private:
  static constexpr unsigned k_pause_rounds = 6;  // 2 + 4 + .. + 64 pauses: about 3 us, longer than a whole commit
  static constexpr unsigned k_min_yields = 16;   // a single slow clock reading must not condemn anybody
  static constexpr unsigned k_schedule_bound = 24;
  static constexpr std::chrono::milliseconds k_bound{4};  // beyond a usual time slice, far below what a user notices

  Point where_;
  unsigned steps_ = 0;
  std::chrono::steady_clock::time_point started_{};
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// Who runs next: relacy's random choice at every step, but in bursts. A thread that is stopped between two of its steps
// for as long as another one scans sixty slots is what many of the protocols are about; a coin at each step never does
// that. How long the bursts are is drawn anew for each run.
#pragma once

#include "relacy/model.hpp"

namespace fluxmap_test::relacy {

// Called when another thread goes on; null: nothing is to be done.
inline void (*on_switch)(rl::thread_id_t from, rl::thread_id_t to) = nullptr;

template <rl::thread_id_t k_threads>
class BurstScheduler : public rl::scheduler<BurstScheduler<k_threads>, rl::scheduler_thread_info, k_threads> {
  using Base = rl::scheduler<BurstScheduler<k_threads>, rl::scheduler_thread_info, k_threads>;

 public:
  using shared_context_t = typename Base::shared_context_t;
  struct task_t {};

  BurstScheduler(rl::test_params& params, shared_context_t& context, rl::thread_id_t dynamic)
      : Base(params, context, dynamic) {}

  // What Base asks for.
  rl::thread_id_t iteration_begin_impl() {
    random_.seed(this->iter_);
    burst_ = 1U << random_.rand() % k_longest_bits;
    on_switch = nullptr;
    return anybody();
  }
  bool iteration_end_impl() { return this->iter_ == this->params_.iteration_count; }
  rl::thread_id_t schedule_impl(rl::unpark_reason& reason, unsigned yield) {
    reason = rl::unpark_reason_normal;
    const bool goes_on =
        yield == 0 && this->thread_->state_ == rl::thread_state_running && random_.rand() % burst_ != 0;
    if (goes_on) return this->thread_->index_;
    const rl::thread_id_t next = anybody();
    if (on_switch != nullptr && next != this->thread_->index_) on_switch(this->thread_->index_, next);
    return next;
  }
  unsigned rand_impl(unsigned limit, rl::sched_type) { return random_.rand() % limit; }
  rl::iteration_t iteration_count_impl() { return this->params_.iteration_count; }
  void get_state_impl(std::ostream&) {}
  void set_state_impl(std::istream&) {}
  void on_thread_block(rl::thread_id_t, bool) {}

 private:
  static constexpr unsigned k_longest_bits = 8;  // up to 128 steps

  rl::thread_id_t anybody() {
    return this->running_threads[random_.rand() % static_cast<unsigned>(this->running_threads_count)];
  }

  rl::random_generator random_;
  unsigned burst_ = 1;
};

}  // namespace fluxmap_test::relacy

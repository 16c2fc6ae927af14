// How commits come to the log, and how those who wait for it are told. [G1] [G2]
#include "relacy/harness.hpp"

#include <fluxmap/detail/storage/commit_queue.hpp>
#include <fluxmap/detail/storage/log_marks.hpp>
#include <fluxmap/detail/txn/commit_ring.hpp>

#include <array>

namespace {

using namespace fluxmap_test::relacy;
using namespace fluxmap::detail;

struct Logged final : LoggedCommit {
  void publish(EpochGuard&) noexcept override {}
  Plain<int> redo_bytes;
};

// Two commits are pushed before they are decided. Who reads `decided` first and collects then has them all, whole.
struct Pushed : Suite<Pushed, 3> {
  CommitRing ring{8};
  CommitQueue queue;

  void thread(unsigned index) {
    if (index < 2) {
      auto* const commit = new Logged;  // the queue's from the push on
      CommitState state = CommitState::active;
      commit->state.compare_exchange_strong(state, CommitState::committing);
      const Cts cts = ring.take(*commit);
      commit->redo_bytes.set(1);
      queue.push(*commit);
      state = CommitState::committing;
      commit->state.compare_exchange_strong(state, CommitState::committed, std::memory_order_acq_rel);
      ring.mark_done(cts);
      ring.advance();
      return;
    }
    for (int i = 0; i < 2; ++i) {
      const Cts upto = ring.decided();
      queue.collect();
      Cts last = 0;
      for (const LoggedCommit* commit : queue.pending()) {
        const Cts cts = CommitQueue::cts_of(*commit);
        expect(cts > last, "not in the order of the timestamps");
        last = cts;
        expect(static_cast<const Logged*>(commit)->redo_bytes.get() == 1, "a record is not whole");
      }
      expect(queue.pending().size() >= upto, "decided, and the log has not got it");
    }
  }
};

struct Waiter final : LogWaiter {
  using LogWaiter::LogWaiter;
  void wake(boost::system::error_code) noexcept override { woken.set(woken.get() + 1); }
  Plain<int> woken;
};

// One moves the mark, two wait for it: each is woken, once, and sees what was done before the mark was moved.
struct Marks : Suite<Marks, 3> {
  LogMarks marks{0};
  Plain<int> written;
  std::array<Waiter, 2> waiters{Waiter{1}, Waiter{2}};

  void thread(unsigned index) {
    if (index == 0) {
      for (Cts to = 1; to <= 2; ++to) {
        if (to == 1) written.set(1);
        marks.move(LogMark::written, to);
        marks.wake_reached();
      }
    } else {
      marks.wait(LogMark::written, waiters[index - 1]);
      if (marks.get(LogMark::written) > 0) expect(written.get() == 1, "the mark was moved before it was true");
    }
  }
  void after() {
    for (const Waiter& waiter : waiters) expect(waiter.woken.get() == 1, "a waiter was not woken once");
    marks.end({});
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv, {scenario<Pushed>("pushed", 20000), scenario<Marks>("marks", 20000)});
}

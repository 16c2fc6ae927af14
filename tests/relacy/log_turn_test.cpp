// Who writes to the log, and that nobody sleeps beside work. [G3] [G4]
#include "relacy/harness.hpp"

#include <fluxmap/detail/storage/commit_queue.hpp>
#include <fluxmap/detail/storage/log_idle.hpp>
#include <fluxmap/detail/storage/log_marks.hpp>
#include <fluxmap/detail/storage/log_turn.hpp>
#include <fluxmap/detail/txn/commit_ring.hpp>

#include <array>
#include <mutex>

namespace {

using namespace fluxmap_test::relacy;
using namespace fluxmap::detail;

// A whole commit, up to where its committer turns to the log.
void commit(CommitRing& ring, CommitRecord& record) {
  CommitState state = CommitState::active;
  record.state.compare_exchange_strong(state, CommitState::committing);
  const Cts cts = ring.take(record);
  state = CommitState::committing;
  record.state.compare_exchange_strong(state, CommitState::committed, std::memory_order_acq_rel);
  ring.mark_done(cts);
  ring.wait_decided(cts);
}

// Level relaxed: whoever has committed writes what is decided, unless somebody is at it (Log::write_now).
struct Turns : Suite<Turns, 2> {
  CommitRing ring{8};
  LogTurn turn;
  LogMarks marks{0};
  std::array<CommitRecord, 2> records;
  Plain<Cts> segment;  // the last commit in it

  void thread(unsigned index) {
    commit(ring, records[index]);
    while (ring.decided() > marks.get(LogMark::written) && turn.try_take()) {
      const Cts upto = ring.decided();
      expect(segment.get() <= upto, "written backwards");
      segment.set(upto);
      marks.move(LogMark::written, upto);
      turn.give_back();
      marks.wake_reached();
    }
  }
  void after() { expect(marks.get(LogMark::written) == ring.decided(), "decided, and nobody will write it"); }
};

// The log's thread goes to sleep without an end (Log::sleep), while a commit is decided (Log::notify).
struct Sleep : Suite<Sleep, 2> {
  CommitRing ring{8};
  LogIdle idle;
  Mutex mutex;
  CommitRecord record;
  bool sleeps = false, woken = false;  // the condition variable: inside the mutex

  void thread(unsigned index) {
    if (index == 0) {
      const std::lock_guard lock(mutex);
      idle.set();
      if (ring.decided() == 0) sleeps = true;
    } else {
      commit(ring, record);
      if (!idle.is_set()) return;
      const std::lock_guard lock(mutex);
      woken = true;
    }
  }
  void after() { expect(!sleeps || woken, "the log's thread sleeps beside work"); }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv, {scenario<Turns>("turns", 20000), scenario<Sleep>("sleep", 20000)});
}

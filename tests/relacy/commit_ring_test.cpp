// The commit ring: timestamps, decisions, and who is told of them. [P4] [P5] [P6]
#include "relacy/harness.hpp"

#include <fluxmap/detail/txn/commit_ring.hpp>

#include <array>
#include <memory>

namespace {

using namespace fluxmap_test::relacy;
using fluxmap::detail::CommitRecord;
using fluxmap::detail::CommitRing;
using fluxmap::detail::CommitState;
using fluxmap::detail::Cts;

constexpr std::size_t k_ring = 8;

// What commits leave behind, by timestamp: 1 with a commit.
using Effects = std::array<Plain<int>, 32>;  // timestamps are skipped where a thread seems stalled

// Steps 3 and 5, as Commit has them. False: taken for stalled.
bool decide(CommitRing& ring, CommitRecord& record, Effects& effects, Cts& cts) {
  CommitState state = CommitState::active;
  if (!record.state.compare_exchange_strong(state, CommitState::committing, std::memory_order_seq_cst)) return false;
  cts = ring.take(record);
  expect(cts < effects.size(), "a timestamp that nobody can have drawn");
  effects[cts].set(1);
  state = CommitState::committing;
  return record.state.compare_exchange_strong(state, CommitState::committed, std::memory_order_acq_rel);
}

// Two commit; the third sees what is decided, with all that those commits have done.
struct Decided : Suite<Decided, 3> {
  CommitRing ring{k_ring};
  std::array<CommitRecord, 2> records;
  Effects effects;

  void thread(unsigned index) {
    if (index < 2) {
      Cts cts = 0;
      expect(decide(ring, records[index], effects, cts), "nobody waits, but a commit was aborted");
      ring.mark_done(cts);
      ring.advance();
      return;
    }
    ring.advance();  // helps: decided without a word from those who have
    Cts before = 0;
    for (int i = 0; i < 3; ++i) {
      const Cts now = ring.decided();
      expect(now >= before, "time runs backwards");
      for (Cts cts = 1; cts <= now; ++cts) expect(effects[cts].get() == 1, "decided, and not there");
      before = now;
    }
  }
  void after() {
    ring.advance();  // each of the two may have come before the other's mark
    expect(ring.decided() == 2, "a decision is lost");
  }
};

// The same, but whoever waits may take the others for stalled: slots are skipped, records aborted.
struct Stalled : Suite<Stalled, 3> {
  CommitRing ring{k_ring};
  std::array<CommitRecord, 3> records;
  Effects effects;

  void thread(unsigned index) {
    Cts cts = 0;
    const bool committed = decide(ring, records[index], effects, cts);
    if (!committed) effects[cts].set(1);  // a hole is as good for those who count
    ring.mark_done(cts);
    ring.wait_decided(cts);
    if (committed) expect(ring.decided() >= cts, "acknowledged before it is decided");
  }
};

// The slots are used again and again, and a record lives no longer than its commit.
struct Laps : Suite<Laps, 2> {
  CommitRing ring{4};
  Effects effects;

  void thread(unsigned) {
    for (int i = 0; i < 3; ++i) {
      // Kept until the end: in the engine the epochs do that.
      CommitRecord& record = records_[used_++];
      Cts cts = 0;
      const bool committed = decide(ring, record, effects, cts);
      ring.mark_done(cts);
      ring.wait_decided(cts);
      if (!committed) continue;
      expect(effects[cts].get() == 1, "another commit has the same timestamp");
    }
  }

 private:
  std::array<CommitRecord, 6> records_;
  std::size_t used_ = 0;  // only one thread runs at a time
};

// Readers see nothing that is not on the disk.
struct Durable : Suite<Durable, 3> {
  CommitRing ring{k_ring};
  CommitRecord record;
  Effects effects;
  Plain<int> synced;

  void before() { ring.set_durable(0); }
  void thread(unsigned index) {
    Cts cts = 0;
    switch (index) {
      case 0:
        decide(ring, record, effects, cts);
        ring.mark_done(cts);
        ring.advance();
        break;
      case 1:
        if (ring.decided() == 0) break;
        synced.set(1);
        ring.set_durable(1);
        break;
      default:
        if (ring.published() == 0) break;
        expect(synced.get() == 1, "published before it is on the disk");
        expect(effects[1].get() == 1, "published, and not there");
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv,
             {scenario<Decided>("decided", 20000), scenario<Stalled>("stalled", 10000), scenario<Laps>("laps", 10000),
              scenario<Durable>("durable", 10000)});
}

// What a concurrent test remembers of a run: one record per transaction, enough to rebuild its serialization graph.
//
// The format knows nothing of the engine. Versions are named by the commit timestamp (cts) of their writer; the first
// cts is 1 and 0 names the initial state, in which every key is absent. Checked by serialization_graph.hpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

namespace fluxmap_test {

using Stamp = std::uint64_t;

// "Absent, and I cannot tell by which tombstone" (vacuum may have unlinked it). The checker resolves it to the newest
// absent-making version at the reader's position, and complains when the key was live there.
inline constexpr Stamp k_unknown_absent = ~Stamp{0};

// The end tick of a commit that stands but was never acknowledged: it precedes nobody in real time.
inline constexpr std::uint64_t k_never = ~std::uint64_t{0};

struct KeyRead {
  std::int64_t key = 0;
  Stamp version = 0;        // cts of the version seen; 0: nothing there; or k_unknown_absent
  bool live = false;        // it was a value, not a tombstone or nothing
  std::uint64_t value = 0;  // optional tag of the value seen (a hash); 0: not recorded
};

struct RangeRead {
  std::int64_t first = 0;              // the range covered, [first, last): for a scan that stopped early only the part
  std::int64_t last = 0;               // it walked, gaps included
  std::vector<KeyRead> seen;           // the live keys, ascending or (reverse scan) descending
  std::vector<std::int64_t> excluded;  // keys hidden by the transaction's own writes at scan time: no dependency
};

struct KeyWrite {
  std::int64_t key = 0;
  bool tombstone = false;
  std::uint64_t value = 0;  // as in KeyRead
};

enum class TxnKind : std::uint8_t { read_write, read_only, autocommit_read };

struct TxnRecord {
  std::uint64_t id = 0;
  TxnKind kind = TxnKind::read_write;
  bool committed = false;
  // Of a transaction with writes: its cts (an aborted one may have drawn one too). Without writes: its snapshot S.
  // An autocommit_read may leave 0: it does not know where it stood, and the checker finds a place for it.
  Stamp position = 0;
  // From one counter: begin is drawn before the first operation, end after the acknowledgement. A commit nobody waits
  // for (eviction, expiry) has begin 0 and end k_never.
  std::uint64_t begin_tick = 0;
  std::uint64_t end_tick = k_never;
  std::vector<KeyRead> reads;  // not those answered by the transaction's own writes
  std::vector<RangeRead> ranges;
  std::vector<KeyWrite> writes;  // of a key written more than once, the last one counts

  bool writer() const { return !writes.empty(); }
  bool position_known() const { return kind != TxnKind::autocommit_read || position != 0 || writer(); }
};

// Collects records from many threads. A lane belongs to one thread or coroutine at a time and is filled without locks.
// Thread safety: open_lane, tick and next_id from anywhere; take() only after every lane has fallen silent.
class HistoryRecorder {
 public:
  class Lane {
   public:
    explicit Lane(HistoryRecorder& owner) : owner_(&owner) {}

    // Call before the first operation of the transaction.
    TxnRecord begin(TxnKind kind) {
      TxnRecord record;
      record.id = owner_->next_id();
      record.kind = kind;
      record.begin_tick = owner_->tick();
      return record;
    }
    // Call after the acknowledgement.
    void commit(TxnRecord&& record, Stamp position) {
      record.end_tick = owner_->tick();
      record.committed = true;
      record.position = position;
      records_.push_back(std::move(record));
    }
    // An aborted transaction is kept to explain dirty reads; `position` is the cts it lost, if any.
    void abort(TxnRecord&& record, Stamp position = 0) {
      record.end_tick = owner_->tick();
      record.committed = false;
      record.position = position;
      records_.push_back(std::move(record));
    }
    // For records with ticks of their own.
    void add(TxnRecord&& record) { records_.push_back(std::move(record)); }

   private:
    friend class HistoryRecorder;
    HistoryRecorder* owner_;
    std::vector<TxnRecord> records_;
  };

  // The lane stays valid as long as the recorder.
  Lane& open_lane() {
    const std::lock_guard lock(mutex_);
    return lanes_.emplace_back(*this);
  }

  // seq_cst, not relaxed: the order of two ticks must imply the order of the operations around them, whatever orders
  // the engine itself uses. A stronger tick can only hide real-time edges of a weakly ordered machine, never invent
  // one.
  std::uint64_t tick() { return ticks_.fetch_add(1, std::memory_order_seq_cst) + 1; }

  std::uint64_t next_id() { return ids_.fetch_add(1, std::memory_order_relaxed) + 1; }  // only uniqueness is needed

  std::vector<TxnRecord> take() {
    const std::lock_guard lock(mutex_);
    std::vector<TxnRecord> all;
    for (Lane& lane : lanes_) {
      for (TxnRecord& record : lane.records_) all.push_back(std::move(record));
      lane.records_.clear();
    }
    return all;
  }

 private:
  std::atomic<std::uint64_t> ticks_{0};
  std::atomic<std::uint64_t> ids_{0};
  std::mutex mutex_;
  std::deque<Lane> lanes_;  // a deque: lanes never move
};

}  // namespace fluxmap_test

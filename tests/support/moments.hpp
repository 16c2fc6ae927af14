// Histories under a clock that moves: each transaction has one "now", and a value is there for it only until the
// value's deadline. The nows are not recorded. They follow from what was read and written, and the history is wrong
// where no single one explains all of a transaction.
#pragma once

#include "support/removals.hpp"

#include <fluxmap/clock.hpp>
#include <fluxmap/detail/platform/deadline.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_test {

using fluxmap::detail::Deadline;

// When the clock stood where, by the ticks of a history's recorder.
class ClockLog {
 public:
  ClockLog(fluxmap::ManualClock& clock) : clock_(clock), first_(fluxmap::detail::as_deadline(clock.now())) {}

  template <class Tick>
  void advance(std::chrono::microseconds by, Tick tick) {
    const std::uint64_t before = tick();
    clock_.advance(by);
    const Deadline to = fluxmap::detail::as_deadline(clock_.now());
    moves_.push_back({before, tick(), to});
  }

  // The clock stood there at least, or at most, at a tick.
  Deadline earliest(std::uint64_t tick) const {
    const auto next = std::lower_bound(moves_.begin(), moves_.end(), tick,
                                       [](const Move& move, std::uint64_t t) { return move.after < t; });
    return next == moves_.begin() ? first_ : (next - 1)->to;
  }
  Deadline latest(std::uint64_t tick) const {
    const auto next = std::lower_bound(moves_.begin(), moves_.end(), tick,
                                       [](const Move& move, std::uint64_t t) { return move.before < t; });
    return next == moves_.begin() ? first_ : (next - 1)->to;
  }

 private:
  struct Move {
    std::uint64_t before, after;
    Deadline to;
  };

  fluxmap::ManualClock& clock_;
  const Deadline first_;
  std::vector<Move> moves_;
};

// Looks for a now of each transaction, and rewrites what was absent because it had expired as a read of the expired
// version, which is what it depends on. Needs every version (KeptChains), each written to live for `lasts`. Reads of
// unknown position are only asked for values that had expired already.
class Moments {
 public:
  Moments(const std::vector<KeptChain>& chains, const ClockLog& clock, std::chrono::microseconds lasts)
      : chains_(chains), clock_(clock), lasts_(lasts.count()) {}

  // What is wrong; empty: nothing.
  std::string settle(std::vector<TxnRecord>& history) {
    for (TxnRecord& txn : history) {
      if (!txn.committed || txn.end_tick == k_never) continue;
      from_ = clock_.earliest(txn.begin_tick);
      upto_ = clock_.latest(txn.end_tick);
      for (const KeyWrite& write : txn.writes) {
        if (!write.tombstone) written(version_at(chain_of(write.key), txn.position)->deadline);
      }
      for (KeyRead& read : txn.reads) point(txn, read);
      for (RangeRead& range : txn.ranges) scan(txn, range);
      if (from_ > upto_) return describe(txn) + ": there is no now at which all of this was so";
    }
    return {};
  }

  // Tombstones of expiry must not come before the deadline: whoever drew a later timestamp, or saw them, ended later.
  std::string judge_removals(const std::vector<TxnRecord>& history) const {
    std::vector<std::pair<Stamp, Deadline>> ends;  // position, and the time by which its transaction had ended
    for (const TxnRecord& txn : history) {
      if (txn.committed && txn.end_tick != k_never) ends.emplace_back(txn.position, clock_.latest(txn.end_tick));
    }
    std::sort(ends.begin(), ends.end());
    for (std::size_t i = ends.size(); i > 1; --i) ends[i - 2].second = std::min(ends[i - 2].second, ends[i - 1].second);
    for (const TxnRecord& txn : history) {
      if (txn.end_tick != k_never) continue;
      const KeyRead& removed = txn.reads.front();
      const KeptVersion* const version = version_at(chain_of(removed.key), removed.version);
      const auto next = std::lower_bound(ends.begin(), ends.end(), std::pair{txn.position, Deadline{0}});
      if (next == ends.end() || version->deadline <= next->second) continue;
      return describe(txn) + " removed key " + std::to_string(removed.key) + ", version " +
             std::to_string(removed.version) + ", before it had expired";
    }
    return {};
  }

  std::size_t expired() const { return expired_; }  // reads that found something expired

 private:
  const KeptChain& chain_of(std::int64_t key) const {
    static const KeptChain none;  // of a key in a range that nobody writes
    return static_cast<std::size_t>(key) < chains_.size() ? chains_[static_cast<std::size_t>(key)] : none;
  }

  void written(Deadline deadline) {
    from_ = std::max(from_, deadline - lasts_);
    upto_ = std::min(upto_, deadline - lasts_);
  }
  void live(const KeyRead& read) {
    const KeptVersion* const version = version_at(chain_of(read.key), read.version);
    if (version != nullptr) upto_ = std::min(upto_, version->deadline - 1);
  }
  // The version that an absent read passed over; null: there was none.
  const KeptVersion* passed_over(const TxnRecord& txn, std::int64_t key) {
    if (!txn.position_known()) return nullptr;
    const KeptVersion* const version = version_at(chain_of(key), reads_upto(txn));
    if (version == nullptr || version->tombstone) return nullptr;
    from_ = std::max(from_, version->deadline);
    ++expired_;
    return version;
  }
  void point(const TxnRecord& txn, KeyRead& read) {
    if (read.live) return live(read);
    if (const KeptVersion* const version = passed_over(txn, read.key)) {
      read = {read.key, version->cts, true, version->write};
    }
  }
  void scan(TxnRecord& txn, RangeRead& range) {
    auto seen = range.seen.begin();
    for (std::int64_t key = range.first; key < range.last; ++key) {
      if (seen != range.seen.end() && seen->key == key) {
        live(*seen++);
      } else if (std::count(range.excluded.begin(), range.excluded.end(), key) == 0) {
        const KeptVersion* const version = passed_over(txn, key);
        if (version == nullptr) continue;
        range.excluded.push_back(key);
        txn.reads.push_back({key, version->cts, true, version->write});
      }
    }
  }

  const std::vector<KeptChain>& chains_;
  const ClockLog& clock_;
  const Deadline lasts_;
  Deadline from_ = 0, upto_ = 0;  // of the transaction that is looked at
  std::size_t expired_ = 0;
};

}  // namespace fluxmap_test

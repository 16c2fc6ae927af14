// The stronger of the two checks: not only some serial order, but the one of the commit timestamps.
//
// A read-write transaction at cts c must have read exactly the state just before c, a reader at snapshot S the state
// after every cts <= S, and positions must agree with real time. The histories of the engine must pass it; a history
// that passes is strictly serializable.
#pragma once

#include "support/version_index.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace fluxmap_test {

// Where each transaction stands in commit order: it reads the state after all cts <= upto.
struct Places {
  std::vector<Stamp> upto;  // by index in the history; meaningful for committed transactions
  CheckResult fault;        // the first place that contradicts real time, or the first reader that fits nowhere
};

// The earliest position from `lowest` on at which everything an unplaced reader saw was true at once.
inline std::optional<Stamp> earliest_fit(const VersionIndex& index, const TxnRecord& txn, Stamp lowest) {
  Stamp place = lowest;
  for (bool moved = true; moved;) {  // ends: place only grows, and only to the cts of some version
    moved = false;
    bool fits = true;
    index.for_each_read(txn, [&](const KeyRead& read) {
      const auto chain = index.chain_of(read.key);
      const VersionRef* state = chain.at(place);
      Stamp wanted = place;
      if (read.version == k_unknown_absent) {
        if (state == nullptr || state->tombstone) return;
        const VersionRef* next = state;
        while (next != chain.end() && !next->tombstone) ++next;
        if (next == chain.end())
          fits = false;
        else
          wanted = next->cts;
      } else {
        wanted = std::max(place, read.version);
        const VersionRef* now = chain.at(wanted);
        if ((now == nullptr ? 0 : now->cts) != read.version) fits = false;
      }
      if (wanted > place) place = wanted, moved = true;
    });
    if (!fits) return std::nullopt;
  }
  return place;
}

// Walks the history in real time. A reader of unknown position gets the earliest place that real time and its reads
// allow; that choice constrains later transactions least, so if any placement works, this one does.
inline Places find_places(const VersionIndex& index) {
  const auto& history = index.history();
  Places places;
  places.upto.assign(history.size(), 0);
  struct Event {
    std::uint64_t tick;
    bool end;  // of two events at one tick the begin comes first: only end < begin orders two transactions
    std::size_t txn;
  };
  std::vector<Event> events;
  events.reserve(history.size() * 2);
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (!history[i].committed) continue;
    events.push_back({history[i].begin_tick, false, i});
    if (history[i].end_tick != k_never) events.push_back({history[i].end_tick, true, i});
  }
  std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
    return std::tie(a.tick, a.end, a.txn) < std::tie(b.tick, b.end, b.txn);
  });

  Stamp newest = 0;  // the largest position of a transaction that has ended
  const TxnRecord* newest_txn = nullptr;
  for (const Event& event : events) {
    const TxnRecord& txn = history[event.txn];
    Stamp& upto = places.upto[event.txn];
    if (event.end) {
      const Stamp position = txn.writer() ? txn.position : upto;
      if (position > newest) newest = position, newest_txn = &txn;
      continue;
    }
    CheckResult fault;
    if (txn.position_known()) {
      upto = txn.writer() ? txn.position - 1 : txn.position;
      if (upto < newest) {
        fault = {Anomaly::real_time_order,
                 describe(*newest_txn) + " ended before " + describe(txn) +
                     " began, but does not precede it in commit order",
                 {newest_txn->id, txn.id}};
      }
    } else if (const auto fit = earliest_fit(index, txn, newest)) {
      upto = *fit;
    } else {
      upto = newest;
      fault = {Anomaly::stale_read,
               "what " + describe(txn) + " read was never true at once after position " + std::to_string(newest),
               {txn.id}};
    }
    if (places.fault.ok()) places.fault = std::move(fault);
  }
  return places;
}

inline CheckResult missed_live_key(const VersionIndex& index, const TxnRecord& txn, const KeyRead& read,
                                   const VersionRef& state) {
  const TxnRecord& source = index.history()[state.txn];
  return {Anomaly::missed_live_key,
          describe(txn) + " read " + describe(read) + ", but at its position the key was live: version " +
              std::to_string(state.cts) + " of " + describe(source),
          {txn.id, source.id}};
}

inline CheckResult check_commit_order(const std::vector<TxnRecord>& history) {
  const VersionIndex index(history);
  if (CheckResult fault = index.check_records(); !fault.ok()) return fault;
  Places places = find_places(index);
  for (std::size_t i = 0; i < history.size(); ++i) {
    const TxnRecord& txn = history[i];
    if (!txn.committed || !txn.position_known()) continue;  // the others were placed where their reads hold
    CheckResult fault;
    index.for_each_read(txn, [&](const KeyRead& read) {
      if (!fault.ok()) return;
      const VersionRef* state = index.chain_of(read.key).at(places.upto[i]);
      if (read.version == k_unknown_absent) {
        if (state != nullptr && !state->tombstone) fault = missed_live_key(index, txn, read, *state);
      } else if (const Stamp current = state == nullptr ? 0 : state->cts; current != read.version) {
        fault = {Anomaly::stale_read,
                 describe(txn) + " read " + describe(read) + ", but at its position the newest version was " +
                     std::to_string(current),
                 {txn.id}};
      }
    });
    if (!fault.ok()) return fault;
  }
  return std::move(places.fault);
}

}  // namespace fluxmap_test

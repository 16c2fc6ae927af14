// Histories of databases that remove keys by themselves (eviction, expiry): nobody records these commits, so they are
// added to the history before it is checked.
//
// Two ways. Where every version is kept in memory (KeptChains) the tombstones are read off the chains at the end, so
// the history is exact. Else they are inferred: between the last time that a version was seen and the first time that
// it was missed there must have been a timestamp at which it was removed, and one timestamp removes one version.
#pragma once

#include "support/record.hpp"
#include "support/version_index.hpp"

#include <fluxmap/detail/front/access.hpp>
#include <fluxmap/detail/index/visibility.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <queue>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_test {

// The commit of a tombstone that nobody waited for.
inline TxnRecord removal_record(std::uint64_t id, std::int64_t key, Stamp removed, Stamp cts) {
  TxnRecord record;
  record.id = id;
  record.committed = true;
  record.position = cts;
  record.reads.push_back({key, removed, true, 0});
  record.writes.push_back({key, true, 0});
  return record;
}

inline std::uint64_t last_id(const std::vector<TxnRecord>& history) {
  std::uint64_t last = 0;
  for (const TxnRecord& txn : history) last = std::max(last, txn.id);
  return last;
}

// Where a transaction stands: it reads the state after all timestamps up to this one.
inline Stamp reads_upto(const TxnRecord& txn) { return txn.writer() ? txn.position - 1 : txn.position; }

// The last read of a run was made when all was quiet, so its position is the last one.
inline void place_last(std::vector<TxnRecord>& history, Stamp end) {
  TxnRecord* last = nullptr;
  for (TxnRecord& txn : history) {
    if (!txn.position_known() && (last == nullptr || txn.begin_tick > last->begin_tick)) last = &txn;
  }
  if (last != nullptr) last->position = end;
}
// Where it is not known which removals a read came after, nothing can be said of one whose position is not known.
inline void drop_unplaced(std::vector<TxnRecord>& history) {
  std::erase_if(history, [](const TxnRecord& txn) { return !txn.position_known(); });
}

struct KeptVersion {
  Stamp cts = 0;
  bool tombstone = false;
  std::uint64_t write = 0;  // as in KeyWrite
  fluxmap::detail::Deadline deadline = fluxmap::detail::k_no_deadline;
};
using KeptChain = std::vector<KeptVersion>;  // in the order of commit

// The newest version of a chain at a position; null: none.
inline const KeptVersion* version_at(const KeptChain& chain, Stamp upto) {
  const auto next =
      std::upper_bound(chain.begin(), chain.end(), upto, [](Stamp s, const KeptVersion& v) { return s < v.cts; });
  return next == chain.begin() ? nullptr : &*(next - 1);
}

// Makes a database keep every version of some keys. Construct it before the database is used, and read when all is
// quiet. The keys get empty entries whose tokens (k_queued, k_pruning) nobody gives back, so neither vacuum nor
// committers touch their chains.
template <class Keys, class Value>
class KeptChains {
 public:
  using Key = typename Keys::Key;
  using Database = fluxmap::Database<Key, Value, typename Keys::Compare>;
  using EntryType = fluxmap::detail::Entry<Key, Value>;

  KeptChains(Database& database, std::int64_t keys)
      : store_(fluxmap::detail::TransactionAccess::store(database)), keys_(keys) {
    const fluxmap::detail::EntryShape shape{.tracked = store_.limiter != nullptr};
    for (std::int64_t key = 0; key < keys; ++key) {
      fluxmap::detail::EpochGuard guard(store_.epochs);
      const auto make = [&] {
        EntryType* const entry = EntryType::make(Keys::key(key), shape);
        entry->flags.fetch_or(EntryType::k_queued | EntryType::k_pruning);
        return entry;
      };
      store_.index.find_or_link(guard, Keys::key(key), make, [](EntryType*) {});
    }
  }

  std::vector<KeptChain> read() const {
    const fluxmap::detail::EpochGuard guard(store_.epochs);
    std::vector<KeptChain> chains;
    for (std::int64_t key = 0; key < keys_; ++key) {
      KeptChain& chain = chains.emplace_back();
      for (auto* version = store_.index.find(Keys::key(key))->load_head(); version != nullptr;
           version = version->older.load()) {
        Stamp cts = 0;
        if (!fluxmap::detail::is_committed(*version, cts)) continue;
        const bool tombstone = version->is_tombstone();
        chain.push_back({cts, tombstone, tombstone ? 0 : version->value.write(), version->deadline()});
      }
      std::reverse(chain.begin(), chain.end());
    }
    return chains;
  }

 private:
  fluxmap::detail::Store<Key, Value, typename Keys::Compare>& store_;
  const std::int64_t keys_;
};

// Adds what the chains hold and nobody has recorded, which may be tombstones over values only. Counts them in `added`.
// Returns what is wrong; empty: nothing.
inline std::string add_removals(std::vector<TxnRecord>& history, const std::vector<KeptChain>& chains,
                                std::size_t& added) {
  std::map<std::pair<std::int64_t, Stamp>, KeyWrite> recorded;
  for (const TxnRecord& txn : history) {
    if (!txn.committed) continue;
    for (const KeyWrite& write : txn.writes) recorded[{write.key, txn.position}] = write;
  }
  std::uint64_t id = last_id(history);
  for (std::int64_t key = 0; key < static_cast<std::int64_t>(chains.size()); ++key) {
    const KeptVersion* older = nullptr;
    for (const KeptVersion& version : chains[static_cast<std::size_t>(key)]) {
      const std::string where = "key " + std::to_string(key) + ", version " + std::to_string(version.cts) + ": ";
      if (older != nullptr && older->cts >= version.cts) return where + "the chain is not in the order of commit";
      const auto found = recorded.find({key, version.cts});
      if (found != recorded.end()) {
        if (found->second.tombstone != version.tombstone || found->second.value != version.write) {
          return where + "not what was recorded";
        }
        recorded.erase(found);
      } else {
        if (!version.tombstone) return where + "a value that nobody has recorded";
        if (older == nullptr || older->tombstone) return where + "there was nothing to be removed";
        history.push_back(removal_record(++id, key, older->cts, version.cts));
        ++added;
      }
      older = &version;
    }
  }
  if (recorded.empty()) return {};
  const auto& [lost, write] = *recorded.begin();
  return "key " + std::to_string(lost.first) + ", version " + std::to_string(lost.second) + ": is not in its chain";
}

// The same where only the history is left. All positions must be known. `end`: the last timestamp.
class RemovalInference {
 public:
  RemovalInference(const std::vector<TxnRecord>& history, Stamp end) : index_(history), end_(end) {
    gaps_.resize(index_.keys().size());
    for (std::uint32_t slot = 0; slot < gaps_.size(); ++slot) {
      const auto chain = index_.chain(slot);
      for (const VersionRef& version : chain) gaps_[slot].push_back({version.cts, k_unknown_absent});
    }
    for (const TxnRecord& txn : history) {
      if (txn.committed) note(txn);
    }
  }

  std::string add_to(std::vector<TxnRecord>& history, std::size_t& added) {
    std::vector<Removal> removals;
    if (std::string fault = find(removals); !fault.empty()) return fault;
    if (std::string fault = place(removals); !fault.empty()) return fault;
    std::uint64_t id = last_id(history);
    for (const Removal& one : removals) history.push_back(removal_record(++id, one.key, one.version, one.cts));
    added = removals.size();
    return {};
  }

 private:
  struct Gap {     // of one version, until the next recorded one
    Stamp seen;    // the last position at which it was there
    Stamp missed;  // the first position at which it was not
  };
  struct Removal {
    std::int64_t key;
    Stamp version;
    Stamp after, upto;  // its timestamp lies in (after, upto]
    Stamp cts = 0;
  };

  void note(const TxnRecord& txn) {
    const Stamp upto = reads_upto(txn);
    index_.for_each_read(txn, [&](const KeyRead& read) {
      const std::uint32_t slot = index_.slot_of(read.key);
      if (slot == VersionIndex::k_no_slot) return;
      const auto chain = index_.chain(slot);
      const VersionRef* const state = chain.at(upto);
      if (state == nullptr || state->tombstone) return;
      Gap& gap = gaps_[slot][static_cast<std::size_t>(state - chain.begin())];
      if (!read.live) {
        gap.missed = std::min(gap.missed, upto);
      } else if (read.version == state->cts) {  // anything else is a stale read, which the checkers will find
        gap.seen = std::max(gap.seen, upto);
      }
    });
  }

  std::string find(std::vector<Removal>& removals) const {
    for (std::uint32_t slot = 0; slot < gaps_.size(); ++slot) {
      for (std::size_t i = 0; i < gaps_[slot].size(); ++i) {
        const Gap& gap = gaps_[slot][i];
        if (gap.missed == k_unknown_absent) continue;
        const Stamp version = (index_.chain(slot).begin() + i)->cts;
        if (gap.seen >= gap.missed) {
          return "key " + std::to_string(index_.keys()[slot]) + ": version " + std::to_string(version) +
                 " was missed at position " + std::to_string(gap.missed) + " and seen at " + std::to_string(gap.seen);
        }
        removals.push_back({index_.keys()[slot], version, gap.seen, gap.missed});
      }
    }
    return {};
  }

  // Gives each removal a timestamp of its own that no recorded transaction has: of those that are possible at a
  // timestamp the most urgent one takes it, so if there is a way this finds one.
  std::string place(std::vector<Removal>& removals) const {
    std::vector<bool> taken(end_ + 1, false);
    for (const TxnRecord& txn : index_.history()) {
      if (txn.committed && txn.writer() && txn.position <= end_) taken[txn.position] = true;
    }
    std::sort(removals.begin(), removals.end(), [](const Removal& a, const Removal& b) { return a.after < b.after; });
    const auto later = [](const Removal* a, const Removal* b) { return a->upto > b->upto; };
    std::priority_queue<Removal*, std::vector<Removal*>, decltype(later)> open(later);
    auto next = removals.begin();
    for (Stamp cts = 1; cts <= end_; ++cts) {
      for (; next != removals.end() && next->after < cts; ++next) open.push(&*next);
      if (taken[cts] || open.empty()) continue;
      open.top()->cts = cts;
      open.pop();
    }
    for (const Removal& one : removals) {
      if (one.cts > one.after && one.cts <= one.upto) continue;
      return "key " + std::to_string(one.key) + ": no timestamp is left for a removal of version " +
             std::to_string(one.version) + " between " + std::to_string(one.after) + " and " + std::to_string(one.upto);
    }
    return {};
  }

  const VersionIndex index_;
  const Stamp end_;
  std::vector<std::vector<Gap>> gaps_;  // by slot and number of the version
};

}  // namespace fluxmap_test

// Counters and gauges of a database, and the report of a vacuum.
#pragma once

#include <fluxmap/config.hpp>

#include <chrono>
#include <cstdint>

namespace fluxmap::inline FLUXMAP_ABI {

// A reading of the counters. Each is exact once the database is at rest; while it is busy they are read one after
// another and may be a few operations apart.
struct Stats {
  std::uint64_t keys = 0;                 // live keys
  std::uint64_t versions = 0;             // versions in the chains, tombstones included
  std::uint64_t entries = 0;              // entries in the index, those of removed keys included
  std::uint64_t pinned_versions = 0;      // of these, superseded ones and tombstones: what snapshots still need, and
                                          //   what vacuum has not come to
  std::uint64_t memory_bytes = 0;         // entries, versions and index, with what keys and values own (MemorySize) and
                                          //   what the allocator adds
  std::uint64_t commits = 0;              // commits that wrote something
  std::uint64_t conflicts = 0;            // transactions and attempts that ended with a serialization conflict
  std::uint64_t retries = 0;              // attempts after the first
  std::uint64_t active_transactions = 0;  // registered snapshots: open transactions, streams and scans under way
  std::uint64_t oldest_snapshot_age = 0;  // commits published since the oldest of them began; 0: none
  std::uint64_t reservations = 0;         // times a starving transaction had to announce its reads
  std::uint64_t evictions = 0;            // keys removed by the memory limit, or by evict()
  std::uint64_t expirations = 0;          // keys removed because their time had passed
  std::uint64_t vacuumed_versions = 0;    // versions freed by committers and by vacuum
  std::uint64_t vacuumed_entries = 0;     // index entries unlinked by them
  std::uint64_t log_bytes = 0;            // written to the log since the database was opened
  std::uint64_t log_syncs = 0;            // syncs of the log since then
  std::uint64_t checkpoints = 0;          // checkpoints completed since then
  std::uint64_t failed_checkpoints = 0;   // and those that failed; the log is kept then
  std::uint64_t recovered_commits = 0;    // replayed from the log when the database was opened
  std::uint64_t truncated_bytes = 0;      // of a torn tail, cut off when the database was opened
};

// What one vacuum did.
struct VacuumReport {
  std::uint64_t versions = 0;           // versions unlinked from their chains
  std::uint64_t entries = 0;            // entries of removed keys unlinked from the index
  std::uint64_t bytes = 0;              // what they weighed
  std::uint64_t kept = 0;               // entries left for the next time because a snapshot still needs them
  std::chrono::nanoseconds elapsed{0};  // wall time
};

}  // namespace fluxmap::inline FLUXMAP_ABI

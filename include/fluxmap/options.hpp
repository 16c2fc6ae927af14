// What a caller can choose, apart from the builder's switches.
#pragma once

#include <fluxmap/config.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace fluxmap::inline FLUXMAP_ABI {

// How `Handle::transaction` deals with conflicts. The first retry is immediate; the pause before retry n > 1 is drawn
// uniformly from [0, min(backoff_cap, backoff << (n - 2))).
// After `reserve_after` failures the transaction announces what it read, and commits that would overwrite it step
// aside for a bounded time, so that short transactions cannot starve a long one. What a failure has cost counts too:
// `reads_per_failure` keys read in vain are as good as one more failure, so a long transaction announces sooner.
struct RetryPolicy {
  unsigned attempts = 64;                            // how often the closure runs at most; 1: never retry
  std::chrono::microseconds backoff{20};             // the longest pause before the second retry; it doubles with each
  std::chrono::microseconds backoff_cap{2000};       // but no pause is longer
  unsigned reserve_after = 4;                        // 0: never announce
  static constexpr unsigned reads_per_failure = 16;  // keys
};

// What a transaction is given when it begins.
struct TransactionOptions {
  // Reads one snapshot, never aborts, never waits, and makes nobody else abort or wait; writes throw errc::read_only.
  bool read_only = false;
  // Of Handle::transaction alone: who begins a transaction by hand runs it again by hand.
  RetryPolicy retry = {};
};

// What goes when max_memory is reached. All but random look at what gets and writes have done; scans do not count as
// accesses. Each costs O(1) for each operation; a get takes no lock.
enum class Eviction {
  lru,     // the least recently used
  lfu,     // the least frequently used since it came in; among equals the least recently used
  random,  // any
  arc,     // adaptive replacement (Megiddo and Modha 2003): recent and frequent keys, balanced by what is missed
  none,    // nothing: writes fail with errc::memory_limit
};

// A time to live for one write: it takes the place of the database's.
struct ExpiresAfter {
  std::chrono::milliseconds time;  // positive, or the write fails with errc::invalid_option
};

// What Database::scan_metadata tells of an entry.
template <class Key>
struct KeyMetadata {
  const Key& key;    // good until the function returns
  std::size_t size;  // bytes of the entry: index node, key and value (MemorySize)
  // Only where there is a memory limit; else nothing is kept, and these are 0. The time is that of the last access or a
  // little later: up to the end of the tick of the access clock, of which there are 256 to one turn-over of the keys.
  std::chrono::system_clock::time_point last_access;
  // Gets and writes since the key came in. Under lfu each counts, under the others those of one tick count once; beyond
  // 1024 it is an estimate.
  std::uint64_t access_count;
};

// When the database frees versions by itself.
struct VacuumOptions {
  std::chrono::milliseconds interval{30000};  // between two runs; positive
};

// Where and how the log is kept.
struct PersistenceOptions {
  // Of this database alone; made, with its parents, where it is missing. The database stays in what the name means when
  // it is opened, also when the working directory changes, or the directory is renamed.
  std::filesystem::path directory;
  // The log is cut into files of this size, each set aside on the disk in advance. A larger one means fewer syncs for
  // rotation.
  std::size_t segment_bytes = std::size_t{16} << 20;
  // A checkpoint is written by itself once this much log has piled up since the last one. Smaller: less to replay at
  // the next opening, more to write meanwhile. One that fails is tried again after a pause that grows. 0: only by
  // checkpoint().
  std::size_t checkpoint_after_bytes = std::size_t{64} << 20;
  // Some file systems cannot sync a directory: a power cut may then take new files with all that was acknowledged in
  // them, and bring back old ones. build() fails there, and says so, unless this is true. The end of the process alone
  // loses nothing.
  bool allow_unsynced_directory = false;
};

// How far the opening of a directory has come.
struct RecoveryProgress {
  std::uint64_t done = 0;   // bytes read
  std::uint64_t total = 0;  // bytes to be read
};

}  // namespace fluxmap::inline FLUXMAP_ABI

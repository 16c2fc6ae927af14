// What open transactions and old snapshots cost those who read and write now. Of fluxmap alone.
#pragma once

#include <boost/describe.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fluxmap_bench {

// Nanoseconds of processor time of an operation, one thread.
struct IdlePoint {
  std::size_t open = 0;  // transactions that have read something and then do nothing
  double get_ns = 0, overwrite_ns = 0, transfer_ns = 0;
  double get_ratio = 1, overwrite_ratio = 1, transfer_ratio = 1;  // to none open, of the same round; medians
};
BOOST_DESCRIBE_STRUCT(IdlePoint, (),
                      (open, get_ns, get_ratio, overwrite_ns, overwrite_ratio, transfer_ns, transfer_ratio))

struct VersionsPoint {
  std::size_t overwrites = 0;                                        // of each of the hot keys since an old snapshot
  double get_ns = 0, old_get_ns = 0, scan_ns = 0, overwrite_ns = 0;  // newest, by the old snapshot, and a scan of 100
  std::uint64_t pinned_versions = 0;
  double bytes_per_entry = 0;
};
BOOST_DESCRIBE_STRUCT(VersionsPoint, (),
                      (overwrites, get_ns, old_get_ns, scan_ns, overwrite_ns, pinned_versions, bytes_per_entry))

std::vector<IdlePoint> measure_idle(const std::vector<std::size_t>& counts, unsigned rounds, std::uint64_t seed);
std::vector<VersionsPoint> measure_versions(const std::vector<std::size_t>& counts, unsigned rounds,
                                            std::uint64_t seed);

inline constexpr std::size_t k_idle_entries = 100'000;
inline constexpr std::size_t k_versions_entries = 10'000;
inline constexpr std::size_t k_versions_hot = 1000;

}  // namespace fluxmap_bench

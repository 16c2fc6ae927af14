// A commit on its way through the log. · layer: storage
//
// The committer fills it in, pushes it before it decides, and the log takes it up once everything up to its timestamp
// is decided. Both hold on to it; the last to let go retires it.
#pragma once

#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/index/version.hpp>
#include <fluxmap/detail/platform/atomic.hpp>

#include <atomic>
#include <cstddef>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

struct LoggedCommit : CommitRecord {
  LoggedCommit* next = nullptr;  // on the log's stack
  std::vector<std::byte> redo;   // the payload of its record
  Atomic<unsigned> owners{1};    // the committer, and the log once it was pushed

  LoggedCommit() = default;
  LoggedCommit(const LoggedCommit&) = delete;
  LoggedCommit& operator=(const LoggedCommit&) = delete;
  virtual ~LoggedCommit() = default;

  // Stamps the versions of a commit that is durable now; where readers must not see anything before (level full).
  virtual void publish(EpochGuard& guard) noexcept = 0;

  // One of the owners is done with it.
  static void let_go(EpochGuard& guard, LoggedCommit& commit) noexcept {
    // acq_rel: the last owner comes after all that the other one did; no version is tagged with it any more by then.
    if (commit.owners.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    guard.retire(&commit, [](void* object) noexcept { delete static_cast<LoggedCommit*>(object); });
  }
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

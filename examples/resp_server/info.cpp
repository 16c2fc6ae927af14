#include "info.hpp"

#include <fluxmap/fluxmap.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <iterator>

namespace resp {

std::string server_info(const Shared& shared, std::string_view section) {
  const bool all = section.empty() || section == "all" || section == "default" || section == "everything";
  const fluxmap::Stats stats = shared.database->stats();
  const auto up = std::chrono::steady_clock::now() - shared.started;
  std::string text;
  auto out = std::back_inserter(text);
  const auto begins = [&](std::string_view name, std::string_view title) {
    if (!all && section != name) return false;
    if (!text.empty()) text += "\r\n";
    fmt::format_to(out, "# {}\r\n", title);
    return true;
  };
  if (begins("server", "Server")) {
    fmt::format_to(
        out, "redis_version:7.0.0\r\nredis_mode:standalone\r\nserver_name:fluxmap\r\nfluxmap_version:{}.{}.{}\r\n",
        FLUXMAP_VERSION_MAJOR, FLUXMAP_VERSION_MINOR, FLUXMAP_VERSION_PATCH);
    fmt::format_to(out, "process_id:{}\r\ntcp_port:{}\r\nuptime_in_seconds:{}\r\nio_threads_active:{}\r\n", ::getpid(),
                   shared.options.port, std::chrono::duration_cast<std::chrono::seconds>(up).count(),
                   shared.options.threads);
  }
  if (begins("clients", "Clients")) {
    fmt::format_to(out, "connected_clients:{}\r\nmaxclients:{}\r\n", shared.clients.load(), shared.options.max_clients);
  }
  if (begins("memory", "Memory")) {
    fmt::format_to(out, "used_memory:{}\r\nfluxmap_versions:{}\r\nfluxmap_pinned_versions:{}\r\n", stats.memory_bytes,
                   stats.versions, stats.pinned_versions);
  }
  if (begins("persistence", "Persistence")) {
    constexpr std::string_view names[] = {"memory", "relaxed", "full"};
    fmt::format_to(out, "loading:0\r\ndurability:{}\r\nlog_bytes:{}\r\nlog_syncs:{}\r\ncheckpoints:{}\r\n",
                   names[static_cast<int>(shared.options.durability)], stats.log_bytes, stats.log_syncs,
                   stats.checkpoints);
    fmt::format_to(out, "recovered_commits:{}\r\ntruncated_bytes:{}\r\n", stats.recovered_commits,
                   stats.truncated_bytes);
  }
  if (begins("stats", "Stats")) {
    fmt::format_to(out, "total_connections_received:{}\r\nrejected_connections:{}\r\nexpired_keys:{}\r\n",
                   shared.accepted.load(), shared.refused.load(), stats.expirations);
    fmt::format_to(out, "commits:{}\r\nconflicts:{}\r\nretries:{}\r\n", stats.commits, stats.conflicts, stats.retries);
  }
  if (begins("keyspace", "Keyspace") && stats.keys > 0) {
    fmt::format_to(out, "db0:keys={},expires=0,avg_ttl=0\r\n", stats.keys);
  }
  return text;
}

}  // namespace resp

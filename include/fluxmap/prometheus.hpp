// Statistics as text that Prometheus scrapes. Not part of fluxmap.hpp: include it where they are exported.
#pragma once

#include <fluxmap/config.hpp>
#include <fluxmap/error.hpp>
#include <fluxmap/stats.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace fluxmap::inline FLUXMAP_ABI {

// What the number of a field does: a counter only grows while the database is open, a gauge goes up and down.
enum class StatsKind { counter, gauge };

// How one field of Stats is exported.
struct StatsField {
  std::uint64_t Stats::* value;  // where it is
  std::string_view name;         // as in Stats
  std::string_view metric;       // as in Prometheus, without the prefix: with its unit, and _total where it counts
  StatsKind kind;                // whether it may go down
  std::string_view help;         // one line
};

// Every field of Stats, in its order.
inline constexpr std::array k_stats_fields{
    StatsField{&Stats::keys, "keys", "keys", StatsKind::gauge, "Live keys."},
    StatsField{&Stats::versions, "versions", "versions", StatsKind::gauge,
               "Versions in the chains, tombstones included."},
    StatsField{&Stats::entries, "entries", "entries", StatsKind::gauge,
               "Entries in the index, those of removed keys included."},
    StatsField{&Stats::pinned_versions, "pinned_versions", "pinned_versions", StatsKind::gauge,
               "Superseded versions and tombstones: what snapshots need, and what vacuum has not come to."},
    StatsField{&Stats::memory_bytes, "memory_bytes", "memory_bytes", StatsKind::gauge,
               "Entries, versions and index, with what keys and values own."},
    StatsField{&Stats::commits, "commits", "commits_total", StatsKind::counter, "Commits that wrote something."},
    StatsField{&Stats::conflicts, "conflicts", "conflicts_total", StatsKind::counter,
               "Transactions and attempts that ended with a serialization conflict."},
    StatsField{&Stats::retries, "retries", "retries_total", StatsKind::counter, "Attempts after the first."},
    StatsField{&Stats::active_transactions, "active_transactions", "active_transactions", StatsKind::gauge,
               "Registered snapshots: open transactions, streams and scans under way."},
    StatsField{&Stats::oldest_snapshot_age, "oldest_snapshot_age", "oldest_snapshot_age_commits", StatsKind::gauge,
               "Commits published since the oldest snapshot was taken."},
    StatsField{&Stats::reservations, "reservations", "reservations_total", StatsKind::counter,
               "Times a starving transaction had to announce its reads."},
    StatsField{&Stats::evictions, "evictions", "evictions_total", StatsKind::counter,
               "Keys removed by the memory limit, or by evict()."},
    StatsField{&Stats::expirations, "expirations", "expirations_total", StatsKind::counter,
               "Keys removed because their time had passed."},
    StatsField{&Stats::vacuumed_versions, "vacuumed_versions", "vacuumed_versions_total", StatsKind::counter,
               "Versions freed by committers and by vacuum."},
    StatsField{&Stats::vacuumed_entries, "vacuumed_entries", "vacuumed_entries_total", StatsKind::counter,
               "Index entries unlinked by committers and vacuum."},
    StatsField{&Stats::log_bytes, "log_bytes", "log_bytes_total", StatsKind::counter,
               "Bytes written to the log since the database was opened."},
    StatsField{&Stats::log_syncs, "log_syncs", "log_syncs_total", StatsKind::counter,
               "Syncs of the log since the database was opened."},
    StatsField{&Stats::checkpoints, "checkpoints", "checkpoints_total", StatsKind::counter,
               "Checkpoints completed since the database was opened."},
    StatsField{&Stats::failed_checkpoints, "failed_checkpoints", "failed_checkpoints_total", StatsKind::counter,
               "Checkpoints that failed since the database was opened."},
    StatsField{&Stats::recovered_commits, "recovered_commits", "recovered_commits", StatsKind::gauge,
               "Commits replayed from the log when the database was opened."},
    StatsField{&Stats::truncated_bytes, "truncated_bytes", "truncated_bytes", StatsKind::gauge,
               "Bytes of a torn tail, cut off when the database was opened."},
};

// The Content-Type of an answer that holds it.
inline constexpr std::string_view k_prometheus_content_type = "text/plain; version=0.0.4; charset=utf-8";

namespace detail {

// [a-zA-Z_:][a-zA-Z0-9_:]*
constexpr bool is_metric_name(std::string_view name) noexcept {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && !digit(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || digit(c); });
}

}  // namespace detail

// A reading in the text exposition format 0.0.4: for each field HELP, TYPE and the sample, which is named
// <prefix>_<metric>. Counters start anew when a database is opened, as Prometheus expects. Give several databases of a
// process a prefix each.
// Complexity: O(length of the text).
// Errors: errc::invalid_option where the prefix cannot begin the name of a metric.
// Exceptions: std::bad_alloc.
inline std::string to_prometheus(const Stats& stats, std::string_view prefix = "fluxmap") {
  if (!detail::is_metric_name(prefix)) {
    detail::throw_error(errc::invalid_option, "fluxmap: the prefix is not the name of a metric");
  }
  std::string text;
  text.reserve(k_stats_fields.size() * (160 + 3 * prefix.size()));
  for (const StatsField& field : k_stats_fields) {
    const auto line = [&](std::string_view start, std::string_view rest) {
      text.append(start).append(prefix).append("_").append(field.metric).append(" ").append(rest).append("\n");
    };
    line("# HELP ", field.help);
    line("# TYPE ", field.kind == StatsKind::counter ? "counter" : "gauge");
    line("", std::to_string(stats.*field.value));
  }
  return text;
}

}  // namespace fluxmap::inline FLUXMAP_ABI

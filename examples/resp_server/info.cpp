#include "info.hpp"

#include <fluxmap/fluxmap.hpp>

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <random>

namespace resp {
namespace {

using Out = std::back_insert_iterator<std::string>;

std::string human_size(std::uint64_t bytes) {
  constexpr std::array units{'K', 'M', 'G', 'T', 'P'};
  if (bytes < 1024) return fmt::format("{}B", bytes);
  auto size = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < units.size(); ++unit) size /= 1024;
  return fmt::format("{:.2f}{}", size, units[unit]);
}

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::string_view durability_name(Durability durability) {
  constexpr std::string_view names[] = {"memory", "relaxed", "full"};
  return names[static_cast<int>(durability)];
}

// Forty digits that no other run has.
const std::string& run_id() {
  static const std::string id = [] {
    std::random_device random;
    std::string text;
    while (text.size() < 40) text += fmt::format("{:08x}", random());
    return text;
  }();
  return id;
}

void server(Call& call, Out out) {
  using namespace std::chrono;
  const Options& options = call.shared.options;
  const auto up = duration_cast<seconds>(steady_clock::now() - call.shared.started).count();
  utsname system{};
  ::uname(&system);
  fmt::format_to(out,
                 "redis_version:{}\r\nredis_git_sha1:00000000\r\nredis_git_dirty:0\r\nredis_mode:standalone\r\n"
                 "server_name:fluxmap\r\nfluxmap_version:{}.{}.{}\r\n",
                 k_redis_version, FLUXMAP_VERSION_MAJOR, FLUXMAP_VERSION_MINOR, FLUXMAP_VERSION_PATCH);
  fmt::format_to(out, "os:{} {} {}\r\narch_bits:{}\r\nmultiplexing_api:epoll\r\n", system.sysname, system.release,
                 system.machine, 8 * sizeof(void*));
  fmt::format_to(out, "process_id:{}\r\nrun_id:{}\r\ntcp_port:{}\r\nserver_time_usec:{}\r\n", ::getpid(), run_id(),
                 options.port, duration_cast<microseconds>(system_clock::now().time_since_epoch()).count());
  fmt::format_to(out,
                 "uptime_in_seconds:{}\r\nuptime_in_days:{}\r\nhz:10\r\nconfigured_hz:10\r\nexecutable:resp_server\r\n"
                 "config_file:\r\nio_threads_active:{}\r\n",
                 up, up / 86400, options.threads > 1 ? 1 : 0);
}

void clients(Call& call, Out out) {
  fmt::format_to(out,
                 "connected_clients:{}\r\ncluster_connections:0\r\nmaxclients:{}\r\nblocked_clients:0\r\n"
                 "tracking_clients:0\r\nclients_in_timeout_table:0\r\n",
                 call.shared.clients.load(std::memory_order_relaxed), call.shared.settings.max_clients());
}

void memory(Call& call, Out out) {
  const fluxmap::Stats stats = call.shared.database->stats();
  const std::uint64_t resident = resident_bytes();
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto peak = std::max<std::uint64_t>(static_cast<std::uint64_t>(usage.ru_maxrss) * 1024, resident);
  const std::size_t limit = call.shared.settings.max_memory();
  const auto both = [&](std::string_view name, std::uint64_t bytes) {
    fmt::format_to(out, "{}:{}\r\n{}_human:{}\r\n", name, bytes, name, human_size(bytes));
  };
  both("used_memory", stats.memory_bytes);
  both("used_memory_rss", resident);
  both("used_memory_peak", peak);
  both("total_system_memory",
       static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  both("maxmemory", limit);
  fmt::format_to(
      out, "maxmemory_policy:noeviction\r\nmem_fragmentation_ratio:{:.2f}\r\nmem_allocator:libc\r\n",
      stats.memory_bytes > 0 ? static_cast<double>(resident) / static_cast<double>(stats.memory_bytes) : 0.0);
  fmt::format_to(out, "lazyfree_pending_objects:{}\r\n", call.view.unswept());
  fmt::format_to(out, "fluxmap_versions:{}\r\nfluxmap_pinned_versions:{}\r\n", stats.versions, stats.pinned_versions);
}

void persistence(Call& call, Out out) {
  const fluxmap::Stats stats = call.shared.database->stats();
  const Durability durability = call.shared.options.durability;
  fmt::format_to(out,
                 "loading:0\r\nasync_loading:0\r\nrdb_changes_since_last_save:0\r\nrdb_bgsave_in_progress:0\r\n"
                 "rdb_last_save_time:{}\r\nrdb_last_bgsave_status:{}\r\naof_enabled:{}\r\naof_rewrite_in_progress:0\r\n"
                 "aof_last_bgrewrite_status:ok\r\naof_last_write_status:ok\r\n",
                 call.shared.saved_at.load(std::memory_order_relaxed), stats.failed_checkpoints > 0 ? "err" : "ok",
                 durability == Durability::memory ? 0 : 1);
  fmt::format_to(out, "durability:{}\r\nlog_bytes:{}\r\nlog_syncs:{}\r\ncheckpoints:{}\r\nfailed_checkpoints:{}\r\n",
                 durability_name(durability), stats.log_bytes, stats.log_syncs, stats.checkpoints,
                 stats.failed_checkpoints);
  fmt::format_to(out, "recovered_commits:{}\r\ntruncated_bytes:{}\r\n", stats.recovered_commits, stats.truncated_bytes);
}

void statistics(Call& call, Out out) {
  const fluxmap::Stats stats = call.shared.database->stats();
  const Counters& counters = call.shared.counters;
  fmt::format_to(out, "total_connections_received:{}\r\ntotal_commands_processed:{}\r\n", counters.accepted.get(),
                 counters.requests.get());
  fmt::format_to(out, "instantaneous_ops_per_sec:{}\r\n",
                 call.shared.rate.requests_per_second(counters.requests.get()));
  fmt::format_to(out, "total_net_input_bytes:{}\r\ntotal_net_output_bytes:{}\r\nrejected_connections:{}\r\n",
                 counters.bytes_read.get(), counters.bytes_sent.get(), counters.refused.get());
  fmt::format_to(out, "expired_keys:{}\r\nevicted_keys:{}\r\nkeyspace_hits:{}\r\nkeyspace_misses:{}\r\n",
                 stats.expirations, stats.evictions, counters.hits.get(), counters.misses.get());
  fmt::format_to(out, "pubsub_channels:0\r\npubsub_patterns:0\r\nlatest_fork_usec:0\r\ntotal_forks:0\r\n");
  fmt::format_to(out, "total_error_replies:{}\r\ntotal_reads_processed:{}\r\ntotal_writes_processed:{}\r\n",
                 counters.errors(), counters.reads.get(), counters.sends.get());
  fmt::format_to(out, "commits:{}\r\nconflicts:{}\r\nretries:{}\r\n", stats.commits, stats.conflicts, stats.retries);
}

void replication(Call&, Out out) {
  fmt::format_to(out,
                 "role:master\r\nconnected_slaves:0\r\nmaster_failover_state:no-failover\r\nmaster_replid:{}\r\n"
                 "master_replid2:0000000000000000000000000000000000000000\r\nmaster_repl_offset:0\r\n"
                 "second_repl_offset:-1\r\nrepl_backlog_active:0\r\nrepl_backlog_size:0\r\n"
                 "repl_backlog_first_byte_offset:0\r\nrepl_backlog_histlen:0\r\n",
                 run_id());
}

void cpu(Call&, Out out) {
  const auto tell = [&](std::string_view suffix, int who) {
    rusage usage{};
    ::getrusage(who, &usage);
    fmt::format_to(out, "used_cpu_sys{0}:{1}.{2:06}\r\nused_cpu_user{0}:{3}.{4:06}\r\n", suffix,
                   static_cast<std::int64_t>(usage.ru_stime.tv_sec), static_cast<std::int64_t>(usage.ru_stime.tv_usec),
                   static_cast<std::int64_t>(usage.ru_utime.tv_sec), static_cast<std::int64_t>(usage.ru_utime.tv_usec));
  };
  tell("", RUSAGE_SELF);
  tell("_children", RUSAGE_CHILDREN);
}

void modules(Call&, Out) {}

void command_statistics(Call& call, Out out) {
  for (const Command& command : all_commands()) {
    const CommandCounters& counters = call.shared.counters.command(index_of(command));
    const std::uint64_t calls = counters.calls.get(), microseconds = counters.nanoseconds.get() / 1000;
    if (calls == 0 && counters.rejected.get() == 0) continue;
    fmt::format_to(out, "cmdstat_{}:calls={},usec={},usec_per_call={:.2f},rejected_calls={},failed_calls={}\r\n",
                   command.name, calls, microseconds,
                   calls > 0 ? static_cast<double>(microseconds) / static_cast<double>(calls) : 0.0,
                   counters.rejected.get(), counters.failed.get());
  }
}

void error_statistics(Call& call, Out out) {
  for (const auto& [code, count] : call.shared.counters.errors_by_code()) {
    fmt::format_to(out, "errorstat_{}:count={}\r\n", code, count);
  }
}

void cluster(Call&, Out out) { fmt::format_to(out, "cluster_enabled:0\r\n"); }

// Which keys have a time to live is not counted as they come and go: it is looked at. In a database of many keys that
// would take long, so only the first are, and taken for all.
void keyspace(Call& call, Out out) {
  constexpr std::size_t looked_at = 100'000;
  const unsigned selected = call.view.database();
  for (unsigned database = 0; database < k_databases; ++database) {
    call.view.select(database);
    if (call.view.empty()) continue;
    std::size_t seen = 0, expiring = 0;
    double time = 0;
    call.view.walk({}, [&](std::string_view, const Entry& entry) {
      if (entry.deadline != 0) {
        ++expiring;
        time += static_cast<double>(entry.deadline - call.view.now());
      }
      return ++seen < looked_at;
    });
    const std::size_t keys = seen < looked_at ? seen : std::max(seen, call.view.size());
    const auto expires =
        static_cast<std::size_t>(static_cast<double>(expiring) * static_cast<double>(keys) / static_cast<double>(seen));
    fmt::format_to(out, "db{}:keys={},expires={},avg_ttl={:.0f}\r\n", database, keys, expires,
                   expiring > 0 ? time / static_cast<double>(expiring) : 0.0);
  }
  call.view.select(selected);
}

struct Section {
  std::string_view name;
  std::string_view title;
  void (*write)(Call&, Out);
  bool usual = true;
};

constexpr Section k_sections[] = {
    {"server", "Server", server},
    {"clients", "Clients", clients},
    {"memory", "Memory", memory},
    {"persistence", "Persistence", persistence},
    {"stats", "Stats", statistics},
    {"replication", "Replication", replication},
    {"cpu", "CPU", cpu},
    {"modules", "Modules", modules},
    {"commandstats", "Commandstats", command_statistics, false},
    {"errorstats", "Errorstats", error_statistics},
    {"cluster", "Cluster", cluster},
    {"keyspace", "Keyspace", keyspace},
};

}  // namespace

std::string server_info(Call& call, const std::set<std::string>& sections) {
  const bool all = sections.contains("all") || sections.contains("everything");
  const bool usual = sections.empty() || sections.contains("default");
  std::string text;
  for (const Section& section : k_sections) {
    if (!all && !(usual && section.usual) && !sections.contains(std::string(section.name))) continue;
    if (!text.empty()) text += "\r\n";
    fmt::format_to(std::back_inserter(text), "# {}\r\n", section.title);
    section.write(call, std::back_inserter(text));
  }
  return text;
}

}  // namespace resp

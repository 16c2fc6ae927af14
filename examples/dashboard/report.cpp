#include "report.hpp"

#include <fluxmap/prometheus.hpp>

#include <boost/json.hpp>

#include <array>
#include <sstream>
#include <string_view>

#include "workload.hpp"

namespace example {
namespace json = boost::json;
namespace {

struct CountField {
  std::uint64_t WorkloadCounts::* value;
  std::string_view name;
};

constexpr std::array k_operations{
    CountField{&WorkloadCounts::transfers, "transfers"}, CountField{&WorkloadCounts::hot_updates, "hot_updates"},
    CountField{&WorkloadCounts::events, "events"}, CountField{&WorkloadCounts::reads, "reads"},
    CountField{&WorkloadCounts::scans, "scans"}};

}  // namespace

std::string to_json(double seconds, const fluxmap::Stats& stats, const WorkloadCounts& counts,
                    const LatencyReading& flushes) {
  json::object fields, operations;
  for (const auto& field : fluxmap::k_stats_fields) fields[field.name] = stats.*field.value;
  for (const auto& field : k_operations) operations[field.name] = counts.*field.value;
  const json::object flush{
      {"count", flushes.count}, {"median_seconds", flushes.recent_median}, {"longest_seconds", flushes.recent_longest}};
  return json::serialize(json::object{
      {"seconds", seconds}, {"wrong", counts.wrong}, {"operations", operations}, {"flush", flush}, {"stats", fields}});
}

std::string to_metrics(const fluxmap::Stats& stats, const WorkloadCounts& counts, const LatencyReading& flushes) {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  text << fluxmap::to_prometheus(stats);

  text << "# HELP dashboard_operations_total Operations of the demo.\n# TYPE dashboard_operations_total counter\n";
  for (const auto& field : k_operations) {
    text << "dashboard_operations_total{kind=\"" << field.name << "\"} " << counts.*field.value << '\n';
  }

  text << "# HELP dashboard_flush_seconds How long flush() waited for the disk.\n"
          "# TYPE dashboard_flush_seconds histogram\n";
  std::uint64_t below = 0;  // a bucket counts all that are not longer
  for (std::size_t i = 0; i < k_latency_bounds.size(); ++i) {
    below += flushes.buckets[i];
    text << "dashboard_flush_seconds_bucket{le=\"" << k_latency_bounds[i] << "\"} " << below << '\n';
  }
  text << "dashboard_flush_seconds_bucket{le=\"+Inf\"} " << flushes.count << '\n'
       << "dashboard_flush_seconds_sum " << flushes.sum << '\n'
       << "dashboard_flush_seconds_count " << flushes.count << '\n';
  return text.str();
}

}  // namespace example

// What the program tells about itself, for the page and for Prometheus.
#pragma once

#include <fluxmap/stats.hpp>

#include <string>

#include "latency.hpp"

namespace example {

struct WorkloadCounts;

std::string to_json(double seconds, const fluxmap::Stats& stats, const WorkloadCounts& counts,
                    const LatencyReading& flushes);
std::string to_metrics(const fluxmap::Stats& stats, const WorkloadCounts& counts, const LatencyReading& flushes);

}  // namespace example

// Sections of lines with a line for each system: latencies, threads, growth.
#pragma once

#include "line_chart.hpp"
#include "section_base.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_bench::report {

class LineSections : SectionBase {
 public:
  explicit LineSections(const Results& results) : SectionBase(results) {}

  Section latencies() const {
    Section section{
        "latency", "Latencies",
        fmt::format("How long single operations took, on {}; further down is better. Taken in a round of its own, in "
                    "which each operation is timed; looking at the clock takes {:.0f} ns and is part of each latency. "
                    "A tail of milliseconds is the machine's: a thread had to wait for a processor.",
                    threads_text(many_), number_of(results_.root(), "clock_ns"))};
    LineChart chart{.title = "Latency by percentile",
                    .subtitle = fmt::format("{}, {} entries, uint64 → uint64; both axes logarithmic",
                                            threads_text(many_), usual_text()),
                    .x_label = "percentile of the operations",
                    .y_label = "latency",
                    .x_ticks = {{nines(0.5), "50"}, {1, "90"}, {2, "99"}, {3, "99.9"}, {4, "99.99"}},
                    .x_of = nines};
    Table table{head({"p50 / p99 / p99.9 / p99.99 in ns"}, compared_)};
    for (const std::string workload :
         {"get", "overwrite", "ycsb-a-zipf", "ycsb-b-zipf", "scan-100", "transfer", "smallbank", "tpcc-like"}) {
      LinePanel panel{workload};
      auto texts = row({workload}, compared_, [&](const System& one) -> std::string {
        const auto* const cell = results_.cell(workload, k_numbers, usual_, many_, one.id);
        if (cell == nullptr || !cell->contains("latency_ns")) return "–";
        const auto& latency = cell->at("latency_ns").as_object();
        LineSeries series{one.id, one.name};
        for (const auto& [share, time] : json::value_to<std::vector<std::pair<double, double>>>(latency.at("curve"))) {
          if (share >= 0.5 && share <= 0.9999) series.points.push_back({share, time});
        }
        if (!series.points.empty()) panel.series.push_back(std::move(series));
        return fmt::format("{:.0f} / {:.0f} / {:.0f} / {:.0f}", number_of(latency, "p50"), number_of(latency, "p99"),
                           number_of(latency, "p99.9"), number_of(latency, "p99.99"));
      });
      if (panel.series.empty()) continue;
      chart.panels.push_back(std::move(panel));
      table.rows.push_back(std::move(texts));
    }
    add(section, chart, std::move(table));
    return section;
  }

  Section threads() const {
    Section section{"threads", "More threads", "Operations per second of all threads together; further up is better."};
    const auto counts = results_.thread_counts();
    if (counts.size() < 2) return section;
    LineChart chart{.title = "Throughput against the number of threads",
                    .subtitle = fmt::format("{} entries, uint64 → uint64", usual_text()),
                    .x_label = "threads",
                    .y_label = "operations per second",
                    .log_y = false,
                    .text = rate_text};
    for (const unsigned count : counts) chart.x_ticks.emplace_back(count, std::to_string(count));
    const auto at = [&](const std::string& workload, unsigned count, const System& one) {
      return rate(workload, usual_, count, one);
    };
    const auto text = [&](const std::string& workload, unsigned count, const System& one) {
      const double now = at(workload, count, one), first = at(workload, *counts.begin(), one);
      return now == 0 ? "–" : fmt::format("{} (×{:.2f})", rate_text(now), first > 0 ? now / first : 0);
    };
    fill(section, chart, "threads", {"get", "ycsb-b-zipf", "overwrite", "scan-100", "transfer", "ycsb-a-zipf"}, counts,
         at, text);
    return section;
  }

  Section growth() const {
    Section section{"growth", "More entries",
                    "What an operation costs as the number of entries grows, on one thread; further down is better. "
                    "A line that rises evenly grows with a power of the number, one that flattens with less."};
    const auto sizes = results_.sizes("get");
    if (sizes.size() < 2) return section;
    LineChart chart{.title = "Cost of an operation against the number of entries",
                    .subtitle = fmt::format("{}, uint64 → uint64; both axes logarithmic", threads_text(few_)),
                    .x_label = "entries",
                    .y_label = "time of an operation",
                    .x_of = [](double x) { return std::log10(x); }};
    for (const std::size_t size : sizes) {
      const auto number = static_cast<double>(size);
      chart.x_ticks.emplace_back(chart.x_of(number), count_text(number));
    }
    const auto at = [&](const std::string& workload, std::size_t size, const System& one) {
      const double operations = rate(workload, size, few_, one);
      return operations > 0 ? 1e9 / operations : 0;
    };
    const auto text = [&](const std::string& workload, std::size_t size, const System& one) {
      const double time = at(workload, size, one);
      return time > 0 ? time_text(time) : "–";
    };
    fill(section, chart, "entries", {"get", "insert-random", "scan-100", "transfer", "begin"}, sizes, at, text);
    return section;
  }

 private:
  static double nines(double share) { return -std::log10(1 - share); }

  static void add(Section& section, const LineChart& chart, Table table) {
    if (chart.panels.empty()) return;
    section.drawings.push_back({section.id + ".svg", LineChartWriter(chart).svg()});
    section.tables.push_back(std::move(table));
  }

  // A panel for each workload, in it the numbers at(workload, x, system) against each x, if they are more than 0.
  template <class X, class At, class Text>
  void fill(Section& section, LineChart& chart, const std::string& what, const std::vector<std::string>& workloads,
            const std::set<X>& all, At at, Text text) const {
    Table table{head({"workload", what}, compared_)};
    for (const auto& workload : workloads) {
      LinePanel panel{workload};
      for (const auto* const one : compared_) {
        LineSeries series{one->id, one->name};
        for (const X x : all) {
          if (const double y = at(workload, x, *one); y > 0) series.points.push_back({static_cast<double>(x), y});
        }
        if (series.points.size() > 1) panel.series.push_back(std::move(series));
      }
      if (panel.series.empty()) continue;
      chart.panels.push_back(std::move(panel));
      auto tick = chart.x_ticks.begin();
      for (const X x : all) {
        table.rows.push_back(
            row({workload, (tick++)->second}, compared_, [&](const System& one) { return text(workload, x, one); }));
      }
    }
    add(section, chart, std::move(table));
  }
};

}  // namespace fluxmap_bench::report

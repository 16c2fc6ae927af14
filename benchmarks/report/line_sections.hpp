// Sections of lines with a line for each system: latencies, threads, growth.
#pragma once

#include "line_chart.hpp"
#include "section_base.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_bench::report {

class LineSections : SectionBase {
 public:
  explicit LineSections(const Results& results) : SectionBase(results) {}

  Section latencies() const {
    Section section{
        .id = "latency",
        .heading = "Latencies",
        .words = fmt::format(
            "How long single operations took, on {}; further down is better. Taken in a round of its own, in "
            "which each operation is timed; looking at the clock takes {:.0f} ns and is part of each latency. "
            "A tail of milliseconds is the machine's: a thread had to wait for a processor.",
            threads_text(many_), number_of(results_.root(), "clock_ns")),
        .drawings = {},
        .tables = {}};
    LineChart chart{.title = "Latency by percentile",
                    .subtitle = fmt::format("{}, {} entries, uint64 → uint64; both axes logarithmic",
                                            threads_text(many_), count_text(static_cast<double>(usual_))),
                    .x_label = "percentile of the operations",
                    .y_label = "latency",
                    .x_ticks = {{nines(0.5), "50"}, {1, "90"}, {2, "99"}, {3, "99.9"}, {4, "99.99"}},
                    .x_of = nines,
                    .panels = {}};
    Table table{head({"p50 / p99 / p99.9 / p99.99 in ns"}, compared_), {}};
    for (const std::string workload :
         {"get", "overwrite", "ycsb-a-zipf", "ycsb-b-zipf", "scan-100", "transfer", "smallbank", "tpcc-like"}) {
      LinePanel panel{workload, {}};
      std::vector<std::string> row{workload};
      for (const auto* const one : compared_) {
        const auto* const cell = results_.cell(workload, k_numbers, usual_, many_, one->id);
        if (cell == nullptr || !cell->contains("latency_ns")) {
          row.push_back("–");
          continue;
        }
        const auto& latency = cell->at("latency_ns").as_object();
        LineSeries series{one->id, one->name, {}};
        for (const auto& each : latency.at("curve").as_array()) {
          const auto& point = each.as_array();
          const double share = point.at(0).to_number<double>();
          if (share >= 0.5 && share <= 0.9999) series.points.push_back({share, point.at(1).to_number<double>()});
        }
        if (!series.points.empty()) panel.series.push_back(std::move(series));
        row.push_back(fmt::format("{:.0f} / {:.0f} / {:.0f} / {:.0f}", number_of(latency, "p50"),
                                  number_of(latency, "p99"), number_of(latency, "p99.9"),
                                  number_of(latency, "p99.99")));
      }
      if (panel.series.empty()) continue;
      chart.panels.push_back(std::move(panel));
      table.rows.push_back(std::move(row));
    }
    if (chart.panels.empty()) return section;
    section.drawings.push_back({"latency.svg", LineChartWriter(chart).svg()});
    section.tables.push_back(std::move(table));
    return section;
  }
  Section threads() const {
    Section section{.id = "threads",
                    .heading = "More threads",
                    .words = "Operations per second of all threads together; further up is better.",
                    .drawings = {},
                    .tables = {}};
    const auto counts = results_.thread_counts();
    if (counts.size() < 2) return section;
    LineChart chart{.title = "Throughput against the number of threads",
                    .subtitle = fmt::format("{} entries, uint64 → uint64", count_text(static_cast<double>(usual_))),
                    .x_label = "threads",
                    .y_label = "operations per second",
                    .x_ticks = {},
                    .log_y = false,
                    .text = rate_text,
                    .panels = {}};
    for (const unsigned count : counts) chart.x_ticks.emplace_back(count, std::to_string(count));
    Table table{head({"workload", "threads"}, compared_), {}};
    for (const std::string workload : {"get", "ycsb-b-zipf", "overwrite", "scan-100", "transfer", "ycsb-a-zipf"}) {
      LinePanel panel{workload, {}};
      for (const auto* const one : compared_) {
        LineSeries series{one->id, one->name, {}};
        for (const unsigned count : counts) {
          const double rate = results_.rate(workload, k_numbers, usual_, count, one->id);
          if (rate > 0) series.points.push_back({static_cast<double>(count), rate});
        }
        if (series.points.size() > 1) panel.series.push_back(std::move(series));
      }
      if (panel.series.empty()) continue;
      chart.panels.push_back(std::move(panel));
      for (const unsigned count : counts) {
        std::vector<std::string> row{workload, std::to_string(count)};
        for (const auto* const one : compared_) {
          const double rate = results_.rate(workload, k_numbers, usual_, count, one->id);
          const double first = results_.rate(workload, k_numbers, usual_, *counts.begin(), one->id);
          row.push_back(rate == 0 ? "–" : fmt::format("{} (×{:.2f})", rate_text(rate), first > 0 ? rate / first : 0));
        }
        table.rows.push_back(std::move(row));
      }
    }
    if (chart.panels.empty()) return section;
    section.drawings.push_back({"threads.svg", LineChartWriter(chart).svg()});
    section.tables.push_back(std::move(table));
    return section;
  }

  Section growth() const {
    Section section{
        .id = "growth",
        .heading = "More entries",
        .words =
            "What an operation costs as the number of entries grows, on one thread; further down is better. "
            "A line that rises evenly grows with a power of the number, one that flattens with less.",
        .drawings = {},
        .tables = {}};
    LineChart chart{.title = "Cost of an operation against the number of entries",
                    .subtitle = fmt::format("{}, uint64 → uint64; both axes logarithmic", threads_text(few_)),
                    .x_label = "entries",
                    .y_label = "time of an operation",
                    .x_ticks = {},
                    .x_of = [](double x) { return std::log10(x); },
                    .panels = {}};
    const auto sizes = results_.sizes("get");
    if (sizes.size() < 2) return section;
    for (const std::size_t size : sizes) {
      chart.x_ticks.emplace_back(std::log10(static_cast<double>(size)), count_text(static_cast<double>(size)));
    }
    Table table{head({"workload", "entries"}, compared_), {}};
    for (const std::string workload : {"get", "insert-random", "scan-100", "transfer", "begin"}) {
      LinePanel panel{workload, {}};
      for (const auto* const one : compared_) {
        LineSeries series{one->id, one->name, {}};
        for (const std::size_t size : sizes) {
          const double rate = results_.rate(workload, k_numbers, size, few_, one->id);
          if (rate > 0) series.points.push_back({static_cast<double>(size), 1e9 / rate});
        }
        if (series.points.size() > 1) panel.series.push_back(std::move(series));
      }
      if (panel.series.empty()) continue;
      chart.panels.push_back(std::move(panel));
      for (const std::size_t size : sizes) {
        std::vector<std::string> row{workload, count_text(static_cast<double>(size))};
        for (const auto* const one : compared_) {
          const double rate = results_.rate(workload, k_numbers, size, few_, one->id);
          row.push_back(rate > 0 ? time_text(1e9 / rate) : "–");
        }
        table.rows.push_back(std::move(row));
      }
    }
    if (chart.panels.empty()) return section;
    section.drawings.push_back({"growth.svg", LineChartWriter(chart).svg()});
    section.tables.push_back(std::move(table));
    return section;
  }

 private:
  static double nines(double share) { return -std::log10(1 - share); }
};

}  // namespace fluxmap_bench::report

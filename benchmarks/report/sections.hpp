// The sections of the page, each made from the results; one whose cells were not measured stays empty.
#pragma once

#include "bar_chart.hpp"
#include "line_chart.hpp"
#include "page.hpp"
#include "results.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxmap_bench::report {

inline constexpr std::string_view k_numbers = "u64-u64";

class Sections {
 public:
  explicit Sections(const Results& results) : results_(results), usual_(results.usual_size()) {
    const auto counts = results.thread_counts();
    if (!counts.empty()) few_ = *counts.begin(), many_ = *counts.rbegin();
    for (const auto& system : results.systems()) {
      if (system.peer || system.id == "fluxmap") compared_.push_back(&system);
    }
  }

  std::vector<Section> all() const {
    std::vector<Section> sections;
    const auto add = [&](Section section) {
      if (!section.empty()) sections.push_back(std::move(section));
    };
    add(targets());
    add(throughput("single", "Single operations",
                   {"get", "get-many", "insert-random", "insert-ascending", "overwrite", "remove", "scan-10",
                    "scan-100", "scan-10k"}));
    add(throughput("ycsb", "YCSB",
                   {"ycsb-a-uniform", "ycsb-a-zipf", "ycsb-b-uniform", "ycsb-b-zipf", "ycsb-c-uniform", "ycsb-c-zipf",
                    "ycsb-d-uniform", "ycsb-d-zipf", "ycsb-d-latest", "ycsb-e-uniform", "ycsb-e-zipf", "ycsb-f-uniform",
                    "ycsb-f-zipf"}));
    add(throughput("transactions", "Transactions",
                   {"transfer", "transfer-hot", "smallbank", "tpcc-like", "long-writers", "range-sums"}));
    add(latencies());
    add(threads());
    add(growth());
    add(kinds());
    add(variants("durability", "Durability", {"overwrite", "transfer"},
                 {"fluxmap", "fluxmap-relaxed", "fluxmap-full"}));
    add(variants("forms", "Forms of a call", {"insert-random", "overwrite", "transfer"},
                 {"fluxmap", "fluxmap-manual", "fluxmap-plain"}));
    add(weights());
    add(idle());
    add(versions());
    add(systems());
    return sections;
  }

 private:
  using System = Results::System;

  const System* system(std::string_view id) const {
    for (const auto& one : results_.systems()) {
      if (one.id == id) return &one;
    }
    return nullptr;
  }
  std::string threads_text(unsigned count) const { return fmt::format("{} thread{}", count, count == 1 ? "" : "s"); }
  std::vector<unsigned> ends() const {
    return few_ == many_ ? std::vector<unsigned>{few_} : std::vector<unsigned>{few_, many_};
  }
  std::vector<std::string> head(std::initializer_list<std::string> first,
                                const std::vector<const System*>& systems) const {
    std::vector<std::string> head(first);
    for (const auto* const one : systems) head.push_back(one->name);
    return head;
  }

  Section targets() const {
    Section section{
        .id = "targets",
        .heading = "Targets",
        .words = "What fluxmap set out to reach, and what this run shows. A ratio, unless nanoseconds are told.",
        .drawings = {},
        .tables = {}};
    Table table{{"target", "wanted", "measured", "", "figures"}, {}, true};
    for (const auto& each : results_.list("targets")) {
      const auto& one = each.as_object();
      if (text_of(one, "verdict") == "not measured") continue;
      const bool ns = number_of(one, "wanted") > 100;
      const auto number = [&](std::string_view key) {
        return ns ? time_text(number_of(one, key)) : short_number(number_of(one, key));
      };
      table.rows.push_back({text_of(one, "text"), (one.at("at_least").as_bool() ? "≥ " : "≤ ") + number("wanted"),
                            number("value"), text_of(one, "verdict"), text_of(one, "note")});
    }
    if (!table.rows.empty()) section.tables.push_back(std::move(table));
    return section;
  }

  std::string cell_text(const json::object* cell) const {
    if (cell == nullptr || number_of(*cell, "operations_per_second") == 0) return "–";
    return fmt::format("{} ±{:.0f} %", rate_text(number_of(*cell, "operations_per_second")),
                       50 * number_of(*cell, "spread"));
  }

  BarPanel panel(const std::string& workload, const std::vector<const System*>& systems) const {
    BarPanel panel{workload, {}};
    bool any = false;
    for (const auto* const one : systems) {
      BarGroup group{one->id, one->name, {}};
      for (const unsigned count : ends()) {
        group.values.push_back(results_.rate(workload, k_numbers, usual_, count, one->id));
        any = any || group.values.back() > 0;
      }
      panel.groups.push_back(std::move(group));
    }
    if (!any) panel.groups.clear();
    return panel;
  }

  Section bars(std::string id, std::string heading, std::string words, const std::vector<std::string>& workloads,
               const std::vector<const System*>& systems) const {
    Section section{std::move(id), std::move(heading), std::move(words), {}, {}};
    BarChart chart{.title = section.heading + ": operations per second",
                   .subtitle = fmt::format("{} entries, uint64 → uint64; longer is better; a dash: it cannot do that",
                                           count_text(static_cast<double>(usual_))),
                   .shades = {},
                   .panels = {}};
    for (const unsigned count : ends()) chart.shades.push_back(threads_text(count));
    Table table{head({"workload", "threads"}, systems), {}};
    Table meanings{{"workload", "one operation is"}, {}, true};
    for (const auto& workload : workloads) {
      auto one = panel(workload, systems);
      if (one.groups.empty()) continue;
      chart.panels.push_back(std::move(one));
      meanings.rows.push_back({workload, results_.meaning(workload)});
      for (const unsigned count : ends()) {
        std::vector<std::string> row{workload, std::to_string(count)};
        for (const auto* const each : systems) {
          row.push_back(cell_text(results_.cell(workload, k_numbers, usual_, count, each->id)));
        }
        table.rows.push_back(std::move(row));
      }
    }
    if (chart.panels.empty()) return section;
    section.drawings.push_back({section.id + ".svg", BarChartWriter(chart).svg()});
    section.tables = {std::move(meanings), std::move(table)};
    return section;
  }

  Section throughput(std::string id, std::string heading, const std::vector<std::string>& workloads) const {
    return bars(
        std::move(id), std::move(heading),
        "All threads together; the median of the rounds, ± half of what lies between the slowest and the fastest. "
        "Each panel has its own scale.",
        workloads, compared_);
  }

  Section variants(std::string id, std::string heading, const std::vector<std::string>& workloads,
                   std::initializer_list<std::string_view> ids) const {
    std::vector<const System*> chosen;
    for (const auto one : ids) {
      if (const auto* const found = system(one)) chosen.push_back(found);
    }
    if (results_.rate(workloads.back(), k_numbers, usual_, many_, *(ids.begin() + 1)) == 0) return {};
    std::string words;
    for (const auto* const one : chosen) words += one->name + ": " + one->caveat + ' ';
    return bars(std::move(id), std::move(heading), std::move(words), workloads, chosen);
  }

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
  static double nines(double share) { return -std::log10(1 - share); }

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

  Section kinds() const {
    Section section{
        .id = "kinds",
        .heading = "Keys and values",
        .words = "Numbers of 8 bytes beside strings: keys of 16, values of 100 bytes. A get copies the value out.",
        .drawings = {},
        .tables = {}};
    BarChart chart{.title = "Operations per second by kind of key and value",
                   .subtitle = fmt::format("{}, {} entries; longer is better", threads_text(few_),
                                           count_text(static_cast<double>(usual_))),
                   .shades = {},
                   .panels = {}};
    std::vector<std::string> names;
    for (const auto& each : results_.list("kinds")) {
      names.push_back(text_of(each.as_object(), "name"));
      chart.shades.push_back(text_of(each.as_object(), "meaning"));
    }
    Table table{head({"workload", "kind"}, compared_), {}};
    for (const std::string workload : {"get", "overwrite", "scan-100"}) {
      if (results_.rate(workload, names.back(), usual_, few_, "fluxmap") == 0) continue;
      BarPanel panel{workload, {}};
      for (const auto* const one : compared_) {
        BarGroup group{one->id, one->name, {}};
        for (const auto& name : names) group.values.push_back(results_.rate(workload, name, usual_, few_, one->id));
        panel.groups.push_back(std::move(group));
      }
      chart.panels.push_back(std::move(panel));
      for (const auto& name : names) {
        std::vector<std::string> row{workload, name};
        for (const auto* const one : compared_) {
          row.push_back(cell_text(results_.cell(workload, name, usual_, few_, one->id)));
        }
        table.rows.push_back(std::move(row));
      }
    }
    if (chart.panels.empty()) return section;
    section.drawings.push_back({"kinds.svg", BarChartWriter(chart).svg()});
    section.tables.push_back(std::move(table));
    return section;
  }

  Section weights() const {
    Section section{
        .id = "memory",
        .heading = "Memory",
        .words =
            "By how much a process grows for each entry, filled in random order; shorter is better. It holds "
            "what a system sets aside from the start.",
        .drawings = {},
        .tables = {}};
    const auto& weights = results_.list("weights");
    if (weights.empty()) return section;
    BarChart chart{.title = "Resident bytes of an entry",
                   .subtitle = fmt::format("{} entries; shorter is better",
                                           count_text(number_of(weights.front().as_object(), "entries"))),
                   .shades = {},
                   .panels = {},
                   .text = [](double bytes) { return short_number(bytes) + " B"; }};
    Table table{head({"kind"}, compared_), {}};
    for (const auto& each : results_.list("kinds")) {
      const auto name = text_of(each.as_object(), "name");
      BarPanel panel{text_of(each.as_object(), "meaning"), {}};
      std::vector<std::string> row{name};
      for (const auto* const one : compared_) {
        double bytes = 0;
        for (const auto& weight : weights) {
          const auto& object = weight.as_object();
          if (text_of(object, "kind") == name && text_of(object, "system") == one->id)
            bytes = number_of(object, "bytes");
        }
        panel.groups.push_back({one->id, one->name, {bytes}});
        row.push_back(bytes > 0 ? short_number(bytes) : "–");
      }
      chart.panels.push_back(std::move(panel));
      table.rows.push_back(std::move(row));
    }
    section.drawings.push_back({"memory.svg", BarChartWriter(chart).svg()});
    section.tables.push_back(std::move(table));
    return section;
  }

  // Lines of fluxmap's own operations against a count that begins at 0.
  LineChart counted(std::string title, std::string x_label, const json::array& points, std::string_view count,
                    std::initializer_list<std::array<std::string_view, 3>> lines) const {
    LineChart chart{.title = std::move(title),
                    .subtitle = "one thread; processor time of one operation",
                    .x_label = std::move(x_label),
                    .y_label = "time of an operation",
                    .x_ticks = {},
                    .x_of = [](double x) { return x == 0 ? 0 : std::log10(x) + 1; },
                    .panels = {{"fluxmap", {}}}};
    for (const auto& [style, name, key] : lines) {
      LineSeries series{std::string(style), std::string(name), {}};
      for (const auto& each : points) {
        const auto& one = each.as_object();
        if (number_of(one, key) > 0) series.points.push_back({number_of(one, count), number_of(one, key)});
      }
      chart.panels.front().series.push_back(std::move(series));
    }
    for (const auto& each : points) {
      const double x = number_of(each.as_object(), count);
      chart.x_ticks.emplace_back(chart.x_of(x), count_text(x));
    }
    return chart;
  }

  Section idle() const {
    Section section{.id = "idle",
                    .heading = "Open transactions",
                    .words =
                        "What others pay when transactions are open that have read something and then do nothing. The "
                        "ratio is to none open, measured by turns.",
                    .drawings = {},
                    .tables = {}};
    const auto& points = results_.list("idle");
    if (points.empty()) return section;
    auto chart = counted("Beside idle open transactions", "open transactions", points, "open",
                         {{"get", "get", "get_ns"},
                          {"overwrite", "overwrite", "overwrite_ns"},
                          {"transfer", "transfer: 2 reads, 2 writes, commit", "transfer_ns"}});
    chart.log_y = false;
    section.drawings.push_back({"idle.svg", LineChartWriter(chart).svg()});
    Table table{{"open", "get", "ratio", "overwrite", "ratio", "transfer", "ratio"}, {}};
    for (const auto& each : points) {
      const auto& one = each.as_object();
      const auto time = [&](std::string_view key) { return time_text(number_of(one, key)); };
      const auto ratio = [&](std::string_view key) { return fmt::format("{:.3f}", number_of(one, key)); };
      table.rows.push_back({count_text(number_of(one, "open")), time("get_ns"), ratio("get_ratio"),
                            time("overwrite_ns"), ratio("overwrite_ratio"), time("transfer_ns"),
                            ratio("transfer_ratio")});
    }
    section.tables.push_back(std::move(table));
    return section;
  }

  Section versions() const {
    Section section{.id = "versions",
                    .heading = "An old snapshot",
                    .words =
                        "One transaction took its snapshot long ago; a tenth of the keys has been overwritten so often "
                        "since. What it costs to read these keys now, to read them by the old snapshot, and to "
                        "overwrite them; and how many versions are still there.",
                    .drawings = {},
                    .tables = {}};
    const auto& points = results_.list("versions");
    if (points.empty()) return section;
    const auto chart = counted("Behind one old snapshot", "overwrites of each key", points, "overwrites",
                               {{"get", "get", "get_ns"},
                                {"old-get", "get by the old snapshot", "old_get_ns"},
                                {"overwrite", "overwrite", "overwrite_ns"},
                                {"transfer", "scan of 100 entries", "scan_ns"}});
    section.drawings.push_back({"versions.svg", LineChartWriter(chart).svg()});
    Table table{{"overwrites", "get", "get, snapshot", "scan of 100", "overwrite", "versions kept", "bytes/entry"}, {}};
    for (const auto& each : points) {
      const auto& one = each.as_object();
      const auto time = [&](std::string_view key) {
        return number_of(one, key) > 0 ? time_text(number_of(one, key)) : "–";
      };
      table.rows.push_back({count_text(number_of(one, "overwrites")), time("get_ns"), time("old_get_ns"),
                            time("scan_ns"), time("overwrite_ns"),
                            fmt::format("{:.0f}", number_of(one, "pinned_versions")),
                            short_number(number_of(one, "bytes_per_entry"))});
    }
    section.tables.push_back(std::move(table));
    return section;
  }

  Section systems() const {
    Section section{.id = "systems",
                    .heading = "What they do not do",
                    .words = "The systems promise different things. A number without its promise says little.",
                    .drawings = {},
                    .tables = {{{"system", "version", "what to know"}, {}}}};
    for (const auto& one : results_.systems()) {
      section.tables.front().rows.push_back({one.name, one.version, one.caveat});
    }
    section.tables.front().words = true;
    return section;
  }

  const Results& results_;
  std::size_t usual_;
  unsigned few_ = 1;
  unsigned many_ = 1;
  std::vector<const System*> compared_;
};

}  // namespace fluxmap_bench::report

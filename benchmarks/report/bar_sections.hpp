// Sections of bars: throughput, forms, kinds of keys and values, memory.
#pragma once

#include "bar_chart.hpp"
#include "section_base.hpp"

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxmap_bench::report {

class BarSections : SectionBase {
 public:
  explicit BarSections(const Results& results) : SectionBase(results) {}

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

 private:
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
};

}  // namespace fluxmap_bench::report

// Sections of bars: throughput, forms, kinds of keys and values, memory.
#pragma once

#include "bar_chart.hpp"
#include "section_base.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxmap_bench::report {

class BarSections : SectionBase {
 public:
  explicit BarSections(const Results& results) : SectionBase(results) {}

  Section throughput(std::string id, std::string heading, const std::vector<std::string>& workloads) const {
    Section section{
        std::move(id), std::move(heading),
        "All threads together; the median of the rounds, ± half of what lies between the slowest and the fastest. "
        "Each panel has its own scale."};
    fill(section, workloads, compared_);
    return section;
  }

  Section variants(std::string id, std::string heading, const std::vector<std::string>& workloads,
                   const std::vector<std::string_view>& ids) const {
    Section section{std::move(id), std::move(heading), {}};
    std::vector<const System*> chosen;
    for (const auto one : ids) {
      const auto* const found = system(one);
      if (found == nullptr) continue;
      chosen.push_back(found);
      section.words += found->name + ": " + found->caveat + ' ';
    }
    if (results_.rate(workloads.back(), k_numbers, usual_, many_, ids[1]) > 0) fill(section, workloads, chosen);
    return section;
  }

  Section kinds() const {
    Section section{"kinds", "Keys and values",
                    "Numbers of 8 bytes beside strings: keys of 16, values of 100 bytes. A get copies the value out."};
    BarChart chart{.title = "Operations per second by kind of key and value",
                   .subtitle = fmt::format("{}, {} entries; longer is better", threads_text(few_), usual_text())};
    std::vector<std::string> names;
    for (const auto& each : results_.list("kinds")) {
      names.push_back(text_of(each.as_object(), "name"));
      chart.shades.push_back(text_of(each.as_object(), "meaning"));
    }
    Table table{head({"workload", "kind"}, compared_)};
    for (const std::string workload : {"get", "overwrite", "scan-100"}) {
      if (results_.rate(workload, names.back(), usual_, few_, "fluxmap") == 0) continue;
      BarPanel panel{workload};
      for (const auto* const one : compared_) {
        BarGroup group{one->id, one->name, {}};
        for (const auto& name : names) group.values.push_back(results_.rate(workload, name, usual_, few_, one->id));
        panel.groups.push_back(std::move(group));
      }
      chart.panels.push_back(std::move(panel));
      for (const auto& name : names) {
        table.rows.push_back(row({workload, name}, compared_, [&](const System& one) {
          return cell_text(results_.cell(workload, name, usual_, few_, one.id));
        }));
      }
    }
    if (!chart.panels.empty()) add(section, chart, {std::move(table)});
    return section;
  }

  Section weights() const {
    Section section{"memory", "Memory",
                    "By how much a process grows for each entry, filled in random order; shorter is better. It holds "
                    "what a system sets aside from the start."};
    const auto& weights = results_.list("weights");
    if (weights.empty()) return section;
    BarChart chart{.title = "Resident bytes of an entry",
                   .subtitle = fmt::format("{} entries; shorter is better",
                                           count_text(number_of(weights.front().as_object(), "entries"))),
                   .text = [](double bytes) { return short_number(bytes) + " B"; }};
    Table table{head({"kind"}, compared_)};
    for (const auto& each : results_.list("kinds")) {
      const auto name = text_of(each.as_object(), "name");
      BarPanel panel{text_of(each.as_object(), "meaning")};
      table.rows.push_back(row({name}, compared_, [&](const System& one) {
        double bytes = 0;
        for (const auto& weight : weights) {
          const auto& object = weight.as_object();
          const bool that = text_of(object, "kind") == name && text_of(object, "system") == one.id;
          if (that) bytes = number_of(object, "bytes");
        }
        panel.groups.push_back({one.id, one.name, {bytes}});
        return bytes > 0 ? short_number(bytes) : "–";
      }));
      chart.panels.push_back(std::move(panel));
    }
    add(section, chart, {std::move(table)});
    return section;
  }

 private:
  static void add(Section& section, const BarChart& chart, std::vector<Table> tables) {
    section.drawings.push_back({section.id + ".svg", BarChartWriter(chart).svg()});
    section.tables = std::move(tables);
  }

  void fill(Section& section, const std::vector<std::string>& workloads,
            const std::vector<const System*>& systems) const {
    BarChart chart{.title = section.heading + ": operations per second",
                   .subtitle = fmt::format("{} entries, uint64 → uint64; longer is better; a dash: it cannot do that",
                                           usual_text())};
    for (const unsigned count : ends()) chart.shades.push_back(threads_text(count));
    Table table{head({"workload", "threads"}, systems)};
    Table meanings{{"workload", "one operation is"}, {}, true};
    for (const auto& workload : workloads) {
      BarPanel panel{workload};
      bool any = false;
      for (const auto* const one : systems) {
        BarGroup group{one->id, one->name, {}};
        for (const unsigned count : ends()) {
          group.values.push_back(rate(workload, usual_, count, *one));
          any = any || group.values.back() > 0;
        }
        panel.groups.push_back(std::move(group));
      }
      if (!any) continue;
      chart.panels.push_back(std::move(panel));
      meanings.rows.push_back({workload, results_.meaning(workload)});
      for (const unsigned count : ends()) {
        table.rows.push_back(row({workload, std::to_string(count)}, systems, [&](const System& one) {
          return cell_text(results_.cell(workload, k_numbers, usual_, count, one.id));
        }));
      }
    }
    if (!chart.panels.empty()) add(section, chart, {std::move(meanings), std::move(table)});
  }
};

}  // namespace fluxmap_bench::report

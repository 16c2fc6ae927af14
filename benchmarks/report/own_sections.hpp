// Sections about fluxmap alone, and the systems in words.
#pragma once

#include "line_chart.hpp"
#include "section_base.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxmap_bench::report {

class OwnSections : SectionBase {
 public:
  explicit OwnSections(const Results& results) : SectionBase(results) {}

  Section targets() const {
    Section section{"targets", "Targets",
                    "What fluxmap set out to reach, and what this run shows. A ratio, unless nanoseconds are told."};
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

  Section idle() const {
    Section section{"idle", "Open transactions",
                    "What others pay when transactions are open that have read something and then do nothing. The "
                    "ratio is to none open, measured by turns."};
    const auto& points = results_.list("idle");
    if (points.empty()) return section;
    auto chart = counted("Beside idle open transactions", "open transactions", points, "open",
                         {{"get", "get", "get_ns"},
                          {"overwrite", "overwrite", "overwrite_ns"},
                          {"transfer", "transfer: 2 reads, 2 writes, commit", "transfer_ns"}});
    chart.log_y = false;
    section.drawings.push_back({"idle.svg", LineChartWriter(chart).svg()});
    Table table{{"open", "get", "ratio", "overwrite", "ratio", "transfer", "ratio"}};
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
    Section section{"versions", "An old snapshot",
                    "One transaction took its snapshot long ago; a tenth of the keys has been overwritten so often "
                    "since. What it costs to read these keys now, to read them by the old snapshot, and to "
                    "overwrite them; and how many versions are still there."};
    const auto& points = results_.list("versions");
    if (points.empty()) return section;
    const auto chart = counted("Behind one old snapshot", "overwrites of each key", points, "overwrites",
                               {{"get", "get", "get_ns"},
                                {"old-get", "get by the old snapshot", "old_get_ns"},
                                {"overwrite", "overwrite", "overwrite_ns"},
                                {"transfer", "scan of 100 entries", "scan_ns"}});
    section.drawings.push_back({"versions.svg", LineChartWriter(chart).svg()});
    Table table{{"overwrites", "get", "get, snapshot", "scan of 100", "overwrite", "versions kept", "bytes/entry"}};
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
    Section section{"systems", "What they do not do",
                    "The systems promise different things. A number without its promise says little."};
    Table table{{"system", "version", "what to know"}, {}, true};
    for (const auto& one : results_.systems()) table.rows.push_back({one.name, one.version, one.caveat});
    section.tables.push_back(std::move(table));
    return section;
  }

 private:
  // Lines of fluxmap's own operations against a count that begins at 0.
  LineChart counted(std::string title, std::string x_label, const json::array& points, std::string_view count,
                    std::initializer_list<std::array<std::string_view, 3>> lines) const {
    LineChart chart{.title = std::move(title),
                    .subtitle = "one thread; processor time of one operation",
                    .x_label = std::move(x_label),
                    .y_label = "time of an operation",
                    .x_of = [](double x) { return x == 0 ? 0 : std::log10(x) + 1; },
                    .panels = {{"fluxmap"}}};
    for (const auto& [style, name, key] : lines) {
      LineSeries series{std::string(style), std::string(name)};
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
};

}  // namespace fluxmap_bench::report

// Panels of horizontal bars, one for each workload: the systems below each other, and for each of them a bar for each
// number of threads. Each panel has a scale of its own, from zero; the figures stand at the bars' ends.
#pragma once

#include "svg.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmap_bench::report {

struct BarGroup {
  std::string system;
  std::string name;
  std::vector<double> values;  // one for each shade; 0: not measured
};

struct BarPanel {
  std::string title;
  std::vector<BarGroup> groups = {};
};

struct BarChart {
  std::string title;
  std::string subtitle;
  std::vector<std::string> shades = {};  // what the bars of a group stand for
  std::function<std::string(double)> text = rate_text;
  std::vector<BarPanel> panels = {};
};

class BarChartWriter {
 public:
  explicit BarChartWriter(const BarChart& chart) : chart_(chart) {}

  std::string svg() const {
    const std::size_t rows = (chart_.panels.size() + k_columns - 1) / k_columns;
    double height = k_top;
    for (std::size_t row = 0; row < rows; ++row) height += row_height(row);
    Svg svg(k_columns * k_pitch + 20, height + 10, chart_.title);
    svg.text(16, 28, "start", chart_.title, "font-size=\"18\" font-weight=\"bold\"");
    svg.text(16, 48, "start", chart_.subtitle, "", "soft");
    legend(svg);
    double y = k_top;
    for (std::size_t i = 0; i < chart_.panels.size(); ++i) {
      panel(svg, chart_.panels[i], 16 + static_cast<double>(i % k_columns) * k_pitch, y);
      if (i % k_columns == k_columns - 1) y += row_height(i / k_columns);
    }
    return svg.finish();
  }

 private:
  static constexpr std::size_t k_columns = 3;
  static constexpr double k_top = 96, k_pitch = 345, k_names = 128, k_bars = 130, k_thick = 11, k_gap = 6, k_title = 26,
                          k_foot = 20;

  double group_height() const { return static_cast<double>(std::max<std::size_t>(chart_.shades.size(), 1)) * k_thick; }
  double panel_height(const BarPanel& panel) const {
    return k_title + static_cast<double>(panel.groups.size()) * (group_height() + k_gap) + k_foot;
  }
  double row_height(std::size_t row) const {
    double height = 0;
    for (std::size_t i = row * k_columns; i < std::min((row + 1) * k_columns, chart_.panels.size()); ++i) {
      height = std::max(height, panel_height(chart_.panels[i]));
    }
    return height;
  }
  double opacity(std::size_t shade) const {
    return chart_.shades.size() < 2
               ? 1
               : 0.45 + 0.55 * static_cast<double>(shade) / static_cast<double>(chart_.shades.size() - 1);
  }

  void legend(Svg& svg) const {
    if (chart_.shades.size() < 2) return;
    double x = 16;
    for (std::size_t i = 0; i < chart_.shades.size(); ++i) {
      svg.bar(x, 64, 22, k_thick, style_of("fluxmap").colour, opacity(i), "");
      svg.text(x + 28, 73, "start", chart_.shades[i]);
      x += 28 + 7.2 * static_cast<double>(chart_.shades[i].size()) + 26;
    }
  }

  void panel(Svg& svg, const BarPanel& panel, double x, double y) const {
    double most = 0;
    for (const auto& group : panel.groups) {
      for (const double value : group.values) most = std::max(most, value);
    }
    svg.text(x, y + 12, "start", panel.title, "font-size=\"13\" font-weight=\"bold\"");
    double top = y + k_title;
    const double bottom = top + static_cast<double>(panel.groups.size()) * (group_height() + k_gap);
    svg.rule(x + k_names, top - 4, x + k_names, bottom, "axis");
    for (const auto& group : panel.groups) {
      const auto style = style_of(group.system);
      svg.text(x + k_names - 6, top + group_height() / 2 + 4, "end", group.name,
               style.bold ? "font-size=\"11\" font-weight=\"bold\"" : "font-size=\"11\"");
      for (std::size_t i = 0; i < group.values.size(); ++i) {
        const double at = top + static_cast<double>(i) * k_thick;
        const double value = group.values[i];
        if (value <= 0) {
          svg.text(x + k_names + 5, at + k_thick - 1, "start", "–", "font-size=\"9.5\"", "soft");
          continue;
        }
        const double width = std::max(1.0, value / most * k_bars);
        const auto text = chart_.text(value);
        svg.bar(x + k_names, at, width, k_thick - 1, style.colour, opacity(i), group.name + ": " + text);
        svg.text(x + k_names + width + 4, at + k_thick - 1, "start", text, "font-size=\"9.5\"", "soft");
      }
      top += group_height() + k_gap;
    }
  }

  const BarChart& chart_;
};

}  // namespace fluxmap_bench::report

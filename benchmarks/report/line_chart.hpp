// Panels of lines, one line for each system (or what is compared instead), with one legend for all panels. Axes are
// linear or logarithmic.
#pragma once

#include "svg.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxmap_bench::report {

struct LinePoint {
  double x = 0;
  double y = 0;
};

struct LineSeries {
  std::string system;
  std::string name;
  std::vector<LinePoint> points = {};
  std::vector<LinePoint> marks = {};  // empty: the points
};

struct LinePanel {
  std::string title;
  std::vector<LineSeries> series = {};
};

struct LineChart {
  std::string title;
  std::string subtitle;
  std::string x_label;
  std::string y_label;
  std::vector<std::pair<double, std::string>> x_ticks = {};  // where, as x_of tells it, and what to write there
  std::function<double(double)> x_of = [](double x) { return x; };
  bool log_y = true;
  std::vector<double> y_ticks = {};                     // empty: from the values
  std::function<std::string(double)> text = time_text;  // of y
  std::vector<LinePanel> panels = {};
};

class LineChartWriter {
 public:
  explicit LineChartWriter(const LineChart& chart) : chart_(chart) {
    for (const auto& panel : chart.panels) {
      for (const auto& series : panel.series) {
        const auto same = [&](const auto& entry) { return entry.first == series.system; };
        if (std::none_of(legend_.begin(), legend_.end(), same)) legend_.emplace_back(series.system, series.name);
      }
    }
    double x = k_side;
    rows_ = 1;
    for (const auto& entry : legend_) {  // as legend() will lay them out
      const double width = entry_width(entry.second);
      if (x + width > total_width()) x = k_side, ++rows_;
      x += width;
    }
    top_ = 62 + 20 * static_cast<double>(rows_) + 34;
  }

  std::string svg() const {
    const auto rows = static_cast<double>((chart_.panels.size() + k_columns - 1) / k_columns);
    Svg svg(total_width(), top_ + rows * k_row - 20, chart_.title);
    svg.text(16, 28, "start", chart_.title, "font-size=\"18\" font-weight=\"bold\"");
    svg.text(16, 48, "start", chart_.subtitle, "", "soft");
    legend(svg);
    for (std::size_t i = 0; i < chart_.panels.size(); ++i) {
      panel(svg, chart_.panels[i], k_side + static_cast<double>(i % k_columns) * k_pitch,
            top_ + static_cast<double>(i / k_columns) * k_row);
    }
    return svg.finish();
  }

 private:
  static constexpr std::size_t k_columns = 3;
  static constexpr double k_side = 74, k_width = 252, k_height = 230, k_pitch = 340, k_row = 330;

  // No wider than the panels, but wide enough for the title.
  double total_width() const {
    const std::size_t columns = std::min(std::max<std::size_t>(chart_.panels.size(), 1), k_columns);
    return std::max(520.0, k_side + static_cast<double>(columns) * k_pitch - 40);
  }
  static double entry_width(std::string_view name) { return 30 + 6.9 * static_cast<double>(name.size()) + 22; }

  void legend(Svg& svg) const {
    double x = k_side;
    double y = 70;
    for (const auto& [system, name] : legend_) {
      if (x + entry_width(name) > total_width()) x = k_side, y += 20;
      const auto style = style_of(system);
      svg.path(fmt::format("{:.1f},{:.1f} {:.1f},{:.1f}", x, y, x + 24, y), style);
      svg.marker(x + 12, y, style, name);
      svg.text(x + 30, y + 4, "start", name, style.bold ? "font-weight=\"bold\"" : "");
      x += entry_width(name);
    }
  }

  struct Scale {
    double low, high;
    std::vector<double> ticks;
    bool log;
    double place(double y) const {  // 0 at the bottom, 1 at the top
      return log ? std::log(y / low) / std::log(high / low) : (y - low) / (high - low);
    }
  };

  Scale scale_of(const LinePanel& panel) const {
    if (!chart_.y_ticks.empty()) return {chart_.y_ticks.front(), chart_.y_ticks.back(), chart_.y_ticks, chart_.log_y};
    double low = std::numeric_limits<double>::max();
    double high = 0;
    for (const auto& series : panel.series) {
      for (const auto& point : series.points) low = std::min(low, point.y), high = std::max(high, point.y);
    }
    if (high <= 0) low = high = 1;
    Scale scale{low, high, {}, chart_.log_y};
    if (chart_.log_y) {
      scale.low = std::pow(10, std::floor(std::log10(low)));
      scale.high = std::pow(10, std::ceil(std::log10(high * 1.0001)));
      for (double tick = scale.low; tick <= scale.high * 1.0001; tick *= 10) scale.ticks.push_back(tick);
      return scale;
    }
    const double rough = high / 4;
    const double decade = std::pow(10, std::floor(std::log10(rough)));
    const double step = decade * (rough / decade <= 1 ? 1 : rough / decade <= 2 ? 2 : rough / decade <= 5 ? 5 : 10);
    scale.low = 0;
    scale.high = std::ceil(high / step) * step;
    for (double tick = 0; tick <= scale.high * 1.0001; tick += step) scale.ticks.push_back(tick);
    return scale;
  }

  void panel(Svg& svg, const LinePanel& panel, double x0, double y0) const {
    const auto scale = scale_of(panel);
    const double x_low = chart_.x_ticks.front().first;
    const double x_high = chart_.x_ticks.back().first;
    const double margin = 10;  // so that no marker lies on the axis
    const auto x_at = [&](double x) {
      return x0 + margin + (x_high > x_low ? (x - x_low) / (x_high - x_low) : 0.5) * (k_width - 2 * margin);
    };
    const auto y_at = [&](double y) { return y0 + k_height * (1 - scale.place(y)); };
    svg.text(x0, y0 - 10, "start", panel.title, "font-size=\"13\" font-weight=\"bold\"");
    for (const double tick : scale.ticks) {
      svg.rule(x0, y_at(tick), x0 + k_width, y_at(tick), "grid");
      svg.text(x0 - 6, y_at(tick) + 4, "end", tick == 0 ? "0" : chart_.text(tick), "font-size=\"11\"", "soft");
    }
    svg.rule(x0, y0 + k_height, x0 + k_width, y0 + k_height, "axis");
    for (const auto& [x, words] : chart_.x_ticks) {
      svg.rule(x_at(x), y0 + k_height, x_at(x), y0 + k_height + 4, "axis");
      svg.text(x_at(x), y0 + k_height + 17, "middle", words, "font-size=\"11\"", "soft");
    }
    svg.text(x0 + k_width / 2, y0 + k_height + 36, "middle", chart_.x_label, "", "soft");
    svg.upright_text(x0 - 58, y0 + k_height / 2, chart_.y_label);
    for (const bool bold : {false, true}) {  // fluxmap on top
      for (const auto& series : panel.series) {
        const auto style = style_of(series.system);
        if (style.bold != bold) continue;
        std::string points;
        for (const auto& point : series.points) {
          points += fmt::format("{:.1f},{:.1f} ", x_at(chart_.x_of(point.x)), y_at(point.y));
        }
        svg.path(points, style);
        for (const auto& point : series.marks.empty() ? series.points : series.marks) {
          svg.marker(x_at(chart_.x_of(point.x)), y_at(point.y), style, series.name + ": " + chart_.text(point.y));
        }
      }
    }
  }

  const LineChart& chart_;
  std::vector<std::pair<std::string, std::string>> legend_;
  std::size_t rows_ = 1;
  double top_ = 0;
};

}  // namespace fluxmap_bench::report

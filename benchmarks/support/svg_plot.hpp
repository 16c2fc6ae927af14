// Panels of lines and markers, side by side in one SVG file that needs nothing else.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmap_bench {

struct PlotPoint {
  double x = 0;
  double y = 0;
};

struct PlotSeries {
  std::string name;
  std::vector<PlotPoint> line;
  std::vector<PlotPoint> marks;
};

struct PlotPanel {
  std::string title;
  std::vector<PlotSeries> series;  // those of one place in this list look the same in every panel
};

struct Plot {
  std::string title;
  std::string subtitle;
  std::string x_label;
  std::string y_label;
  std::string line_meaning;
  std::string mark_meaning;
  std::vector<double> x_ticks;
  double x_end = 1;  // both axes begin at zero
  double y_end = 1;
  double y_step = 1;
  std::vector<PlotPanel> panels;
};

class SvgWriter {
 public:
  explicit SvgWriter(const Plot& plot) : plot_(plot) {}

  std::string text() {
    const double width = k_side + static_cast<double>(plot_.panels.size()) * k_pitch;
    const double height = k_top + k_height + k_bottom;
    out_ = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" "
        "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\" fill=\"#222\">\n"
        "<title>{2}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        width, height, escaped(plot_.title));
    write(k_side, 30, "start", plot_.title, "font-size=\"19\" font-weight=\"bold\"");
    write(k_side, 52, "start", plot_.subtitle, "fill=\"#555\"");
    legend();
    for (std::size_t i = 0; i < plot_.panels.size(); ++i) panel(i);
    return out_ + "</svg>\n";
  }

 private:
  static constexpr double k_side = 70, k_top = 130, k_bottom = 60, k_width = 300, k_height = 300, k_pitch = 355;
  static constexpr std::string_view k_colours[] = {"#0072b2", "#d55e00", "#009e73", "#aa4499", "#555555"};

  static std::string_view colour(std::size_t series) { return k_colours[series % std::size(k_colours)]; }
  static double left(std::size_t panel) { return k_side + static_cast<double>(panel) * k_pitch; }
  double x_of(double x) const { return x / plot_.x_end * k_width; }
  double y_of(double y) const { return k_top + k_height - y / plot_.y_end * k_height; }

  void legend() {
    double x = k_side;
    const auto entry = [&](std::string_view name, bool line, bool mark, std::size_t series, bool grey) {
      const std::string_view ink = grey ? "#555555" : colour(series);
      if (line) stroke(x, 78, x + 26, 78, ink, 2);
      if (mark) marker(x + 13, 78, series, ink);
      write(x + 34, 82.5, "start", name, "");
      x += 34 + 7.2 * static_cast<double>(name.size()) + 26;
    };
    const auto& series = plot_.panels.front().series;
    for (std::size_t i = 0; i < series.size(); ++i) entry(series[i].name, true, true, i, false);
    entry(plot_.line_meaning, true, false, 0, true);
    entry(plot_.mark_meaning, false, true, 0, true);
  }

  void panel(std::size_t index) {
    const auto& panel = plot_.panels[index];
    const double x0 = left(index);
    write(x0 + k_width / 2, k_top - 14, "middle", panel.title, "font-size=\"15\" font-weight=\"bold\"");
    const int steps = static_cast<int>(plot_.y_end / plot_.y_step + 0.5);
    for (int i = 0; i <= steps; ++i) {
      const double value = plot_.y_step * i;
      stroke(x0, y_of(value), x0 + k_width, y_of(value), i == 0 ? "#222222" : "#dddddd", 1);
      write(x0 - 8, y_of(value) + 4.5, "end", fmt::format("{:g}", value), "");
    }
    for (const double tick : plot_.x_ticks) {
      stroke(x0 + x_of(tick), y_of(0), x0 + x_of(tick), y_of(0) + 5, "#222222", 1);
      write(x0 + x_of(tick), y_of(0) + 20, "middle", fmt::format("{:g}", tick), "");
    }
    stroke(x0, k_top, x0, y_of(0), "#222222", 1);
    write(x0 + k_width / 2, y_of(0) + 42, "middle", plot_.x_label, "");
    if (index == 0) {
      write(0, 0, "middle", plot_.y_label,
            fmt::format("transform=\"translate({:.1f} {:.1f}) rotate(-90)\"", x0 - 46, k_top + k_height / 2));
    }
    for (std::size_t i = 0; i < panel.series.size(); ++i) draw(panel.series[i], i, x0);
  }

  void draw(const PlotSeries& series, std::size_t index, double x0) {
    std::string points;
    for (const auto& point : series.line) points += fmt::format("{:.1f},{:.1f} ", x0 + x_of(point.x), y_of(point.y));
    out_ += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n", points,
                        colour(index));
    for (const auto& point : series.marks) marker(x0 + x_of(point.x), y_of(point.y), index, colour(index));
  }

  // Colours are not enough for everybody: each series has its own shape too.
  void marker(double x, double y, std::size_t series, std::string_view ink) {
    static constexpr std::string_view k_shapes[] = {"M-5,0A5,5 0 1 0 5,0A5,5 0 1 0 -5,0Z", "M-4.5,-4.5H4.5V4.5H-4.5Z",
                                                    "M0,-6L5.6,4.2H-5.6Z", "M0,-6.4L6.4,0L0,6.4L-6.4,0Z",
                                                    "M0,6L5.6,-4.2H-5.6Z"};
    out_ += fmt::format(
        "<path d=\"{}\" transform=\"translate({:.1f} {:.1f})\" fill=\"#fff\" fill-opacity=\"0.75\" stroke=\"{}\" "
        "stroke-width=\"1.8\"/>\n",
        k_shapes[series % std::size(k_shapes)], x, y, ink);
  }

  void stroke(double x1, double y1, double x2, double y2, std::string_view ink, double width) {
    out_ += fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\" stroke-width=\"{}\"/>\n", x1, y1,
        x2, y2, ink, width);
  }

  void write(double x, double y, std::string_view anchor, std::string_view words, std::string_view more) {
    out_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" {}>{}</text>\n", x, y, anchor, more,
                        escaped(words));
  }

  static std::string escaped(std::string_view words) {
    std::string safe;
    for (const char c : words) {
      if (c == '&') {
        safe += "&amp;";
      } else if (c == '<') {
        safe += "&lt;";
      } else {
        safe += c;
      }
    }
    return safe;
  }

  const Plot& plot_;
  std::string out_;
};

}  // namespace fluxmap_bench

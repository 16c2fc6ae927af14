// What all drawings share: text that is safe in XML, colours of systems, and styles for light and dark surroundings.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace fluxmap_bench::report {

inline std::string escaped(std::string_view words) {
  std::string safe;
  for (const char c : words) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

// About three digits that count, without zeros that say nothing.
inline std::string short_number(double value) {
  const double size = std::abs(value);
  if (size >= 100) return fmt::format("{:.0f}", value);
  if (size < 0.1) return fmt::format("{:.2g}", value);
  std::string text = fmt::format("{:.{}f}", value, size >= 10 ? 1 : 2);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

inline std::string with_unit(double value, std::string_view unit, double step, std::string_view larger, double step2,
                             std::string_view largest) {
  if (value >= step2) return short_number(value / step2) + ' ' + std::string(largest);
  if (value >= step) return short_number(value / step) + ' ' + std::string(larger);
  return short_number(value) + ' ' + std::string(unit);
}
inline std::string time_text(double ns) {
  return ns >= 1e9 ? short_number(ns / 1e9) + " s" : with_unit(ns, "ns", 1e3, "µs", 1e6, "ms");
}
inline std::string rate_text(double per_second) { return with_unit(per_second, "/s", 1e3, "k/s", 1e6, "M/s"); }
inline std::string count_text(double count) {
  if (count >= 1e6) return short_number(count / 1e6) + 'M';
  if (count >= 1e3) return short_number(count / 1e3) + 'k';
  return short_number(count);
}

struct Style {
  std::string_view colour;
  std::size_t shape = 0;
  bool bold = false;
};

// A system looks the same in every drawing. Colours are not enough for everybody: each has its own shape too.
inline Style style_of(std::string_view system) {
  static constexpr std::array<std::pair<std::string_view, Style>, 21> k_styles{{
      {"fluxmap", {"#1f77e0", 0, true}},
      {"map", {"#8a8a8a", 1}},
      {"absl", {"#e07b00", 2}},
      {"tbb", {"#1a9850", 3}},
      {"libcds", {"#45b8a0", 4}},
      {"lmdb", {"#a050c8", 5}},
      {"rocksdb-opt", {"#cc3b3b", 6}},
      {"rocksdb-pess", {"#ee8a80", 7}},
      {"sqlite", {"#a89400", 8}},
      {"fluxmap-relaxed", {"#6aa9f5", 2}},
      {"fluxmap-full", {"#4a6fa8", 1}},
      {"fluxmap-manual", {"#45b8a0", 3}},
      {"fluxmap-plain", {"#e07b00", 4}},
      // Where the lines are operations, not systems.
      {"get", {"#1f77e0", 0}},
      {"old-get", {"#a050c8", 5}},
      {"overwrite", {"#e07b00", 2}},
      {"transfer", {"#1a9850", 3}},
      // Policies of eviction.
      {"lru", {"#0072b2", 0}},
      {"lfu", {"#d55e00", 1}},
      {"arc", {"#009e73", 2}},
      {"random", {"#aa4499", 3}},
  }};
  for (const auto& [id, style] : k_styles) {
    if (id == system) return style;
  }
  return {"#555555", 0};
}

class Svg {
 public:
  Svg(double width, double height, std::string_view title) {
    // In a page the page's colours hold; a file by itself follows the reader's wish for light or dark.
    out_ = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
        "height=\"{1:.0f}\" "
        "font-family=\"system-ui, 'DejaVu Sans', Helvetica, Arial, sans-serif\" font-size=\"12\" role=\"img\">\n"
        "<title>{2}</title>\n"
        "<style>.paper{{fill:#fff}}.ink{{fill:#222}}.soft{{fill:#666}}.grid{{stroke:#ddd}}.axis{{stroke:#444}}"
        "@media(prefers-color-scheme:dark){{.paper{{fill:#16181c}}.ink{{fill:#e6e6e6}}.soft{{fill:#a5a8ad}}"
        ".grid{{stroke:#33373d}}.axis{{stroke:#999}}}}</style>\n"
        "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n",
        width, height, escaped(title));
  }

  void text(double x, double y, std::string_view anchor, std::string_view words, std::string_view more = "",
            std::string_view kind = "ink") {
    out_ += fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" {}>{}</text>\n", kind, x, y,
                        anchor, more, escaped(words));
  }
  void upright_text(double x, double y, std::string_view words) {
    text(0, 0, "middle", words, fmt::format("transform=\"translate({:.1f} {:.1f}) rotate(-90)\"", x, y), "soft");
  }
  void rule(double x1, double y1, double x2, double y2, std::string_view kind) {
    out_ += fmt::format("<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n", kind, x1, y1,
                        x2, y2);
  }
  void bar(double x, double y, double width, double height, std::string_view colour, double opacity,
           std::string_view tip) {
    out_ += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\" fill-opacity=\"{}\">"
        "<title>{}</title></rect>\n",
        x, y, width, height, colour, opacity, escaped(tip));
  }
  void path(std::string_view points, const Style& style) {
    out_ += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"/>\n", points,
                        style.colour, style.bold ? 3 : 1.6);
  }
  void marker(double x, double y, const Style& style, std::string_view tip = "") {
    static constexpr std::array<std::string_view, 9> k_shapes{
        "M-4,0A4,4 0 1 0 4,0A4,4 0 1 0 -4,0Z",
        "M-3.5,-3.5H3.5V3.5H-3.5Z",
        "M0,-4.8L4.5,3.4H-4.5Z",
        "M0,-5L5,0L0,5L-5,0Z",
        "M0,4.8L4.5,-3.4H-4.5Z",
        "M-1.5,-4.5H1.5V-1.5H4.5V1.5H1.5V4.5H-1.5V1.5H-4.5V-1.5H-1.5Z",
        "M-4.5,-2.5L-2.5,-4.5L0,-2L2.5,-4.5L4.5,-2.5L2,0L4.5,2.5L2.5,4.5"
        "L0,2L-2.5,4.5L-4.5,2.5L-2,0Z",
        "M-4.5,-2H4.5V2H-4.5Z",
        "M-2,-4.5H2V4.5H-2Z"};
    out_ += fmt::format("<path d=\"{}\" transform=\"translate({:.1f} {:.1f})\" fill=\"{}\"><title>{}</title></path>\n",
                        k_shapes[style.shape % k_shapes.size()], x, y, style.colour, escaped(tip));
  }

  std::string finish() { return out_ + "</svg>\n"; }

 private:
  std::string out_;
};

}  // namespace fluxmap_bench::report

// The page: sections of drawings with their tables, in one file that loads nothing.
#pragma once

#include "svg.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxmap_bench::report {

struct Drawing {
  std::string file;  // its name, without a directory
  std::string svg;
};

struct Table {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows = {};
  bool words = false;  // rather than figures: lines may be broken

  std::string html() const {
    std::string out = words ? "<div class=\"wide text\"><table>\n" : "<div class=\"wide\"><table>\n";
    out += "<thead><tr>";
    for (const auto& cell : head) out += "<th>" + escaped(cell) + "</th>";
    out += "</tr></thead>\n<tbody>\n";
    for (const auto& row : rows) {
      out += "<tr>";
      for (std::size_t i = 0; i < row.size(); ++i) {
        const std::string_view tag = i == 0 ? "th" : "td";
        const std::string_view kind = row[i] == "MISSED" ? " class=\"bad\"" : row[i] == "met" ? " class=\"good\"" : "";
        out += fmt::format("<{0}{1}>{2}</{0}>", tag, kind, escaped(row[i]));
      }
      out += "</tr>\n";
    }
    return out + "</tbody></table></div>\n";
  }
};

struct Section {
  std::string id;
  std::string heading;
  std::string words;  // plain text
  std::vector<Drawing> drawings = {};
  std::vector<Table> tables = {};

  bool empty() const { return drawings.empty() && tables.empty(); }
};

inline constexpr std::string_view k_page_style = R"(
:root{color-scheme:light dark;--paper:#fff;--ink:#222;--soft:#666;--line:#ddd;--stripe:#f6f7f9;--good:#187a35;--bad:#c22}
@media(prefers-color-scheme:dark){:root{--paper:#16181c;--ink:#e6e6e6;--soft:#a5a8ad;--line:#33373d;--stripe:#1d2025;
--good:#5cc97d;--bad:#ff7a70}}
body{margin:0 auto;max-width:1320px;padding:1.5rem;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,'DejaVu Sans',Helvetica,Arial,sans-serif}
h1{font-size:1.7rem;margin:0 0 .3rem}h2{margin:2.5rem 0 .4rem;font-size:1.3rem}p{margin:.4rem 0;max-width:52rem}
.soft{color:var(--soft)}svg{max-width:100%;height:auto;display:block;margin:.8rem 0}
.wide{overflow-x:auto;margin:.6rem 0}table{border-collapse:collapse;font-size:12px;font-variant-numeric:tabular-nums}
th,td{padding:.22rem .45rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
.text th,.text td,th:first-child{text-align:left}thead th{border-bottom:2px solid var(--line);vertical-align:bottom}
tbody th{font-weight:normal}tbody tr:nth-child(even){background:var(--stripe)}
.good{color:var(--good);font-weight:bold}.bad{color:var(--bad);font-weight:bold}nav a{margin-right:1rem;color:inherit}
.text td{white-space:normal}
)";

inline std::string page_html(std::string_view title, std::string_view introduction,
                             const std::vector<Section>& sections) {
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{0}</title>\n"
      "<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n{2}<nav>",
      escaped(title), k_page_style, introduction);
  for (const auto& section : sections) {
    out += fmt::format("<a href=\"#{}\">{}</a> ", section.id, escaped(section.heading));
  }
  out += "</nav>\n";
  for (const auto& section : sections) {
    out += fmt::format("<section>\n<h2 id=\"{}\">{}</h2>\n<p>{}</p>\n", section.id, escaped(section.heading),
                       escaped(section.words));
    for (const auto& drawing : section.drawings) out += drawing.svg;
    for (const auto& table : section.tables) out += table.html();
    out += "</section>\n";
  }
  return out + "</body>\n</html>\n";
}

}  // namespace fluxmap_bench::report

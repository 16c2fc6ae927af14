// What did the suite measure? Makes a page and drawings from its file of results:
//
//   report results.json directory
#include "report/page.hpp"
#include "report/results.hpp"
#include "report/sections.hpp"
#include "report/svg.hpp"
#include "support/command_line.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace fluxmap_bench::report {
namespace {

void write(const std::filesystem::path& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
  fmt::print("{}\n", path.string());
}

std::string introduction(const Results& results) {
  const auto& root = results.root();
  std::string words = fmt::format(
      "<p>fluxmap, an ordered transactional map in memory, beside other maps and stores: same keys, same process, by "
      "turns. Every answer was checked.</p>\n<p class=\"soft\">{}, {:.0f} hardware threads, {}; {}, {}; {}. Of each "
      "cell "
      "{:.0f} rounds of {} s, the median counts; seed {:.0f}.</p>\n",
      escaped(text_of(root, "processor")), number_of(root, "hardware_threads"),
      escaped(text_of(root, "operating_system")), escaped(text_of(root, "compiler")), escaped(text_of(root, "flags")),
      escaped(text_of(root, "date")), number_of(root, "rounds_of_each"), number_of(root, "seconds"),
      number_of(root, "seed"));
  if (const double scaling = number_of(root, "two_threads_of_arithmetic"); scaling > 0) {
    words += fmt::format(
        "<p class=\"soft\">Two threads that only multiply do {:.2f} times on this machine what one does, and what one "
        "of "
        "them writes the other sees after {:.0f} ns: read the figures for several threads with that in mind.</p>\n",
        scaling, number_of(root, "handover_ns"));
  }
  if (root.at("quick").as_bool()) {
    words += "<p><strong>A quick run: single short rounds, good for a look and no more.</strong></p>\n";
  }
  return words;
}

void run(const std::string& input, const std::filesystem::path& directory) {
  const Results results(input);
  const auto sections = all_sections(results);
  std::filesystem::create_directories(directory);
  for (const auto& section : sections) {
    for (const auto& drawing : section.drawings) write(directory / drawing.file, drawing.svg);
  }
  write(directory / "index.html", page_html("fluxmap measured", introduction(results), sections));
}

}  // namespace
}  // namespace fluxmap_bench::report

int main(int argc, char** argv) {
  using namespace fluxmap_bench;
  std::string results, directory;
  CommandLine line("report", "What did the suite measure? Makes a page and drawings of its file of results.");
  line.text("results", results, "the file, results.json");
  line.text("directory", directory, "where they go");
  line.require("results");
  line.require("directory");
  return line.run(argc, argv, [&] {
    report::run(results, directory);
    return 0;
  });
}

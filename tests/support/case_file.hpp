// Reads the files of tests/anomalies/cases.
#pragma once

#include <cstddef>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "case_parser.hpp"
#include "case_text.hpp"

namespace fluxmap_test::interleaving {

// All variations of a file: one, unless it has `vary` lines, of which each makes one ("name = value; name = value").
inline std::vector<Case> parse_cases(const std::string& text, const std::string& file) {
  const std::vector<Line> lines = lines_of(text, file);
  if (lines.empty()) throw CaseError({file, 1}, "the file is empty");
  std::vector<std::pair<Bindings, std::string>> variations;
  for (const Line& line : lines) {
    std::string name, rest;
    if (line.indented || !split_name(line.text, name, rest) || name != "vary") continue;
    Bindings bindings;
    for (const std::string& part : split(rest, ';')) {
      const std::size_t equals = part.find('=');
      if (equals == std::string::npos) throw CaseError(line.place, "no 'name = value': " + part);
      bindings[trimmed(part.substr(0, equals))] = trimmed(part.substr(equals + 1));
    }
    variations.emplace_back(std::move(bindings), " (" + rest + ')');
  }
  if (variations.empty()) variations.emplace_back();
  std::vector<Case> cases;
  for (const auto& [bindings, suffix] : variations) {
    cases.push_back(CaseParser(bound(lines, bindings)).parse());
    cases.back().scenario.name += suffix;
  }
  return cases;
}

inline std::vector<Case> read_cases(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw CaseError({file, 0}, "cannot be read");
  return parse_cases(text.str(), file);
}

}  // namespace fluxmap_test::interleaving

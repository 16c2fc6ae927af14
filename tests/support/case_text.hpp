// The text of a case of tests/anomalies/cases, line by line and word by word (the format is described there).
#pragma once

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "interleaving_scenario.hpp"

namespace fluxmap_test::interleaving {

struct Place {
  std::string file = {};
  std::size_t line = 0;
};

// What is wrong with a file, and where.
struct CaseError : std::runtime_error {
  CaseError(const Place& place, const std::string& what)
      : std::runtime_error(place.file + ':' + std::to_string(place.line) + ": " + what) {}
};

struct Line {
  Place place = {};
  bool indented = false;
  std::string text = {};  // without the blanks around it
};

inline std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

// `text` at every `separator` that stands outside of braces.
inline std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char character : text) {
    depth += (character == '{') - (character == '}');
    if (character == separator && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += character;
    }
  }
  std::transform(parts.begin(), parts.end(), parts.begin(), trimmed);
  return parts;
}

// "name: rest" at the first colon outside of braces; false: there is none.
inline bool split_name(const std::string& text, std::string& name, std::string& rest) {
  const std::vector<std::string> parts = split(text, ':');
  if (parts.size() < 2) return false;
  name = parts.front();
  int depth = 0;
  std::size_t at = 0;
  for (; text[at] != ':' || depth != 0; ++at) depth += (text[at] == '{') - (text[at] == '}');
  rest = trimmed(std::string_view(text).substr(at + 1));
  return true;
}

// Without comments and empty lines; what ends in a comma goes on in the next line.
inline std::vector<Line> lines_of(const std::string& text, const std::string& file) {
  std::vector<Line> lines;
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    ++number;
    for (std::size_t i = line.find('#'); i != std::string::npos; i = line.find('#', i + 1)) {
      if (i == 0 || line[i - 1] == ' ') line.resize(i);
    }
    const std::string inside = trimmed(line);
    if (inside.empty()) continue;
    if (!lines.empty() && lines.back().text.back() == ',') {
      lines.back().text += ' ' + inside;
    } else {
      lines.push_back({{file, number}, line[0] == ' ' || line[0] == '\t', inside});
    }
  }
  return lines;
}

using Bindings = std::map<std::string, std::string>;

// The lines with "$name" replaced by what is bound to it.
inline std::vector<Line> bound(std::vector<Line> lines, const Bindings& bindings) {
  for (Line& line : lines) {
    for (std::size_t at = line.text.find('$'); at != std::string::npos; at = line.text.find('$', at)) {
      std::size_t end = at + 1;
      while (end < line.text.size() && (std::isalnum(static_cast<unsigned char>(line.text[end])) != 0)) ++end;
      const auto found = bindings.find(line.text.substr(at + 1, end - at - 1));
      if (found == bindings.end()) {
        throw CaseError(line.place, "no vary line binds " + line.text.substr(at, end - at));
      }
      line.text.replace(at, end - at, found->second);
      at += found->second.size();
    }
    line.text = trimmed(line.text);
    while (!line.text.empty() && line.text.back() == ',') line.text.pop_back();  // nothing was bound to the last
  }
  return lines;
}

// Reads one piece of text from left to right.
class Words {
 public:
  Words(std::string text, Place place) : text_(std::move(text)), place_(std::move(place)) {}

  [[noreturn]] void fail(const std::string& what) const { throw CaseError(place_, what); }
  const Place& place() const { return place_; }

  bool at_end() { return skip_blanks() == text_.size(); }
  void expect_end() {
    if (!at_end()) fail("not understood: " + text_.substr(at_));
  }
  std::string rest() {
    skip_blanks();
    return std::exchange(text_, text_.substr(0, at_)).substr(at_);
  }

  // The next word; braces hold it together.
  std::string word(const char* what) {
    const std::size_t begin = skip_blanks();
    for (int depth = 0; at_ < text_.size() && (depth > 0 || text_[at_] != ' '); ++at_) {
      depth += (text_[at_] == '{') - (text_[at_] == '}');
    }
    if (at_ == begin) fail(std::string(what) + " is missing");
    return text_.substr(begin, at_ - begin);
  }
  // Takes `text` if it comes next; a word only as a whole.
  bool take(std::string_view text) {
    const std::size_t begin = skip_blanks();
    if (std::string_view(text_).substr(begin, text.size()) != text) return false;
    const std::size_t end = begin + text.size();
    const auto in_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
    if (in_word(text.back()) && end < text_.size() && in_word(text_[end])) return false;
    at_ = end;
    return true;
  }
  void expect(std::string_view text) {
    if (!take(text)) fail("'" + std::string(text) + "' is missing in: " + text_);
  }
  // A number without a sign; false: none comes next.
  bool number(Value& value) {
    const std::size_t begin = skip_blanks();
    const char* const first = text_.data() + begin;
    if (first == text_.data() + text_.size() || std::isdigit(static_cast<unsigned char>(*first)) == 0) return false;
    const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), value);
    if (error != std::errc()) fail("too large a number: " + text_.substr(begin));
    at_ = static_cast<std::size_t>(end - text_.data());
    return true;
  }
  // A name: letters, digits, underscores; empty: none comes next.
  std::string name() {
    const std::size_t begin = skip_blanks();
    const auto in_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
    while (at_ < text_.size() && in_name(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

 private:
  std::size_t skip_blanks() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_;
  }

  std::string text_;
  Place place_;
  std::size_t at_ = 0;
};

}  // namespace fluxmap_test::interleaving

// Numbers, keys and ranges in a case of tests/anomalies/cases, compiled to functions of what the names stand for.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "case_text.hpp"
#include "interleaving_scenario.hpp"

namespace fluxmap_test::interleaving {

// What names stand for while a step runs. In a condition about the final contents those stand here too.
struct Scope {
  std::map<std::string, Value> numbers = {};
  std::map<std::string, Key> texts = {};  // key and tail, in an `each`
  const Contents* contents = nullptr;
};

// Which names may be used at a place of the file.
struct KnownNames {
  std::set<std::string> numbers = {};
  std::set<std::string> texts = {};
  bool contents = false;
};

using Number = std::function<Value(const Scope&)>;
using KeyText = std::function<Key(const Scope&)>;
struct KeyRange {
  KeyText first;
  KeyText last;
  bool is_prefix = false;
};

Number parse_number(Words& words, const KnownNames& known);

// {expression}, {expression:width} or {text}.
inline KeyText parse_braces(const std::string& inside, const KnownNames& known, const Place& place) {
  if (known.texts.count(inside) != 0) return [inside](const Scope& scope) { return scope.texts.at(inside); };
  const std::vector<std::string> parts = split(inside, ':');
  Words words(parts[0], place);
  const Number number = parse_number(words, known);
  words.expect_end();
  Value width = 0;
  if (parts.size() > 1) {
    Words second(parts[1], place);
    if (parts.size() > 2 || !second.number(width) || width > 20) second.fail("no width: {" + inside + '}');
    second.expect_end();
  }
  return [number, width](const Scope& scope) {
    std::string digits = std::to_string(number(scope));
    if (const auto wanted = static_cast<std::size_t>(width); digits.size() < wanted) {
      digits.insert(0, wanted - digits.size(), '0');
    }
    return digits;
  };
}

inline KeyText parse_key_text(const std::string& word, const KnownNames& known, const Place& place) {
  std::vector<KeyText> parts;
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t brace = std::min(word.find('{', at), word.size());
    if (word.substr(at, brace - at).find_first_of("*=~}") != std::string::npos)
      throw CaseError(place, "no key: " + word);
    if (brace > at) parts.push_back([text = word.substr(at, brace - at)](const Scope&) { return text; });
    if (brace == word.size()) break;
    const std::size_t end = word.find('}', brace);
    if (end == std::string::npos) throw CaseError(place, "no closing brace: " + word);
    parts.push_back(parse_braces(word.substr(brace + 1, end - brace - 1), known, place));
    at = end + 1;
  }
  return [parts](const Scope& scope) {
    return std::accumulate(parts.begin(), parts.end(), Key(),
                           [&](Key so_far, const KeyText& part) { return std::move(so_far) + part(scope); });
  };
}

inline KeyText parse_key(Words& words, const KnownNames& known) {
  return parse_key_text(words.word("a key"), known, words.place());
}

// "prefix/*", "*" for everything, or "first .. last", without the last.
inline KeyRange parse_range(Words& words, const KnownNames& known) {
  const std::string word = words.word("a range");
  if (word.back() == '*') {
    if (word.size() > 1 && word[word.size() - 2] != '/') words.fail("a prefix ends in a slash: " + word);
    const KeyText prefix = parse_key_text(word.substr(0, word.size() - 1), known, words.place());
    return {prefix, [prefix](const Scope& scope) { return prefix_end(prefix(scope)); }, true};
  }
  words.expect("..");
  return {parse_key_text(word, known, words.place()), parse_key(words, known), false};
}

inline Rows rows_in(const Contents& contents, const KeyRange& range, const Scope& scope) {
  const Key first = range.first(scope), last = range.last(scope);
  return first < last ? Rows(contents.lower_bound(first), contents.lower_bound(last)) : Rows{};
}

inline Number parse_term(Words& words, const KnownNames& known) {
  Value number = 0;
  if (words.number(number)) return [number](const Scope&) { return number; };
  if (words.take("-")) return [term = parse_term(words, known)](const Scope& scope) { return -term(scope); };
  if (words.take("(")) {
    const Number inner = parse_number(words, known);
    words.expect(")");
    return inner;
  }
  if (known.contents && words.take("count")) {
    return [range = parse_range(words, known)](const Scope& scope) {
      return static_cast<Value>(rows_in(*scope.contents, range, scope).size());
    };
  }
  if (known.contents && words.take("sum")) {
    return [range = parse_range(words, known)](const Scope& scope) {
      const Rows rows = rows_in(*scope.contents, range, scope);
      return std::accumulate(rows.begin(), rows.end(), Value{0},
                             [](Value so_far, const Row& row) { return so_far + row.second; });
    };
  }
  if (known.contents && words.take("value")) {
    return [key = parse_key(words, known)](const Scope& scope) {
      const auto found = scope.contents->find(key(scope));
      return found == scope.contents->end() ? Value{0} : found->second;
    };
  }
  const std::string name = words.name();
  if (name.empty()) words.fail("a number or a name is missing before: '" + words.rest() + "'");
  if (known.numbers.count(name) == 0) words.fail("nothing has set " + name + " before");
  return [name](const Scope& scope) {
    const auto found = scope.numbers.find(name);  // set under a condition that did not hold: 0
    return found == scope.numbers.end() ? Value{0} : found->second;
  };
}

inline Number parse_product(Words& words, const KnownNames& known) {
  Number so_far = parse_term(words, known);
  while (words.take("*")) {
    so_far = [a = so_far, b = parse_term(words, known)](const Scope& scope) { return a(scope) * b(scope); };
  }
  return so_far;
}

inline Number parse_sum(Words& words, const KnownNames& known) {
  Number so_far = parse_product(words, known);
  for (;;) {
    if (words.take("+")) {
      so_far = [a = so_far, b = parse_product(words, known)](const Scope& scope) { return a(scope) + b(scope); };
    } else if (words.take("-")) {
      so_far = [a = so_far, b = parse_product(words, known)](const Scope& scope) { return a(scope) - b(scope); };
    } else {
      return so_far;
    }
  }
}

inline Number parse_comparison(Words& words, const KnownNames& known) {
  using Compare = bool (*)(Value, Value);
  static const std::vector<std::pair<const char*, Compare>> comparisons{
      {"==", [](Value a, Value b) { return a == b; }}, {"!=", [](Value a, Value b) { return a != b; }},
      {"<=", [](Value a, Value b) { return a <= b; }}, {">=", [](Value a, Value b) { return a >= b; }},
      {"<", [](Value a, Value b) { return a < b; }},   {">", [](Value a, Value b) { return a > b; }}};
  const Number left = parse_sum(words, known);
  for (const auto& comparison : comparisons) {
    if (!words.take(comparison.first)) continue;
    return [left, right = parse_sum(words, known), compare = comparison.second](const Scope& scope) {
      return Value{compare(left(scope), right(scope))};
    };
  }
  return left;
}

// Products, sums, comparisons (1 or 0), `and`, then `or`.
inline Number parse_number(Words& words, const KnownNames& known) {
  const auto parse_and = [&] {
    Number so_far = parse_comparison(words, known);
    while (words.take("and")) {
      so_far = [a = so_far, b = parse_comparison(words, known)](const Scope& scope) {
        return Value{a(scope) != 0 && b(scope) != 0};
      };
    }
    return so_far;
  };
  Number so_far = parse_and();
  while (words.take("or")) {
    so_far = [a = so_far, b = parse_and()](const Scope& scope) { return Value{a(scope) != 0 || b(scope) != 0}; };
  }
  return so_far;
}

}  // namespace fluxmap_test::interleaving

// The statements of a case's steps, compiled to functions on a View.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "case_expression.hpp"
#include "case_text.hpp"
#include "interleaving_scenario.hpp"

namespace fluxmap_test::interleaving {

using Action = std::function<void(View&, Scope&)>;

// Reads that not every build of the library has.
enum class Need { reversed_reads, counted_reads };
inline const char* to_string(Need need) { return need == Need::reversed_reads ? "reversed reads" : "counted reads"; }

// What the statements of one transaction share while they are read.
struct StatementContext {
  KnownNames known = {};
  std::set<std::string> marks = {};
  bool scan_open = false;
  std::vector<std::pair<Need, Place>>* needs = nullptr;
};

inline Action parse_statement(const std::string& text, const Place& place, StatementContext& context);

// `where condition` on the value of a row; always true where there is none.
inline Number parse_where(Words& words, KnownNames known) {
  if (!words.take("where")) return [](const Scope&) { return Value{1}; };
  known.numbers.insert("value");
  return parse_number(words, known);
}

using Read = std::function<Value(View&, const Scope&)>;  // the number it is worth

// A scan, of whose rows `worth` makes a number.
inline Read parse_scan(Words& words, const StatementContext& context, Value (*worth)(const Rows&)) {
  const KeyRange range = parse_range(words, context.known);
  const Number where = parse_where(words, context.known);
  return [range, where, worth](View& view, const Scope& scope) {
    Rows rows = range.is_prefix ? view.prefix(range.first(scope)) : view.range(range.first(scope), range.last(scope));
    Scope inner = scope;
    std::erase_if(rows, [&](const Row& row) {
      inner.numbers["value"] = row.second;
      return where(inner) == 0;
    });
    return worth(rows);
  };
}

inline Value number_of(const Rows& rows) { return static_cast<Value>(rows.size()); }
inline Value sum_of(const Rows& rows) {
  Value sum = 0;
  for (const Row& row : rows) sum += row.second;
  return sum;
}
inline Value last_of(const Rows& rows) { return rows.empty() ? 0 : rows.back().second; }

// A read; nothing where the statement is none.
inline std::optional<Read> parse_read(Words& words, StatementContext& context) {
  const KnownNames& known = context.known;
  if (words.take("get")) {
    return [key = parse_key(words, known)](View& view, const Scope& scope) { return view.get(key(scope)).value_or(0); };
  }
  if (words.take("contains")) {
    return [key = parse_key(words, known)](View& view, const Scope& scope) { return Value{view.contains(key(scope))}; };
  }
  if (words.take("remove")) {
    return [key = parse_key(words, known)](View& view, const Scope& scope) { return Value{view.remove(key(scope))}; };
  }
  if (words.take("scan") || words.take("count")) return parse_scan(words, context, number_of);
  if (words.take("sum")) return parse_scan(words, context, sum_of);
  if (words.take("last")) return parse_scan(words, context, last_of);
  if (words.take("first")) {
    return [range = parse_range(words, known)](View& view, const Scope& scope) {
      const auto row = view.first_in(range.first(scope), range.last(scope));
      return row ? row->second : Value{0};
    };
  }
  if (words.take("reversed")) {
    context.needs->emplace_back(Need::reversed_reads, words.place());
    return [range = parse_range(words, known)](View& view, const Scope& scope) {
      return last_of(view.reversed(range.first(scope), range.last(scope)));
    };
  }
  if (words.take("counted")) {
    context.needs->emplace_back(Need::counted_reads, words.place());
    return [range = parse_range(words, known)](View& view, const Scope& scope) {
      return static_cast<Value>(view.counted(range.first(scope), range.last(scope)));
    };
  }
  if (words.take("next")) {
    if (!context.scan_open) words.fail("there is no open scan before");
    return [](View& view, const Scope&) {
      const auto row = view.next();
      return row ? row->second : Value{0};
    };
  }
  return std::nullopt;
}

// `key = number`
inline std::pair<KeyText, Number> parse_entry(Words& words, const KnownNames& known) {
  const KeyText key = parse_key(words, known);
  words.expect("=");
  return {key, parse_number(words, known)};
}

// A write, or what concerns the transaction as a whole; nothing where the statement is none.
inline Action parse_write(Words& words, StatementContext& context) {
  if (words.take("insert new")) {
    return [entry = parse_entry(words, context.known)](View& view, Scope& scope) {
      if (view.contains(entry.first(scope))) view.give_up();
      view.insert(entry.first(scope), entry.second(scope));
    };
  }
  if (words.take("insert absent")) {
    return [entry = parse_entry(words, context.known)](View& view, Scope& scope) {
      view.insert_if_absent(entry.first(scope), entry.second(scope));
    };
  }
  if (words.take("insert")) {
    return [entry = parse_entry(words, context.known)](View& view, Scope& scope) {
      view.insert(entry.first(scope), entry.second(scope));
    };
  }
  if (words.take("update")) {
    return [entry = parse_entry(words, context.known)](View& view, Scope& scope) {
      if (view.contains(entry.first(scope))) view.insert(entry.first(scope), entry.second(scope));
    };
  }
  if (words.take("add")) {
    return [entry = parse_entry(words, context.known)](View& view, Scope& scope) {
      const Value amount = entry.second(scope);
      view.update(entry.first(scope), [amount](std::optional<Value> old) { return old.value_or(0) + amount; });
    };
  }
  if (words.take("open")) {
    context.scan_open = true;
    return [range = parse_range(words, context.known)](View& view, Scope& scope) {
      view.open(range.first(scope), range.last(scope));
    };
  }
  if (words.take("savepoint")) {
    const std::string name = words.word("the savepoint's name");
    context.marks.insert(name);
    return [name](View& view, Scope&) { view.marks[name] = view.savepoint(); };
  }
  if (words.take("roll back to")) {
    const std::string name = words.word("the savepoint's name");
    if (context.marks.count(name) == 0) words.fail("there is no savepoint " + name + " before");
    return [name](View& view, Scope&) { view.rollback_to(view.marks.at(name)); };
  }
  if (words.take("begin")) return [](View&, Scope&) {};
  if (words.take("give up")) return [](View& view, Scope&) { view.give_up(); };
  return nullptr;
}

// `each range where condition`: the rows are read first, all of them.
inline Action parse_each(Words& words, const std::string& body_text, StatementContext& context) {
  const KeyRange range = parse_range(words, context.known);
  const Number where = parse_where(words, context.known);
  words.expect_end();
  StatementContext inner = context;
  inner.known.numbers.insert("value");
  inner.known.texts = {"key", "tail"};
  const Action body = parse_statement(body_text, words.place(), inner);
  return [range, where, body](View& view, Scope& scope) {
    const Key first = range.first(scope);
    const Rows rows = range.is_prefix ? view.prefix(first) : view.range(first, range.last(scope));
    for (const auto& [key, value] : rows) {
      scope.numbers["value"] = value;
      scope.texts["key"] = key;
      scope.texts["tail"] = range.is_prefix ? key.substr(first.size()) : key;
      if (where(scope) != 0) body(view, scope);
    }
  };
}

inline Action parse_for(Words& words, const std::string& body_text, StatementContext& context) {
  const std::string name = words.name();
  words.expect("in");
  const Number first = parse_number(words, context.known);
  words.expect("..");
  const Number last = parse_number(words, context.known);
  words.expect_end();
  StatementContext inner = context;
  inner.known.numbers.insert(name);
  const Action body = parse_statement(body_text, words.place(), inner);
  return [name, first, last, body](View& view, Scope& scope) {
    for (Value at = first(scope), end = last(scope); at <= end; ++at) {
      scope.numbers[name] = at;
      body(view, scope);
    }
  };
}

inline Action parse_if(Words& words, const std::string& body_text, StatementContext& context) {
  const Number condition = parse_number(words, context.known);
  words.expect_end();
  const Action then = parse_statement(body_text, words.place(), context);
  return [condition, then](View& view, Scope& scope) {
    if (condition(scope) != 0) then(view, scope);
  };
}

inline Action parse_statement(const std::string& text, const Place& place, StatementContext& context) {
  std::string head, body;
  if (split_name(text, head, body)) {
    Words words(head, place);
    if (words.take("if")) return parse_if(words, body, context);
    if (words.take("for")) return parse_for(words, body, context);
    if (words.take("each")) return parse_each(words, body, context);
    words.fail("neither if, for nor each stands before the colon in: " + text);
  }
  Words words(text, place);
  if (Action write = parse_write(words, context)) {
    words.expect_end();
    return write;
  }
  if (const auto read = parse_read(words, context)) {
    words.expect_end();
    return [read = *read](View& view, Scope& scope) { read(view, scope); };
  }
  const std::string name = words.name();
  if (name.empty() || !words.take("=")) words.fail("no statement: " + text);
  const auto read = parse_read(words, context);
  const Number number = read ? Number() : parse_number(words, context.known);
  words.expect_end();
  context.known.numbers.insert(name);
  return [name, read, number](View& view, Scope& scope) {
    scope.numbers[name] = read ? (*read)(view, scope) : number(scope);
  };
}

}  // namespace fluxmap_test::interleaving

// Understands the lines of a case of tests/anomalies/cases: the format is described there. Whatever is wrong is told
// with file and line.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "case_actions.hpp"
#include "case_expression.hpp"
#include "case_text.hpp"
#include "interleaving_scenario.hpp"

namespace fluxmap_test::interleaving {

// One order of steps, and what is expected of it; what is not mentioned is left to the oracle.
struct ExpectedOrder {
  Place place = {};
  std::string steps = {};
  std::map<std::string, std::vector<Outcome>> outcomes = {};  // by session: any of these
  std::map<std::string, Rows> reads = {};                     // by step: all rows it has read, in turn
  std::vector<Contents> finals = {};                          // any of these; none given: whatever is right
};

struct Case {
  Place place = {};
  Scenario scenario = {};
  std::vector<ExpectedOrder> orders = {};
  std::vector<std::string> noticed_by = {};  // broken stores that the case must fail on
  std::vector<std::pair<Need, Place>> needs = {};
};

class CaseParser {
 public:
  explicit CaseParser(std::vector<Line> lines) : lines_(std::move(lines)) {}

  Case parse() {
    for (const Line& line : lines_) {
      if (!line.indented) {
        section_ = &CaseParser::nothing_inside;
        parse_top(line);
      } else {
        (this->*section_)(line);
      }
    }
    if (case_.scenario.name.empty()) fail(lines_.front(), "a case begins with 'case: its name'");
    if (case_.scenario.sessions.empty()) fail(lines_.back(), "there is no transaction");
    for (std::size_t i = 0; i < case_.scenario.sessions.size(); ++i) check_session(i);
    for (const ExpectedOrder& order : case_.orders) check_order(order);
    return std::move(case_);
  }

 private:
  using Section = void (CaseParser::*)(const Line&);

  [[noreturn]] static void fail(const Line& line, const std::string& what) { throw CaseError(line.place, what); }

  void nothing_inside(const Line& line) {
    fail(line, "an indented line belongs to a transaction, an order or 'every order'");
  }

  void parse_top(const Line& line) {
    std::string name, rest;
    if (line.text == "every order") {
      section_ = &CaseParser::parse_demand;
    } else if (line.text.rfind("transaction ", 0) == 0) {
      begin_session(line);
    } else if (!split_name(line.text, name, rest)) {
      fail(line, "not understood: " + line.text);
    } else if (name == "case") {
      case_.place = line.place;
      case_.scenario.name = rest;
    } else if (name == "from" || name == "about" || name == "vary") {
      // For readers; vary was looked at before.
    } else if (name == "noticed by") {
      case_.noticed_by = split(rest, ',');
    } else if (name == "initial") {
      parse_rows(rest, line.place, {},
                 [&](const Row& row) { case_.scenario.initial.insert_or_assign(row.first, row.second); });
    } else if (name == "absent") {
      for (const std::string& key : split(rest, ',')) case_.scenario.once_there.push_back(key);
    } else if (name == "order") {
      case_.orders.push_back({.place = line.place, .steps = rest});
      section_ = &CaseParser::parse_expectation;
    } else {
      fail(line, "no such line: " + name);
    }
  }

  // "key = number, key = number", or "nothing"; each may have a "for i in first .. last:" before it.
  template <class Sink>
  static void parse_rows(const std::string& text, const Place& place, const KnownNames& known, Sink&& sink) {
    if (text == "nothing") return;
    for (const std::string& part : split(text, ',')) {
      std::string head, entry_text = part;
      KnownNames inner = known;
      std::string name;
      Scope scope;
      Value at = 0, last = 0;
      if (split_name(part, head, entry_text)) {
        Words words(head, place);
        words.expect("for");
        name = words.name();
        words.expect("in");
        at = parse_number(words, known)(scope);
        words.expect("..");
        last = parse_number(words, known)(scope);
        words.expect_end();
        inner.numbers.insert(name);
      }
      Words words(entry_text, place);
      const auto entry = parse_entry(words, inner);
      words.expect_end();
      for (; at <= last; ++at) {
        scope.numbers[name] = at;
        sink(Row(entry.first(scope), entry.second(scope)));
      }
    }
  }

  void begin_session(const Line& line) {
    const std::vector<std::string> parts = split(line.text.substr(12), ',');
    Session session{.name = parts[0]};
    for (auto flag = parts.begin() + 1; flag != parts.end(); ++flag) {
      if (*flag == "read only") {
        session.read_only = true;
      } else if (*flag == "autocommit") {
        session.autocommit = true;
      } else if (*flag == "on other threads") {
        session.hop_threads = true;
      } else if (*flag != "") {
        fail(line, "a transaction is 'read only', 'autocommit' or 'on other threads', not: " + *flag);
      }
    }
    claim(session.name, line);
    case_.scenario.sessions.push_back(std::move(session));
    session_places_.push_back(line.place);
    context_ = {.needs = &case_.needs};
    section_ = &CaseParser::parse_step;
  }

  void claim(const std::string& name, const Line& line) {
    if (name.empty() || name == "final" || name.find(' ') != std::string::npos) fail(line, "no name: '" + name + "'");
    if (!names_.insert(name).second) fail(line, "there is a " + name + " already");
  }

  void parse_step(const Line& line) {
    std::string name, rest;
    if (!split_name(line.text, name, rest)) fail(line, "a step is 'name: what it does'");
    claim(name, line);
    std::vector<Step>& steps = case_.scenario.sessions.back().steps;
    if (rest == "commit") return steps.push_back(commit(name));
    if (rest == "roll back") return steps.push_back(rollback(name));
    std::vector<Action> actions;
    for (const std::string& statement : split(rest, ',')) {
      actions.push_back(parse_statement(statement, line.place, context_));
    }
    if (case_.scenario.sessions.back().autocommit && actions.size() != 1) fail(line, "autocommit is one statement");
    steps.push_back(step(name, [actions](View& view) {
      Scope scope{.numbers = view.numbers};
      for (const Action& action : actions) action(view, scope);
      view.numbers = std::move(scope.numbers);
    }));
  }

  void parse_demand(const Line& line) {
    std::string name, rest;
    Scenario& scenario = case_.scenario;
    if (line.text == "scans keep their snapshot") {
      scenario.scans_keep_their_snapshot = true;
    } else if (line.text == "an overlap conflicts") {
      scenario.overlap_must_conflict = true;
    } else if (!split_name(line.text, name, rest)) {
      fail(line, "not understood: " + line.text);
    } else if (name == "conflicts at most") {
      Words words(rest, line.place);
      Value most = 0;
      if (!words.number(most)) words.fail("no number: " + rest);
      words.expect_end();
      scenario.most_conflicts = static_cast<std::size_t>(most);
    } else if (name == "never conflict") {
      for (const std::string& session : split(rest, ',')) {
        if (session_index(session) == k_none) fail(line, "there is no transaction " + session);
        scenario.never_conflict.push_back(session);
      }
    } else if (name == "final") {
      Words words(rest, line.place);
      const Number condition = parse_number(words, {.contents = true});
      words.expect_end();
      scenario.invariant = [condition, before = scenario.invariant](const Contents& contents) {
        return (!before || before(contents)) && condition({.contents = &contents}) != 0;
      };
    } else {
      fail(line, "no such demand: " + name);
    }
  }

  void parse_expectation(const Line& line) {
    std::string name, rest;
    if (!split_name(line.text, name, rest)) fail(line, "an expectation is 'transaction, step or final: what'");
    ExpectedOrder& order = case_.orders.back();
    if (name == "final") {
      for (const std::string& one : split(rest, '|')) {
        Contents& contents = order.finals.emplace_back();
        parse_rows(one, line.place, {}, [&](const Row& row) { contents.insert(row); });
      }
    } else if (session_index(name) != k_none) {
      for (const std::string& one : split(rest, '|')) order.outcomes[name].push_back(outcome_of(one, line));
    } else {
      const std::vector<std::string> named = words_of(order.steps);
      if (std::find(named.begin(), named.end(), name) == named.end()) {
        fail(line, name + " is neither a transaction nor a step of this order");
      }
      Rows& rows = order.reads[name];
      parse_rows(rest, line.place, {}, [&](const Row& row) { rows.push_back(row); });
    }
  }

  static Outcome outcome_of(const std::string& text, const Line& line) {
    if (text == "commits") return Outcome::committed;
    if (text == "conflicts") return Outcome::conflicted;
    if (text == "rolls back") return Outcome::rolled_back;
    fail(line, "a transaction commits, conflicts or rolls back, not: " + text);
  }

  static std::vector<std::string> words_of(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    return words;
  }

  static constexpr std::size_t k_none = static_cast<std::size_t>(-1);
  std::size_t session_index(const std::string& name) const {
    const auto& sessions = case_.scenario.sessions;
    const auto found =
        std::find_if(sessions.begin(), sessions.end(), [&](const Session& session) { return session.name == name; });
    return found == sessions.end() ? k_none : static_cast<std::size_t>(found - sessions.begin());
  }

  // As the harness wants them: steps, and then the end.
  void check_session(std::size_t index) const {
    const Session& session = case_.scenario.sessions[index];
    const Place& place = session_places_[index];
    const auto ends = [](const Step& step) { return step.kind != StepKind::act; };
    const auto first_end = std::find_if(session.steps.begin(), session.steps.end(), ends);
    if (session.autocommit) {
      if (session.steps.size() == 1 && first_end == session.steps.end()) return;
      throw CaseError(place, session.name + " is autocommit: it has one step and no end");
    }
    if (session.steps.empty() || first_end != session.steps.end() - 1) {
      throw CaseError(place, session.name + " must end with commit or roll back, and only there");
    }
  }

  // Every step once, in its transaction's order, and the end of each transaction that is in it.
  void check_order(const ExpectedOrder& order) const {
    const auto& sessions = case_.scenario.sessions;
    std::vector<std::size_t> next(sessions.size(), 0);
    for (const std::string& name : words_of(order.steps)) {
      std::size_t owner = k_none;
      for (std::size_t i = 0; i < sessions.size(); ++i) {
        for (std::size_t at = 0; at < sessions[i].steps.size(); ++at) {
          if (sessions[i].steps[at].name != name) continue;
          if (at < next[i]) throw CaseError(order.place, name + " stands behind a later step of " + sessions[i].name);
          owner = i;
          next[i] = at + 1;
        }
      }
      if (owner == k_none) throw CaseError(order.place, "there is no step " + name);
    }
    for (std::size_t i = 0; i < sessions.size(); ++i) {
      if (next[i] != 0 && next[i] != sessions[i].steps.size()) {
        throw CaseError(order.place, "the end of " + sessions[i].name + " is missing");
      }
      if (next[i] == 0 && order.outcomes.count(sessions[i].name) != 0) {
        throw CaseError(order.place, sessions[i].name + " has no step in this order");
      }
    }
  }

  std::vector<Line> lines_;
  Case case_;
  std::vector<Place> session_places_;
  std::set<std::string> names_;  // of transactions and steps
  StatementContext context_;
  Section section_ = &CaseParser::nothing_inside;
};

}  // namespace fluxmap_test::interleaving

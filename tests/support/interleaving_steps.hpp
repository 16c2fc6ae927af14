// Steps that most scenarios need.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "interleaving_scenario.hpp"

namespace fluxmap_test::interleaving {

using Outcomes = std::vector<Outcome>;
inline constexpr auto committed = Outcome::committed;
inline constexpr auto conflicted = Outcome::conflicted;
inline constexpr auto rolled_back = Outcome::rolled_back;

inline Step read(std::string name, Key key) {
  return step(std::move(name), [key](View& v) { v.get(key); });
}
inline Step read_two(std::string name, Key one, Key two) {
  return step(std::move(name), [one, two](View& v) {
    v.get(one);
    v.get(two);
  });
}
inline Step scan(std::string name, Key prefix) {
  return step(std::move(name), [prefix](View& v) { v.prefix(prefix); });
}
// Blind: overwrites or inserts without looking.
inline Step write(std::string name, Key key, Value value) {
  return step(std::move(name), [key, value](View& v) { v.insert(key, value); });
}
// As SQL's UPDATE: only a row that is there.
inline Step update(std::string name, Key key, Value value) {
  return step(std::move(name), [key, value](View& v) {
    if (v.contains(key)) v.insert(key, value);
  });
}
inline Step add(std::string name, Key key, Value amount) {
  return step(std::move(name), [key, amount](View& v) { v.insert(key, v.get(key).value_or(0) + amount); });
}
// As SQL's INSERT under a unique constraint: gives up where there is one.
inline Step insert_new(std::string name, Key key, Value value) {
  return step(std::move(name), [key, value](View& v) {
    if (v.contains(key)) v.give_up();
    v.insert(key, value);
  });
}
inline Step remove(std::string name, Key key) {
  return step(std::move(name), [key](View& v) { v.remove(key); });
}
// As SQL's UPDATE … WHERE value = `old`.
inline Step update_where(std::string name, Key prefix, Value old, Value value) {
  return step(std::move(name), [prefix, old, value](View& v) {
    for (const auto& [key, found] : v.prefix(prefix)) {
      if (found == old) v.insert(key, value);
    }
  });
}
inline Step remove_where(std::string name, Key prefix, Value value) {
  return step(std::move(name), [prefix, value](View& v) {
    for (const auto& [key, found] : v.prefix(prefix)) {
      if (found == value) v.remove(key);
    }
  });
}

// "table/0007": keys in the order of their numbers.
inline Key row(const std::string& table, Value number) {
  std::string digits = std::to_string(number);
  digits.insert(0, digits.size() < 5 ? 5 - digits.size() : 0, '0');
  return table + '/' + digits;
}

}  // namespace fluxmap_test::interleaving

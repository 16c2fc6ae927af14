// Measures one system in one cell: fill it anew, run the team, check what is left in it.
#pragma once

#include "task.hpp"
#include "team.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

namespace fluxmap_bench {

struct Setup {
  std::size_t entries = 0;
  std::vector<std::uint32_t> fill_order;
  std::chrono::duration<double> seconds{};
};

// Every key in its place, every value its own key's, no entry and no money lost.
template <class System>
bool content_is_right(System& system, Row row, const KeySpace& keys, std::uint64_t inserted) {
  decltype(auto) session = system.session();
  const Entries entries = session.scan(0, KeySpace::end());
  if (entries.size() != keys.entries() + inserted) return false;
  if (row == Row::transfer) {
    Value money = 0;
    for (const auto& [key, balance] : entries) money += balance;
    return money == keys.entries() * k_opening_balance;
  }
  return std::all_of(entries.begin(), entries.end(), [](const auto& e) { return belongs_to(e.first, e.second); });
}

template <class System, class Work>
Outcome measure_once(const Setup& setup, Row row, unsigned threads, std::uint64_t seed, Work work) {
  const auto system = std::make_unique<System>();
  Task task;
  task.row = row;
  task.keys = KeySpace(setup.entries);
  decltype(auto) session = system->session();
  for (const auto index : setup.fill_order) {
    const Key key = task.keys.present(index);
    session.insert(key, first_value(row, key));
  }
  const bool by_budget = row == Row::insert;  // a map that is twice as fast must not be twice as full
  if (by_budget) task.budget = setup.entries / threads;
  auto outcome = run_team(task, threads, seed, by_budget ? std::chrono::duration<double>{} : setup.seconds,
                          [&](const Task& now, Tally& tally) { work(*system, now, tally); });
  if (!content_is_right(*system, row, task.keys, by_budget ? outcome.operations : 0)) ++outcome.wrong;
  return outcome;
}

// At least setup.seconds of measured work: one run, or several that insert N new keys each.
template <class System, class Work>
Outcome measure(const Setup& setup, Row row, unsigned threads, std::uint64_t seed, Work work) {
  auto outcome = measure_once<System>(setup, row, threads, seed, work);
  while (row == Row::insert && outcome.seconds < setup.seconds.count()) {
    outcome += measure_once<System>(setup, row, threads, ++seed, work);
  }
  return outcome;
}

}  // namespace fluxmap_bench

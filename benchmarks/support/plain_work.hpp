// The inner loops over plain functions: all of the peers, and of fluxmap what never waits.
#pragma once

#include "task.hpp"

#include <cstddef>

namespace fluxmap_bench {

template <class Session>
void get_one(Session& session, const Task& task, Tally& tally, Random& random) {
  const Key key = task.keys.present(random.below(task.keys.entries()));
  if (const auto value = session.get(key)) {
    tally.check_value(key, *value);
  } else {
    ++tally.wrong;
  }
}

template <class Session>
void scan_one(Session& session, const Task& task, Tally& tally, Random& random) {
  const auto index = random.below(task.keys.entries() - k_scan_entries);
  const Entries entries = session.scan(task.keys.present(index), task.keys.present(index + k_scan_entries));
  if (entries.size() != k_scan_entries || entries.front().first != task.keys.present(index)) {
    ++tally.wrong;
    return;
  }
  for (const auto& [key, value] : entries) tally.checksum += value;
  tally.check_value(entries.back().first, entries.back().second);
}

struct TransferPlan {
  TransferPlan(const Task& task, Random& random) {
    const auto accounts = task.keys.entries();
    const auto index = random.below(accounts);
    from = task.keys.present(index);
    to = task.keys.present((index + 1 + random.below(accounts - 1)) % accounts);
    amount = 1 + random.below(100);
  }

  Key from;
  Key to;
  Value amount;
};

template <class System>
void plain_work(System& system, const Task& task, Tally& tally) {
  decltype(auto) session = system.session();
  Random random(tally.seed);
  for (; tally.more(task); ++tally.operations) {
    switch (task.row) {
      case Row::get:
        get_one(session, task, tally, random);
        break;
      case Row::insert: {
        const Key key = KeySpace::fresh(random);
        session.insert(key, make_value(key, tally.operations));
        break;
      }
      case Row::mixed:
        if (random.below(100) < 80) {
          get_one(session, task, tally, random);
          break;
        }
        [[fallthrough]];
      case Row::overwrite: {
        const Key key = task.keys.present(random.below(task.keys.entries()));
        session.overwrite(key, make_value(key, tally.operations));
        break;
      }
      case Row::transfer:
        if constexpr (requires { session.transfer(Key{}, Key{}, Value{}); }) {
          const TransferPlan plan(task, random);
          session.transfer(plan.from, plan.to, plan.amount);
        } else {
          ++tally.wrong;  // never asked for
        }
        break;
      case Row::scan:
        scan_one(session, task, tally, random);
        break;
    }
  }
}

}  // namespace fluxmap_bench

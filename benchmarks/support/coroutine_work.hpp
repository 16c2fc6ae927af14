// The inner loops of fluxmap as its users write them: one coroutine on an io_context for each thread.
#pragma once

#include "flux_map.hpp"
#include "plain_work.hpp"
#include "run_here.hpp"
#include "task.hpp"

#include <boost/asio/awaitable.hpp>

#include <algorithm>

namespace fluxmap_bench {

// Moves the money inside one transaction; the same code for both ways of running it.
void transfer_in(auto& tx, const TransferPlan& plan) {
  const Value source = *tx.get(plan.from);
  const Value target = *tx.get(plan.to);
  const Value amount = std::min(plan.amount, source);
  tx.insert(plan.from, source - amount);
  tx.insert(plan.to, target + amount);
}

inline asio::awaitable<void> inserts(FluxMap& map, const Task& task, Tally& tally) {
  auto handle = map.handle();
  Random random(tally.seed);
  for (; tally.more(task); ++tally.operations) {
    const Key key = KeySpace::fresh(random);
    co_await handle.insert(key, make_value(key, tally.operations));
  }
}

inline asio::awaitable<void> overwrites(FluxMap& map, const Task& task, Tally& tally, std::uint64_t reads_in_100) {
  auto handle = map.handle();
  auto session = map.session();
  Random random(tally.seed);
  for (; tally.more(task); ++tally.operations) {
    if (reads_in_100 != 0 && random.below(100) < reads_in_100) {
      get_one(session, task, tally, random);
    } else {
      const Key key = task.keys.present(random.below(task.keys.entries()));
      co_await handle.insert(key, make_value(key, tally.operations));
    }
  }
}

inline asio::awaitable<void> closure_transfers(FluxMap& map, const Task& task, Tally& tally) {
  auto handle = map.handle();
  Random random(tally.seed);
  for (; tally.more(task); ++tally.operations) {
    const TransferPlan plan(task, random);
    std::uint64_t runs = 0;
    co_await handle.transaction([&](auto& tx) {
      ++runs;
      transfer_in(tx, plan);
    });
    tally.retries += runs - 1;
  }
}

inline asio::awaitable<void> manual_transfers(FluxMap& map, const Task& task, Tally& tally) {
  auto handle = map.handle();
  Random random(tally.seed);
  for (; tally.more(task); ++tally.operations) {
    const TransferPlan plan(task, random);
    for (bool committed = false; !committed;) {
      auto tx = handle.begin();
      try {
        transfer_in(tx, plan);
        co_await tx.commit();
        committed = true;
      } catch (const boost::system::system_error& error) {
        if (!fluxmap::is_retryable(error.code())) throw;
        ++tally.retries;
      }
    }
  }
}

// What fluxmap's own column measures.
inline void awaited_work(FluxMap& map, const Task& task, Tally& tally) {
  switch (task.row) {
    case Row::get:
    case Row::scan:
      return plain_work(map, task, tally);  // reads are plain functions
    case Row::insert:
      return run_here(inserts(map, task, tally));
    case Row::overwrite:
      return run_here(overwrites(map, task, tally, 0));
    case Row::mixed:
      return run_here(overwrites(map, task, tally, 80));
    case Row::transfer:
      return run_here(closure_transfers(map, task, tally));
  }
}

// The other form of the same work: insert without a coroutine, begin() and commit() without a closure.
inline void other_form_work(FluxMap& map, const Task& task, Tally& tally) {
  if (task.row == Row::transfer) return run_here(manual_transfers(map, task, tally));
  plain_work(map, task, tally);
}

}  // namespace fluxmap_bench

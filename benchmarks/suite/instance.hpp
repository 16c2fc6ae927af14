// An Instance of any store that offers sessions: see the peers for what a session is.
#pragma once

#include "loop.hpp"
#include "system.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_bench {

template <class Session>
WorkOf<Session> fill_work(Session& session, const std::vector<std::pair<Key, Value>>& entries) {
  for (const auto& [number, value] : entries) {
    co_await session.insert(KeyText<typename Session::Key>(number).view(),
                            ValueText<typename Session::Value>::make(value));
  }
}

template <class Session>
WorkOf<Session> bulk_fill_work(Session& session, const std::vector<std::pair<Key, Value>>& entries) {
  constexpr std::size_t k_batch = 50'000;
  for (std::size_t begin = 0; begin < entries.size(); begin += k_batch) {
    const std::size_t end = std::min(begin + k_batch, entries.size());
    co_await session.transaction([&](auto& tx) {
      for (std::size_t i = begin; i < end; ++i) {
        tx.put(KeyText<typename Session::Key>(entries[i].first).view(),
               ValueText<typename Session::Value>::make(entries[i].second));
      }
    });
  }
}

template <class Store>
class StoreInstance : public Instance {
 public:
  template <class... Args>
  explicit StoreInstance(const Args&... args) : store_(args...) {}

  void fill(const Run& run) override {
    std::vector<std::pair<Key, Value>> entries;
    if (run.workload == Workload::tpcc) {
      tpcc::fill([&](Key key) { entries.emplace_back(key, 0); });
      // In a random order, as every filling.
      Random random(42);
      for (std::size_t i = entries.size(); i > 1; --i) std::swap(entries[i - 1], entries[random.below(i)]);
    } else {
      entries.reserve(run.entries);
      for (const auto index : *run.shuffled) {
        const Key number = run.keys.present(index);
        entries.emplace_back(number, make_value(number, k_first_balance));
      }
    }
    filled_ = entries.size();
    money_ = filled_ * k_first_balance;
    auto session = store_.session();
    // Where each commit is synced, and where a transaction is dear, many entries go into one.
    const bool in_bulk = Session::k_abilities.fills_in_bulk || store_.coroutines() > 1;
    Session::drive(1, [&](unsigned) {
      if constexpr (Session::k_abilities.transactions && Session::k_abilities.everything) {
        if (in_bulk) return bulk_fill_work(session, entries);
      }
      return fill_work(session, entries);
    });
  }

  RunResult run(Run& run) override {
    Task task;
    task.budget = run.budget;
    run.inserted = std::vector<Counter>(run.threads);
    if (run.workload == Workload::range_sums) run.range_sum = sum_at_rest(run);
    std::vector<Worker> members(run.threads);
    std::atomic<unsigned> next{0};
    RunResult result;
    // Without a budget the threads are stopped by the clock; with one, by whatever comes first.
    result.outcome = run_team(task, run.threads, run.salt, std::chrono::duration<double>(run.seconds),
                              [&](const Task& now, Tally& tally) {
                                const unsigned thread = next.fetch_add(1, std::memory_order_relaxed);  // only a number
                                Worker& me = members[thread];
                                me.tally = &tally;
                                me.run = &run;
                                me.operations = (*run.operations)[thread].data();
                                me.thread = thread;
                                if (run.timed) me.samples.reserve(Worker::k_samples);
                                auto session = store_.session();
                                Session::drive(store_.coroutines(), [&](unsigned coroutine) {
                                  return work(session, now, me, run.salt + coroutine * (k_ring / 64));
                                });
                              });
    for (auto& member : members) {
      result.side_operations += member.side_operations;
      result.samples.insert(result.samples.end(), member.samples.begin(), member.samples.end());
      inserted_ += member.inserted;
      removed_ += member.removed;
      orders_ += member.orders;
      paid_ += member.money;
    }
    return result;
  }

  std::uint64_t audit(const Run& run) override {
    auto session = store_.session();
    std::uint64_t wrong = 0;
    std::uint64_t count = 0;
    Value money = 0;
    tpcc::Audit audit;
    session.for_each([&](const auto& key, const auto& value) {
      const Key number = KeyText<typename Session::Key>::number_of(key);
      const Value word = ValueText<typename Session::Value>::word(value);
      ++count;
      if (run.workload == Workload::tpcc) {
        audit.entry(number, word);
      } else {
        money += balance_of(word);
        if (!belongs_to(number, word)) ++wrong;
      }
    });
    if (run.workload == Workload::tpcc) return wrong + audit.violations(orders_, paid_);
    if (count != filled_ + inserted_ - removed_) ++wrong;
    if (info_of(run.workload).money && money != money_ + static_cast<Value>(paid_)) ++wrong;
    money_ = money;  // where others have written, what is there now is what must be kept
    paid_ = 0;
    return wrong;
  }

 private:
  using Session = typename Store::Session;

  Value sum_at_rest(const Run& run) {
    Value sum = 0;
    if constexpr (k_numbers<Session> && Session::k_abilities.scans) {
      store_.session().scan(run.keys.present(0), run.keys.present(k_sum_entries),
                            [&](Key, Value value) { sum += balance_of(value); });
    }
    return sum;
  }

  Store store_;
  std::uint64_t filled_ = 0;
  std::uint64_t inserted_ = 0;
  std::uint64_t removed_ = 0;
  std::uint64_t orders_ = 0;
  std::int64_t paid_ = 0;
  Value money_ = 0;
};

// A system whose stores are Store<Key, Value>(args...).
template <template <class, class> class Store, class... Args>
System system_of(std::string id, std::string name, std::string version, std::string caveat, bool by_default = true,
                 const Args&... args) {
  using U = std::uint64_t;
  using S = std::string;
  const auto open = [args...](Kind kind) -> std::unique_ptr<Instance> {
    switch (kind) {
      case Kind::u64_u64:
        return std::make_unique<StoreInstance<Store<U, U>>>(args...);
      case Kind::u64_s100:
        return std::make_unique<StoreInstance<Store<U, S>>>(args...);
      case Kind::s16_u64:
      case Kind::key16_u64:
      case Kind::tenant30_u64:
        return std::make_unique<StoreInstance<Store<S, U>>>(args...);
      case Kind::s16_s100:
        return std::make_unique<StoreInstance<Store<S, S>>>(args...);
    }
    return nullptr;
  };
  return {.id = std::move(id),
          .name = std::move(name),
          .version = std::move(version),
          .caveat = std::move(caveat),
          .by_default = by_default,
          .abilities = {Store<U, U>::Session::k_abilities, Store<U, S>::Session::k_abilities,
                        Store<S, U>::Session::k_abilities, Store<S, S>::Session::k_abilities,
                        Store<S, U>::Session::k_abilities, Store<S, U>::Session::k_abilities},
          .open = open};
}

}  // namespace fluxmap_bench

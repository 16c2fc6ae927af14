// The loop in which a thread does its operations: one text for every system. Reads are plain calls, writes are awaited;
// what a system has not, its cells are not asked for (see can_do).
#pragma once

#include "kinds.hpp"
#include "money.hpp"
#include "run.hpp"
#include "tpcc.hpp"

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <type_traits>
#include <vector>

namespace fluxmap_bench {

template <class Session>
using WorkOf = typename Session::Work;

template <class Session>
inline constexpr bool k_numbers =
    std::is_same_v<typename Session::Key, std::uint64_t> && std::is_same_v<typename Session::Value, std::uint64_t>;

template <class Session>
void get_one(const Session& session, Worker& me, Key number) {
  using Word = ValueText<typename Session::Value>;
  const KeyText<typename Session::Key> key(number);
  if (const auto value = session.get(key.view())) {
    me.tally->check_value(number, Word::word(*value));
  } else {
    ++me.tally->wrong;
  }
}

// YCSB's latest: so many keys back from the newest one of some thread; beyond the first of them, those that were there.
template <class Session>
void get_latest(const Session& session, Worker& me, const Operation& op) {
  const Run& run = *me.run;
  const unsigned thread = op.other % run.threads;
  const std::uint64_t count = run.inserted[thread].value.load(std::memory_order_acquire);  // with the key: count_insert
  get_one(session, me,
          op.index < count ? run.fresh(thread, count - 1 - op.index)
                           : run.keys.present(Random::mix(op.index - count) % run.entries));
}

template <class Session>
void get_many(Session& session, Worker& me, std::size_t at, std::vector<KeyText<typename Session::Key>>& keys) {
  using Word = ValueText<typename Session::Value>;
  keys.clear();
  const auto number = [&](std::size_t i) { return me.run->keys.present(me.operations[(at + i) & (k_ring - 1)].index); };
  for (std::size_t i = 0; i < k_many; ++i) keys.emplace_back(number(i));
  const auto values = session.get_many(keys);
  for (std::size_t i = 0; i < k_many; ++i) {
    if (values[i]) {
      me.tally->check_value(number(i), Word::word(*values[i]));
    } else {
      ++me.tally->wrong;
    }
  }
}

template <class Session>
void scan_one(Session& session, Worker& me, const Operation& op) {
  const Run& run = *me.run;
  const Key begin = run.keys.present(op.index);
  const std::size_t past = std::size_t{op.index} + op.other;
  const KeyText<typename Session::Key> first(begin);
  const KeyText<typename Session::Key> last(past == run.entries ? run.keys.end() - 1 : run.keys.present(past));
  std::size_t count = 0;
  Key seen = 0;
  Value word = 0;
  session.scan(first.view(), last.view(), [&](const auto& key, const auto& value) {
    const Value here = ValueText<typename Session::Value>::word(value);
    me.tally->checksum += here;
    ++count;
    // To read a number out of a text takes longer than a fast step of a scan; that of a number is there.
    if (std::is_same_v<typename Session::Key, std::uint64_t> || count == 1 || count == op.other) {
      const Key number = KeyText<typename Session::Key>::number_of(key);
      if (count == 1 ? number != begin : number <= seen) ++me.tally->wrong;
      seen = number;
      word = here;
    }
  });
  if (count < op.other || !belongs_to(seen, word)) ++me.tally->wrong;
}

template <class Session>
void sum_one(Session& session, Worker& me) {
  const Run& run = *me.run;
  Value sum = 0;
  session.scan(run.keys.present(0), run.keys.present(k_sum_entries),
               [&](Key, Value value) { sum += balance_of(value); });
  me.tally->checksum += sum;
  if (sum != run.range_sum) ++me.tally->wrong;
}

// `runs` counts how often the body began.
template <class Session, class Body>
auto transact(Session& session, std::uint64_t& runs, Body body) {
  runs = 0;
  return session.transaction([&runs, body](auto& tx) {
    ++runs;
    body(tx);
  });
}

template <class Session>
WorkOf<Session> work(Session& session, const Task& task, Worker& me, std::size_t begin) {
  constexpr bool k_everything = Session::k_abilities.everything;
  constexpr bool k_transactions = k_numbers<Session> && Session::k_abilities.transactions;
  using StoreKey = typename Session::Key;
  using Text = KeyText<StoreKey>;
  using Word = ValueText<typename Session::Value>;
  const Run& run = *me.run;
  Tally& tally = *me.tally;
  std::vector<Text> many;
  many.reserve(k_many);
  for (std::size_t at = begin & (k_ring - 1); me.more(task); at = (at + 1) & (k_ring - 1)) {
    const Operation& op = me.operations[at];
    const auto start = me.now();
    bool read = false;
    bool side = false;
    std::uint64_t runs = 1;
    switch (op.act) {
      case Act::get:
        get_one(session, me, run.keys.present(op.index));
        read = true;
        break;
      case Act::get_latest:
        if constexpr (k_everything) get_latest(session, me, op);
        read = true;
        break;
      case Act::get_many:
        if constexpr (k_everything) get_many(session, me, at, many);
        at += k_many - 1;
        read = true;
        break;
      case Act::insert_random:
      case Act::insert_ascending: {
        const std::uint64_t nth = me.begun++;
        const Key number = op.act == Act::insert_random ? run.fresh(me.thread, nth) : run.ascending(me.thread, nth);
        co_await session.insert(Text(number).view(), Word::make(make_value(number, k_first_balance)));
        me.count_insert();
        break;
      }
      case Act::overwrite:
        if constexpr (Session::k_abilities.overwrites) {
          const Key number = run.keys.present(op.index);
          co_await session.overwrite(Text(number).view(), Word::make(make_value(number, op.other)));
        }
        break;
      case Act::remove:
        if constexpr (Session::k_abilities.removes) {
          const std::size_t place = me.begun++ * run.threads + me.thread;
          const Key number = run.keys.present((*run.shuffled)[place]);
          if (!co_await session.remove(Text(number).view())) ++tally.wrong;
          ++me.removed;
        }
        break;
      case Act::scan:
        if constexpr (Session::k_abilities.scans) scan_one(session, me, op);
        read = true;
        break;
      case Act::update:
        if constexpr (Session::k_abilities.updates) {
          const Key number = run.keys.present(op.index);
          co_await session.update(Text(number).view(), [number, &tally](const auto* old) {
            if (old == nullptr) throw MissingKey();
            const Value word = Word::word(*old);
            tally.check_value(number, word);
            return Word::make(make_value(number, word + 1));
          });
        }
        break;
      case Act::transfer:
        if constexpr (k_transactions) {
          co_await transact(session, runs, [&](auto& tx) { transfer_in(tx, run, op); });
          side = run.workload == Workload::long_writers || run.workload == Workload::range_sums;
        }
        break;
      case Act::long_write:
        if constexpr (k_transactions && k_everything) {
          co_await transact(session, runs, [&](auto& tx) { long_write_in(tx, run, me.operations, at); });
          at += k_long_reads - 1;
        }
        break;
      case Act::range_sum:
        if constexpr (k_everything && k_numbers<Session> && Session::k_abilities.scans) sum_one(session, me);
        read = true;
        break;
      case Act::smallbank:
        if constexpr (k_transactions && Session::k_abilities.snapshots && k_everything) {
          const SmallBank bank(run, op);
          std::int64_t delta = 0;
          if (bank.reads_only()) {
            Value balance = 0;
            runs = 0;
            co_await session.read_only([&](auto& tx) {
              ++runs;
              balance = bank.balance(tx);
            });
            tally.checksum += balance;
            read = true;
          } else {
            co_await transact(session, runs, [&](auto& tx) { bank.write(tx, delta); });
          }
          me.money += delta;
        }
        break;
      case Act::new_order:
        if constexpr (k_transactions && k_everything) {
          co_await transact(session, runs, [&](auto& tx) { tpcc::new_order(tx, op); });
          ++me.orders;
        }
        break;
      case Act::payment:
        if constexpr (k_transactions && k_everything) {
          co_await transact(session, runs, [&](auto& tx) { tpcc::payment(tx, op); });
          me.money += op.amount;
        }
        break;
      case Act::begin:
        if constexpr (Session::k_abilities.begins) session.begin_and_drop();
        break;
    }
    tally.retries += runs - 1;
    if (side) {
      ++me.side_operations;
    } else {
      me.finished(start, read);
      ++tally.operations;
    }
  }
}

}  // namespace fluxmap_bench

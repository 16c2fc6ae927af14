// The checkers against random histories: compared with brute force, fed with serial histories, and with damaged ones.
#include "support/catch.hpp"
#include "support/history_builder.hpp"
#include "support/seed.hpp"
#include "support/serialization_graph.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

namespace {

using namespace fluxmap_test;

struct State {
  Stamp version = 0;
  bool live = false;
};
using Store = std::map<std::int64_t, State>;

State look(const Store& store, std::int64_t key) {
  const auto found = store.find(key);
  return found == store.end() ? State{} : found->second;
}

// A few transactions that read any version at all: most of these histories are broken, some are not.
History tiny_history(SplitMix& random, bool scans, bool ticks) {
  constexpr std::int64_t k_keys = 3;
  const std::size_t count = 2 + random.below(4);
  History history(count);
  std::vector<Stamp> cts(count);
  std::iota(cts.begin(), cts.end(), Stamp{1});
  std::shuffle(cts.begin(), cts.end(), random);
  std::vector<std::uint64_t> times(count * 2);
  std::iota(times.begin(), times.end(), std::uint64_t{1});
  std::shuffle(times.begin(), times.end(), random);
  std::vector<std::vector<KeyRead>> readable(k_keys);
  for (std::size_t i = 0; i < count; ++i) {
    TxnRecord& txn = history[i];
    txn.id = i;
    txn.committed = true;
    txn.begin_tick = ticks ? std::min(times[2 * i], times[2 * i + 1]) : 0;
    txn.end_tick = ticks ? std::max(times[2 * i], times[2 * i + 1]) : k_never;
    txn.kind = static_cast<TxnKind>(random.below(3));
    txn.position = txn.kind == TxnKind::autocommit_read ? 0 : cts[i];
    if (txn.kind != TxnKind::read_write) continue;
    for (std::int64_t key = 0; key < k_keys; ++key) {
      if (random.below(2) == 0) continue;
      txn.writes.push_back({key, random.below(3) == 0});
      readable[static_cast<std::size_t>(key)].push_back({key, txn.position, !txn.writes.back().tombstone});
    }
  }
  for (TxnRecord& txn : history) {
    const auto pick = [&](std::int64_t key) -> KeyRead {
      const auto& choice = readable[static_cast<std::size_t>(key)];
      const std::uint64_t which = random.below(choice.size() + 1);
      const KeyRead read = which == choice.size() ? KeyRead{key, 0, false} : choice[which];
      return read.version == txn.position && txn.writer() ? KeyRead{key, 0, false} : read;  // not its own
    };
    for (std::int64_t key = 0; key < k_keys; ++key) {
      if (random.below(3) == 0) txn.reads.push_back(pick(key));
    }
    if (!scans || random.below(2) != 0) continue;
    RangeRead range{0, 2, {}, {}};
    for (std::int64_t key = 0; key < range.last; ++key) {
      if (const KeyRead read = pick(key); read.live) range.seen.push_back(read);
    }
    txn.ranges.push_back(std::move(range));
  }
  return history;
}

// Does the transaction see in `store` just what it recorded? Knows scans by their meaning, not by versions of gaps.
bool sees(const Store& store, const TxnRecord& txn) {
  for (const KeyRead& read : txn.reads) {
    const State now = look(store, read.key);
    if (now.version != read.version || now.live != read.live) return false;
  }
  for (const RangeRead& range : txn.ranges) {
    std::vector<std::pair<std::int64_t, Stamp>> now;
    std::vector<std::pair<std::int64_t, Stamp>> seen;
    for (auto key = store.lower_bound(range.first); key != store.end() && key->first < range.last; ++key) {
      if (key->second.live) now.emplace_back(key->first, key->second.version);
    }
    for (const KeyRead& read : range.seen) seen.emplace_back(read.key, read.version);
    if (now != seen) return false;
  }
  return true;
}

void take_effect(Store& store, const TxnRecord& txn) {
  for (const KeyWrite& write : txn.writes) store[write.key] = {txn.position, !write.tombstone};
}

// Tries every order of the transactions. `by_position`: only those in which positions ascend, writers strictly.
bool some_order_explains(const History& history, bool by_position) {
  std::vector<std::size_t> order(history.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  do {
    bool good = true;
    for (std::size_t i = 0; good && i < order.size(); ++i) {
      for (std::size_t j = i + 1; good && j < order.size(); ++j) {
        good = history[order[j]].end_tick >= history[order[i]].begin_tick;
      }
    }
    Store store;
    Stamp newest = 0;
    for (std::size_t i = 0; good && i < order.size(); ++i) {
      const TxnRecord& txn = history[order[i]];
      good = sees(store, txn);
      for (const KeyWrite& write : txn.writes) good = good && look(store, write.key).version < txn.position;
      if (by_position && txn.writer()) good = good && txn.position > newest, newest = txn.position;
      if (by_position && !txn.writer() && txn.position_known()) {
        // A snapshot S stands after every cts <= S and before every other; the newest so far tells one half,
        // later writers (strictly above `newest`) the other.
        good = good && txn.position >= newest;
        newest = std::max(newest, txn.position);
      }
      take_effect(store, txn);
    }
    if (good) return true;
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

struct Generated {
  History history;
  std::vector<std::size_t> damageable;  // transactions that read and wrote the same key, which an older writer wrote
};

// A serial run with overlapping ticks: transaction i takes effect at time 10 i, somewhere inside its ticks.
Generated serial_history(SplitMix& random, std::size_t count, std::uint64_t keys, std::uint64_t scan_width) {
  Generated out;
  Store store;
  Stamp cts = 0;
  for (std::size_t i = 0; i < count; ++i) {
    TxnRecord txn;
    txn.id = i;
    txn.committed = true;
    const std::uint64_t now = 1000 + 10 * i;
    txn.begin_tick = now - random.below(60);
    txn.end_tick = random.below(50) == 0 ? k_never : now + random.below(60);
    const auto any_key = [&] { return static_cast<std::int64_t>(random.below(keys)); };
    const auto read = [&](std::int64_t key) {
      const State state = look(store, key);
      const bool vague = !state.live && random.below(2) == 0;
      txn.reads.push_back({key, vague ? k_unknown_absent : state.version, state.live});
    };
    switch (random.below(4)) {
      case 0:
        txn.kind = TxnKind::autocommit_read;
        read(any_key());
        break;
      case 1:
        txn.kind = TxnKind::read_only;
        txn.position = cts;
        for (std::uint64_t n = random.below(4); n > 0; --n) read(any_key());
        break;
      default: {
        txn.position = cts += 1 + random.below(3);  // with holes, as aborted commits leave them
        const std::int64_t key = any_key();
        const State before = look(store, key);
        read(key);
        if (before.version != 0 && before.live) out.damageable.push_back(i);
        txn.writes.push_back({key, random.below(4) == 0});
        for (std::uint64_t n = random.below(3); n > 0; --n) txn.writes.push_back({any_key(), random.below(4) == 0});
        break;
      }
    }
    if (txn.kind != TxnKind::autocommit_read && scan_width != 0 && random.below(4) == 0) {
      RangeRead range{any_key(), 0, {}, {}};
      range.last = range.first + static_cast<std::int64_t>(random.below(scan_width));
      for (auto key = store.lower_bound(range.first); key != store.end() && key->first < range.last; ++key) {
        if (key->second.live) range.seen.push_back({key->first, key->second.version, true});
      }
      txn.ranges.push_back(std::move(range));
    }
    take_effect(store, txn);
    out.history.push_back(std::move(txn));
  }
  for (std::size_t i = out.history.size(); i > 1; --i) std::swap(out.history[i - 1], out.history[random.below(i)]);
  std::vector<std::size_t> where(count);
  for (std::size_t i = 0; i < count; ++i) where[out.history[i].id] = i;
  for (std::size_t& i : out.damageable) i = where[i];
  return out;
}

}  // namespace

TEST_CASE("the graph check agrees with trying every order", "[checker]") {
  SplitMix random(seed("the graph check agrees with trying every order"));
  unsigned good = 0;
  unsigned bad = 0;
  for (unsigned round = 0; round < 6000 * stress_factor(); ++round) {
    const History history = tiny_history(random, false, round % 2 == 0);
    const CheckResult result = check_serializable(history);
    const bool expected = some_order_explains(history, false);
    INFO("round " << round << ": " << result.explanation);
    REQUIRE(result.ok() == expected);
    ++(expected ? good : bad);
  }
  CHECK(good > 100);
  CHECK(bad > 100);
}

TEST_CASE("the commit order check agrees with trying every order", "[checker]") {
  SplitMix random(seed("the commit order check agrees with trying every order"));
  unsigned good = 0;
  for (unsigned round = 0; round < 6000 * stress_factor(); ++round) {
    const History history = tiny_history(random, round % 3 == 0, round % 2 == 0);
    const CheckResult result = check_commit_order(history);
    const bool expected = some_order_explains(history, true);
    INFO("round " << round << ": " << result.explanation);
    REQUIRE(result.ok() == expected);
    good += expected ? 1 : 0;
  }
  CHECK(good > 100);
}

TEST_CASE("with scans the graph check never passes what no order explains", "[checker]") {
  SplitMix random(seed("with scans the graph check never passes what no order explains"));
  for (unsigned round = 0; round < 6000 * stress_factor(); ++round) {
    const History history = tiny_history(random, true, round % 2 == 0);
    const CheckResult graph = check_serializable(history);
    INFO("round " << round << ": " << graph.explanation);
    if (graph.ok()) REQUIRE(some_order_explains(history, false));
    if (check_commit_order(history).ok()) REQUIRE(graph.ok());  // the stronger check implies the weaker
  }
}

TEST_CASE("random serial histories pass, damaged ones are caught", "[checker]") {
  SplitMix random(seed("random serial histories pass, damaged ones are caught"));
  for (unsigned round = 0; round < 60 * stress_factor(); ++round) {
    const Generated made = serial_history(random, 300, 3 + random.below(40), 20);
    const CheckResult graph = check_serializable(made.history);
    const CheckResult order = check_commit_order(made.history);
    INFO("round " << round << ": " << graph.explanation << order.explanation);
    REQUIRE(graph.ok());
    REQUIRE(order.ok());
    const auto is_caught = [&](const History& damaged) {
      CHECK_FALSE(check_serializable(damaged).ok());
      CHECK_FALSE(check_commit_order(damaged).ok());
    };

    // An update that missed its predecessor.
    REQUIRE_FALSE(made.damageable.empty());
    const std::size_t victim = made.damageable[random.below(made.damageable.size())];
    History damaged = made.history;
    damaged[victim].reads.front() = {damaged[victim].reads.front().key, 0, false};
    is_caught(damaged);

    // A version nobody wrote.
    damaged = made.history;
    damaged[victim].reads.front().version += 1'000'000;
    is_caught(damaged);

    // A scan that lost a key.
    damaged = made.history;
    std::vector<RangeRead*> full;
    for (TxnRecord& txn : damaged) {
      for (RangeRead& range : txn.ranges) {
        if (!range.seen.empty()) full.push_back(&range);
      }
    }
    if (!full.empty()) {
      auto& seen = full[random.below(full.size())]->seen;
      seen.erase(seen.begin() + static_cast<std::ptrdiff_t>(random.below(seen.size())));
      is_caught(damaged);
    }

    // A writer that vanished from the record although others read from it.
    damaged = made.history;
    const Stamp source = damaged[victim].reads.front().version;
    for (TxnRecord& txn : damaged) {
      if (txn.position == source && txn.writer()) txn.committed = false;
    }
    is_caught(damaged);

    // A reader of an old version that began after the end of all.
    damaged = made.history;
    const KeyRead old = damaged[victim].reads.front();
    damaged.push_back(Txn::point(1'000'000).ticks(1'000'000, 1'000'001).reads(old.key, old.version));
    if (damaged[victim].end_tick != k_never) is_caught(damaged);
  }
}

TEST_CASE("a long history is checked in seconds", "[checker]") {
  SplitMix random(seed("a long history is checked in seconds"));
  Generated made = serial_history(random, 50'000 * stress_factor(), 5'000, 30);
  CHECK(check_serializable(made.history).ok());
  CHECK(check_commit_order(made.history).ok());
  // One bad apple is found, and explained by few.
  const std::size_t victim = made.damageable[random.below(made.damageable.size())];
  made.history[victim].reads.front() = {made.history[victim].reads.front().key, 0, false};
  const CheckResult graph = check_serializable(made.history);
  CHECK(graph.anomaly == Anomaly::cycle);
  CHECK(graph.transactions.size() < 20);
  CHECK(check_commit_order(made.history).anomaly == Anomaly::stale_read);
}

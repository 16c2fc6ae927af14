// What does a limit cost those who read? The same gets of keys that are all there, with each policy that watches reads
// and without a limit, by turns.
#pragma once

#include "../support/limited_database.hpp"
#include "../support/statistics.hpp"
#include "../support/team.hpp"
#include "../support/zipf.hpp"
#include "options.hpp"

#include <fmt/format.h>

#include <barrier>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace fluxmap_bench {

struct GetSubject {
  std::string name;
  std::shared_ptr<NumberMap> database;
};

inline asio::awaitable<void> insert_present_keys(NumberMap& database, const KeySpace& keys) {
  auto handle = database.handle();
  for (const auto index : keys.fill_order()) {
    const Key key = keys.present(index);
    co_await handle.insert(key, make_value(key, 0));
  }
}

inline std::vector<GetSubject> get_subjects(std::size_t entries) {
  // The second one is to show what two databases differ by that do the same.
  std::vector<GetSubject> subjects{{"no limit", NumberMap::builder().build()},
                                   {"(none)", NumberMap::builder().build()}};
  for (const auto& policy : k_policies) {
    if (policy.eviction == fluxmap::Eviction::random) continue;  // has no use for reads
    subjects.push_back({std::string(policy.name), limited_map(policy, k_huge_limit)});
  }
  for (auto& subject : subjects) run_here(insert_present_keys(*subject.database, KeySpace(entries)));
  return subjects;
}

// What to read, drawn beforehand: drawing from a Zipf distribution takes about as long as a get.
inline std::vector<Key> draw_keys(std::size_t entries, bool zipf, std::size_t draws, std::uint64_t seed) {
  const KeySpace keys(entries);
  const auto places = keys.fill_order();  // scrambles the ranks
  const Zipfian ranks(entries);
  Random random(seed);
  std::vector<Key> drawn(draws);
  for (Key& key : drawn) key = keys.present(places[zipf ? ranks.rank(random) : random.below(entries)]);
  return drawn;
}

struct GetPair {
  double without = 0;  // processor time in seconds
  double with = 0;
};

// One thread's share of one comparison: rounds of gets from one database and the other. Both within one thread, and
// a slice of the keys at a time: threads made for each turn of each would be put on the processors by a pattern, and
// one of those may be slower than the other.
class GetMember {
 public:
  GetMember(std::vector<Key> keys, std::barrier<>& step) : keys_(std::move(keys)), step_(step) {}

  void run(const GetSubject& without, const GetSubject& with, unsigned rounds) {
    pairs_.assign(rounds, {});
    for (unsigned round = 0; round <= rounds; ++round) {
      GetPair pair;
      for (std::size_t slice = 0; slice < keys_.size(); slice += 2 * k_slice) {  // A B B A
        pair.without += cpu_seconds_of(without, slice);
        pair.with += cpu_seconds_of(with, slice);
        pair.with += cpu_seconds_of(with, slice + k_slice);
        pair.without += cpu_seconds_of(without, slice + k_slice);
      }
      if (round > 0) pairs_[round - 1] = pair;  // the first is to make the others alike
    }
  }

  static constexpr std::size_t k_slice = std::size_t{1} << 17;
  const GetPair& pair(unsigned round) const { return pairs_[round]; }
  std::uint64_t wrong() const { return tally_.wrong; }

 private:
  double cpu_seconds_of(const GetSubject& subject, std::size_t slice) {
    const auto handle = subject.database->handle();
    step_.arrive_and_wait();
    const double start = thread_cpu_seconds();
    for (std::size_t i = slice; i < slice + k_slice; ++i) {
      if (const auto value = handle.get(keys_[i])) {
        tally_.check_value(keys_[i], *value);
      } else {
        ++tally_.wrong;
      }
    }
    return thread_cpu_seconds() - start;
  }

  std::vector<Key> keys_;
  std::barrier<>& step_;
  std::vector<GetPair> pairs_;
  Tally tally_;
};

inline void compare_gets(const GetSubject& without, const GetSubject& with, std::size_t entries, bool zipf,
                         unsigned threads, const MemoryOptions& options) {
  constexpr std::size_t k_draws = 4 * GetMember::k_slice;
  std::barrier<> step(threads);
  std::vector<std::unique_ptr<GetMember>> members;
  for (unsigned i = 0; i < threads; ++i) {
    auto keys = draw_keys(entries, zipf, k_draws, Random::mix(options.seed + i));
    members.push_back(std::make_unique<GetMember>(std::move(keys), step));
  }
  std::vector<std::thread> team;
  for (auto& member : members) team.emplace_back([&] { member->run(without, with, options.rounds); });
  for (auto& thread : team) thread.join();

  std::vector<double> without_ns, with_ns, ratios;
  for (unsigned round = 0; round < options.rounds; ++round) {
    GetPair all;
    for (const auto& member : members) {
      all.without += member->pair(round).without;
      all.with += member->pair(round).with;
    }
    const double each = 1e9 / static_cast<double>(k_draws * threads);
    without_ns.push_back(all.without * each);
    with_ns.push_back(all.with * each);
    ratios.push_back(all.with / all.without);
  }
  for (const auto& member : members) {
    if (member->wrong() != 0) throw std::runtime_error("a get went wrong");
  }
  const auto ratio = summarize(ratios);
  fmt::print("{:>9} {:>8} {:>8} {:>8} {:>10.1f} {:>10.1f} {:>8.3f} ({:>3.0f} %)\n", entries, zipf ? "zipf" : "uniform",
             threads, with.name, summarize(without_ns).median, summarize(with_ns).median, ratio.median,
             100 * ratio.spread);
  std::fflush(stdout);
}

inline void measure_get(const MemoryOptions& options) {
  fmt::print("get, uint64 -> uint64, all keys there: nanoseconds of processor time, median of {} rounds, seed {}\n\n",
             options.rounds, options.seed);
  fmt::print("{:>9} {:>8} {:>8} {:>8} {:>10} {:>10} {:>8} {:>7}\n", "entries", "keys", "threads", "policy", "no limit",
             "limit", "ratio", "spread");
  for (const std::size_t entries : options.sizes({100'000, 1'000'000})) {
    const auto subjects = get_subjects(entries);
    for (const bool zipf : {false, true}) {
      for (const unsigned threads : {1U, 2U}) {
        for (std::size_t i = 1; i < subjects.size(); ++i) {
          compare_gets(subjects[0], subjects[i], entries, zipf, threads, options);
        }
      }
    }
  }
}

}  // namespace fluxmap_bench

// What the threads will do, drawn before the clock runs: an array of operations for each thread, the same for every
// system, gone through in a ring. Drawing a Zipf number takes about as long as a fast get; reading the next element of
// an array takes a nanosecond.
#pragma once

#include "../support/workload.hpp"
#include "../support/zipf.hpp"
#include "workloads.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace fluxmap_bench {

enum class Act : std::uint8_t {
  get,
  get_latest,
  get_many,
  insert_random,
  insert_ascending,
  overwrite,
  remove,
  scan,
  update,
  transfer,
  long_write,
  range_sum,
  smallbank,
  new_order,
  payment,
  begin,
};

struct Operation {
  std::uint32_t index = 0;   // of a present key; what else depends on the act
  std::uint32_t other = 0;   // a second key, a length, or more random bits
  std::uint16_t amount = 0;  // money
  Act act = Act::get;
};

using Operations = std::vector<Operation>;

inline constexpr std::size_t k_many = 10;
inline constexpr std::size_t k_long_reads = 200;
inline constexpr std::size_t k_long_keys = 1000;
inline constexpr std::size_t k_sum_entries = 1000;
inline constexpr std::size_t k_hot_accounts = 16;

// Draws one thread's operations.
class Drawing {
 public:
  Drawing(Workload workload, std::size_t entries, const Zipfian* zipf, unsigned thread, std::uint64_t seed)
      : workload_(workload), entries_(entries), zipf_(zipf), thread_(thread), random_(Random::mix(seed) + thread) {}

  Operations draw(std::size_t count) {
    Operations drawn(count);
    for (auto& one : drawn) one = next();
    return drawn;
  }

 private:
  std::uint32_t key() {
    return static_cast<std::uint32_t>(zipf_ != nullptr ? zipf_->scrambled(random_) : random_.below(entries_));
  }
  std::uint32_t bits() { return static_cast<std::uint32_t>(random_()); }
  bool percent(std::uint64_t share) { return random_.below(100) < share; }
  std::uint32_t spread(std::uint64_t among) {  // one of so many, far apart from each other
    return static_cast<std::uint32_t>(random_.below(among) * (entries_ / among));
  }
  Operation single(Act act, std::uint32_t index) { return {.index = index, .other = bits(), .act = act}; }
  Operation scan(std::size_t length) {
    const auto last = static_cast<std::uint32_t>(entries_ - length);
    return {.index = std::min(key(), last), .other = static_cast<std::uint32_t>(length), .act = Act::scan};
  }
  template <class Pick>
  Operation transfer(Pick pick) {
    Operation one{.act = Act::transfer};
    one.index = pick();
    do one.other = pick();
    while (one.other == one.index);
    one.amount = static_cast<std::uint16_t>(1 + random_.below(100));
    return one;
  }
  Operation read_or(std::uint64_t reads, Act act) { return single(percent(reads) ? Act::get : act, key()); }

  Operation next() {
    switch (workload_) {
      case Workload::get:
      case Workload::ycsb_c_uniform:
      case Workload::ycsb_c_zipf:
        return single(Act::get, key());
      case Workload::get_many:
        return single(Act::get_many, key());
      case Workload::insert_random:
        return single(Act::insert_random, 0);
      case Workload::insert_ascending:
        return single(Act::insert_ascending, 0);
      case Workload::overwrite:
        return single(Act::overwrite, key());
      case Workload::mixed:
        return read_or(80, Act::overwrite);
      case Workload::remove:
        return single(Act::remove, 0);  // each key once: see the loop
      case Workload::scan_10:
        return scan(10);
      case Workload::scan_100:
        return scan(100);
      case Workload::scan_10k:
        return scan(std::min<std::size_t>(10'000, entries_));
      case Workload::ycsb_a_uniform:
      case Workload::ycsb_a_zipf:
        return read_or(50, Act::overwrite);
      case Workload::ycsb_b_uniform:
      case Workload::ycsb_b_zipf:
        return read_or(95, Act::overwrite);
      case Workload::ycsb_d_uniform:
      case Workload::ycsb_d_zipf:
        return read_or(95, Act::insert_random);
      case Workload::ycsb_d_latest: {
        const auto rank = static_cast<std::uint32_t>(zipf_->rank(random_));  // counted back from the newest key
        return single(percent(95) ? Act::get_latest : Act::insert_random, rank);
      }
      case Workload::ycsb_e_uniform:
      case Workload::ycsb_e_zipf:
        return percent(95) ? scan(1 + random_.below(100)) : single(Act::insert_random, 0);
      case Workload::ycsb_f_uniform:
      case Workload::ycsb_f_zipf:
        return read_or(50, Act::update);
      case Workload::transfer_low:
        return transfer([this] { return key(); });
      case Workload::transfer_high:
        return transfer([this] { return spread(k_hot_accounts); });
      case Workload::long_writers: {
        auto one = transfer([this] { return spread(k_long_keys); });
        if (thread_ == 0) one.act = Act::long_write;
        return one;
      }
      case Workload::range_sums: {
        auto one = transfer([this] { return static_cast<std::uint32_t>(random_.below(k_sum_entries)); });
        if (thread_ % 2 == 0) one.act = Act::range_sum;
        return one;
      }
      case Workload::smallbank: {
        const std::uint64_t customers = entries_ / 2;
        auto one = transfer([&] {
          return static_cast<std::uint32_t>(percent(90) ? random_.below(100) * (customers / 100)
                                                        : random_.below(customers));
        });
        one.act = Act::smallbank;
        return one;
      }
      case Workload::tpcc:
        return {.index = bits(),
                .other = bits(),
                .amount = static_cast<std::uint16_t>(1 + random_.below(5000)),
                .act = percent(50) ? Act::new_order : Act::payment};
      case Workload::begin:
        return single(Act::begin, 0);
    }
    return {};
  }

  Workload workload_;
  std::size_t entries_;
  const Zipfian* zipf_;
  unsigned thread_;
  Random random_;
};

inline constexpr std::size_t k_ring = std::size_t{1} << 20;  // operations of each thread, a power of two

inline bool draws_zipf(Workload workload) {
  const auto name = info_of(workload).name;
  return name.ends_with("-zipf") || name.ends_with("-latest");
}

inline std::vector<Operations> draw_operations(Workload workload, std::size_t entries, unsigned threads,
                                               std::uint64_t seed) {
  std::optional<Zipfian> zipf;
  if (draws_zipf(workload)) zipf.emplace(entries);
  std::vector<Operations> all;
  for (unsigned i = 0; i < threads; ++i) {
    all.push_back(Drawing(workload, entries, zipf ? &*zipf : nullptr, i, seed).draw(k_ring));
  }
  return all;
}

}  // namespace fluxmap_bench

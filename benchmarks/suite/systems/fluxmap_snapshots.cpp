#include "../snapshots.hpp"

#include "../../support/run_here.hpp"
#include "../../support/statistics.hpp"
#include "../../support/team.hpp"
#include "../../support/workload.hpp"

#include <fluxmap/fluxmap.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

namespace fluxmap_bench {
namespace {

using Database = fluxmap::Database<Key, Value>;
using Transaction = decltype(std::declval<Database&>().handle().begin());

double nanoseconds_each(double start, std::size_t count) {
  return 1e9 * (thread_cpu_seconds() - start) / static_cast<double>(count);
}

// A database that is filled, and the operations on it whose time is taken.
class Subject {
 public:
  explicit Subject(std::size_t entries) : keys_(entries), database_(Database::builder().build()) {}

  asio::awaitable<void> fill() {
    auto handle = database_->handle();
    for (const auto index : keys_.fill_order()) {
      const Key key = keys_.present(index);
      co_await handle.insert(key, make_value(key, 0));
    }
  }

  // Each sees another moment: something commits between any two.
  asio::awaitable<void> open(std::size_t count, std::uint64_t seed) {
    auto handle = database_->handle();
    Random random(seed);
    for (std::size_t i = 0; i < count; ++i) {
      transactions_.push_back(handle.begin());
      check(transactions_.back().get(any(random)));
      const Key key = any(random);
      co_await handle.insert(key, make_value(key, i));
    }
  }

  double get(std::uint64_t seed) const {
    const auto handle = database_->handle();
    Random random(seed);
    const double start = thread_cpu_seconds();
    for (std::size_t i = 0; i < k_gets; ++i) {
      const Key key = any(random);
      const auto value = handle.get(key);
      if (!value || !belongs_to(key, *value)) throw std::runtime_error("a get went wrong");
    }
    return nanoseconds_each(start, k_gets);
  }

  asio::awaitable<void> overwrite(std::uint64_t seed, double& nanoseconds) {
    auto handle = database_->handle();
    Random random(seed);
    const double start = thread_cpu_seconds();
    for (std::size_t i = 0; i < k_writes; ++i) {
      const Key key = any(random);
      co_await handle.insert(key, make_value(key, i));
    }
    nanoseconds = nanoseconds_each(start, k_writes);
  }

  asio::awaitable<void> transfer(std::uint64_t seed, double& nanoseconds) {
    auto handle = database_->handle();
    Random random(seed);
    const double start = thread_cpu_seconds();
    for (std::size_t i = 0; i < k_writes; ++i) {
      const Key from = any(random);
      const Key to = any(random);
      co_await handle.transaction([&](auto& tx) {
        check(tx.get(from));
        check(tx.get(to));
        tx.insert(from, make_value(from, i));
        tx.insert(to, make_value(to, i));
      });
    }
    nanoseconds = nanoseconds_each(start, k_writes);
  }

  // So often each of the first keys.
  asio::awaitable<void> pile_up(std::size_t times, std::size_t hot) {
    auto handle = database_->handle();
    for (std::size_t i = 0; i < times; ++i) {
      for (std::size_t j = 0; j < hot; ++j) {
        const Key key = keys_.present(j);
        co_await handle.insert(key, make_value(key, i));
      }
    }
  }

  VersionsPoint measure_hot(std::size_t hot, std::uint64_t seed) {
    const auto handle = database_->handle();
    auto& old = transactions_.front();
    VersionsPoint point;
    Random random(seed);
    double start = thread_cpu_seconds();
    for (std::size_t i = 0; i < k_writes; ++i) {
      const Key key = keys_.present(random.below(hot));
      const auto value = handle.get(key);
      if (!value || !belongs_to(key, *value)) throw std::runtime_error("a get went wrong");
    }
    point.get_ns = nanoseconds_each(start, k_writes);
    start = thread_cpu_seconds();
    for (std::size_t i = 0; i < k_writes; ++i) {
      const Key key = keys_.present(random.below(hot));
      const Value* const value = old.get(key);
      if (value == nullptr || *value != make_value(key, 0)) throw std::runtime_error("an old snapshot has changed");
    }
    point.old_get_ns = nanoseconds_each(start, k_writes);
    constexpr std::size_t k_scans = 1000;
    constexpr std::size_t k_length = 100;
    start = thread_cpu_seconds();
    for (std::size_t i = 0; i < k_scans; ++i) {
      const std::uint64_t first = random.below(hot - k_length);
      std::size_t count = 0;
      for (const auto& [key, value] : handle.range_stream(keys_.present(first), keys_.present(first + k_length))) {
        if (belongs_to(key, value)) ++count;
      }
      if (count != k_length) throw std::runtime_error("a scan went wrong");
    }
    point.scan_ns = nanoseconds_each(start, k_scans);
    const auto stats = database_->stats();
    point.pinned_versions = stats.pinned_versions;
    point.bytes_per_entry = static_cast<double>(stats.memory_bytes) / static_cast<double>(stats.keys);
    return point;
  }

  void begin_old() { transactions_.push_back(database_->handle().begin({.read_only = true})); }

 private:
  static constexpr std::size_t k_gets = 50'000;
  static constexpr std::size_t k_writes = 20'000;

  static void check(const Value* found) {
    if (found == nullptr) throw std::runtime_error("a key that must be there is not");
  }
  Key any(Random& random) const { return keys_.present(random.below(keys_.entries())); }

  KeySpace keys_;
  std::shared_ptr<Database> database_;
  std::vector<Transaction> transactions_;
};

double median(const std::vector<double>& values) { return summarize(values).median; }

}  // namespace

std::vector<IdlePoint> measure_idle(const std::vector<std::size_t>& counts, unsigned rounds, std::uint64_t seed) {
  struct Series {
    std::vector<double> get, overwrite, transfer;
  };
  std::vector<std::unique_ptr<Subject>> subjects;
  for (const std::size_t count : counts) {
    subjects.push_back(std::make_unique<Subject>(k_idle_entries));
    run_here(subjects.back()->fill());
    run_here(subjects.back()->open(count, seed));
  }
  std::vector<Series> series(counts.size());
  for (unsigned round = 0; round <= rounds; ++round) {  // the first is to make the others alike
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const std::uint64_t drawn = Random::mix(seed + round);
      double overwrite = 0;
      double transfer = 0;
      const double get = subjects[i]->get(drawn);
      run_here(subjects[i]->overwrite(drawn + 1, overwrite));
      run_here(subjects[i]->transfer(drawn + 2, transfer));
      if (round == 0) continue;
      series[i].get.push_back(get);
      series[i].overwrite.push_back(overwrite);
      series[i].transfer.push_back(transfer);
    }
  }
  const auto ratio = [](const std::vector<double>& with, const std::vector<double>& without) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < with.size(); ++i) ratios.push_back(with[i] / without[i]);
    return median(ratios);
  };
  std::vector<IdlePoint> points;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const auto& one = series[i];
    const auto& none = series.front();
    points.push_back({.open = counts[i],
                      .get_ns = median(one.get),
                      .overwrite_ns = median(one.overwrite),
                      .transfer_ns = median(one.transfer),
                      .get_ratio = ratio(one.get, none.get),
                      .overwrite_ratio = ratio(one.overwrite, none.overwrite),
                      .transfer_ratio = ratio(one.transfer, none.transfer)});
  }
  return points;
}

std::vector<VersionsPoint> measure_versions(const std::vector<std::size_t>& counts, unsigned rounds,
                                            std::uint64_t seed) {
  std::vector<VersionsPoint> points;
  for (const std::size_t count : counts) {
    Subject subject(k_versions_entries);
    run_here(subject.fill());
    subject.begin_old();
    const double start = thread_cpu_seconds();
    run_here(subject.pile_up(count, k_versions_hot));
    const double overwrite = count == 0 ? 0 : nanoseconds_each(start, count * k_versions_hot);
    std::vector<double> get, old_get, scan;
    VersionsPoint point;
    for (unsigned round = 0; round < rounds; ++round) {
      point = subject.measure_hot(k_versions_hot, Random::mix(seed + round));
      get.push_back(point.get_ns);
      old_get.push_back(point.old_get_ns);
      scan.push_back(point.scan_ns);
    }
    point.overwrites = count;
    point.overwrite_ns = overwrite;
    point.get_ns = median(get);
    point.old_get_ns = median(old_get);
    point.scan_ns = median(scan);
    points.push_back(point);
  }
  return points;
}

}  // namespace fluxmap_bench

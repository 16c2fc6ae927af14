// How near do the eviction policies come to their definitions? The same traces through exact simulations and through a
// database used as a look-aside cache: get, and on a miss insert.
//
// The simulated cache has as many entries as the database held on average. The exit code is 1 if any hit rate is more
// than three points from the exact one, or if a database held more entries than its limit is for.
#include "report/line_chart.hpp"
#include "support/cache_simulators.hpp"
#include "support/cache_traces.hpp"
#include "support/command_line.hpp"
#include "support/limited_database.hpp"
#include "support/machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxmap_bench {
namespace {

constexpr std::array<double, 5> k_cache_percents{1, 2, 5, 10, 20};  // of the population
constexpr double k_allowed_points = 3;

struct Options {
  std::uint64_t seed = 1;
  std::size_t requests = 2'000'000;
  std::size_t keys = 1'000'000;
  std::string svg;
};

// Counts the hits of the requests that can be hits: not those of scans, and not those of the first quarter, in which
// the cache fills.
class HitCounter {
 public:
  explicit HitCounter(const Trace& trace) : warm_(trace.size() / 4) {}

  bool warm(std::size_t at) const { return at >= warm_; }
  void add(std::size_t at, Key key, bool hit) {
    if (!warm(at) || belongs_to_scan(key)) return;
    ++requests_;
    if (hit) ++hits_;
  }
  double percent() const { return 100 * static_cast<double>(hits_) / static_cast<double>(requests_); }

 private:
  std::size_t warm_;
  std::uint64_t requests_ = 0;
  std::uint64_t hits_ = 0;
};

std::unique_ptr<CacheSimulator> make_simulator(fluxmap::Eviction eviction, std::size_t capacity, std::uint64_t seed) {
  switch (eviction) {
    case fluxmap::Eviction::lru:
      return std::make_unique<LruSimulator>(capacity);
    case fluxmap::Eviction::lfu:
      return std::make_unique<LfuSimulator>(capacity);
    case fluxmap::Eviction::arc:
      return std::make_unique<ArcSimulator>(capacity);
    case fluxmap::Eviction::random:
      return std::make_unique<RandomSimulator>(capacity, seed);
    case fluxmap::Eviction::none:
      break;
  }
  throw std::logic_error("nothing to simulate");
}

double exact_percent(const Trace& trace, CacheSimulator& cache) {
  HitCounter hits(trace);
  for (std::size_t i = 0; i < trace.size(); ++i) hits.add(i, trace[i], cache.request(trace[i]));
  return hits.percent();
}

struct DatabaseRun {
  double percent = 0;
  double keys = 0;  // held on average, once warm
};

asio::awaitable<void> look_aside(NumberMap& database, const Trace& trace, DatabaseRun& run) {
  constexpr std::size_t k_sample = 512;  // requests between two looks at the number of keys
  auto handle = database.handle();
  HitCounter hits(trace);
  double keys = 0;
  double samples = 0;
  for (std::size_t i = 0; i < trace.size(); ++i) {
    const Key key = trace[i];
    const auto value = handle.get(key);
    if (!value) {
      co_await handle.insert(key, make_value(key, i));
    } else if (!belongs_to(key, *value)) {
      throw std::runtime_error("a key has the value of another");
    }
    hits.add(i, key, value.has_value());
    if (i % k_sample != 0 || !hits.warm(i)) continue;
    keys += static_cast<double>(database.stats().keys);
    ++samples;
  }
  run = {hits.percent(), keys / samples};
}

struct Row {
  std::string trace;
  double cache_percent = 0;
  Policy policy{};
  std::size_t capacity = 0;  // that the limit was made for
  DatabaseRun database;
  double exact = 0;

  double difference() const { return database.percent - exact; }
  bool holds_too_much() const { return database.keys > 1.05 * static_cast<double>(capacity); }
  bool too_far() const { return std::abs(difference()) > k_allowed_points; }
};

Row measure(const std::string& name, const Trace& trace, double cache_percent, const Policy& policy,
            std::size_t capacity, const Options& options) {
  Row row{name, cache_percent, policy, capacity, {}, 0};
  {
    const auto database = limited_map(policy, limit_for(policy, capacity, capacity));
    run_here(look_aside(*database, trace, row.database));
  }
  const auto held = static_cast<std::size_t>(std::max(1LL, std::llround(row.database.keys)));
  row.exact = exact_percent(trace, *make_simulator(policy.eviction, held, options.seed));
  fmt::print("{:<16} {:>5.0f} % {:>8} {:>10} {:>10.0f} {:>9.2f} {:>9.2f} {:>+10.2f}{}{}\n", name, cache_percent,
             policy.name, capacity, row.database.keys, row.exact, row.database.percent, row.difference(),
             row.too_far() ? "  TOO FAR" : "", row.holds_too_much() ? "  LIMIT NOT KEPT" : "");
  std::fflush(stdout);
  return row;
}

std::string svg_of(const std::vector<Row>& rows, const Options& options) {
  report::LineChart chart{
      .title = "Hit rates of fluxmap's eviction policies against exact ones",
      .subtitle = fmt::format("lines: exact simulation, marks: fluxmap; {} keys, {} requests, seed {}; requests of "
                              "scans and the first quarter not counted",
                              options.keys, options.requests, options.seed),
      .x_label = "cache size, % of the keys",
      .y_label = "hit rate, %",
      .x_ticks = {{0, "0"}, {5, "5"}, {10, "10"}, {15, "15"}, {20, "20"}},
      .log_y = false,
      .y_ticks = {0, 20, 40, 60, 80, 100},
      .text = report::short_number};
  for (const auto& row : rows) {
    if (chart.panels.empty() || chart.panels.back().title != row.trace) chart.panels.push_back({row.trace});
    auto& series = chart.panels.back().series;
    const std::string name(row.policy.name);
    auto found = std::find_if(series.begin(), series.end(), [&](const auto& one) { return one.system == name; });
    if (found == series.end()) found = series.insert(found, {name, name});
    const double size = 100 * row.database.keys / static_cast<double>(options.keys);
    found->points.push_back({size, row.exact});
    found->marks.push_back({size, row.database.percent});
  }
  return report::LineChartWriter(chart).svg();
}

int run(const Options& options) {
  const auto machine = this_machine();
  fmt::print("{} keys, {} requests, seed {}\n{}, {}, {}\n\n", options.keys, options.requests, options.seed,
             machine.compiler, machine.flags, machine.date);
  fmt::print("{:<16} {:>7} {:>8} {:>10} {:>10} {:>9} {:>9} {:>10}\n", "trace", "cache", "policy", "entries", "held",
             "exact %", "fluxmap %", "difference");

  const Trace zipf = zipf_trace(options.keys, options.requests, options.seed);
  const Trace shifting = shifting_trace(options.keys, options.requests, options.seed);
  std::vector<Row> rows;
  for (const std::string_view name : {"Zipf 0.99", "Zipf and scans", "moving window"}) {
    for (const double percent : k_cache_percents) {
      const auto capacity = static_cast<std::size_t>(static_cast<double>(options.keys) * percent / 100);
      Trace scanned;
      if (name == "Zipf and scans") scanned = with_scans(zipf, capacity);
      const Trace& trace = !scanned.empty() ? scanned : name == "moving window" ? shifting : zipf;
      for (const auto& policy : k_policies) {
        rows.push_back(measure(std::string(name), trace, percent, policy, capacity, options));
      }
    }
  }

  if (!options.svg.empty()) {
    std::ofstream out(options.svg);
    out << svg_of(rows, options);
    if (!out.flush()) throw std::runtime_error("cannot write " + options.svg);
  }
  double farthest = 0;
  bool kept = true;
  for (const auto& row : rows) {
    farthest = std::max(farthest, std::abs(row.difference()));
    kept = kept && !row.holds_too_much();
  }
  fmt::print("\nfarthest from the exact policy: {:.2f} points, {} are allowed\n", farthest, k_allowed_points);
  return farthest > k_allowed_points || !kept ? 1 : 0;
}

}  // namespace
}  // namespace fluxmap_bench

int main(int argc, char** argv) {
  using namespace fluxmap_bench;
  Options options;
  CommandLine line("hit_rates", "How near do the eviction policies come to their definitions?");
  line.seed(options.seed);
  line.number<std::uint64_t>("--requests", options.requests, 1000, 1'000'000'000, "of each trace, but for scans");
  line.number<std::uint64_t>("--keys", options.keys, 1000, 100'000'000, "in the population");
  line.text("--svg", options.svg, "file to draw the hit rates into");
  return line.run(argc, argv, [&] { return run(options); });
}

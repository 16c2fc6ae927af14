// How does fluxmap compare with std::map under a std::shared_mutex and (FLUXMAP_BENCH_TBB=1) with
// tbb::concurrent_map? And what does awaiting an insert cost beside the same insert without a coroutine? The suite in
// small: as much of it as is compiled in half a minute.
#include "peers/fluxmap.hpp"
#include "peers/locked_map.hpp"
#include "suite/instance.hpp"
#include "suite/measure.hpp"
#include "suite/tables.hpp"
#include "support/command_line.hpp"

#ifndef FLUXMAP_BENCH_TBB
#define FLUXMAP_BENCH_TBB 0
#endif
#if FLUXMAP_BENCH_TBB
#include "peers/tbb_map.hpp"
#endif

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmap_bench {

inline constexpr Abilities k_short{.removes = false, .updates = false, .begins = false, .everything = false};

template <class K, class V>
struct ShortSession : FluxSession<K, V> {
  using FluxSession<K, V>::FluxSession;
  static constexpr Abilities k_abilities = k_short;
};
template <class K, class V>
struct ShortManualSession : FluxManualSession<K, V> {
  using FluxManualSession<K, V>::FluxManualSession;
  static constexpr Abilities k_abilities = k_short;
};
template <class K, class V>
struct ShortPlainSession : FluxPlainSession<K, V> {
  using FluxPlainSession<K, V>::FluxPlainSession;
  static constexpr Abilities k_abilities{.removes = false,
                                         .updates = false,
                                         .transactions = false,
                                         .snapshots = false,
                                         .begins = false,
                                         .everything = false};
};

namespace {

template <class Store>
System system_with(std::string id, std::string name) {
  return {.id = std::move(id),
          .name = std::move(name),
          .version = {},
          .caveat = {},
          .abilities = {Store::Session::k_abilities},
          .open = [](Kind) { return std::make_unique<StoreInstance<Store>>(); }};
}

std::vector<System> systems_of_first() {
  using U = std::uint64_t;
  return {
      system_with<FluxStore<U, U, ShortSession>>("fluxmap", "fluxmap"),
      system_with<FluxStore<U, U, ShortManualSession>>("manual", "begin/commit"),
      system_with<FluxStore<U, U, ShortPlainSession>>("plain", "without coroutine"),
      system_with<LockedStore<std::map<U, U, std::less<>>>>("map", "std::map+shared_mutex"),
#if FLUXMAP_BENCH_TBB
      system_with<TbbStore<U, U>>("tbb", "tbb::concurrent_map"),
#endif
  };
}

// The other form of the same call of fluxmap: empty where there is none.
std::string other_form(Workload workload) {
  if (workload == Workload::transfer_low) return "manual";
  return workload == Workload::insert_random || workload == Workload::overwrite ? "plain" : "";
}

std::vector<Group> groups_of(const SuiteOptions& options, const std::string& only) {
  std::vector<Group> groups;
  for (const auto workload : {Workload::get, Workload::insert_random, Workload::overwrite, Workload::mixed,
                              Workload::transfer_low, Workload::scan_100}) {
    if (!info_of(workload).name.starts_with(only)) continue;
    Group group{.section = {},
                .workload = workload,
                .kind = Kind::u64_u64,
                .entries = options.entries.front(),
                .threads = options.threads,
                .systems = {"fluxmap", "map"}};
    if (FLUXMAP_BENCH_TBB) group.systems.push_back("tbb");
    if (const auto other = other_form(workload); !other.empty()) group.systems.push_back(other);
    groups.push_back(std::move(group));
  }
  if (groups.empty()) throw UsageError(fmt::format("no row begins with '{}'", only));
  return groups;
}

// f(workload, threads, cell of) for each line of a table.
template <class F>
void for_each_line(const std::vector<Group>& groups, const Cells& cells, F f) {
  for (const auto& group : groups) {
    for (const unsigned threads : group.threads) {
      f(group.workload, threads, [&, threads](const std::string& system) {
        return find_cell(cells, {group.workload, group.kind, group.entries, threads, system, false});
      });
    }
  }
}

void print_comparison(const std::vector<Group>& groups, const Cells& cells) {
  fmt::print("\nMillions of operations per second, all threads together: median (spread of the rounds)\n\n");
  fmt::print("{:<14} {:>7} {:>16} {:>22} {:>20} {:>12} {:>12}\n", "", "threads", "fluxmap", "std::map+shared_mutex",
             "tbb::concurrent_map", "flux / map", "flux / tbb");
  for_each_line(groups, cells, [](Workload workload, unsigned threads, auto cell_of) {
    const Cell* const ours = cell_of("fluxmap");
    const auto ratio = [&](const Cell* theirs) {
      if (ours == nullptr || theirs == nullptr) return std::string("-");
      return fmt::format("{:.2f}x", ours->rate().median / theirs->rate().median);
    };
    fmt::print("{:<14} {:>7} {:>16} {:>22} {:>20} {:>12} {:>12}\n", info_of(workload).name, threads, rate_text(ours),
               rate_text(cell_of("map")), rate_text(cell_of("tbb")), ratio(cell_of("map")), ratio(cell_of("tbb")));
  });
}

void print_forms(const std::vector<Group>& groups, const Cells& cells) {
  fmt::print("\nTwo forms of the same operation of fluxmap, processor time of each in nanoseconds\n\n");
  fmt::print("{:<14} {:>7}  {:<24} {:>8}  {:<18} {:>8}  {:>10}\n", "", "threads", "form", "ns", "other form", "ns",
             "difference");
  for_each_line(groups, cells, [](Workload workload, unsigned threads, auto cell_of) {
    const Cell* const ours = cell_of("fluxmap");
    const Cell* const other = cell_of(other_form(workload));
    if (ours == nullptr || other == nullptr) return;
    const bool transfer = workload == Workload::transfer_low;
    const double ns = ours->cpu_nanoseconds(), other_ns = other->cpu_nanoseconds();
    fmt::print("{:<14} {:>7}  {:<24} {:>8.0f}  {:<18} {:>8.0f}  {:>+10.0f}\n", info_of(workload).name, threads,
               transfer ? "handle.transaction(f)" : "co_await handle.insert", ns,
               transfer ? "begin(), commit()" : "without coroutine", other_ns, ns - other_ns);
  });
}

constexpr std::string_view k_footnote =
    "\nThe three do not do the same. fluxmap: serializable transactions and snapshots, in memory here, default\n"
    "options; writes are awaited on one io_context for each thread, reads are plain calls. std::map+shared_mutex: one\n"
    "lock for everything; a reader holds up every writer for as long as it reads; no snapshots, no rollback, and no\n"
    "atomicity beyond what one lock scope holds; its transfer runs under the exclusive lock. tbb::concurrent_map:\n"
    "single operations only, no transactions (so no transfer), no snapshots (a scan may see half of what another\n"
    "thread does), no concurrent erase; its values are atomics because it cannot overwrite others, and an overwrite\n"
    "is then one store.\n";

int run(const SuiteOptions& options, const std::string& only) {
  const auto groups = groups_of(options, only);
  const auto systems = systems_of_first();
  fmt::print("{} entries uint64 -> uint64, {} rounds of {} s, seed {}\n", options.entries.front(), options.rounds,
             options.seconds, options.seed);
  print_machine();
  const auto cells = measure(options, systems, groups);
  print_comparison(groups, cells);
  print_forms(groups, cells);
  print_load_warning(cells);
  fmt::print("\n");
  for (const auto& group : groups) {
    fmt::print("{:<14} {}\n", info_of(group.workload).name, info_of(group.workload).meaning);
  }
  fmt::print("{}", k_footnote);
  return report_wrong(cells);
}

}  // namespace
}  // namespace fluxmap_bench

int main(int argc, char** argv) {
  using namespace fluxmap_bench;
  SuiteOptions options;
  options.threads = {1, std::max(2U, std::thread::hardware_concurrency())};
  options.seconds = 0.4;
  options.rounds = 5;
  std::uint64_t entries = 100'000;
  std::string only;
  CommandLine line("first", "How does fluxmap compare with std::map under a lock and with tbb::concurrent_map?");
  line.number<std::uint64_t>("--entries", entries, 1000, 100'000'000, "in the map");
  line.numbers("--threads", options.threads, 1U, 256U, "instead of 1 and all processors");
  line.flag("--quick", [&] { options.seconds = 0.05, options.rounds = 2; }, "the same as --seconds 0.05 --rounds 2");
  line.number("--seconds", options.seconds, 0.001, 3600.0, "measured time of each cell and round");
  line.number("--rounds", options.rounds, 1U, 1000U, "of which the median counts");
  line.text("--only", only, "measure only the rows whose names begin so");
  line.seed(options.seed);
  return line.run(argc, argv, [&] {
    options.entries = {entries};
    return run(options, only);
  });
}

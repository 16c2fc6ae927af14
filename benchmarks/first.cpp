// How does fluxmap compare with std::map under a std::shared_mutex and (FLUXMAP_BENCH_TBB=1) with
// tbb::concurrent_map? And what does awaiting an insert cost beside the same insert without a coroutine?
#include "support/coroutine_work.hpp"
#include "support/flux_map.hpp"
#include "support/locked_map.hpp"
#include "support/machine.hpp"
#include "support/measure.hpp"
#include "support/options.hpp"
#include "support/plain_work.hpp"
#include "support/report.hpp"
#include "support/results.hpp"

#ifndef FLUXMAP_BENCH_TBB
#define FLUXMAP_BENCH_TBB 0
#endif
#if FLUXMAP_BENCH_TBB
#include "support/tbb_map.hpp"
#endif

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmap_bench {
namespace {

bool takes_part(Column column, Row row) {
  switch (column) {
    case Column::fluxmap:
    case Column::locked_map:
      return true;
    case Column::fluxmap_other_form:
      return row == Row::insert || row == Row::overwrite || row == Row::transfer;
    case Column::tbb_map:
      return FLUXMAP_BENCH_TBB && row != Row::transfer;
  }
  return false;
}

Outcome measure_column(Column column, const Setup& setup, Row row, unsigned threads, std::uint64_t seed) {
  switch (column) {
    case Column::fluxmap:
      return measure<FluxMap>(setup, row, threads, seed, awaited_work);
    case Column::fluxmap_other_form:
      return measure<FluxMap>(setup, row, threads, seed, other_form_work);
    case Column::locked_map:
      return measure<LockedMap>(setup, row, threads, seed, plain_work<LockedMap>);
    case Column::tbb_map:
#if FLUXMAP_BENCH_TBB
      return measure<TbbMap>(setup, row, threads, seed, plain_work<TbbMap>);
#else
      break;
#endif
  }
  throw std::logic_error("this system was not compiled in");
}

// One line of the table. The systems take turns, so that whatever else the machine does hits all of them alike.
Line measure_line(const Options& options, const Setup& setup, const RowInfo& row, unsigned threads) {
  Line line{.row = row, .threads = threads, .cells = {}};
  for (unsigned round = 0; round < options.rounds; ++round) {
    for (std::size_t i = 0; i < k_columns; ++i) {
      const auto column = static_cast<Column>(i);
      if (!takes_part(column, row.row)) continue;
      const std::uint64_t seed = Random::mix(options.seed * 1000 + round);  // the same keys for every system
      line.cell(column).rounds.push_back(measure_column(column, setup, row.row, threads, seed));
    }
    show_progress(fmt::format("{}, {} threads, round {} of {}", row.name, threads, round + 1, options.rounds));
  }
  return line;
}

std::uint64_t wrong_answers(const std::vector<Line>& lines) {
  std::uint64_t wrong = 0;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < k_columns; ++i) {
      for (const auto& one : line.cells[i].rounds) {
        if (one.wrong == 0) continue;
        wrong += one.wrong;
        fmt::print(stderr, "WRONG: {}, {} threads, {}: {} wrong answers\n", line.row.name, line.threads,
                   column_name(static_cast<Column>(i)), one.wrong);
      }
    }
  }
  return wrong;
}

std::uint64_t checksum_of(const std::vector<Line>& lines) {
  std::uint64_t sum = 0;
  for (const auto& line : lines) {
    for (const auto& cell : line.cells) {
      for (const auto& one : cell.rounds) sum += one.checksum;
    }
  }
  return sum;
}

int run(const Options& options) {
  const auto machine = this_machine();
  fmt::print("{} entries uint64 -> uint64, {} rounds of {} s, seed {}\n", options.entries, options.rounds,
             options.seconds, options.seed);
  fmt::print("{}, {} hardware threads, {}\n{}, {}, {}\n", machine.processor, machine.hardware_threads, machine.system,
             machine.compiler, machine.flags, machine.date);
  std::fflush(stdout);

  const Setup setup{.entries = options.entries,
                    .fill_order = KeySpace(options.entries).fill_order(),
                    .seconds = std::chrono::duration<double>(options.seconds)};
  std::vector<Line> lines;
  for (const auto& row : k_rows) {
    if (!row.name.starts_with(options.only)) continue;
    for (const unsigned threads : options.threads) lines.push_back(measure_line(options, setup, row, threads));
  }
  show_progress("");
  if (lines.empty()) throw UsageError(fmt::format("no row begins with '{}'", options.only));

  print_comparison(lines);
  print_forms(lines);
  print_load_warning(lines);
  print_footnotes(lines);
  fmt::print("\nchecksum of all answers: {:016x}\n", checksum_of(lines));
  if (!options.json.empty()) {
    std::ofstream out(options.json);
    out << json_text(options, machine, lines);
    if (!out.flush()) throw std::runtime_error("cannot write " + options.json);
  }
  const auto wrong = wrong_answers(lines);
  fmt::print("{}\n", wrong == 0 ? "every answer and every final content was right" : "THERE WERE WRONG ANSWERS");
  return wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace fluxmap_bench

int main(int argc, char** argv) {
  using namespace fluxmap_bench;
  Options options;
  CommandLine line("first", "How does fluxmap compare with std::map under a lock and with tbb::concurrent_map?");
  declare(line, options);
  return line.run(argc, argv, [&] { return run(options); });
}

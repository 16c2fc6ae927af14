// What does durability cost? Full and relaxed beside a bare loop of pwrite and fdatasync of the same bytes, and beside
// the same inserts in memory; and how fast does a directory open?
//
//   durability [directory [rounds]]      the directory, by default one in the working directory, is emptied
//
// Every round measures everything once, one after another, on the same disk; the median of the rounds counts.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/command_line.hpp"
#include "support/run_here.hpp"
#include "support/statistics.hpp"

namespace {

namespace asio = boost::asio;
using Database = fluxmap::Database<std::uint64_t, std::uint64_t>;
using Clock = std::chrono::steady_clock;
using boost::system::error_code;
using fluxmap_bench::run_here;

constexpr std::size_t k_record_bytes = 48;  // what one insert takes in the log: header, kind, key, value, padding
constexpr std::uint64_t k_keys = 100'000;

std::filesystem::path g_directory;  // set by main before anything else, never after

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

void check(const error_code& ec) {
  if (ec) throw boost::system::system_error(ec, "benchmark");
}

enum class Kind { memory, relaxed, full };

std::shared_ptr<Database> open(Kind kind, bool fresh = true) {
  if (fresh) std::filesystem::remove_all(g_directory);
  fluxmap::PersistenceOptions options;
  options.directory = g_directory;
  options.checkpoint_after_bytes = 0;
  auto builder = Database::builder();
  if (kind == Kind::relaxed) builder.durability_relaxed(options);
  if (kind == Kind::full) builder.durability_full(options);
  return builder.build();
}

// The rate of pwrite + fdatasync of a record's bytes at a time, in a file set aside like a segment.
double raw_rate(double seconds, bool sync) {
  std::filesystem::create_directories(g_directory);
  error_code ec;
  const auto directory = fluxmap::detail::PosixFileSystem().open_directory(g_directory, ec);
  check(ec);
  auto file = directory->open("raw", fluxmap::detail::Directory::Open::create, ec);
  check(ec);
  file->allocate(16 << 20, ec);
  check(ec);
  file->sync(ec);
  check(ec);
  const std::vector<std::byte> record(k_record_bytes, std::byte{1});
  std::uint64_t count = 0;
  const auto start = Clock::now();
  double elapsed = 0;
  while (elapsed < seconds) {
    file->write_at(count % 300'000 * k_record_bytes, record, ec);
    check(ec);
    if (sync) file->sync(ec);
    check(ec);
    ++count;
    if (sync || count % 256 == 0) elapsed = seconds_since(start);
  }
  file.reset();
  directory->remove("raw", ec);
  check(ec);
  return static_cast<double>(count) / elapsed;
}

// `every`: how many inserts between two looks at the clock, a power of two.
asio::awaitable<void> inserts(Database& database, std::uint64_t seed, Clock::time_point end, std::uint64_t every,
                              std::uint64_t& count) {
  auto handle = database.handle();
  std::uint64_t key = seed * 0x9e3779b97f4a7c15ULL;
  while ((count & (every - 1)) != 0 || Clock::now() < end) {
    key = key * 6364136223846793005ULL + 1442695040888963407ULL;
    co_await handle.insert((key >> 32) % k_keys, count);
    ++count;
  }
}

// Awaited inserts of random keys out of k_keys by so many coroutines on one thread, per second.
double insert_rate(Kind kind, unsigned coroutines, double seconds) {
  auto database = open(kind);
  asio::io_context context(1);
  std::vector<std::uint64_t> counts(coroutines);
  std::exception_ptr failure;
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  for (unsigned i = 0; i < coroutines; ++i) {
    asio::co_spawn(context, inserts(*database, i + 1, end, kind == Kind::full ? 1 : 64, counts[i]),  // syncs are slow
                   [&](std::exception_ptr e) {
                     if (e) failure = e;
                   });
  }
  context.run();
  const double elapsed = seconds_since(start);
  if (failure) std::rethrow_exception(failure);
  return static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0})) / elapsed;
}

asio::awaitable<void> fill(Database& database, std::uint64_t entries) {
  auto handle = database.handle();
  for (std::uint64_t i = 0; i < entries; ++i) {
    co_await handle.insert(i * 0x9e3779b97f4a7c15ULL, i);
  }
}

// Seconds to open a directory of `entries` inserts, from its log or from a checkpoint.
double open_seconds(std::uint64_t entries, bool checkpoint) {
  {
    auto database = open(Kind::relaxed);
    run_here(fill(*database, entries));
    if (checkpoint) run_here(database->checkpoint());
    run_here(database->close());
  }
  const auto start = Clock::now();
  auto database = open(Kind::relaxed, false);
  const double elapsed = seconds_since(start);
  if (database->size() != entries) throw std::runtime_error("the directory holds something else");
  return elapsed;
}

// Seconds to read and checksum the checkpoint's file and to build a std::map of its entries, which are sorted.
double map_seconds(std::uint64_t entries) {
  std::filesystem::path path;
  for (const auto& file : std::filesystem::directory_iterator(g_directory)) {
    if (file.path().extension() == ".fluxmap") path = file.path();
  }
  const auto start = Clock::now();
  error_code ec;
  const auto directory = fluxmap::detail::PosixFileSystem().open_directory(g_directory, ec);
  check(ec);
  auto file = directory->open(path.filename().string(), fluxmap::detail::Directory::Open::read, ec);
  check(ec);
  std::vector<std::byte> bytes(file->size(ec));
  check(ec);
  file->read_at(0, bytes, ec);
  check(ec);
  const std::uint32_t crc = fluxmap::detail::crc32c(bytes);
  std::map<std::uint64_t, std::uint64_t> map;
  for (std::uint64_t i = 0; i < entries; ++i) map.emplace_hint(map.end(), i, i + crc);
  const double elapsed = seconds_since(start);
  if (map.size() != entries) throw std::runtime_error("the map holds something else");
  return elapsed;
}

struct Row {
  std::string name;
  std::string unit;
  std::function<double()> measure;
  std::vector<double> values = {};
  double median() const { return fluxmap_bench::summarize(values).median; }
};

int report(unsigned rounds) {
  constexpr double k_seconds = 1.0;
  constexpr std::uint64_t k_million = 1'000'000;
  std::vector<Row> rows{
      {"raw pwrite + fdatasync", "1/s", [] { return raw_rate(k_seconds, true); }},
      {"full, 1 coroutine", "1/s", [] { return insert_rate(Kind::full, 1, k_seconds); }},
      {"full, 64 coroutines", "1/s", [] { return insert_rate(Kind::full, 64, k_seconds); }},
      {"full, 1000 coroutines", "1/s", [] { return insert_rate(Kind::full, 1000, k_seconds); }},
      {"raw pwrite", "1/s", [] { return raw_rate(k_seconds / 2, false); }},
      {"memory, 1 coroutine", "1/s", [] { return insert_rate(Kind::memory, 1, k_seconds / 2); }},
      {"relaxed, 1 coroutine", "1/s", [] { return insert_rate(Kind::relaxed, 1, k_seconds / 2); }},
      {"memory, 64 coroutines", "1/s", [] { return insert_rate(Kind::memory, 64, k_seconds / 2); }},
      {"relaxed, 64 coroutines", "1/s", [] { return insert_rate(Kind::relaxed, 64, k_seconds / 2); }},
      {"open 1M from the log", "s", [] { return open_seconds(k_million, false); }},
      {"open 1M from a checkpoint", "s", [] { return open_seconds(k_million, true); }},
      {"read it into a std::map", "s", [] { return map_seconds(k_million); }},
  };
  for (unsigned round = 0; round < rounds; ++round) {
    for (Row& row : rows) row.values.push_back(row.measure());
  }
  std::filesystem::remove_all(g_directory);
  for (const Row& row : rows) {
    const auto [low, high] = std::minmax_element(row.values.begin(), row.values.end());
    fmt::print("{:<28} {:>12.3f} {:<4} ({:.3f} to {:.3f})\n", row.name, row.median(), row.unit, *low, *high);
  }
  const auto ratio = [&](std::size_t a, std::size_t b) { return rows[a].median() / rows[b].median(); };
  fmt::print("\nfull, 1 coroutine / raw         {:.2f}\n", ratio(1, 0));
  fmt::print("full, 64 / 1 coroutine          {:.1f}\n", ratio(2, 1));
  fmt::print("relaxed / memory, 1 coroutine   {:.2f}\n", ratio(6, 5));
  fmt::print("relaxed / memory, 64 coroutines {:.2f}\n", ratio(8, 7));
  fmt::print("replayed commits a second       {:.2f} M\n", 1.0 / rows[9].median());
  fmt::print("checkpoint / std::map           {:.2f}\n", ratio(10, 11));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string directory = "durability-benchmark";
  unsigned rounds = 3;
  fluxmap_bench::CommandLine line("durability", "What does durability cost?");
  line.text("directory", directory, "is emptied");
  line.number("rounds", rounds, 1U, 1000U, "of which the median counts");
  return line.run(argc, argv, [&] {
    g_directory = directory;
    return report(rounds);
  });
}

// Does a database that lives for long grow? The uses that piled something up once, each for as long as one likes.
//
//   queue  two coroutines put at the end, two take the first and remove it, in transactions; no vacuum; now and then a
//          reader keeps a snapshot for a second
//   busy   one coroutine inserts and removes and never lets go of its thread; vacuum runs each second
//   cache  a limit of 16 MiB, and keys that live for 20 to 500 ms, most of which are never asked for again; no vacuum
//
// Each second: resident memory, the same once the allocator has given back what it keeps free ("held"), what the
// database counts, entries that are not keys. The exit code is 1 if the median of one of the last three in the last
// tenth of the run is more than a tenth (and 2 MiB, or 2000 entries) above that in its second tenth.
//
// glibc gives each thread an arena of its own, and keeps what is freed there: resident memory goes up to the sum of the
// most that each of them has held at some time, and stays there. That is not the database's growth, so it is told, and
// not judged.
#include "support/command_line.hpp"
#include "support/long_run.hpp"
#include "support/machine.hpp"
#include "support/workload.hpp"

#include <fluxmap/fluxmap.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmap_bench {
namespace {

using namespace std::chrono_literals;

struct Options {
  std::string use;
  unsigned minutes = 60;
  std::uint64_t seed = 1;
};

struct Soak : LongRun {
  using LongRun::LongRun;
  std::atomic<std::int64_t> waiting{0};  // in the queue
};

std::string make_text(Random& random) { return std::string(8 + random.below(200), 'x'); }

asio::awaitable<void> produce(Soak& soak, std::uint64_t number, std::uint64_t seed) {
  constexpr std::int64_t k_most_waiting = 5'000;
  auto handle = soak.database->handle();
  Random random(seed);
  for (std::uint64_t next = 0; !soak.stop;) {
    if (soak.waiting < k_most_waiting) {
      co_await handle.insert(4 * next++ + number, make_text(random));
      ++soak.waiting;
      ++soak.operations;
    }
    co_await asio::post(asio::use_awaitable);
  }
}

asio::awaitable<void> consume(Soak& soak) {
  auto handle = soak.database->handle();
  while (!soak.stop) {
    const bool taken = co_await handle.transaction([](auto& tx) {
      auto stream = tx.range_stream(0, ~std::uint64_t{0});
      const auto first = stream.begin();
      if (first == stream.end()) return false;
      const std::uint64_t key = (*first).first;
      tx.remove(key);
      return true;
    });
    if (taken) {
      --soak.waiting;
      ++soak.operations;
    }
    co_await asio::post(asio::use_awaitable);
  }
}

asio::awaitable<void> look_now_and_then(Soak& soak) {
  auto handle = soak.database->handle();
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (!soak.stop) {
    timer.expires_after(1s);
    co_await timer.async_wait(asio::use_awaitable);
    auto snapshot = handle.begin({.read_only = true});
    timer.expires_after(1s);
    co_await timer.async_wait(asio::use_awaitable);
    snapshot.rollback();
  }
}

asio::awaitable<void> keep_busy(Soak& soak, std::uint64_t seed) {
  auto handle = soak.database->handle();
  Random random(seed);
  for (std::uint64_t key = 0; !soak.stop; ++key) {
    co_await handle.insert(key, make_text(random));
    if (key >= 1000) co_await handle.remove(key - 1000);
    soak.operations += 2;
  }
}

asio::awaitable<void> use_cache(Soak& soak, std::uint64_t seed) {
  auto handle = soak.database->handle();
  Random random(seed);
  for (std::uint64_t i = 0; !soak.stop; ++i) {
    const bool again = random.below(4) != 0;
    const std::uint64_t key = again ? random.below(20'000) : random();
    if (!handle.contains(key)) {
      const std::chrono::milliseconds lasts(20 + random.below(480));
      co_await handle.insert(key, make_text(random), fluxmap::ExpiresAfter{lasts});
    }
    ++soak.operations;
    if (i % 64 == 0) co_await asio::post(asio::use_awaitable);
  }
}

struct Sample {
  double held = 0, counted = 0;  // MiB
  double beside_keys = 0;        // entries
};

std::vector<Sample> watch(Soak& soak, unsigned seconds) {
  fmt::print("{:>8} {:>10} {:>10} {:>10} {:>10} {:>12} {:>10} {:>14}\n", "second", "resident", "held", "counted",
             "keys", "beside keys", "versions", "operations");
  std::vector<Sample> samples;
  soak.watch(seconds, 20, [&](unsigned second, double resident, const fluxmap::Stats& stats, bool line) {
    const auto beside_keys = static_cast<double>(stats.entries) - static_cast<double>(stats.keys);
    fluxmap::detail::trim_heap();
    const auto& sample =
        samples.emplace_back(Sample{mebibytes(resident_bytes()), mebibytes(stats.memory_bytes), beside_keys});
    if (!line) return;
    fmt::print("{:>8} {:>10.1f} {:>10.1f} {:>10.1f} {:>10} {:>12} {:>10} {:>14}\n", second, resident, sample.held,
               sample.counted, stats.keys, sample.beside_keys, stats.versions, soak.operations.load());
  });
  return samples;
}

// Compares the median of the second tenth with that of the last one.
bool stays_level(const std::vector<Sample>& samples, std::string_view name, double Sample::* what, double spare) {
  const auto median_of = [&](std::size_t tenth) {
    std::vector<Sample> some(samples.begin() + static_cast<std::ptrdiff_t>(samples.size() * tenth / 10),
                             samples.begin() + static_cast<std::ptrdiff_t>(samples.size() * (tenth + 1) / 10));
    const auto middle = some.begin() + static_cast<std::ptrdiff_t>(some.size() / 2);
    std::nth_element(some.begin(), middle, some.end(),
                     [&](const Sample& a, const Sample& b) { return a.*what < b.*what; });
    return (*middle).*what;
  };
  const double early = median_of(1), late = median_of(9);
  const bool level = late <= std::max(early * 1.1, early + spare);
  fmt::print("{:<12} {:>10.1f} in the second tenth, {:>10.1f} in the last{}\n", name, early, late,
             level ? "" : "   GROWS");
  return level;
}

int run(const Options& options) {
  const auto machine = this_machine();
  fmt::print("{}, {}, {}\nsoak {}, {} minutes, seed {}\n\n", machine.compiler, machine.flags, machine.date, options.use,
             options.minutes, options.seed);
  auto builder = TextMap::builder();
  if (options.use == "busy") builder.auto_vacuum({.interval = 1s});
  if (options.use == "cache") builder.max_memory(std::size_t{16} << 20).eviction(fluxmap::Eviction::lru);
  Soak soak(builder.build(), 2);
  if (options.use == "queue") {
    for (std::uint64_t i = 0; i < 2; ++i) {
      soak.spawn(produce(soak, i, Random::mix(options.seed + i)));
      soak.spawn(consume(soak));
    }
    soak.spawn(look_now_and_then(soak));
  } else if (options.use == "busy") {
    soak.spawn(keep_busy(soak, options.seed));
  } else {
    for (std::uint64_t i = 0; i < 2; ++i) soak.spawn(use_cache(soak, Random::mix(options.seed + i)));
  }
  const auto samples = watch(soak, 60 * options.minutes);

  fmt::print("\n");
  const bool held = stays_level(samples, "held", &Sample::held, 2);
  const bool counted = stays_level(samples, "counted", &Sample::counted, 2);
  const bool entries = stays_level(samples, "beside keys", &Sample::beside_keys, 2000);
  return held && counted && entries ? 0 : 1;
}

}  // namespace
}  // namespace fluxmap_bench

int main(int argc, char** argv) {
  using namespace fluxmap_bench;
  Options options;
  CommandLine line("soak", "Does a database that lives for long grow?");
  line.text("use", options.use, "what it is used as", {"queue", "busy", "cache"});
  line.require("use");
  line.number("--minutes", options.minutes, 1U, 100'000U, "how long");
  line.seed(options.seed);
  return line.run(argc, argv, [&] { return run(options); });
}

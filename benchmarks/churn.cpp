// Does memory stay where it is under hours of overwrites, removes and inserts of values of all sizes, with snapshots
// that are held for seconds?
//
// The exit code is 1 if, after the warm-up (a minute; a tenth of a shorter run, but ten seconds if it can be), the
// resident memory is ever a fifth more or less than it was at the end of that, or if anything read was wrong.
#include "support/command_line.hpp"
#include "support/limited_database.hpp"
#include "support/long_run.hpp"
#include "support/machine.hpp"
#include "support/statistics.hpp"
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
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxmap_bench {
namespace {

struct Options {
  unsigned seconds = 60;
  std::string policy = "none";
  unsigned threads = 4;
  std::size_t keys = 50'000;
  std::size_t limit_mib = 16;
  unsigned readers = 4;
  std::uint64_t seed = 1;

  // A minute, or a tenth of a shorter run, but in any case several times as long as a snapshot is held.
  unsigned warm_seconds() const { return std::min(60U, std::max(seconds / 10, std::min(10U, seconds / 3))); }
};

// A value begins with its key and a sum over it, so that a torn or wrong one shows.
std::string make_text(Key key, Random& random) {
  std::string text(8 + random.below(993), static_cast<char>(random()));
  const std::uint64_t head = Random::mix(key) ^ Random::mix(text.size());
  std::memcpy(text.data(), &head, sizeof head);
  return text;
}

bool text_belongs_to(Key key, const std::string& text) {
  std::uint64_t head = 0;
  if (text.size() < sizeof head) return false;
  std::memcpy(&head, text.data(), sizeof head);
  const auto body = std::string_view(text).substr(sizeof head);
  return head == (Random::mix(key) ^ Random::mix(text.size())) &&
         body.find_first_not_of(body.empty() ? 'x' : body.front()) == std::string_view::npos;
}

struct Churn : LongRun {
  using LongRun::LongRun;

  std::size_t keys = 0;
  std::atomic<std::uint64_t> snapshots{0};  // held to their end
  std::atomic<std::uint64_t> wrong{0};

  Key key(Random& random) const { return Random::mix(random.below(keys)); }
};

asio::awaitable<void> write(Churn& churn, std::uint64_t seed) {
  constexpr unsigned k_turn = 64;  // operations between two chances for the other coroutines
  auto handle = churn.database->handle();
  Random random(seed);
  while (!churn.stop) {
    for (unsigned i = 0; i < k_turn; ++i) {
      const Key key = churn.key(random);
      const auto dice = random.below(10);
      if (dice < 5) {
        co_await handle.insert(key, make_text(key, random));
      } else if (dice < 7) {
        const auto removed = co_await handle.remove(key);
        if (removed && !text_belongs_to(key, *removed)) ++churn.wrong;
      } else if (dice < 9) {
        co_await handle.insert_if_absent(key, make_text(key, random));
      } else {
        const auto value = handle.get(key);
        if (value && !text_belongs_to(key, *value)) ++churn.wrong;
      }
    }
    churn.operations += k_turn;
    co_await asio::post(asio::use_awaitable);
  }
}

// Takes a snapshot, holds it for one to three seconds, and then wants to see what it saw at first.
asio::awaitable<void> hold_snapshots(Churn& churn, std::uint64_t seed) {
  constexpr auto k_step = std::chrono::milliseconds(50);
  constexpr unsigned k_looked_at = 100;
  auto handle = churn.database->handle();
  asio::steady_timer timer(co_await asio::this_coro::executor);
  Random random(seed);
  while (!churn.stop) {
    auto snapshot = handle.begin({.read_only = true});
    std::vector<std::pair<Key, const std::string*>> seen;
    for (unsigned i = 0; i < k_looked_at; ++i) {
      const Key key = churn.key(random);
      seen.emplace_back(key, snapshot.get(key));
    }
    for (auto steps = 20 + random.below(40); steps > 0 && !churn.stop; --steps) {
      timer.expires_after(k_step);
      co_await timer.async_wait(asio::use_awaitable);
    }
    for (const auto& [key, text] : seen) {
      if (snapshot.get(key) != text || (text != nullptr && !text_belongs_to(key, *text))) ++churn.wrong;
    }
    snapshot.rollback();
    ++churn.snapshots;
    timer.expires_after(k_step);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

std::shared_ptr<TextMap> make_database(const Options& options) {
  auto builder = TextMap::builder();
  builder.auto_vacuum({.interval = std::chrono::milliseconds(500)});
  if (options.policy != "none") {
    builder.max_memory(options.limit_mib << 20).eviction(policy_named(options.policy).eviction);
  }
  return builder.build();
}

// The resident MiB of each second.
std::vector<double> watch(Churn& churn, unsigned seconds) {
  fmt::print("{:>8} {:>10} {:>10} {:>8} {:>10} {:>10} {:>12} {:>12} {:>12}\n", "second", "resident", "counted", "keys",
             "versions", "snapshots", "operations", "evictions", "vacuumed");
  std::vector<double> resident;
  churn.watch(seconds, 10, [&](unsigned second, double mib, const fluxmap::Stats& stats, bool line) {
    resident.push_back(mib);
    if (!line) return;
    fmt::print("{:>8} {:>10.1f} {:>10.1f} {:>8} {:>10} {:>10} {:>12} {:>12} {:>12}\n", second, mib,
               mebibytes(stats.memory_bytes), stats.keys, stats.versions, churn.snapshots.load(),
               churn.operations.load(), stats.evictions, stats.vacuumed_versions);
  });
  return resident;
}

bool stays_level(const std::vector<double>& resident, unsigned warm) {
  constexpr double k_allowed = 0.2;
  const auto after = resident.begin() + warm;
  const auto level_of = std::max(resident.begin(), after - 3);  // of three: one may be anything
  const double level = summarize(std::vector<double>(level_of, after)).median;
  const auto [least, most] = std::minmax_element(after, resident.end());
  fmt::print("\nresident at the end of the warm-up of {} s: {:.1f} MiB; since then {:+.1f} % to {:+.1f} % of that\n",
             warm, level, 100 * (*least / level - 1), 100 * (*most / level - 1));
  return *least >= level * (1 - k_allowed) && *most <= level * (1 + k_allowed);
}

int run(const Options& options) {
  const auto machine = this_machine();
  fmt::print("{}, {}, {}\n{} keys, values of 8 to 1000 bytes, {} threads, {} readers, {}, seed {}\n\n",
             machine.compiler, machine.flags, machine.date, options.keys, options.threads, options.readers,
             options.policy == "none" ? "no limit" : fmt::format("{} at {} MiB", options.policy, options.limit_mib),
             options.seed);
  Churn churn(make_database(options), options.threads);
  churn.keys = options.keys;
  std::uint64_t seed = options.seed;
  for (unsigned i = 0; i < 4 * options.threads; ++i) churn.spawn(write(churn, Random::mix(++seed)));
  for (unsigned i = 0; i < options.readers; ++i) churn.spawn(hold_snapshots(churn, Random::mix(++seed)));
  const auto resident = watch(churn, options.seconds);

  const bool level = stays_level(resident, options.warm_seconds());
  fmt::print("{} wrong values; {}\n", churn.wrong.load(), level ? "memory stayed level" : "MEMORY DID NOT STAY LEVEL");
  return level && churn.wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace fluxmap_bench

int main(int argc, char** argv) {
  using namespace fluxmap_bench;
  Options options;
  CommandLine line("churn", "Does memory stay where it is under hours of overwrites, removes and inserts?");
  line.number("--seconds", options.seconds, 3U, 1'000'000U, "how long");
  line.text("--policy", options.policy, "of eviction; none: no limit", {"none", "lru", "lfu", "arc", "random"});
  line.number("--threads", options.threads, 1U, 256U, "of the pool");
  line.number<std::uint64_t>("--keys", options.keys, 100, 100'000'000, "different ones");
  line.number<std::uint64_t>("--limit-mib", options.limit_mib, 1, 1'000'000, "the limit, where there is one");
  line.number("--readers", options.readers, 0U, 1000U, "snapshots held at a time");
  line.seed(options.seed);
  return line.run(argc, argv, [&] { return run(options); });
}

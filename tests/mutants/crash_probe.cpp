// What run_mutants.sh tries the log's mutants with: crash_probe <scenario>. Exits with 1 where a promise is broken.
#include "support/crash_lives.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <vector>

namespace {

using namespace fluxmap_test;

CrashSetup any_setup(SplitMix& random, Level level) {
  CrashSetup setup{.level = level, .segment_bytes = 600 + random.below(3400)};
  setup.checkpoint_after = random.below(3) == 0 ? 0 : 1000 + random.below(4000);
  setup.work.threads = static_cast<unsigned>(1 + random.below(3));
  setup.work.transactions = static_cast<unsigned>(8 + random.below(30));
  return setup;
}

// Lives that end in power cuts, or in power cuts and kills.
std::string lives(Level level, bool kills, std::uint64_t count) {
  SplitMix random(seed("crash_probe"));
  for (std::uint64_t lived = 0; lived < count;) {
    CrashLives chain(any_setup(random, level), random());
    for (int left = 6; left > 0; --left, ++lived) {
      const Ending ending = kills && random.below(2) == 0 ? Ending::kill : Ending::power_cut;
      const Trigger trigger{1 + random.below(random.below(2) == 0 ? 60 : 400), {}};
      const Cut cut = random.below(3) == 0 ? Cut::keep_nothing : Cut::random;
      std::string wrong = chain.live(ending, trigger, cut);
      if (!wrong.empty()) return wrong;
    }
    std::string wrong = chain.live(Ending::closed, {});
    if (!wrong.empty()) return wrong;
  }
  return {};
}

// Every byte of the records of a directory that was closed, flipped: told. (Not the last record, which says that it was
// closed: without it the log is what a power cut may have left.)
std::string flipped_bytes() {
  auto disk = std::make_shared<MemoryDisk>();
  std::map<std::uint64_t, std::uint64_t> expected;
  const auto open = [&] { return open_on<std::uint64_t, std::uint64_t>(disk, Level::full); };
  {
    auto database = open();
    auto handle = database->handle();
    for (std::uint64_t i = 0; i < 20; ++i) run(handle.insert(i, i * 1000003));
    expected = contents_of(*database);
    run(database->close());
  }
  const std::filesystem::path path = std::filesystem::path(k_directory) / fluxmap::detail::segment_name(1);
  const Content good = disk->bytes(path);
  std::size_t end = good.size();
  while (good[end - 1] == std::byte{0}) --end;
  end -= fluxmap::detail::k_record_header_size;
  for (std::size_t at = 0; at < end; ++at) {
    Content bad = good;
    bad[at] ^= std::byte{4};
    disk->put(path, bad);
    try {
      if (contents_of(*open()) != expected) return "byte " + std::to_string(at) + ": another state, without a word";
      return "byte " + std::to_string(at) + ": no word of the damage";
    } catch (const boost::system::system_error& error) {
      if (error.code() != fluxmap::errc::log_corrupt && error.code() != fluxmap::errc::decode_failed) {
        return error.what();
      }
    }
  }
  return {};
}

// What was evicted stays away when the directory is opened again, with all the room there is.
std::string evictions() {
  SplitMix random(seed("crash_probe"));
  for (const Level level : {Level::relaxed, Level::full}) {
    auto disk = std::make_shared<MemoryDisk>();
    std::map<std::uint64_t, std::uint64_t> expected;
    {
      auto builder = builder_on<std::uint64_t, std::uint64_t>(disk, level);
      auto database = builder.max_memory(8 << 10).build();
      auto handle = database->handle();
      for (std::uint64_t i = 0; i < 300; ++i) run(handle.insert(random.below(200), i));
      expected = contents_of(*database);
      if (database->stats().evictions < 50) return "hardly anything was evicted";
      run(database->close());
    }
    if (contents_of(*open_on<std::uint64_t, std::uint64_t>(disk, level)) != expected) return "an evicted key is back";
  }
  return {};
}

// Killed just before any of its syncs, that of a segment's seal among them; and when the next life has synced a commit
// the power goes.
std::string kills_before_syncs() {
  for (std::size_t nth = 1; nth < 60; ++nth) {
    auto disk = std::make_shared<MemoryDisk>();
    const auto open = [&] { return open_on<std::uint64_t, std::uint64_t>(disk, Level::full, in_directory(600)); };
    {
      auto database = open();
      auto handle = database->handle();
      disk->faults().cut_power(Call::sync, nth);
      try {
        for (std::uint64_t i = 0; i < 50; ++i) run(handle.insert(i, i));
      } catch (const boost::system::system_error&) {  // the end has come
      }
    }
    disk->crash();
    disk->faults().clear();
    std::map<std::uint64_t, std::uint64_t> expected;
    {
      auto database = open();
      run(database->handle().insert(1000, nth));
      expected = contents_of(*database);
      disk->request_cut();
    }
    disk->power_cut(Cut::keep_nothing);
    if (contents_of(*open()) != expected) return "another state, after a kill before sync " + std::to_string(nth);
  }
  return {};
}

// A deadline is the same after a restart, from the log and from a checkpoint.
std::string deadlines() {
  for (const bool checkpoint : {false, true}) {
    auto disk = std::make_shared<MemoryDisk>();
    const auto clock = std::make_shared<fluxmap::ManualClock>();
    const auto open = [&] {
      return builder_on<std::uint64_t, std::uint64_t>(disk, Level::relaxed).clock(clock).build();
    };
    std::map<std::uint64_t, std::uint64_t> lasting;
    {
      auto database = open();
      auto handle = database->handle();
      for (std::uint64_t i = 0; i < 20; ++i) {
        const bool expires = i % 3 == 0;
        run(expires ? handle.insert(i, i, fluxmap::ExpiresAfter{std::chrono::seconds(1)}) : handle.insert(i, i));
        if (!expires) lasting.emplace(i, i);
      }
      if (checkpoint) run(database->checkpoint());
      run(database->close());
    }
    clock->advance(std::chrono::milliseconds(999));
    auto database = open();
    if (contents_of(*database).size() != 20) return "something has expired too early";
    clock->advance(std::chrono::milliseconds(1));
    if (contents_of(*database) != lasting) return "something has not expired";
    run(database->vacuum());
    if (database->stats().keys != lasting.size()) return "something that has expired is not removed";
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const std::string only = argc > 1 ? argv[1] : "";
  struct Scenario {
    const char* name;
    std::string (*run)();
  };
  const Scenario scenarios[] = {
      {"power_cuts", [] { return lives(Level::full, false, 120); }},
      {"power_cuts_and_kills", [] { return lives(Level::full, true, 240); }},
      {"relaxed", [] { return lives(Level::relaxed, true, 240); }},
      {"kills_before_syncs", [] { return kills_before_syncs(); }},
      {"flipped_bytes", [] { return flipped_bytes(); }},
      {"evictions", [] { return evictions(); }},
      {"deadlines", [] { return deadlines(); }},
  };
  bool known = false;
  for (const Scenario& scenario : scenarios) {
    if (!only.empty() && only != scenario.name) continue;
    known = true;
    std::string wrong;
    try {
      wrong = scenario.run();
    } catch (const std::exception& error) {
      wrong = error.what();
    }
    if (wrong.empty()) continue;
    std::printf("%s: %s\n", scenario.name, wrong.substr(0, wrong.find('\n')).c_str());
    return 1;
  }
  return known ? 0 : 2;
}

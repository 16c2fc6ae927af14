// The random histories of databases with a log: its thread publishes the commits (full), or takes what the committers
// have published (relaxed), while segments change and checkpoints are written. What is left on the disk is the end of
// the history.
#include "support/catch.hpp"
#include "support/persistent.hpp"
#include "support/random_history.hpp"
#include "support/tagged.hpp"

template <>
struct fluxmap::Codec<fluxmap_test::Tagged<2>> {
  static void encode(const fluxmap_test::Tagged<2>& value, Encoder& encoder) {
    encoder.write_integer(value.write());
    encoder.write_integer(value.key());
  }
  static fluxmap_test::Tagged<2> decode(Decoder& decoder) {
    const auto write = decoder.read_integer<std::uint64_t>();
    return {write, decoder.read_integer<std::int64_t>()};
  }
};

namespace {

using namespace fluxmap_test;
using Run = RandomHistoryRun<NumberKeys, Tagged<2>>;

void check_durable_histories(const char* name, Level level) {
  SplitMix seeds(seed(name));
  for (const std::int64_t keys : {std::int64_t{3}, std::int64_t{8}, std::int64_t{64}}) {
    const RandomHistory shape{
        .keys = keys, .operations = 100 + 1000 / k_sanitizer_cost, .autocommit_writes = false, .filled = false};
    const std::uint64_t seed_of_run = seeds();
    auto disk = std::make_shared<MemoryDisk>();
    const auto open = [&] {
      return open_on<Run::Key, Tagged<2>>(disk, level, in_directory(std::size_t{1} << 14, std::size_t{1} << 15));
    };
    const auto read = [](Run::Database& database) {
      std::map<std::int64_t, std::uint64_t> contents;
      for (const auto& [key, value] : contents_of(database)) {
        CHECK(value.intact(key));
        contents.emplace(key, value.write());
      }
      return contents;
    };
    std::map<std::int64_t, std::uint64_t> expected;
    {
      Run run(shape, seed_of_run, open());
      check_random_history(run, shape, seed_of_run);
      expected = read(run.database());
      CHECK(run.database().stats().log_bytes > 0);
    }
    CHECK(read(*open()) == expected);
  }
}

TEST_CASE("histories_in_full_are_serializable_and_survive", "[stress]") {
  check_durable_histories("full", Level::full);
}

TEST_CASE("histories_in_relaxed_are_serializable_and_survive", "[stress]") {
  check_durable_histories("relaxed", Level::relaxed);
}

}  // namespace

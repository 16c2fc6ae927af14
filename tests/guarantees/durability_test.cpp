// What a database with a log promises, on a disk that a test holds in its hands.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shared.hpp"
#include "support/persistent.hpp"

namespace {

using namespace std::chrono_literals;
using namespace fluxmap_test;

using Numbers = fluxmap::Database<std::uint64_t, std::uint64_t>;
using Texts = fluxmap::Database<std::string, std::string>;
using Transaction = fluxmap::Transaction<std::uint64_t, std::uint64_t>;

std::shared_ptr<Numbers> open_numbers(const std::shared_ptr<MemoryDisk>& disk, Level level = Level::full) {
  return open_on<std::uint64_t, std::uint64_t>(disk, level);
}

// A commit that is under way on a context of its own.
struct Pending {
  template <class Awaitable>
  explicit Pending(Awaitable work) {
    asio::co_spawn(context, std::move(work),
                   asio::bind_cancellation_slot(cancel.slot(), [this](std::exception_ptr failure, auto&&...) {
                     done = true;
                     if (failure) code = fluxmap::detail::to_error_code(failure);
                   }));
  }
  void poll() {
    context.restart();
    context.poll();
  }
  void finish() {
    context.restart();
    context.run();
  }

  asio::io_context context{1};
  asio::cancellation_signal cancel;
  bool done = false;
  error_code code;
};

TEST_CASE("what_was_acknowledged_in_full_survives_a_power_cut") {
  auto disk = std::make_shared<MemoryDisk>();
  auto database = open_numbers(disk);
  auto handle = database->handle();
  for (std::uint64_t i = 0; i < 50; ++i) put(handle, i, i * i);
  run(handle.remove(std::uint64_t{7}));
  run(handle.transaction([](Transaction& transaction) {
    transaction.insert(100, 1);
    transaction.insert(101, 2);
  }));
  const auto expected = contents_of(*database);
  disk->power_cut(Cut::keep_nothing);
  database.reset();
  database = open_numbers(disk);
  CHECK(contents_of(*database) == expected);
  CHECK(database->size() == expected.size());
  CHECK(database->stats().recovered_commits == 52);
  CHECK(database->stats().truncated_bytes == 0);
}

TEST_CASE("what_was_acknowledged_in_relaxed_survives_the_end_of_the_process") {
  auto disk = std::make_shared<MemoryDisk>();
  auto database = open_numbers(disk, Level::relaxed);
  auto handle = database->handle();
  for (std::uint64_t i = 0; i < 500; ++i) put(handle, i % 100, i);
  const auto expected = contents_of(*database);
  disk->crash();
  database.reset();
  database = open_numbers(disk, Level::relaxed);
  CHECK(contents_of(*database) == expected);
}

TEST_CASE("what_was_flushed_in_relaxed_survives_a_power_cut") {
  auto disk = std::make_shared<MemoryDisk>();
  auto database = open_numbers(disk, Level::relaxed);
  auto handle = database->handle();
  for (std::uint64_t i = 0; i < 100; ++i) put(handle, i, i);
  run(database->flush());
  disk->power_cut(Cut::keep_nothing);
  database.reset();
  database = open_numbers(disk, Level::relaxed);
  CHECK(database->size() == 100);
}

TEST_CASE("relaxed_syncs_by_commits_by_bytes_and_by_interval") {
  const auto synced_by = [](auto configure) {
    auto disk = std::make_shared<MemoryDisk>();
    auto builder = builder_on<std::uint64_t, std::uint64_t>(disk, Level::relaxed);
    builder.flush_interval(24h);
    configure(builder);
    auto database = builder.build();
    Gate gate(*disk);
    gate.close();
    auto handle = database->handle();
    for (std::uint64_t i = 0; i < 100; ++i) put(handle, i, i);
    gate.wait_for_somebody();  // hangs if nobody syncs
    gate.open();
  };
  synced_by([](auto& builder) { builder.flush_after_commits(10); });
  synced_by([](auto& builder) { builder.flush_after_bytes(500); });
  synced_by([](auto& builder) { builder.flush_interval(1ms); });
}

TEST_CASE("nobody_sees_in_full_what_could_still_be_lost") {
  auto disk = std::make_shared<MemoryDisk>();
  auto database = open_numbers(disk);
  auto handle = database->handle();
  put(handle, std::uint64_t{1}, std::uint64_t{10});
  Gate gate(*disk);
  gate.close();
  auto writer = database->handle();
  Pending insert(writer.insert(1, 20));
  insert.poll();
  gate.wait_for_somebody();
  insert.poll();
  CHECK_FALSE(insert.done);

  CHECK(handle.get(std::uint64_t{1}) == 10U);
  CHECK(handle.range(std::uint64_t{0}, std::uint64_t{9}).front().second == 10);
  auto reader = handle.begin({.read_only = true});
  CHECK(*reader.get(std::uint64_t{1}) == 10);
  // A writer may build on it, but is not acknowledged before it; nor is one that has only read it.
  auto second = database->handle();
  Pending update(second.update(1, [](const std::uint64_t* old) { return *old + 1; }));
  update.poll();
  Pending look(second.insert_if_absent(1, 5));
  look.poll();
  auto only_reads = second.begin();
  CHECK(*only_reads.get(std::uint64_t{1}) == 21);
  Pending read_commit(only_reads.commit());
  read_commit.poll();
  CHECK_FALSE(update.done);
  CHECK_FALSE(look.done);
  CHECK_FALSE(read_commit.done);
  CHECK(handle.get(std::uint64_t{1}) == 10U);

  gate.open();
  for (Pending* pending : {&insert, &update, &look, &read_commit}) {
    pending->finish();
    CHECK(pending->done);
    CHECK_FALSE(pending->code);
  }
  CHECK(handle.get(std::uint64_t{1}) == 21U);
  CHECK(*reader.get(std::uint64_t{1}) == 10);
}

TEST_CASE("a_reader_whose_snapshot_has_moved_waits_for_all_it_rests_on") {
  auto disk = std::make_shared<MemoryDisk>();
  auto database = open_numbers(disk);
  auto handle = database->handle();
  auto reader = handle.begin();
  CHECK(reader.get(std::uint64_t{2}) == nullptr);
  put(handle, std::uint64_t{1}, std::uint64_t{1});
  Gate gate(*disk);
  gate.close();
  auto writer = database->handle();
  Pending insert(writer.insert(2, 1));
  insert.poll();
  gate.wait_for_somebody();
  Pending remove(writer.remove(std::uint64_t{2}));
  remove.poll();
  // Only after the removal is there a state with 1 and without 2 again.
  CHECK(*reader.get(std::uint64_t{1}) == 1);
  Pending commit(reader.commit());
  commit.poll();
  CHECK_FALSE(commit.done);
  gate.open();
  for (Pending* pending : {&insert, &remove, &commit}) {
    pending->finish();
    CHECK_FALSE(pending->code);
  }
}

TEST_CASE("commits_that_wait_share_one_sync") {
  auto disk = std::make_shared<MemoryDisk>();
  auto database = open_numbers(disk);
  std::vector<std::unique_ptr<Pending>> pending;
  const std::uint64_t before = database->stats().log_syncs;
  {
    Gate gate(*disk);
    gate.close();
    for (std::uint64_t i = 0; i < 64; ++i) {
      pending.push_back(std::make_unique<Pending>(database->handle().insert(i, i)));
      pending.back()->poll();
    }
    gate.open();
    for (auto& one : pending) one->finish();
  }
  CHECK(database->size() == 64);
  CHECK(database->stats().log_syncs - before <= 3);
}

TEST_CASE("a_cancelled_wait_leaves_the_commit_standing") {
  auto disk = std::make_shared<MemoryDisk>();
  auto database = open_numbers(disk);
  {
    Gate gate(*disk);
    gate.close();
    auto handle = database->handle();
    Pending insert(handle.insert(1, 1));
    insert.poll();
    CHECK_FALSE(insert.done);
    insert.cancel.emit(asio::cancellation_type::terminal);
    insert.poll();
    CHECK(insert.done);
    CHECK(insert.code == asio::error::operation_aborted);
    gate.open();
  }
  run(database->flush());
  CHECK(database->handle().get(std::uint64_t{1}) == 1U);
}

TEST_CASE("destruction_and_close_complete_what_waits") {
  for (const bool by_close : {false, true}) {
    auto disk = std::make_shared<MemoryDisk>();
    auto database = open_numbers(disk);
    Gate gate(*disk);
    gate.close();
    std::vector<std::unique_ptr<Pending>> pending;
    for (std::uint64_t i = 0; i < 8; ++i) {
      pending.push_back(std::make_unique<Pending>(database->handle().insert(i, i)));
      pending.back()->poll();
    }
    gate.wait_for_somebody();
    std::optional<Pending> closing;
    if (by_close) {  // begun while nothing can be written
      closing.emplace(database->close());
      closing->poll();
    }
    gate.open();
    if (by_close) {
      closing->finish();
      CHECK_FALSE(closing->code);
      CHECK(code_of([&] { run(database->close()); }) == errc::closed);
      CHECK(code_of([&] { database->handle(); }) == errc::closed);
    }
    database.reset();
    for (auto& one : pending) {
      one->finish();
      CHECK(one->done);
      CHECK_FALSE(one->code);
    }
    CHECK(contents_of(*open_numbers(disk)).size() == 8);
  }
}

TEST_CASE("a_context_may_go_before_the_commits_it_waits_for") {
  auto disk = std::make_shared<MemoryDisk>();
  auto database = open_numbers(disk);
  Gate gate(*disk);
  gate.close();
  {
    Pending insert(database->handle().insert(1, 1));
    insert.poll();
    gate.wait_for_somebody();
    CHECK_FALSE(insert.done);
  }
  gate.open();
  run(database->flush());
  CHECK(database->handle().get(std::uint64_t{1}) == 1U);
}

TEST_CASE("a_checkpoint_stands_for_the_log_before_it") {
  auto disk = std::make_shared<MemoryDisk>();
  std::map<std::uint64_t, std::uint64_t> expected;
  {
    auto database = open_on<std::uint64_t, std::uint64_t>(disk, Level::full, in_directory(4096));
    auto handle = database->handle();
    for (std::uint64_t i = 0; i < 500; ++i) put(handle, i, i);
    for (std::uint64_t i = 0; i < 500; i += 3) run(handle.remove(i));
    CHECK(disk->list(k_directory).size() > 5);
    run(database->checkpoint());
    CHECK(disk->list(k_directory).size() == 2);
    CHECK(database->stats().checkpoints == 1);
    for (std::uint64_t i = 0; i < 100; ++i) put(handle, 1000 + i, i);
    expected = contents_of(*database);
  }
  auto database = open_on<std::uint64_t, std::uint64_t>(disk, Level::full, in_directory(4096));
  CHECK(contents_of(*database) == expected);
  CHECK(database->size() == expected.size());
  CHECK(database->stats().recovered_commits == 100);
}

TEST_CASE("a_checkpoint_lets_writers_go_on_and_holds_one_state") {
  auto disk = std::make_shared<MemoryDisk>();
  auto database = open_numbers(disk);
  auto handle = database->handle();
  for (std::uint64_t i = 0; i < 20; ++i) put(handle, i, std::uint64_t{1});
  {
    Gate gate(*disk, Call::open);  // the checkpoint's file
    gate.close();
    Pending checkpoint(database->checkpoint());
    checkpoint.poll();
    gate.wait_for_somebody();
    for (std::uint64_t i = 0; i < 20; ++i) put(handle, i, std::uint64_t{2});
    gate.open();
    checkpoint.finish();
    CHECK_FALSE(checkpoint.code);
  }
  const auto expected = contents_of(*database);
  database.reset();
  // Without the log behind it, the checkpoint alone is the state of its snapshot.
  database = open_numbers(disk);
  CHECK(contents_of(*database) == expected);
  CHECK(database->stats().recovered_commits == 20);
}

TEST_CASE("a_checkpoint_is_written_by_itself_once_enough_log_has_piled_up") {
  auto disk = std::make_shared<MemoryDisk>();
  auto database = open_on<std::uint64_t, std::uint64_t>(disk, Level::full, in_directory(1 << 12, 1 << 14));
  auto handle = database->handle();
  std::uint64_t i = 0;
  while (database->stats().checkpoints < 2) {  // hangs if none is written
    ++i;
    put(handle, i % 50, i);
  }
  database.reset();
  database = open_numbers(disk);
  CHECK(database->size() == 50);
  CHECK(database->handle().get(i % 50) == i);
}

TEST_CASE("a_database_is_opened_fifty_times_in_a_row") {
  for (const Level level : {Level::relaxed, Level::full}) {
    auto disk = std::make_shared<MemoryDisk>();
    std::map<std::string, std::string> expected;
    for (std::size_t round = 0; round < 50; ++round) {
      auto database =
          open_on<std::string, std::string>(disk, level, in_directory(1 << 12, round % 7 == 3 ? 1 << 13 : 0));
      REQUIRE(contents_of(*database) == expected);
      auto handle = database->handle();
      for (std::size_t i = 0; i < 5; ++i) {
        const std::string key = "key" + std::to_string((round * 7 + i * 3) % 40);
        const std::string value(round * 13 % 97 * (i + 1) * (round % 11 == 5 ? 20 : 1), static_cast<char>('a' + i));
        put(handle, key, value);
        expected[key] = value;
      }
      const std::string gone = "key" + std::to_string(round % 40);
      run(handle.remove(gone));
      expected.erase(gone);
      if (round % 9 == 4) run(database->checkpoint());
      if (round % 2 == 0) run(database->close());
      if (round % 5 == 1) disk->crash();
    }
  }
}

TEST_CASE("a_directory_is_open_once") {
  auto disk = std::make_shared<MemoryDisk>();
  auto database = open_numbers(disk);
  CHECK(code_of([&] { open_numbers(disk); }) == errc::already_open);
  run(database->close());
  auto second = open_numbers(disk);  // close() lets go of it
  CHECK(second->size() == 0);
}

TEST_CASE("other_types_are_refused") {
  auto disk = std::make_shared<MemoryDisk>();
  {
    auto database = open_numbers(disk);
    auto handle = database->handle();
    put(handle, std::uint64_t{1}, std::uint64_t{1});
  }
  const auto before = disk->clone();
  const auto refused = [&](auto open) {
    try {
      open();
    } catch (const boost::system::system_error& error) {
      CHECK(error.code() == errc::decode_failed);
      CHECK(std::string(error.what()).find("fluxlog") != std::string::npos);
      return;
    }
    CHECK(false);
  };
  refused([&] { open_on<std::uint64_t, std::string>(disk, Level::full); });
  refused([&] { open_on<std::string, std::uint64_t>(disk, Level::full); });
  refused([&] { open_on<std::int64_t, std::uint64_t>(disk, Level::full); });
  for (const std::string& name : before->list(k_directory)) {
    const auto path = std::filesystem::path(k_directory) / name;
    CHECK(before->bytes(path) == disk->bytes(path));
  }
  CHECK(contents_of(*open_numbers(disk)).size() == 1);
}

struct Moody {
  int value = 0;
  bool fails = false;
};

}  // namespace

template <>
struct fluxmap::Codec<Moody> {
  static void encode(const Moody& moody, Encoder& encoder) {
    if (moody.fails) throw std::runtime_error("moody");
    encoder.write_integer(moody.value);
  }
  static Moody decode(Decoder& decoder) { return {decoder.read_integer<int>(), false}; }
};

namespace {

TEST_CASE("a_codec_that_throws_rolls_its_transaction_back_and_nothing_else") {
  auto disk = std::make_shared<MemoryDisk>();
  auto database = open_on<int, Moody>(disk, Level::full);
  auto handle = database->handle();
  put(handle, 1, Moody{1});
  CHECK_THROWS_WITH(run(handle.insert(2, Moody{2, true})), "moody");
  CHECK_THROWS_WITH(run(handle.transaction([](fluxmap::Transaction<int, Moody>& transaction) {
                      transaction.insert(1, Moody{9});
                      transaction.insert(3, Moody{3, true});
                    })),
                    "moody");
  CHECK(database->size() == 1);
  CHECK(handle.get(1)->value == 1);
  CHECK_FALSE(handle.contains(3));
  put(handle, 3, Moody{4});
  database.reset();
  database = open_on<int, Moody>(disk, Level::full);
  CHECK(database->size() == 2);
  CHECK(database->handle().get(3)->value == 4);
}

TEST_CASE("options_out_of_range_are_refused_by_name") {
  auto disk = std::make_shared<MemoryDisk>();
  const auto refuses = [&](auto configure, const char* name) {
    auto builder = builder_on<int, int>(disk, Level::relaxed);
    configure(builder);
    try {
      builder.build();
    } catch (const boost::system::system_error& error) {
      CHECK(error.code() == errc::invalid_option);
      CHECK(std::string(error.what()).find(name) != std::string::npos);
      return;
    }
    CHECK(false);
  };
  refuses([](auto& b) { b.flush_interval(0ms); }, "flush_interval");
  refuses([](auto& b) { b.flush_interval(-1ms); }, "flush_interval");
  refuses([](auto& b) { b.flush_after_commits(0); }, "flush_after_commits");
  refuses([](auto& b) { b.flush_after_bytes(0); }, "flush_after_bytes");
  refuses([](auto& b) { b.durability_full(in_directory(0)); }, "segment_bytes");
  refuses([](auto& b) { b.durability_full({}); }, "directory");
  CHECK_FALSE(disk->exists(k_directory));
}

TEST_CASE("an_async_build_reads_the_directory_elsewhere_and_reports_its_progress") {
  auto disk = std::make_shared<MemoryDisk>();
  {
    auto database = open_on<std::uint64_t, std::uint64_t>(disk, Level::relaxed, in_directory(1 << 12));
    auto handle = database->handle();
    for (std::uint64_t i = 0; i < 1000; ++i) put(handle, i, i);
  }
  std::vector<fluxmap::RecoveryProgress> reports;
  std::thread::id reader;
  auto builder = builder_on<std::uint64_t, std::uint64_t>(disk, Level::relaxed, in_directory(1 << 12));
  builder.on_recovery_progress([&](const fluxmap::RecoveryProgress& progress) {
    reports.push_back(progress);
    reader = std::this_thread::get_id();
  });
  auto database = run(builder.async_build());
  CHECK(database->size() == 1000);
  REQUIRE(reports.size() > 2);
  CHECK(reader != std::this_thread::get_id());
  for (std::size_t i = 1; i < reports.size(); ++i) CHECK(reports[i].done >= reports[i - 1].done);
  CHECK(reports.back().done == reports.back().total);
  database.reset();
  disk->faults().fail(Call::open, 1, boost::system::errc::io_error, FaultPlan::Repeat::from_then_on);
  CHECK(code_of([&] { run(builder.async_build()); }) == boost::system::errc::io_error);
}

TEST_CASE("a_database_in_memory_needs_no_codec_and_nothing_to_flush") {
  struct Opaque {
    std::unique_ptr<int> inside;
    explicit Opaque(int) {}
  };
  fluxmap::Database<int, Opaque> database;
  auto handle = database.handle();
  run(handle.insert(1, Opaque(1)));
  run(database.flush());
  run(database.checkpoint());
  CHECK(handle.contains(1));
}

}  // namespace

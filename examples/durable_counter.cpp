// A counter that outlives the program: every run counts itself. What one run has printed, the next one builds on,
// whatever happened to the process or the machine in between.
//
//   durable_counter [DIRECTORY]
#include <fluxmap/fluxmap.hpp>

#include <boost/asio.hpp>

#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

namespace asio = boost::asio;
using Counters = fluxmap::Database<std::string, std::uint64_t>;

namespace {

constexpr std::uint64_t k_runs_between_checkpoints = 4;

asio::awaitable<std::uint64_t> count_this_run(Counters& counters) {
  auto handle = counters.handle();
  const std::uint64_t runs = co_await handle.transaction([](auto& tx) {
    const std::uint64_t* const before = tx.get("runs");
    const std::uint64_t now = before == nullptr ? 1 : *before + 1;
    tx.insert("runs", now);
    tx.insert("run " + std::to_string(now), now * now);  // both are there after a crash, or neither
    return now;
  });
  // The transaction is on the disk. A checkpoint writes down what there is and drops the log before it. Databases do
  // that by themselves, once much more has piled up than there ever will be here.
  if (runs % k_runs_between_checkpoints == 0) co_await counters.checkpoint();
  co_return runs;
}

}  // namespace

int main(int argc, char* argv[]) {
  const std::filesystem::path directory = argc > 1 ? argv[1] : "durable-counter-data";
  try {
    // Full: an acknowledged commit survives a power cut. The log's files are small, because this database is.
    const std::shared_ptr<Counters> counters =
        Counters::builder().durability_full({.directory = directory, .segment_bytes = 64 << 10}).build();
    asio::io_context io;
    auto counted = asio::co_spawn(io, count_this_run(*counters), asio::use_future);
    io.run();
    const std::uint64_t runs = counted.get();
    std::cout << "run " << runs << ", as " << directory.string() << " tells\n";
    return counters->size() == runs + 1 ? 0 : 1;
  } catch (const std::exception& error) {  // also where another process has the directory open, or it is damaged
    std::cerr << "durable_counter: " << error.what() << '\n';
    return 1;
  }
}

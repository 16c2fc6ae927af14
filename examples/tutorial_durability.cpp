// Tutorial, 4: a database that is there again after the process, or the power, has gone.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

namespace asio = boost::asio;

// A plain struct of what has a codec is stored as it is.
struct Order {
  std::string customer;
  std::vector<std::uint32_t> items;
  bool paid = false;
};
using Orders = fluxmap::Database<std::uint64_t, Order>;

const std::filesystem::path k_directory = "tutorial-durability-data";

asio::awaitable<bool> write() {
  auto builder = Orders::builder();
  builder.durability_full({.directory = k_directory});
  auto orders = co_await builder.async_build();  // reads the directory on another thread; build() does it on this one
  auto handle = orders->handle();
  const Order anns{"ann", {7, 9}, false}, cleos{"cleo", {8}, false};
  co_await handle.insert(1, anns);  // goes on when it is on the disk; no thread waits for that
  co_await handle.transaction([](auto& tx) {
    tx.insert(2, Order{"ben", {7}, false});
    tx.insert(1, Order{"ann", {7, 9}, true});
  });

  bool refused = false;
  try {
    Orders::builder().durability_full({.directory = k_directory}).build();
  } catch (const boost::system::system_error& error) {
    refused = error.code() == fluxmap::errc::already_open;
  }
  co_await orders->checkpoint();  // one file for all so far, and the log before it goes; happens by itself too
  co_await handle.insert(3, cleos);
  co_await orders->close();  // or let it be destroyed
  co_return refused;
}

asio::awaitable<bool> read_and_go_on() {
  // Relaxed: goes on when the operating system has it. Synced at the first of these.
  auto builder = Orders::builder();
  builder.durability_relaxed({.directory = k_directory})
      .flush_interval(std::chrono::milliseconds(50))
      .flush_after_commits(1000);
  auto orders = co_await builder.async_build();
  const auto stats = orders->stats();
  std::cout << stats.recovered_commits << " commit from the log, the rest from the checkpoint\n";
  auto handle = orders->handle();
  const bool found = handle.get(1)->paid && handle.get(2)->customer == "ben" && handle.contains(3);
  co_await handle.remove(3);
  co_await orders->flush();  // from here on a power cut does not lose it
  co_return stats.recovered_commits == 1 && found;
}

int main() {
  std::filesystem::remove_all(k_directory);
  bool correct = true;
  for (auto work : {write, read_and_go_on}) {
    asio::io_context io;
    auto done = asio::co_spawn(io, work(), asio::use_future);
    io.run();
    correct = done.get() && correct;
  }
  std::filesystem::remove_all(k_directory);
  return correct ? 0 : 1;
}

// Tutorial, 8: testing code that uses a database.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio.hpp>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Tickets = fluxmap::Database<int, std::string>;  // seat -> who has it
using Transaction = fluxmap::Transaction<int, std::string>;

// The code under test: takes the database that it is given, and its work on a transaction is a function of its own.
bool reserve(Transaction& tx, int seat, const std::string& name) {
  if (tx.contains(seat)) return false;
  tx.insert(seat, name, fluxmap::ExpiresAfter{10min});
  return true;
}
asio::awaitable<bool> sell(Tickets& tickets, int seat, std::string name) {
  auto handle = tickets.handle();
  co_return co_await handle.transaction([&](Transaction& tx) { return reserve(tx, seat, name); });
}

template <class T>
T run(asio::awaitable<T> work) {
  asio::io_context io;
  auto done = asio::co_spawn(io, std::move(work), asio::use_future);
  io.run();
  return done.get();
}

// A conflict, on purpose: another commit comes between the reads and the commit. No threads, no luck.
bool two_buyers_get_one_seat(Tickets& tickets) {
  auto handle = tickets.handle();
  auto slow = handle.begin();
  if (!reserve(slow, 1, "ann")) return false;
  if (!run(sell(tickets, 1, "ben"))) return false;
  try {
    run(slow.commit());
  } catch (const fluxmap::ConflictError&) {
    return handle.get(1) == "ben";
  }
  return false;
}

// Time, without waiting for it.
bool a_reservation_lapses(Tickets& tickets, fluxmap::ManualClock& clock) {
  if (!run(sell(tickets, 2, "cleo"))) return false;
  clock.advance(10min - 1ms);
  if (run(sell(tickets, 2, "dave"))) return false;
  clock.advance(1ms);
  return run(sell(tickets, 2, "dave"));
}

// A restart: destroy the database and build it again, in a directory of the test's own.
bool a_sale_survives_a_restart() {
  const std::filesystem::path directory = "tutorial-testing-data";
  std::filesystem::remove_all(directory);
  const auto builder = Tickets::builder().durability_relaxed({.directory = directory, .segment_bytes = 64 << 10});
  run(sell(*builder.build(), 3, "erin"));
  const bool found = builder.build()->handle().get(3) == "erin";
  std::filesystem::remove_all(directory);
  return found;
}

// Nothing is left open: a transaction or a stream that somebody has kept shows here.
bool nothing_is_left_open(const Tickets& tickets) { return tickets.stats().active_transactions == 0; }

int main() {
  const auto clock = std::make_shared<fluxmap::ManualClock>();
  const auto tickets = Tickets::builder().clock(clock).build();
  const bool correct = two_buyers_get_one_seat(*tickets) && a_reservation_lapses(*tickets, *clock) &&
                       nothing_is_left_open(*tickets) && a_sale_survives_a_restart();
  std::cout << (correct ? "all as it should be\n" : "something is wrong\n");
  return correct ? 0 : 1;
}

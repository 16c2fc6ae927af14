// Tutorial, 2: several operations that commit together, or not at all.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio.hpp>

#include <iostream>
#include <stdexcept>
#include <string>

namespace asio = boost::asio;
using Accounts = fluxmap::Database<std::string, int>;
using Transaction = fluxmap::Transaction<std::string, int>;

// Throwing rolls back, and the exception comes out of handle.transaction() as it is.
void withdraw(Transaction& tx, const std::string& from, int amount) {
  const int* balance = tx.get(from);  // a pointer, good until this transaction writes the key or ends
  if (balance == nullptr || *balance < amount) throw std::runtime_error("not enough on " + from);
  tx.insert(from, *balance - amount);  // private until the commit
}

asio::awaitable<bool> run(Accounts& accounts) {
  auto handle = accounts.handle();
  co_await handle.insert("alice", 100);

  // What the closure returns is handed over after the commit. A transaction sees its own writes.
  const int left = co_await handle.transaction([](Transaction& tx) {
    withdraw(tx, "alice", 30);
    tx.insert("bob", 30);
    return *tx.get("alice");
  });

  bool refused = false;
  try {
    co_await handle.transaction([](Transaction& tx) {
      tx.insert("bob", 1000);  // taken back
      withdraw(tx, "alice", 1000);
    });
  } catch (const std::runtime_error& error) {
    std::cout << error.what() << '\n';
    refused = true;
  }

  // A part of a transaction can be taken back. Reads made since the savepoint still count.
  co_await handle.transaction([](Transaction& tx) {
    const auto savepoint = tx.savepoint();
    tx.insert("carol", 1);
    tx.rollback_to(savepoint);
    tx.insert("dave", 1);
  });

  // By hand: for when the end is not where the beginning is. Destroyed without a commit, it is rolled back.
  auto tx = handle.begin();
  tx.insert("erin", 1);
  const bool private_so_far = !handle.contains("erin");
  co_await tx.commit();

  // Reads only: one snapshot, never a conflict, never a wait.
  const int sum = co_await handle.transaction(
      [](Transaction& reader) { return *reader.get("alice") + *reader.get("bob"); }, {.read_only = true});

  const bool right_keys = handle.contains("erin") && !handle.contains("carol") && handle.contains("dave");
  const bool correct = left == 70 && sum == 100 && refused && private_so_far && right_keys;
  co_return correct;
}

int main() {
  Accounts accounts;
  asio::io_context io;
  auto correct = asio::co_spawn(io, run(accounts), asio::use_future);
  io.run();
  return correct.get() ? 0 : 1;
}

// Accounts, a transfer that commits whole or not at all, and a prefix scan.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio.hpp>
#include <cstdint>
#include <iostream>
#include <string>

namespace asio = boost::asio;
using Accounts = fluxmap::Database<std::string, std::int64_t>;
struct InsufficientFunds {};

asio::awaitable<bool> transfer(Accounts& accounts, std::string from, std::string to, std::int64_t amount) {
  auto handle = accounts.handle();
  try {
    co_await handle.transaction([&](auto& tx) {  // runs again by itself when another commit got in between
      tx.insert(from, *tx.get(from) - amount);
      tx.insert(to, *tx.get(to) + amount);
      if (*tx.get(from) < 0) throw InsufficientFunds{};  // reads its own writes; throwing rolls them back
    });
    co_return true;
  } catch (const InsufficientFunds&) {
    co_return false;
  }
}

asio::awaitable<bool> run(Accounts& accounts) {
  auto handle = accounts.handle();
  co_await handle.insert("bank/alice", 100);  // each call outside a transaction is its own transaction
  co_await handle.insert("bank/bob", 20);
  co_await handle.insert("shop/carol", 7);

  const bool small = co_await transfer(accounts, "bank/alice", "bank/bob", 30);
  const bool large = co_await transfer(accounts, "bank/alice", "bank/bob", 1000);
  for (const auto& [name, balance] : handle.prefix_scan("bank/")) std::cout << name << ": " << balance << '\n';

  co_return small && !large && handle.get("bank/alice") == 70 && handle.get("bank/bob") == 50;  // reads never wait
}

int main() {
  Accounts accounts;
  asio::io_context io;
  auto correct = asio::co_spawn(io, run(accounts), asio::use_future);
  io.run();
  return correct.get() ? 0 : 1;
}

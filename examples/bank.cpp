// Many transfers at once between accounts, while auditors add up all balances: money is never made or lost, and no
// audit ever sees a transfer half done.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <future>
#include <iostream>
#include <random>
#include <utility>
#include <vector>

namespace asio = boost::asio;

namespace {

using Account = std::uint32_t;
using Bank = fluxmap::Database<Account, std::int64_t>;

constexpr Account k_accounts = 100;  // few, so that transfers collide
constexpr std::int64_t k_opening_balance = 1000;
constexpr std::int64_t k_money = k_accounts * k_opening_balance;
constexpr int k_tellers = 4;
constexpr int k_transfers_each = 25'000;

struct InsufficientFunds {};

struct Tally {
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> audits{0};
  std::atomic<std::uint64_t> wrong_audits{0};
  std::atomic<int> tellers_at_work{k_tellers};
};

asio::awaitable<void> open_accounts(Bank& bank) {
  auto handle = bank.handle();
  co_await handle.transaction([](auto& tx) {
    for (Account account = 0; account < k_accounts; ++account) tx.insert(account, k_opening_balance);
  });
}

asio::awaitable<void> teller(Bank& bank, Tally& tally, unsigned seed) {
  auto handle = bank.handle();
  std::mt19937 random(seed);
  for (int i = 0; i < k_transfers_each; ++i) {
    const Account from = static_cast<Account>(random() % k_accounts);
    const Account to = static_cast<Account>((from + 1 + random() % (k_accounts - 1)) % k_accounts);
    const auto amount = static_cast<std::int64_t>(1 + random() % 500);
    try {
      co_await handle.transaction([&](auto& tx) {
        tx.insert(to, *tx.get(to) + amount);
        tx.insert(from, *tx.get(from) - amount);
        if (*tx.get(from) < 0) throw InsufficientFunds{};  // takes both writes back
      });
      ++tally.done;
    } catch (const InsufficientFunds&) {
      ++tally.refused;
    }
    if (i % 16 == 0) co_await asio::post(asio::use_awaitable);  // let the auditors have the thread
  }
  --tally.tellers_at_work;
}

asio::awaitable<void> auditor(Bank& bank, Tally& tally) {
  auto handle = bank.handle();
  do {
    // A read-only transaction sees one moment, takes no part in conflicts and never has to be repeated.
    const auto [sum, overdrawn] = co_await handle.transaction(
        [](auto& tx) {
          std::pair<std::int64_t, bool> seen{0, false};
          for (const auto& [account, balance] : tx.range_stream(Account{0}, k_accounts)) {
            seen.first += balance;
            seen.second |= balance < 0;
          }
          return seen;
        },
        {.read_only = true});
    if (sum != k_money || overdrawn) ++tally.wrong_audits;
    ++tally.audits;
    co_await asio::post(asio::use_awaitable);
  } while (tally.tellers_at_work > 0);
}

}  // namespace

int main() {
  Bank bank;
  Tally tally;
  asio::thread_pool pool(4);
  try {
    asio::co_spawn(pool, open_accounts(bank), asio::use_future).get();

    std::vector<std::future<void>> work;
    for (unsigned seed = 1; seed <= k_tellers; ++seed) {
      work.push_back(asio::co_spawn(pool, teller(bank, tally, seed), asio::use_future));
    }
    for (int i = 0; i < 2; ++i) work.push_back(asio::co_spawn(pool, auditor(bank, tally), asio::use_future));
    for (auto& one : work) one.get();
  } catch (const std::exception& error) {
    std::cerr << "bank: " << error.what() << '\n';
    return 1;
  }
  pool.join();

  std::int64_t money = 0;
  for (const auto& [account, balance] : bank.handle().range(Account{0}, k_accounts)) money += balance;
  const auto stats = bank.stats();
  std::cout << tally.done << " transfers, " << tally.refused << " refused; " << tally.audits << " audits, "
            << tally.wrong_audits << " of them wrong; " << stats.conflicts << " conflicts, " << stats.retries
            << " retries; " << money << " of " << k_money << " in the bank\n";
  const bool all_done = tally.done + tally.refused == std::uint64_t{k_tellers} * k_transfers_each;
  return all_done && tally.wrong_audits == 0 && money == k_money ? 0 : 1;
}

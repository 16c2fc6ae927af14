// A bank: money moves between accounts, accounts come and go, and whoever adds it all up finds the same sum.
#include <fluxmap/fluxmap.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/random_history.hpp"
#include "support/run.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/tagged.hpp"

namespace {

using namespace fluxmap_test;

// Long keys and values of changing length, so that the memory they own is part of the books.
using Bank = fluxmap::Database<std::string, std::string>;
using Handle = fluxmap::Handle<std::string, std::string, std::less<>>;
using Transaction = fluxmap::Transaction<std::string, std::string, std::less<>>;

constexpr std::uint64_t k_accounts = 40;
constexpr std::int64_t k_opening = 100;
constexpr std::int64_t k_total = static_cast<std::int64_t>(k_accounts) * k_opening;
constexpr const char* k_first = "account of the customer with the number ";
constexpr const char* k_last = "account of the customer with the numbes";
constexpr const char* k_report = "report of an auditor, who has the number ";

std::string account(std::uint64_t number) { return k_first + std::to_string(number); }
// Longer or shorter with what it says.
std::string entry(std::int64_t amount) {
  return std::to_string(amount) + std::string(static_cast<std::size_t>(amount % 97), '.');
}
std::int64_t amount(const std::string& text) { return std::strtoll(text.c_str(), nullptr, 10); }

boost::asio::awaitable<void> fill(Bank& bank) {
  Handle handle = bank.handle();
  for (std::uint64_t i = 0; i < k_accounts; ++i) co_await handle.insert(account(i), entry(k_opening));
}

class Business {
 public:
  Business(Bank& bank, std::uint64_t seed, std::uint64_t transfers) : bank_(bank), seed_(seed), transfers_(transfers) {}

  // Transfers beside audits of every kind, and vacuum.
  void run() {
    constexpr unsigned k_tellers = 6, k_auditors = 4;
    busy_ = k_tellers;
    run_on_pool(4, k_tellers + k_auditors + 1, [this](unsigned i) {
      if (i < k_tellers) return transfer(i);
      if (i < k_tellers + k_auditors) return audit(i);
      return vacuum();
    });
  }

  std::uint64_t audits() const { return audits_.load(); }

 private:
  boost::asio::awaitable<void> transfer(unsigned number) {
    struct Busy {
      std::atomic<unsigned>& count;
      ~Busy() { count.fetch_sub(1); }
    } const busy{busy_};
    SplitMix random(seed_ + number);
    Handle handle = bank_.handle();
    for (std::uint64_t i = 0; i < transfers_; ++i) {
      const std::string from = account(random.below(k_accounts)), to = account(random.below(k_accounts));
      if (from == to) continue;
      const bool slow = random.below(8) == 0, all = random.below(4) == 0;
      const auto sum = static_cast<std::int64_t>(random.below(60));
      co_await handle.transaction([&](Transaction& t) -> boost::asio::awaitable<void> {
        const std::string* source = t.get(from);
        if (source == nullptr) co_return;
        const std::int64_t balance = amount(*source);
        const std::int64_t moved = all ? balance : std::min(balance, sum);
        if (slow) co_await hop();
        const std::string* target = t.get(to);
        set(t, to, (target == nullptr ? 0 : amount(*target)) + moved);
        if (slow) co_await hop();
        set(t, from, balance - moved);
      });
    }
  }
  static void set(Transaction& t, const std::string& key, std::int64_t balance) {
    if (balance == 0) {
      t.remove(key);
    } else {
      t.insert(key, entry(balance));
    }
  }

  boost::asio::awaitable<void> audit(unsigned number) {
    Handle handle = bank_.handle();
    do {
      std::int64_t sum = 0;
      for (const auto& [key, value] : handle.range(k_first, k_last)) sum += amount(value);
      expect(sum == k_total, "a range of a handle found another total");

      sum = 0;
      {
        auto stream = handle.range_stream(k_first, k_last);
        while (const auto item = stream.next()) {
          sum += amount(item->second);
          if (sum % 5 == 0) co_await hop();
        }
      }
      expect(sum == k_total, "a stream of a handle found another total");

      sum = 0;
      std::vector<std::string> everybody;
      for (std::uint64_t i = 0; i < k_accounts; ++i) everybody.push_back(account(i));
      for (const auto& value : handle.get_many(everybody)) sum += value ? amount(*value) : 0;
      expect(sum == k_total, "get_many of a handle found another total");

      sum = co_await handle.transaction(
          [&](Transaction& t) -> boost::asio::awaitable<std::int64_t> {
            std::int64_t total = 0;
            for (std::uint64_t i = 0; i < k_accounts; ++i) {
              const std::string* value = t.get(account(i));
              total += value == nullptr ? 0 : amount(*value);
              if (i % 8 == 0) co_await hop();
            }
            co_return total;
          },
          {.read_only = true});
      expect(sum == k_total, "a read-only transaction found another total");

      // With the write it must be the total at its commit, not only at some time.
      const auto attempt = [&](Transaction& t) {
        std::int64_t total = 0;
        for (const auto& [key, value] : t.range_stream(k_first, k_last)) total += amount(value);
        t.insert(k_report + std::to_string(number), entry(total));
        return total;
      };
      sum = co_await handle.transaction(attempt);
      expect(sum == k_total, "a read-write transaction found another total");
      const auto report = handle.get(k_report + std::to_string(number));
      expect(report.has_value() && amount(*report) == k_total, "a report is wrong or missing");
      audits_.fetch_add(1);
      co_await hop();
    } while (busy_.load() > 0);
  }

  boost::asio::awaitable<void> vacuum() {
    do {
      co_await bank_.vacuum();
      co_await hop();
    } while (busy_.load() > 0);
  }

  Bank& bank_;
  const std::uint64_t seed_;
  const std::uint64_t transfers_;
  std::atomic<unsigned> busy_{0};
  std::atomic<std::uint64_t> audits_{0};
};

// The books of a database at rest are exact, down to the last byte.
boost::asio::awaitable<void> check_books(Bank& bank, bool others_vacuum) {
  Handle handle = bank.handle();
  // A vacuum of the database's own thread may hold some entries just now.
  for (unsigned i = 0; i < (others_vacuum ? 1'000'000U : 2U); ++i) {
    const fluxmap::VacuumReport report = co_await bank.vacuum();
    if (!others_vacuum) CHECK(report.kept == 0);
    if (bank.stats().versions == bank.stats().keys && bank.stats().entries == bank.stats().keys) break;
  }
  const auto contents = handle.range("", "~");
  const fluxmap::Stats stats = bank.stats();
  CHECK(stats.active_transactions == 0);
  CHECK(bank.size() == contents.size());
  CHECK(stats.keys == contents.size());
  CHECK(stats.versions == stats.keys);
  CHECK(stats.entries == stats.keys);

  // As a database into which the same was put anew, but for first versions whose place inside their entries is empty.
  Bank fresh;
  Handle into = fresh.handle();
  for (const auto& [key, value] : contents) co_await into.insert(key, value);
  const std::uint64_t level = fresh.stats().memory_bytes;
  CHECK(stats.memory_bytes >= level - level / 20);
  const std::uint64_t outside = fluxmap::detail::heap_bytes(sizeof(fluxmap::detail::Version<std::string>));
  CHECK(stats.memory_bytes <= level + level / 20 + stats.keys * outside);

  for (const auto& [key, value] : contents) co_await handle.remove(key);
  for (unsigned i = 0; i < 1'000'000 && bank.stats().entries != 0; ++i) {
    co_await bank.vacuum();
    if (!others_vacuum) break;
  }
  const fluxmap::Stats empty = bank.stats();
  CHECK(empty.keys == 0);
  CHECK(empty.versions == 0);
  CHECK(empty.entries == 0);
  CHECK(empty.memory_bytes == 0);
}

TEST_CASE("the_total_never_moves_and_the_books_are_exact_afterwards", "[stress]") {
  const std::uint64_t transfers = scaled(30'000);
  Bank bank;
  run(fill(bank));
  Business business(bank, seed("bank"), transfers);
  business.run();
  CHECK(business.audits() > 0);
  CHECK(bank.stats().commits > transfers);
  run(check_books(bank, false));
}

TEST_CASE("the_total_never_moves_while_the_database_vacuums_by_itself", "[stress]") {
  const auto bank = Bank::builder().auto_vacuum({.interval = std::chrono::milliseconds(1)}).build();
  run(fill(*bank));
  Business business(*bank, seed("bank with auto_vacuum"), scaled(30'000));
  business.run();
  run(check_books(*bank, true));
}

}  // namespace

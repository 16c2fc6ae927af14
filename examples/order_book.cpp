// An order book: the best price first, and at one price who came first. An order is matched with what stands against it
// until they do not cross any more, and what is left of it is entered, all in one transaction, whoever else submits
// meanwhile. No snapshot ever shows a book that crosses, and no quantity is made or lost.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <exception>
#include <future>
#include <iostream>
#include <limits>
#include <optional>
#include <random>
#include <tuple>
#include <vector>

namespace asio = boost::asio;

namespace {

enum class Side : std::uint8_t { bid, ask, end };

// Side, rank, number: in this order the best of a side comes first. Bids are ranked by their price upside down.
using Place = std::tuple<Side, std::int64_t, std::uint64_t>;
using Quantity = std::int64_t;
using Book = fluxmap::Database<Place, Quantity>;

struct Order {
  Side side;
  std::int64_t price;
  Quantity quantity;
  std::uint64_t number;  // as it came in
};

struct Trade {
  std::uint64_t with;
  std::int64_t price;
  Quantity quantity;
};

std::int64_t rank(Side side, std::int64_t price) { return side == Side::bid ? -price : price; }
std::int64_t price_at(const Place& place) { return rank(std::get<0>(place), std::get<1>(place)); }
Place begin_of(Side side) { return {side, std::numeric_limits<std::int64_t>::min(), 0}; }
Place end_of(Side side) { return begin_of(static_cast<Side>(static_cast<int>(side) + 1)); }

asio::awaitable<std::vector<Trade>> submit(Book& book, const Order& order) {
  auto handle = book.handle();
  co_return co_await handle.transaction([&](auto& tx) {
    std::vector<Trade> trades;
    Quantity left = order.quantity;
    const Side other = order.side == Side::bid ? Side::ask : Side::bid;
    while (left > 0) {
      std::optional<std::pair<Place, Quantity>> best;
      for (const auto& [place, quantity] : tx.range_stream(begin_of(other), end_of(other))) {
        best.emplace(place, quantity);
        break;
      }
      if (!best) break;
      const auto& [place, standing] = *best;
      const std::int64_t price = price_at(place);
      if (order.side == Side::bid ? price > order.price : price < order.price) break;
      const Quantity traded = std::min(left, standing);
      trades.push_back({std::get<2>(place), price, traded});
      left -= traded;
      if (traded == standing) {
        tx.remove(place);
      } else {
        tx.insert(place, standing - traded);
      }
    }
    if (left > 0) tx.insert(Place{order.side, rank(order.side, order.price), order.number}, left);
    return trades;
  });
}

constexpr int k_submitters = 4;
constexpr int k_orders_each = 1000;

struct Tally {
  std::atomic<std::uint64_t> next_number{1};
  std::array<std::atomic<Quantity>, 2> submitted{};
  std::atomic<Quantity> traded{0};
  std::atomic<int> at_work{k_submitters};
  std::atomic<int> crossed{0}, looks{0};
};

asio::awaitable<void> submitter(Book& book, Tally& tally, unsigned seed) {
  std::mt19937 random(seed);
  for (int i = 0; i < k_orders_each; ++i) {
    const Side side = random() % 2 == 0 ? Side::bid : Side::ask;
    const std::int64_t price = 1000 + static_cast<std::int64_t>(random() % 100) - (side == Side::bid ? 70 : 30);
    const Order order{side, price, static_cast<Quantity>(1 + random() % 50), tally.next_number++};
    tally.submitted[static_cast<std::size_t>(side)] += order.quantity;
    for (const Trade& trade : co_await submit(book, order)) tally.traded += trade.quantity;
    if (i % 8 == 0) co_await asio::post(asio::use_awaitable);
  }
  --tally.at_work;
}

asio::awaitable<void> onlooker(Book& book, Tally& tally) {
  auto handle = book.handle();
  do {
    std::optional<Place> bid, ask;  // the best, in one snapshot
    for (const auto& [place, quantity] : handle.range_stream(begin_of(Side::bid), end_of(Side::ask))) {
      auto& best = std::get<0>(place) == Side::bid ? bid : ask;
      if (!best) best = place;
      if (ask) break;
    }
    if (bid && ask && price_at(*bid) >= price_at(*ask)) ++tally.crossed;
    ++tally.looks;
    co_await asio::post(asio::use_awaitable);
  } while (tally.at_work > 0);
}

// One after the other, with an outcome that can be told.
asio::awaitable<bool> price_then_time() {
  Book book;
  const std::array<Order, 4> orders{Order{Side::ask, 101, 5, 1}, Order{Side::ask, 100, 5, 2},
                                    Order{Side::ask, 100, 5, 3}, Order{Side::ask, 103, 5, 4}};
  for (const Order& order : orders) co_await submit(book, order);
  const Order bid{Side::bid, 102, 18, 5};
  const std::vector<Trade> trades = co_await submit(book, bid);
  bool correct = trades.size() == 3;
  for (std::size_t i = 0; correct && i < 3; ++i) {
    constexpr std::array<std::uint64_t, 3> k_with{2, 3, 1};
    correct = trades[i].with == k_with[i] && trades[i].price == (i < 2 ? 100 : 101) && trades[i].quantity == 5;
  }
  const auto rest = book.handle().get(Place{Side::bid, -102, 5});
  co_return correct&& rest == 3 && book.size() == 2;
}

}  // namespace

int main() {
  Book book;
  Tally tally;
  asio::thread_pool pool(4);
  bool correct = false;
  try {
    correct = asio::co_spawn(pool, price_then_time(), asio::use_future).get();
    std::vector<std::future<void>> work;
    for (unsigned seed = 1; seed <= k_submitters; ++seed) {
      work.push_back(asio::co_spawn(pool, submitter(book, tally, seed), asio::use_future));
    }
    work.push_back(asio::co_spawn(pool, onlooker(book, tally), asio::use_future));
    for (auto& one : work) one.get();
  } catch (const std::exception& error) {
    std::cerr << "order_book: " << error.what() << '\n';
    return 1;
  }
  pool.join();

  std::array<Quantity, 2> standing{};
  for (const auto& [place, quantity] : book.handle().range(begin_of(Side::bid), end_of(Side::ask))) {
    standing[static_cast<std::size_t>(std::get<0>(place))] += quantity;
  }
  for (std::size_t side = 0; side < 2; ++side) {
    correct = correct && tally.submitted[side] == tally.traded + standing[side];
  }
  const auto stats = book.stats();
  std::cout << tally.traded << " traded of " << tally.submitted[0] << " bid and " << tally.submitted[1] << " asked, in "
            << k_submitters * k_orders_each << " orders; " << stats.conflicts << " conflicts; " << tally.crossed
            << " of " << tally.looks << " looks saw a book that crosses\n";
  return correct && tally.crossed == 0 && tally.traded > 0 ? 0 : 1;
}

// Tutorial, 6: ranges, prefixes and streams.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio.hpp>

#include <iostream>
#include <ranges>
#include <string>

namespace asio = boost::asio;
using Stock = fluxmap::Database<std::string, int>;
using Transaction = fluxmap::Transaction<std::string, int>;

asio::awaitable<bool> run(Stock& stock) {
  auto handle = stock.handle();
  for (const char* key : {"fruit/apple", "fruit/pear", "nut/hazel", "nut/pecan", "nut/wal"}) {
    co_await handle.insert(key, 10);
  }

  // [first, last), ascending, as copies; and the keys that begin with a prefix.
  const auto range = handle.range("fruit/b", "nut/i");
  const auto nuts = handle.prefix_scan("nut/");

  // Lazily: one snapshot, taken now, whatever others do while it runs, and only as much work as is asked for.
  auto stream = handle.prefix_scan_stream("nut/");
  int sum = 0;
  for (const auto& [key, value] : stream | std::views::take(2)) {  // references, good as long as the stream lives
    sum += value;
    co_await handle.insert("nut/pecan", 1000);
  }

  // In a transaction a scan sees the transaction's own writes, and all of its range counts as read: what is there,
  // and what is not. So a key that somebody inserts into it is a conflict, and the closure is run again.
  int attempts = 0;
  const auto count_nuts = [&](Transaction& tx) -> asio::awaitable<int> {
    int count = 0;
    for (const auto& item : tx.prefix_scan_stream("nut/")) count += item.second > 0 ? 1 : 0;
    if (++attempts == 1) co_await handle.insert("nut/cashew", 1);
    tx.insert("count", count);
    co_return count;
  };
  const int counted = co_await handle.transaction(count_nuts);

  // A stream that is left early has read up to its last item, and no further.
  const std::string first = co_await handle.transaction([](Transaction& tx) {
    auto fruit = tx.prefix_scan_stream("fruit/");
    const auto item = fruit.next();  // nothing at the end
    const std::string name = item->first;
    tx.insert("first", item->second);
    return name;
  });

  std::cout << counted << " kinds of nuts after " << attempts << " attempts; the first fruit is " << first << '\n';
  co_return range.size() == 2 && nuts.size() == 3 && sum == 20 && counted == 4 && attempts == 2 &&
      first == "fruit/apple";
}

int main() {
  Stock stock;
  asio::io_context io;
  auto correct = asio::co_spawn(io, run(stock), asio::use_future);
  io.run();
  return correct.get() ? 0 : 1;
}

// Tutorial, 1: single operations. Each is a transaction of its own.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio.hpp>

#include <iostream>
#include <string>
#include <vector>

namespace asio = boost::asio;
using Stock = fluxmap::Database<std::string, int>;  // ordered by std::less<>: a string_view or a literal finds a key

asio::awaitable<bool> run(Stock& stock) {
  auto handle = stock.handle();  // cheap: one for each coroutine or thread

  co_await handle.insert("apples", 3);  // inserts or overwrites
  co_await handle.insert("pears", 5);
  const bool inserted = co_await handle.insert_if_absent("apples", 100);  // false: there are some

  // Read-modify-write in one step: nobody gets in between. `old` is null where there is no such key.
  const auto two_more = [](const int* old) { return old == nullptr ? 2 : *old + 2; };
  const int apples = co_await handle.update("apples", two_more);
  const int plums = co_await handle.update("plums", two_more);

  const auto removed = co_await handle.remove("pears");  // std::optional<int>: what was removed

  // Reads are plain functions: they touch memory only, and never wait.
  const bool gone = !handle.contains("pears") && !handle.get("pears").has_value();
  const auto several = handle.get_many(std::vector<std::string>{"plums", "pears", "apples"});  // of one snapshot
  int seen = 0;
  handle.visit("apples", [&](const int& value) { seen = value; });  // without a copy

  std::cout << stock.size() << " kinds, " << apples << " apples, " << plums << " plums\n";
  co_return !inserted && apples == 5 && plums == 2 && removed == 5 && gone && seen == 5 && several[0] == 2 &&
      !several[1].has_value() && several[2] == 5;
}

int main() {
  Stock stock;  // in memory; must outlive its handles' use
  asio::io_context io;
  auto correct = asio::co_spawn(io, run(stock), asio::use_future);
  io.run();
  return correct.get() ? 0 : 1;
}

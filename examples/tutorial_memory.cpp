// Tutorial, 5: how much memory is taken, and who makes room.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio.hpp>

#include <chrono>
#include <iostream>
#include <memory>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Cache = fluxmap::Database<int, std::string>;

asio::awaitable<bool> evict() {
  // What goes beyond the limit makes the least recently used entries go.
  auto cache = Cache::builder().max_memory(256 << 10).eviction(fluxmap::Eviction::lru).build();
  auto handle = cache->handle();
  for (int page = 0; page < 1000; ++page) {
    co_await handle.insert(page, std::string(1000, 'x'));
    if (!handle.contains(0)) co_return false;  // used again and again: it stays
  }
  const auto stats = cache->stats();
  std::cout << stats.keys << " keys in " << stats.memory_bytes << " bytes, " << stats.evictions << " evicted\n";
  co_return stats.memory_bytes <= 256 << 10 && stats.evictions > 500 && !handle.contains(1);
}

asio::awaitable<bool> refuse() {
  // Or nothing goes by itself, and writes are refused until there is room.
  auto cache = Cache::builder().max_memory(64 << 10).eviction(fluxmap::Eviction::none).build();
  auto handle = cache->handle();
  int pages = 0;
  try {
    for (;; ++pages) co_await handle.insert(pages, std::string(1000, 'x'));
  } catch (const boost::system::system_error& error) {
    if (error.code() != fluxmap::errc::memory_limit) throw;
  }
  co_await handle.remove(0);
  co_await handle.insert(pages, std::string(1000, 'x'));
  co_return pages > 30;
}

asio::awaitable<bool> expire() {
  // Entries that go when their time has come. ManualClock stands in for the wall clock.
  const auto clock = std::make_shared<fluxmap::ManualClock>();
  auto sessions = Cache::builder().time_to_live(30min).clock(clock).build();
  auto handle = sessions->handle();
  co_await handle.insert(1, "usual");
  co_await handle.insert(2, "brief", fluxmap::ExpiresAfter{1s});
  clock->advance(1s);
  const bool brief_is_gone = !handle.contains(2) && handle.contains(1);
  clock->advance(30min);
  co_return brief_is_gone && !handle.contains(1);
}

asio::awaitable<bool> vacuum() {
  // What a reader has held up waits for vacuum. builder().auto_vacuum({.interval = 30s}) does this by itself.
  Cache cache;
  auto handle = cache.handle();
  for (int page = 0; page < 100; ++page) co_await handle.insert(page, std::string(1000, 'x'));
  auto reader = handle.begin({.read_only = true});  // an open snapshot keeps what it sees, and no more
  for (int page = 0; page < 100; ++page) co_await handle.remove(page);
  const auto kept = co_await cache.vacuum();
  const bool still_there = reader.contains(50);
  reader.rollback();
  const auto freed = co_await cache.vacuum();
  std::cout << kept.kept << " entries kept for a reader, then " << freed.entries << " freed\n";
  const bool correct = kept.kept == 100 && freed.entries == 100 && still_there && cache.stats().memory_bytes == 0;
  co_return correct;
}

int main() {
  bool correct = true;
  for (auto work : {evict, refuse, expire, vacuum}) {
    asio::io_context io;
    auto done = asio::co_spawn(io, work(), asio::use_future);
    io.run();
    correct = done.get() && correct;
  }
  return correct ? 0 : 1;
}

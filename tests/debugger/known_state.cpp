// Databases, transactions and parts of them in a known state, for a debugger to look at. One thread, so that timestamps
// and counts are certain; what only a race would bring about is put together by hand.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace detail = fluxmap::detail;

struct Account {
  long balance;
  int owner;
};
using Accounts = fluxmap::Database<int, Account>;

// Where the debugger stops.
extern "C" [[gnu::noinline]] void stop_here() { std::atomic_signal_fence(std::memory_order_seq_cst); }

static asio::awaitable<void> fill(fluxmap::Handle<int, Account>& handle) {
  co_await handle.insert(1, Account{100, 10});  // commits at 1
  co_await handle.insert(2, Account{200, 20});
  co_await handle.insert(3, Account{300, 30});
}
static asio::awaitable<void> change(fluxmap::Handle<int, Account>& handle) {
  co_await handle.insert(1, Account{150, 10});  // at 4
  co_await handle.remove(2);
  co_await handle.insert(4, Account{400, 40});
}
static asio::awaitable<void> change_again(fluxmap::Handle<int, Account>& handle) {
  co_await handle.insert(1, Account{175, 10});  // at 7
  co_await handle.insert(3, Account{350, 30});
}
static void run(asio::awaitable<void> work) {
  asio::io_context io;
  asio::co_spawn(io, std::move(work), asio::detached);
  io.run();
}

// A chain of all kinds of versions.
struct Chain {
  using Version = detail::Version<int>;
  using Stamp = detail::Stamp;

  Chain() {
    pending.state = detail::CommitState::committing;
    pending.cts = 9;
    aborted.state = detail::CommitState::aborted;
    committed.state = detail::CommitState::committed;
    committed.cts = 8;
    add(Version::make(0, 1), Stamp::stamped(3, 0).bits());
    add(Version::make(Stamp::k_tombstone), Stamp::stamped(4, Stamp::k_tombstone).bits());
    add(Version::make_until(1'700'000'000'000'000, 0, 2), Stamp::stamped(5, Stamp::k_expires).bits());
    add(Version::make(0, 3), Stamp::tagged(&committed, 0).bits());
    add(Version::make(0, 4), Stamp::tagged(&aborted, 0).bits());
    add(Version::make(0, 5), Stamp::tagged(&pending, 0).bits());
    add(Version::make(0, 6), Stamp::tagged(&active, 0).bits());
  }
  ~Chain() {
    while (head != nullptr) std::exchange(head, head->older.load())->destroy();
  }
  void add(Version* version, std::uint64_t stamp) {
    version->older = head;
    version->stamp_bits = stamp;
    head = version;
  }

  detail::CommitRecord active, pending, aborted, committed;
  Version* head = nullptr;
};

// An express lane of two cells, and cells in the states that others pass through.
struct Lane {
  using Entry = detail::Entry<int, Account>;
  using Cells = detail::LaneCells<int, Account, std::less<>>;
  using Cell = Cells::Cell;

  Lane() {
    for (int key = 0; key < 100; ++key) entries.push_back(Entry::make(key));
    detail::EpochGuard guard(epochs);
    cells.build(guard, entries);
    second = cells.first.right;
    entries[97]->next.fetch_or(1);  // leaving
    add(*entries[98], Account{980, 98}, 1);
    add(*entries[98], Account{981, 98}, 2);
    entries[99]->head = Entry::closed();
    frozen.low = entries[96];
    frozen.block = second->block | Cell::k_frozen;
    dead.low = entries[99];
    dead.block = Cell::as_bits(nothing.get()) | Cell::k_frozen | Cell::k_dead;
  }
  ~Lane() {
    while (entries[98]->head != nullptr) {
      auto* const version = entries[98]->head.load();
      entries[98]->head = version->older.load();
      version->destroy();
    }
    for (Entry* entry : entries) Entry::destroy(entry);
  }
  static void add(Entry& entry, Account value, detail::Cts at) {
    auto* const version = Entry::VersionType::make(0, value);
    version->older = entry.head.load();
    version->stamp_bits = detail::Stamp::stamped(at, 0).bits();
    entry.head = version;
  }

  detail::EpochDomain epochs;
  std::less<> compare;
  std::vector<Entry*> entries;
  Cells cells{compare};
  Cell* second = nullptr;
  Cell frozen, dead;
  Cells::BlockPtr nothing = Cells::Block::allocate(0);
};

// An index with an entry in it that is on its way out.
struct Index {
  using List = detail::SkipList<int, Account, std::less<>>;

  Index() {
    detail::EpochGuard guard(epochs);
    List::Loader loader(list);
    for (int key = 0; key < 3; ++key) {
      List::EntryType* const entry = List::EntryType::make(key);
      loader.add(guard, *entry);
      if (key == 1) leaving = entry;
    }
    loader.finish(guard);
    leaving->next.fetch_or(1);
  }

  detail::EpochDomain epochs;
  List list{{}, 0.5};
  List::EntryType* leaving = nullptr;
};

int main() {
  Accounts accounts, empty;
  auto handle = accounts.handle();
  auto moved_from = empty.handle();
  auto of_empty = std::move(moved_from);
  run(fill(handle));
  auto old_reader = handle.begin({.read_only = true});  // at 3: keeps what was there
  run(change(handle));

  auto writer = handle.begin();
  writer.get(3);
  writer.get(7);
  writer.insert(5, Account{500, 50});
  writer.insert(0, Account{1, 2});
  writer.remove(4);

  auto doomed = handle.begin();
  doomed.get(1);
  run(change_again(handle));
  doomed.get(3);  // newer than the snapshot, which cannot move, because 1 was overwritten

  auto rolled_back = handle.begin();
  rolled_back.insert(6, Account{600, 60});
  rolled_back.rollback();
  auto moved_from_here = handle.begin();
  auto moved_here = std::move(moved_from_here);

  Accounts closed;
  run(closed.close());
  const Chain chain;
  const Lane lane;
  const Index index;
  stop_here();
  return of_empty.contains(1) || !moved_here.active() ? 1 : 0;
}

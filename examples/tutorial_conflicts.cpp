// Tutorial, 3: when a transaction cannot commit, and how it is run again.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio.hpp>

#include <iostream>
#include <string>

namespace asio = boost::asio;
using Rota = fluxmap::Database<std::string, bool>;  // who is on call
using Transaction = fluxmap::Transaction<std::string, bool>;

// At least one must stay on call. Each looks at both and signs off alone: write skew, unless somebody notices.
void sign_off(Transaction& tx, const std::string& me, const std::string& other) {
  if (*tx.get(other)) tx.insert(me, false);
}

asio::awaitable<bool> run(Rota& rota) {
  auto handle = rota.handle();
  co_await handle.insert("ann", true);
  co_await handle.insert("ben", true);

  // Two at once, by hand. The second has read what the first overwrites, so it cannot come after it.
  auto first = handle.begin();
  auto second = handle.begin();
  sign_off(first, "ann", "ben");
  sign_off(second, "ben", "ann");
  co_await first.commit();
  std::string conflict;
  try {
    co_await second.commit();
  } catch (const fluxmap::ConflictError& error) {  // errc::serialization_conflict
    conflict = error.key();
    std::cout << error.what() << '\n';
  }

  // Blind writes do not conflict: nobody has read anything. The later commit wins.
  auto third = handle.begin();
  third.insert("ben", true);
  co_await handle.insert("ben", false);
  co_await third.commit();

  // handle.transaction() runs its closure again until it commits: a closure must bear that. Here somebody gets in
  // between, once.
  int attempts = 0;
  co_await handle.transaction([&](Transaction& tx) -> asio::awaitable<void> {  // may be a coroutine
    ++attempts;
    const bool ben = *tx.get("ben");
    if (attempts == 1) co_await handle.insert("ben", false);
    tx.insert("ann", !ben);
  });

  // Or it gives up: after so many attempts the conflict comes out.
  bool gave_up = false;
  try {
    co_await handle.transaction(
        [&](Transaction& tx) -> asio::awaitable<void> {
          tx.insert("ann", *tx.get("ben"));
          co_await handle.insert("ben", true);
        },
        {.retry = {.attempts = 1}});
  } catch (const boost::system::system_error& error) {
    gave_up = fluxmap::is_retryable(error.code());
  }

  const auto stats = rota.stats();
  std::cout << stats.conflicts << " conflicts, " << stats.retries << " retries\n";
  const bool correct =
      conflict == "\"ann\"" && attempts == 2 && stats.conflicts == 3 && gave_up && handle.get("ann") == true;
  co_return correct;
}

int main() {
  Rota rota;
  asio::io_context io;
  auto correct = asio::co_spawn(io, run(rota), asio::use_future);
  io.run();
  return correct.get() ? 0 : 1;
}

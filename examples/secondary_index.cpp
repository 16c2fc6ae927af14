// A secondary index: people by number, and the same people by city. Both are in one database under a prefix each, and
// are written in one transaction, so that they agree in every snapshot, whoever moves, comes or goes meanwhile.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <future>
#include <iostream>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace asio = boost::asio;
using People = fluxmap::Database<std::string, std::string>;

namespace {

constexpr std::array<const char*, 5> k_cities{"Bergen", "Cork", "Graz", "Porto", "Turku"};
constexpr unsigned k_people = 300;
constexpr int k_clerks = 4;
constexpr int k_changes_each = 3000;

// person/NUMBER -> city
std::string person_key(std::string_view number) { return "person/" + std::string(number); }
// city/CITY/NUMBER -> nothing: the key says it all, and is found by the prefix of its city.
std::string city_key(std::string_view city, std::string_view number) {
  return "city/" + std::string(city) + "/" + std::string(number);
}

// The only place that writes: the index cannot be forgotten. No city: the person is gone.
void set_city(auto& tx, std::string_view number, const std::optional<std::string>& city) {
  const std::string person = person_key(number);
  const std::string* const before = tx.get(person);
  if (before != nullptr) tx.remove(city_key(*before, number));
  if (city) {
    tx.insert(city_key(*city, number), "");
    tx.insert(person, *city);
  } else {
    tx.remove(person);
  }
}

struct Tally {
  std::atomic<int> at_work{k_clerks};
  std::atomic<int> checks{0}, wrong{0};
};

asio::awaitable<void> clerk(People& people, Tally& tally, unsigned seed) {
  auto handle = people.handle();
  std::mt19937 random(seed);
  for (int i = 0; i < k_changes_each; ++i) {
    std::array<char, 8> number{};
    std::snprintf(number.data(), number.size(), "%06u", static_cast<unsigned>(random() % k_people));
    std::optional<std::string> city;
    if (random() % 6 != 0) city = k_cities[random() % k_cities.size()];
    co_await handle.transaction([&](auto& tx) { set_city(tx, number.data(), city); });
    if (i % 8 == 0) co_await asio::post(asio::use_awaitable);
  }
  --tally.at_work;
}

// From the table, and from the index: the same pairs?
bool agrees(auto& tx) {
  std::set<std::string> expected;
  for (const auto& [person, city] : tx.prefix_scan_stream("person/")) {
    expected.insert(city_key(city, std::string_view(person).substr(7)));
  }
  std::set<std::string> indexed;
  for (const char* city : k_cities) {
    for (const auto& [key, nothing] : tx.prefix_scan_stream("city/" + std::string(city) + "/")) indexed.insert(key);
  }
  return expected == indexed;
}

asio::awaitable<void> inspector(People& people, Tally& tally) {
  auto handle = people.handle();
  do {
    const bool right = co_await handle.transaction([](auto& tx) { return agrees(tx); }, {.read_only = true});
    tally.wrong += right ? 0 : 1;
    ++tally.checks;
    co_await asio::post(asio::use_awaitable);
  } while (tally.at_work > 0);
}

}  // namespace

int main() {
  People people;
  Tally tally;
  asio::thread_pool pool(4);
  try {
    std::vector<std::future<void>> work;
    for (unsigned seed = 1; seed <= k_clerks; ++seed) {
      work.push_back(asio::co_spawn(pool, clerk(people, tally, seed), asio::use_future));
    }
    work.push_back(asio::co_spawn(pool, inspector(people, tally), asio::use_future));
    for (auto& one : work) one.get();
  } catch (const std::exception& error) {
    std::cerr << "secondary_index: " << error.what() << '\n';
    return 1;
  }
  pool.join();

  auto now = people.handle().begin({.read_only = true});
  const bool right = agrees(now);
  for (const char* city : k_cities) {
    std::cout << now.prefix_scan("city/" + std::string(city) + "/").size() << " in " << city << ", ";
  }
  const auto stats = people.stats();
  std::cout << stats.conflicts << " conflicts; " << tally.wrong << " of " << tally.checks << " checks failed\n";
  return right && tally.wrong == 0 && stats.keys > 0 && stats.keys == 2 * now.prefix_scan("person/").size() ? 0 : 1;
}

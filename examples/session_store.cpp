// Sessions that end by themselves: each request that uses one makes it last another half hour, "remember me" makes it
// last two weeks, and logging out everywhere is a prefix scan. A clock under control stands in for the wall clock, and
// a plain map with end times says which sessions there must be.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using std::chrono::minutes;

namespace {

struct Session {
  int requests = 0;
  bool remembered = false;
};

using Sessions = fluxmap::Database<std::string, Session>;  // user/token

constexpr auto k_usual = 30min;
constexpr auto k_remembered = 14 * 24h;

asio::awaitable<void> log_in(Sessions& sessions, std::string key, bool remembered) {
  auto handle = sessions.handle();
  if (remembered) {
    co_await handle.insert(std::move(key), Session{.remembered = true}, fluxmap::ExpiresAfter{k_remembered});
  } else {
    co_await handle.insert(std::move(key), Session{});  // as long as the database says
  }
}

// A request. False: there is no such session, or no more.
asio::awaitable<bool> touch(Sessions& sessions, std::string key) {
  auto handle = sessions.handle();
  co_return co_await handle.transaction([&](auto& tx) {
    const Session* const found = tx.get(key);
    if (found == nullptr) return false;
    const Session next{found->requests + 1, found->remembered};
    if (next.remembered) {
      tx.insert(key, next, fluxmap::ExpiresAfter{k_remembered});
    } else {
      tx.insert(key, next);  // a write begins the time anew
    }
    return true;
  });
}

asio::awaitable<int> log_out_everywhere(Sessions& sessions, const std::string& user) {
  auto handle = sessions.handle();
  co_return co_await handle.transaction([&](auto& tx) {
    int ended = 0;
    for (const auto& [key, session] : tx.prefix_scan(user + "/")) ended += tx.remove(key) ? 1 : 0;
    return ended;
  });
}

struct Expected {
  minutes ends{0};
  Session session;
};
using Model = std::map<std::string, Expected>;

bool same(const Sessions::key_type& key, const Session& session, const Model& model) {
  const auto found = model.find(key);
  return found != model.end() && found->second.session.requests == session.requests &&
         found->second.session.remembered == session.remembered;
}

// Forty rounds of five minutes: some sessions are used, by two requests at once each, then time goes on.
bool run(Sessions& sessions, fluxmap::ManualClock& clock, asio::thread_pool& pool) {
  const auto await = [&](auto operation) { return asio::co_spawn(pool, std::move(operation), asio::use_future).get(); };
  Model model;
  std::mt19937 random(1);
  minutes now{0};
  int used_too_late = 0;
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 5; ++i) {
      const std::string key = "user" + std::to_string(random() % 10) + "/token" + std::to_string(random() % 10);
      const bool remembered = random() % 8 == 0;
      await(log_in(sessions, key, remembered));
      model[key] = {now + (remembered ? minutes(k_remembered) : minutes(k_usual)), Session{0, remembered}};
    }

    std::vector<std::pair<std::string, std::future<bool>>> requests;
    for (int i = 0; i < 8; ++i) {
      const std::string key = "user" + std::to_string(random() % 10) + "/token" + std::to_string(random() % 10);
      for (int twice = 0; twice < 2; ++twice) {
        requests.emplace_back(key, asio::co_spawn(pool, touch(sessions, key), asio::use_future));
      }
    }
    for (auto& [key, done] : requests) {
      const bool there = model.count(key) == 1;
      if (done.get() != there) return false;
      if (!there) {
        ++used_too_late;
        continue;
      }
      Expected& expected = model[key];
      ++expected.session.requests;
      expected.ends = now + (expected.session.remembered ? minutes(k_remembered) : minutes(k_usual));
    }
    if (round % 10 == 9) {
      const std::string user = "user" + std::to_string(random() % 10);
      const auto ended = std::erase_if(model, [&](const auto& one) { return one.first.starts_with(user + "/"); });
      if (await(log_out_everywhere(sessions, user)) != static_cast<int>(ended)) return false;
    }

    clock.advance(5min);
    now += 5min;
    std::erase_if(model, [&](const auto& one) { return one.second.ends <= now; });
    std::size_t seen = 0;
    for (const auto& [key, session] : sessions.handle().prefix_scan("user")) {
      if (!same(key, session, model)) return false;
      ++seen;
    }
    if (seen != model.size()) return false;
  }
  std::cout << model.size() << " sessions at the end; " << used_too_late << " requests came too late\n";
  clock.advance(k_remembered);
  return !model.empty() && used_too_late > 0 && sessions.handle().prefix_scan("user").empty();
}

}  // namespace

int main() {
  const auto clock = std::make_shared<fluxmap::ManualClock>();
  const auto sessions = Sessions::builder().time_to_live(k_usual).clock(clock).build();
  asio::thread_pool pool(4);
  try {
    return run(*sessions, *clock, pool) ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "session_store: " << error.what() << '\n';
    return 1;
  }
}

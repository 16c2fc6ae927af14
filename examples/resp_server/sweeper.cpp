#include "sweeper.hpp"

#include <fluxmap/fluxmap.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <vector>

#include "spaces.hpp"

namespace resp {

namespace asio = boost::asio;

namespace {

constexpr std::size_t k_at_once = 64;  // keys: others wait for so long
constexpr std::chrono::seconds k_before_trying_again{1};

}  // namespace

Sweeper::Sweeper(Shared& shared, asio::io_context& context) : shared_(shared), context_(context), asleep_(context) {}

void Sweeper::wake() {
  asio::post(context_, [this] {
    woken_ = true;
    asleep_.cancel();
  });
}

asio::awaitable<void> Sweeper::run() {
  for (;;) {
    auto pause = std::chrono::steady_clock::duration::max();
    try {
      while (co_await sweep_one()) continue;
    } catch (const boost::system::system_error& error) {
      if (error.code() == fluxmap::errc::closed || error.code() == fluxmap::errc::log_failed) co_return;
      std::fprintf(stderr, "resp_server: %s\n", error.what());
      pause = k_before_trying_again;
    }
    if (!woken_) {
      pause == pause.max() ? asleep_.expires_at(asleep_.expiry().max()) : asleep_.expires_after(pause);
      boost::system::error_code ignored;
      co_await asleep_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    woken_ = false;
  }
}

asio::awaitable<bool> Sweeper::sweep_one() {
  Handle handle = shared_.database->handle();
  // Whoever still reads this space by the cache looks again after this.
  handle.visit(k_spaces_record, [&](const Entry& record) { shared_.spaces.learn(record); });
  std::string record_name;
  {
    auto records = handle.prefix_scan_stream(k_given_up_prefix);
    if (const auto record = records.next()) record_name = record->first;
  }
  if (record_name.empty()) co_return false;

  for (const Stretch& stretch : stretches(given_up_space(record_name), {})) {
    std::string from = stretch.first;
    for (bool more = true; more;) {
      std::vector<std::string> names;
      const auto remove_some = [&](Transaction& transaction) {
        names.clear();
        const auto take = [&](auto stream) {
          while (names.size() < k_at_once) {
            const auto item = stream.next();
            if (!item) return;
            names.push_back(item->first);
          }
        };
        if (!stretch.end.empty()) {
          take(transaction.range_stream(from, stretch.end));
        } else {
          static const std::string edge(64, '\xff');
          if (from < edge) take(transaction.range_stream(from, edge));
          if (names.empty()) take(transaction.prefix_scan_stream(edge));
        }
        for (const std::string& name : names) transaction.remove(name);
      };
      co_await handle.transaction(remove_some);
      more = !names.empty();
      if (more) from = names.back() + '\0';
      co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);  // others first
    }
  }
  co_await handle.remove(record_name);  // the space may be used again
  co_return true;
}

}  // namespace resp

// Removes what is in spaces that were given up (see spaces.hpp), a few keys in each transaction, beside everything else
// that goes on; after a restart it goes on where it was.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <string>

#include "shared.hpp"

namespace resp {

class Sweeper {
 public:
  Sweeper(Shared& shared, boost::asio::io_context& context);

  // Until the database is closed.
  boost::asio::awaitable<void> run();
  // There is something to sweep. Thread-safe.
  void wake();

 private:
  // Nothing: no space is given up.
  boost::asio::awaitable<bool> sweep_one();

  Shared& shared_;
  boost::asio::io_context& context_;
  boost::asio::steady_timer asleep_;
  bool woken_ = false;
};

}  // namespace resp

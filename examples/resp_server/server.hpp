// The server: threads that each serve a share of the connections, one that accepts, and the way to an orderly end.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "connection.hpp"
#include "options.hpp"
#include "shared.hpp"
#include "sweeper.hpp"

namespace resp {

class Server {
 public:
  // Opens the database and the port. Throws.
  explicit Server(const Options& options);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  std::uint16_t port() const noexcept { return shared_.options.port; }
  // Until SIGINT or SIGTERM; then stops accepting, lets every connection finish what it is at, and closes the database.
  // False: the log has failed.
  bool run();

 private:
  // One thread, and the connections that only it touches.
  struct Worker {
    Worker() : context(1), work(context.get_executor()) {}
    boost::asio::io_context context;  // locks it must have: the log's thread posts to it
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work;
    boost::intrusive::list<Connection, boost::intrusive::constant_time_size<false>> connections;
  };

  boost::asio::awaitable<void> accept();
  boost::asio::awaitable<void> serve(Worker& worker, std::unique_ptr<Connection> connection);
  boost::asio::awaitable<void> end_in_order();
  boost::asio::awaitable<void> checkpoint();
  template <class F>
  void for_each_connection(F f);
  void run_worker(Worker& worker);

  Shared shared_;
  std::vector<std::unique_ptr<Worker>> workers_;
  boost::asio::ip::tcp::acceptor acceptor_;
  Sweeper sweeper_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer drained_;  // cancelled when the last connection has gone
  const std::size_t wanted_clients_;
  std::size_t next_worker_ = 0;
  bool stopping_ = false;
  bool ended_ = false;  // no thread runs: what is left of connections is only destroyed
  bool log_is_good_ = true;
};

}  // namespace resp

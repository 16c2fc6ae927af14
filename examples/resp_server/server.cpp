#include "server.hpp"

#include <fluxmap/fluxmap.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "command.hpp"
#include "descriptors.hpp"
#include "spaces.hpp"

namespace resp {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::chrono::seconds k_patience{5};              // with clients that do not take their replies, at the end
constexpr std::chrono::milliseconds k_without_files{100};  // before accepting again

std::shared_ptr<Database> open_database(const Options& options) {
  auto builder = Database::builder();
  builder.auto_vacuum({.interval = std::chrono::seconds(5)});
  if (options.durability == Durability::relaxed) builder.durability_relaxed({.directory = options.directory});
  if (options.durability == Durability::full) builder.durability_full({.directory = options.directory});
  return builder.build();
}

}  // namespace

Server::Server(const Options& options)
    : shared_(options, all_commands().size()),
      workers_([&] {
        std::vector<std::unique_ptr<Worker>> workers;
        for (unsigned i = 0; i < options.threads; ++i) workers.push_back(std::make_unique<Worker>());
        return workers;
      }()),
      acceptor_(workers_.front()->context),
      sweeper_(shared_, workers_.front()->context),
      signals_(workers_.front()->context, SIGINT, SIGTERM),
      drained_(workers_.front()->context),
      wanted_clients_(options.max_clients) {
  const tcp::endpoint endpoint(asio::ip::make_address(options.bind), options.port);
  acceptor_.open(endpoint.protocol());
  acceptor_.set_option(tcp::acceptor::reuse_address(true));
  acceptor_.bind(endpoint);
  shared_.options.max_clients = make_room_for_clients(options.max_clients, options.threads);
  shared_.settings.set_max_clients(shared_.options.max_clients);
  shared_.options.port = acceptor_.local_endpoint().port();
  shared_.database = open_database(options);  // after the port: who cannot listen need not read a directory
  prepare_spaces(*shared_.database, shared_.next_stamp());
  shared_.database->handle().visit(k_spaces_record, [&](const Entry& record) { shared_.spaces.learn(record); });
  shared_.saved_at = milliseconds_now() / 1000;
  shared_.wake_sweeper = [this] { sweeper_.wake(); };
  shared_.shut_down = [] { std::raise(SIGTERM); };
  shared_.start_checkpoint = [this] { asio::co_spawn(workers_.front()->context, checkpoint(), asio::detached); };
  acceptor_.listen(4096);
}

Server::~Server() = default;

bool Server::run() {
  if (shared_.options.max_clients < wanted_clients_) {
    std::fprintf(stderr, "resp_server: %zu clients at most, not %zu: a descriptor each, and there are not more\n",
                 shared_.options.max_clients, wanted_clients_);
  }
  asio::co_spawn(workers_.front()->context, accept(), asio::detached);
  asio::co_spawn(workers_.front()->context, sweeper_.run(), asio::detached);
  asio::co_spawn(workers_.front()->context, end_in_order(), asio::detached);
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < workers_.size(); ++i) threads.emplace_back([this, i] { run_worker(*workers_[i]); });
  run_worker(*workers_.front());
  for (std::thread& thread : threads) thread.join();
  ended_ = true;
  return log_is_good_;
}

void Server::run_worker(Worker& worker) {
  for (;;) {
    try {
      worker.context.run();
      return;
    } catch (const std::exception& error) {  // of one connection, most likely no memory: the others go on
      std::fprintf(stderr, "resp_server: %s\n", error.what());
    }
  }
}

asio::awaitable<void> Server::accept() {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  std::uint64_t id = 0;
  while (acceptor_.is_open()) {
    Worker& worker = *workers_[next_worker_++ % workers_.size()];
    error_code ec;
    Connection::Socket socket(worker.context);
    co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, ec));
    if (!acceptor_.is_open()) co_return;
    if (ec == asio::error::connection_aborted) continue;  // that one went before it was accepted
    if (ec) {  // no descriptors, of ours or of the whole machine, no memory: the connection stays in the queue
      pause.expires_after(k_without_files);  // do not spin
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ec));
      continue;
    }
    shared_.counters.accepted.add();
    if (shared_.clients.load(std::memory_order_relaxed) >= shared_.settings.max_clients()) {
      shared_.counters.refused.add();
      constexpr std::string_view sorry = "-ERR max number of clients reached\r\n";
      socket.non_blocking(true, ec);
      socket.write_some(asio::buffer(sorry), ec);
      continue;
    }
    shared_.clients.fetch_add(1, std::memory_order_relaxed);
    auto connection = std::make_unique<Connection>(shared_, std::move(socket), ++id);
    asio::co_spawn(worker.context, serve(worker, std::move(connection)), asio::detached);
  }
}

asio::awaitable<void> Server::serve(Worker& worker, std::unique_ptr<Connection> connection) {
  struct Leave {
    Server& server;
    ~Leave() {
      // acq_rel: with the load in end_in_order; all that the connections did comes before.
      if (server.shared_.clients.fetch_sub(1, std::memory_order_acq_rel) != 1 || server.ended_) return;
      asio::post(server.workers_.front()->context, [&server = server] {
        if (server.stopping_) server.drained_.cancel();
      });
    }
  } leave{*this};
  worker.connections.push_back(*connection);
  co_await connection->run();
  connection.reset();  // before it counts as gone
}

asio::awaitable<void> Server::checkpoint() {
  try {
    co_await shared_.database->checkpoint();
    shared_.saved_at = milliseconds_now() / 1000;
  } catch (const boost::system::system_error& error) {
    std::fprintf(stderr, "resp_server: %s\n", error.what());
  }
}

template <class F>
void Server::for_each_connection(F f) {
  for (const auto& worker : workers_) {
    asio::post(worker->context, [&worker = *worker, f] {
      for (Connection& connection : worker.connections) f(connection);
    });
  }
}

asio::awaitable<void> Server::end_in_order() {
  error_code ec;
  co_await signals_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  stopping_ = true;
  acceptor_.close(ec);
  const auto wait_for_all = [this] { return shared_.clients.load(std::memory_order_acquire) > 0; };
  for_each_connection([](Connection& connection) { connection.stop(); });
  drained_.expires_after(k_patience);
  if (wait_for_all()) co_await drained_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  for_each_connection([](Connection& connection) { connection.cut_off(); });
  drained_.expires_after(k_patience);
  if (wait_for_all()) co_await drained_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  try {
    co_await shared_.database->close();
  } catch (const boost::system::system_error& error) {
    std::fprintf(stderr, "resp_server: %s\n", error.what());
    log_is_good_ = false;
  }
  for (const auto& worker : workers_) {
    worker->work.reset();
    worker->context.stop();
  }
}

}  // namespace resp

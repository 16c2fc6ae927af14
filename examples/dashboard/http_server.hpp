// A small HTTP server for pages and numbers: GET and HEAD, answers made at once from memory. What it is asked and what
// it answers are plain structs, so that only http_server.cpp sees Boost.Beast.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace example {

struct HttpRequest {
  std::string path;   // begins with '/', as it was sent
  std::string query;  // what stands behind the '?'
};

struct HttpResponse {
  unsigned status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // further ones
};

// Runs on the thread of the io_context and must not wait. What it throws becomes a 500.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

struct HttpLimits {
  std::size_t connections = 64;           // a connection beyond that is closed at once
  std::size_t header_bytes = 8192;        // beyond that: 431
  std::size_t body_bytes = 4096;          // beyond that: 413; a body is read and ignored
  std::chrono::milliseconds idle{15000};  // for a whole request to come in, and for an answer to go out
};

// Everything happens on the io_context, which one thread may run.
class HttpServer {
 public:
  using tcp = boost::asio::ip::tcp;

  // Listens from now on. Throws boost::system::system_error, as where the port is taken.
  HttpServer(boost::asio::io_context& io, const tcp::endpoint& endpoint, HttpHandler handler, HttpLimits limits = {});
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  std::uint16_t port() const;  // the one chosen, where 0 was asked for

  // Takes no more connections, closes those that wait for a request, and lets answers under way go out: then nothing of
  // the server's is left to be run.
  void stop();

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace example

#include "http_server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <exception>
#include <iostream>
#include <list>
#include <string_view>

namespace example {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

namespace {

constexpr auto k_token = asio::as_tuple(asio::use_awaitable);  // errors are values here
constexpr std::chrono::milliseconds k_pause_after_failure{100};
constexpr std::chrono::milliseconds k_linger{1000};
constexpr std::size_t k_drain_bytes = 1 << 20;

struct Connection {
  explicit Connection(tcp::socket socket) : stream(std::move(socket)) {}
  beast::tcp_stream stream;
  bool waits_for_request = false;
};

using Message = http::response<http::string_body>;

}  // namespace

struct HttpServer::State {
  State(asio::io_context& io, const tcp::endpoint& endpoint, HttpHandler&& answer, HttpLimits bounds)
      : acceptor(io, endpoint), handler(std::move(answer)), limits(bounds) {}

  tcp::acceptor acceptor;
  HttpHandler handler;
  HttpLimits limits;
  std::list<Connection> connections;
  bool stopping = false;
};

namespace {

// Erases the connection when its coroutine ends, however it does.
class Registration {
 public:
  Registration(HttpServer::State& state, tcp::socket socket)
      : state_(state), place_(state.connections.emplace(state.connections.end(), std::move(socket))) {}
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
  ~Registration() { state_.connections.erase(place_); }
  Connection& operator*() const { return *place_; }

 private:
  HttpServer::State& state_;
  std::list<Connection>::iterator place_;
};

HttpResponse failure(unsigned status, std::string text) {
  return {.status = status, .type = "text/plain; charset=utf-8", .body = std::move(text) + "\n", .headers = {}};
}

// The answer to what could not be read as a request; status 0: there is nobody to answer.
HttpResponse refusal(const beast::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return failure(431, "the header is too long");
  }
  if (error == http::error::body_limit) return failure(413, "the body is too long");
  const bool unreadable = error.category() == beast::error_code(http::error::bad_method).category();
  if (unreadable && error != http::error::end_of_stream && error != http::error::partial_message) {
    return failure(400, "not a request");
  }
  return failure(0, "");
}

HttpResponse answer(const HttpServer::State& state, const http::request<http::string_body>& request) {
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    HttpResponse response = failure(405, "only GET and HEAD");
    response.headers.emplace_back("Allow", "GET, HEAD");
    return response;
  }
  const std::string target(request.target());
  if (request.version() >= 11 && request.count(http::field::host) != 1) return failure(400, "which host?");
  if (target.empty() || target.front() != '/') return failure(400, "not a path");
  const std::size_t end = target.find('?');
  const HttpRequest asked{target.substr(0, end), end == std::string::npos ? "" : target.substr(end + 1)};
  try {
    return state.handler(asked);
  } catch (const std::exception& error) {
    std::cerr << "http: " << target << ": " << error.what() << '\n';
    return failure(500, "this failed");
  }
}

Message message(HttpResponse&& response, unsigned version, bool keep_alive, bool head) {
  Message message(http::int_to_status(response.status), version);
  message.set(http::field::content_type, response.type);
  message.set(http::field::cache_control, "no-store");
  message.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) message.set(name, value);
  message.body() = std::move(response.body);
  message.keep_alive(keep_alive);
  message.prepare_payload();
  if (head) message.body().clear();  // the length stays
  return message;
}

// Closed while something sent has not been read, a socket takes back what it has answered: read on, for a while.
asio::awaitable<void> hang_up(Connection& connection) {
  beast::error_code ignored;
  connection.stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  connection.stream.expires_after(k_linger);
  std::string sink(4096, '\0');
  for (std::size_t drained = 0; drained < k_drain_bytes;) {
    connection.waits_for_request = true;  // nothing is lost if it is stopped here
    const auto [error, bytes] = co_await connection.stream.async_read_some(asio::buffer(sink), k_token);
    if (error) co_return;
    drained += bytes;
  }
}

asio::awaitable<void> serve(std::shared_ptr<HttpServer::State> state, tcp::socket socket) {
  const Registration registration(*state, std::move(socket));
  Connection& connection = *registration;
  const HttpLimits& limits = state->limits;
  beast::flat_buffer buffer(limits.header_bytes + limits.body_bytes);
  while (!state->stopping) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
    parser.body_limit(limits.body_bytes);
    connection.stream.expires_after(limits.idle);  // for all of the request, however slowly it comes
    connection.waits_for_request = true;
    const auto [unread, size] = co_await http::async_read(connection.stream, buffer, parser, k_token);
    connection.waits_for_request = false;

    HttpResponse response = unread ? refusal(unread) : answer(*state, parser.get());
    if (response.status == 0) co_return;
    const bool keep_alive = !unread && parser.get().keep_alive() && !state->stopping;
    const bool head = !unread && parser.get().method() == http::verb::head;
    const unsigned version = unread ? 11 : parser.get().version();
    const Message sent = message(std::move(response), version, keep_alive, head);
    connection.stream.expires_after(limits.idle);
    const auto [unsent, sent_size] = co_await http::async_write(connection.stream, sent, k_token);
    if (unsent) co_return;
    if (!keep_alive) break;
  }
  co_await hang_up(connection);
}

asio::awaitable<void> accept(std::shared_ptr<HttpServer::State> state) {
  asio::steady_timer timer(state->acceptor.get_executor());
  while (!state->stopping) {
    auto [error, socket] = co_await state->acceptor.async_accept(k_token);
    if (state->stopping) break;
    if (error) {  // out of file descriptors, say: that may pass
      timer.expires_after(k_pause_after_failure);
      co_await timer.async_wait(k_token);
      continue;
    }
    if (state->connections.size() >= state->limits.connections) continue;  // closes it
    auto connection = serve(state, std::move(socket));
    asio::co_spawn(state->acceptor.get_executor(), std::move(connection), asio::detached);
  }
}

}  // namespace

HttpServer::HttpServer(asio::io_context& io, const tcp::endpoint& endpoint, HttpHandler handler, HttpLimits limits)
    : state_(std::make_shared<State>(io, endpoint, std::move(handler), limits)) {
  asio::co_spawn(io, accept(state_), asio::detached);
}

HttpServer::~HttpServer() { stop(); }

std::uint16_t HttpServer::port() const { return state_->acceptor.local_endpoint().port(); }

void HttpServer::stop() {
  if (state_->stopping) return;
  state_->stopping = true;
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  for (Connection& connection : state_->connections) {
    if (connection.waits_for_request) connection.stream.cancel();
  }
}

}  // namespace example

#include "connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>

#include <span>
#include <string>
#include <utility>

namespace resp {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t k_send_early = std::size_t{256} << 10;  // bytes of replies that are not kept for one write

constexpr std::size_t k_requests = 1024;  // that are parsed before they are run
constexpr std::size_t k_words = 65536;    // the same, of all of them

}  // namespace

Connection::Connection(Shared& shared, Socket socket, std::uint64_t id)
    : shared_(shared), socket_(std::move(socket)), executor_(shared, client_, reply_), parser_(shared.options.request) {
  client_.id = id;
  error_code ignored;  // a client that has gone already is found by the first read
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

asio::awaitable<void> Connection::run() {
  while (!client_.closing && !stopping_) {
    const std::span<char> room = buffer_.room();
    error_code ec;
    const std::size_t bytes = co_await socket_.async_read_some(asio::buffer(room.data(), room.size()),
                                                               asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return;
    buffer_.add(bytes);
    for (Parsed parsed = Parsed::more; parsed == Parsed::more && !client_.closing;) {
      parsed = parse_requests();
      for (std::size_t at = 0; at < requests_.size() && !client_.closing;) {
        if (executor_.run_now(requests_[at])) {
          ++at;
        } else {
          at += co_await executor_.run_some(std::span(requests_).subspan(at));
        }
        if (client_.cut_off) co_return;
        if (reply_.size() >= k_send_early && !co_await send_replies()) co_return;
      }
      if (parsed == Parsed::bad && !client_.closing) {
        reply_.error(fault_);
        client_.closing = true;
      }
    }
    if (reply_.size() > 0 && !try_send() && !co_await send_replies()) co_return;
  }
}

// Takes the whole requests, some at a time, out of the buffer. What they point to stays where it is until more is read.
Connection::Parsed Connection::parse_requests() {
  requests_.clear();
  words_.clear();
  if (words_.capacity() > k_words) words_.shrink_to_fit();
  places_.clear();
  parser_.forget_words();
  auto status = RequestParser::Status::complete;
  while (places_.size() < k_requests && words_.size() < k_words) {
    const std::size_t first = words_.size();
    status = parser_.parse(buffer_.bytes(), words_);
    if (status != RequestParser::Status::complete) break;
    buffer_.use_up(parser_.consumed());
    if (words_.size() > first) places_.emplace_back(first, words_.size() - first);
  }
  for (const auto& [first, count] : places_) {  // only now words_ stays where it is
    requests_.push_back({find_command(words_[first]), Args(words_).subspan(first, count)});
  }
  if (status == RequestParser::Status::complete) return Parsed::more;
  if (status == RequestParser::Status::failed) {
    fault_ = "ERR " + parser_.error();
  } else if (buffer_.bytes().size() > shared_.options.max_query) {
    fault_ = "ERR Protocol error: the request is too long";
  } else {
    return Parsed::all;
  }
  return Parsed::bad;
}

// What the socket takes at once, without a visit to the scheduler. True: that was all.
bool Connection::try_send() {
  error_code ec;
  const std::size_t sent = socket_.write_some(asio::buffer(reply_.bytes()), ec);
  if (ec || sent < reply_.size()) {
    sent_ = ec ? 0 : sent;
    return false;
  }
  reply_.clear();
  return true;
}

asio::awaitable<bool> Connection::send_replies() {
  error_code ec;
  const std::string_view rest = reply_.bytes().substr(std::exchange(sent_, 0));
  co_await asio::async_write(socket_, asio::buffer(rest), asio::redirect_error(asio::use_awaitable, ec));
  reply_.clear();
  co_return !ec;
}

void Connection::stop() {
  stopping_ = true;
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_receive, ignored);  // ends a read that waits
}

void Connection::cut_off() {
  stopping_ = true;
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace resp

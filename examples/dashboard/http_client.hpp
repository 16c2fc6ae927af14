// As much of an HTTP client as the checks of the dashboard need: it waits, and sends what it is told, right or wrong.
#pragma once

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace example {

struct Reply {
  int status = 0;  // 0: the connection was closed instead
  std::string header;
  std::string body;
};

class HttpClient {
  using tcp = boost::asio::ip::tcp;

 public:
  explicit HttpClient(std::uint16_t port) : socket_(io_) {
    socket_.connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), port));
  }

  void send(std::string_view bytes) {
    boost::system::error_code ignored;  // the server may have hung up: the answer tells
    boost::asio::write(socket_, boost::asio::buffer(bytes), ignored);
  }

  // The next answer. `has_body`: not that to a HEAD.
  Reply receive(bool has_body = true) {
    Reply reply;
    boost::system::error_code error;
    const std::size_t end = boost::asio::read_until(socket_, boost::asio::dynamic_buffer(buffer_), "\r\n\r\n", error);
    if (error) return reply;
    reply.header = buffer_.substr(0, end);
    buffer_.erase(0, end);
    number(reply.header, "HTTP/1.1 ", reply.status);
    std::size_t length = 0;
    number(reply.header, "\r\nContent-Length: ", length);
    if (!has_body) return reply;
    if (buffer_.size() < length) {
      const auto missing = boost::asio::transfer_exactly(length - buffer_.size());
      boost::asio::read(socket_, boost::asio::dynamic_buffer(buffer_), missing);
    }
    reply.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    return reply;
  }

  Reply get(const std::string& path) {
    send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return receive();
  }

 private:
  template <class Number>
  static void number(std::string_view text, std::string_view behind, Number& value) {
    const std::size_t at = text.find(behind);
    if (at != std::string_view::npos)
      std::from_chars(text.data() + at + behind.size(), text.data() + text.size(), value);
  }

  boost::asio::io_context io_;
  tcp::socket socket_;
  std::string buffer_;  // came in, but has not been handed over
};

}  // namespace example

#include "connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>

#include <atomic>
#include <memory>
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

// As Redis writes it, "127.0.0.1:6379" or "[::1]:6379".
std::string text_of(const asio::ip::tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  const std::string port = ":" + std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? "[" + address + "]" + port : address + port;
}

}  // namespace

Connection::Connection(Shared& shared, Socket socket, std::uint64_t id)
    : shared_(shared), socket_(std::move(socket)), executor_(shared, client_, reply_), parser_(shared.options.request) {
  error_code ignored;  // a client that has gone already is found by the first read
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  client_.authenticated = !shared.settings.has_password();
  ClientRecord& record = client_.record;
  record.id = id;
  record.address = text_of(socket_.remote_endpoint(ignored));
  record.local_address = text_of(socket_.local_endpoint(ignored));
  record.descriptor = socket_.native_handle();
  record.end = [executor = socket_.get_executor(), alive = std::weak_ptr(alive_)] {
    asio::post(executor, [alive] {
      if (const auto self = alive.lock()) (*self)->cut_off();  // only on its own thread it goes away
    });
  };
  shared.client_list.add(record);
}

Connection::~Connection() { shared_.client_list.remove(client_.record); }

asio::awaitable<void> Connection::run() {
  while (!client_.closing && !stopping_) {
    const std::span<char> room = buffer_.room();
    error_code ec;
    const std::size_t bytes = co_await socket_.async_read_some(asio::buffer(room.data(), room.size()),
                                                               asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return;
    buffer_.add(bytes);
    shared_.counters.reads.add();
    shared_.counters.bytes_read.add(bytes);
    executor_.begin();
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
    tell_others();
  }
}

void Connection::adjust_parser() {
  RequestLimits limits = shared_.options.request;
  limits.bulk = shared_.settings.max_bulk();
  parser_.set_limits(limits);
  parser_.set_trusted(client_.authenticated || !shared_.settings.has_password());
}

// What CLIENT LIST shows.
void Connection::tell_others() {
  ClientRecord& record = client_.record;
  constexpr auto relaxed = std::memory_order_relaxed;  // see ClientRecord
  record.last_active.store(steady_seconds(), relaxed);
  if (client_.last_command != nullptr) record.last_command.store(client_.last_command->name.data(), relaxed);
  record.database.store(client_.database, relaxed);
  record.queued.store(client_.in_multi ? static_cast<int>(client_.queue.items().size()) : -1, relaxed);
  record.queued_bytes.store(client_.queue.bytes(), relaxed);
  record.watched_key_touched.store(client_.watcher.touched.load(relaxed), relaxed);
  record.closing.store(client_.closing, relaxed);
  record.protocol.store(reply_.protocol(), relaxed);
  record.input_bytes.store(buffer_.bytes().size(), relaxed);
  record.input_room.store(buffer_.free(), relaxed);
  record.output_bytes.store(reply_.size(), relaxed);
}

// Takes the whole requests, some at a time, out of the buffer. What they point to stays where it is until more is read.
Connection::Parsed Connection::parse_requests() {
  requests_.clear();
  words_.clear();
  if (words_.capacity() > k_words) words_.shrink_to_fit();
  places_.clear();
  parser_.forget_words();
  adjust_parser();
  // Who is to say a password first may be about to do so: what follows it is parsed in the light of that.
  const std::size_t most = client_.authenticated || !shared_.settings.has_password() ? k_requests : 1;
  auto status = RequestParser::Status::complete;
  while (places_.size() < most && words_.size() < k_words) {
    const std::size_t first = words_.size();
    status = parser_.parse(buffer_.bytes(), words_);
    if (status != RequestParser::Status::complete) break;
    buffer_.use_up(parser_.consumed());
    if (words_.size() > first) places_.emplace_back(first, words_.size() - first);
  }
  for (const auto& [first, count] : places_) {  // only now words_ stays where it is
    const Args words = Args(words_).subspan(first, count);
    requests_.push_back({find_command(words), words});
  }
  if (status == RequestParser::Status::complete) return Parsed::more;
  if (status == RequestParser::Status::failed) {
    fault_ = "ERR " + parser_.error();
  } else if (buffer_.bytes().size() > shared_.settings.max_query()) {
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
  shared_.counters.sends.add();
  shared_.counters.bytes_sent.add(sent);
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
  const std::size_t sent =
      co_await asio::async_write(socket_, asio::buffer(rest), asio::redirect_error(asio::use_awaitable, ec));
  shared_.counters.sends.add();
  shared_.counters.bytes_sent.add(sent);
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

// One client: reads what has come, runs all whole requests in it, and answers them with one write.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client.hpp"
#include "executor.hpp"
#include "parser.hpp"
#include "read_buffer.hpp"
#include "reply.hpp"
#include "shared.hpp"

namespace resp {

class Connection : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

  Connection(Shared& shared, Socket socket, std::uint64_t id);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // Until the client goes, breaks the protocol, or is told to by stop().
  boost::asio::awaitable<void> run();

  // On the connection's thread. stop: what has been read is finished and answered; cut_off: not even that.
  void stop();
  void cut_off();

 private:
  enum class Parsed {
    more,  // there may be more whole requests
    all,
    bad,  // and nothing can be made of what follows: fault_ says why
  };
  Parsed parse_requests();
  void adjust_parser();
  void tell_others();
  bool try_send();
  boost::asio::awaitable<bool> send_replies();

  Shared& shared_;
  Socket socket_;
  Client client_;
  Reply reply_;
  Executor executor_;
  RequestParser parser_;
  ReadBuffer buffer_;
  std::vector<std::string_view> words_;                      // of the requests that were parsed last
  std::vector<std::pair<std::size_t, std::size_t>> places_;  // of each request in words_: first, count
  std::vector<Request> requests_;
  std::string fault_;
  std::size_t sent_ = 0;  // of the replies
  bool stopping_ = false;
  std::shared_ptr<Connection*> alive_ = std::make_shared<Connection*>(this);  // what is posted to us looks at it
};

}  // namespace resp

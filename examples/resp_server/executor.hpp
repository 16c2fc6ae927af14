// Runs the requests of one client, in order, each as a transaction.
//
// What cannot wait is run by a plain function: reads, which touch memory only, and whatever needs no keys. Writes may
// wait for the log. Those that come in one pipeline are run together, as one transaction: one commit and one wait for
// the log instead of many. A client cannot tell the difference, except that nobody sees a part of its pipeline. What
// MULTI has queued is one transaction too.
#pragma once

#include <fluxmap/fluxmap.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client.hpp"
#include "command.hpp"
#include "reply.hpp"
#include "shared.hpp"

namespace resp {

struct Request {
  const Command* command;  // nullptr: there is none of that name
  Args args;
};

class Executor {
 public:
  Executor(Shared& shared, Client& client, Reply& reply)
      : shared_(shared), client_(client), reply_(reply), handle_(shared.database->handle()) {}
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  ~Executor() { shared_.watches.forget(client_.watcher); }

  // From now on it counts as time of the commands.
  void begin() noexcept { since_ = std::chrono::steady_clock::now(); }
  // False: nothing has happened, the request may have to wait: run_some.
  bool run_now(const Request& request);
  // Runs the first request and those behind it that go with it; how many. All must stay where they are meanwhile.
  boost::asio::awaitable<std::size_t> run_some(std::span<const Request> requests);

 private:
  bool answer_now(const Request& request);
  // Why the request is not to be run; empty: it is.
  std::string reason_to_refuse(const Request& request) const;
  // Requests that are refused break a MULTI.
  void refuse(const Command* command, std::string_view why);
  bool run_session(const Request& request);
  void read(const Request& request);
  void get(std::string_view key);
  void queue(const Request& request);
  void watch(Args keys);
  void reset();
  void end_multi();
  bool watched_keys_stand(View& view);
  void run(const Command& command, Args args, View& view);
  std::size_t together(std::span<const Request> requests) const noexcept;

  boost::asio::awaitable<void> set(Args args);
  boost::asio::awaitable<void> write_together(std::span<const Request> requests);
  boost::asio::awaitable<void> exec();
  boost::asio::awaitable<void> save();
  void learn_spaces();

  void count(const Command& command, std::size_t reply_begin, std::chrono::nanoseconds time);
  std::chrono::nanoseconds time_since_last();
  void settle_answers(std::size_t reply_begin, Answers before);

  Shared& shared_;
  Client& client_;
  Reply& reply_;
  Handle handle_;
  std::chrono::steady_clock::time_point since_;  // the last command's end
  std::vector<std::size_t> replies_;             // where each began, of those that run together
  std::optional<Entry> new_spaces_;              // that the last attempt has written
  std::string scratch_;
};

}  // namespace resp

#include "executor.hpp"

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "arguments.hpp"

namespace resp {
namespace {

constexpr std::size_t k_most_together = 256;  // writes of a pipeline in one transaction
constexpr std::size_t k_most_watched = 1024;  // keys of one client

// Names its keys. What walks over all keys is run alone: it costs as much as there are.
bool has_keys(const Request& request) noexcept {
  return request.command != nullptr && request.command->first_key > 0 && request.command->takes(request.args.size());
}

// How many of the requests to run in one transaction with the first, which is a write: up to the last write before
// something that is not to be run with others.
std::size_t together(std::span<const Request> requests) noexcept {
  std::size_t count = 1;
  for (std::size_t at = 0; at < std::min(requests.size(), k_most_together) && has_keys(requests[at]); ++at) {
    if (requests[at].command->kind == Kind::session) break;
    if (requests[at].command->kind == Kind::write) count = at + 1;
  }
  return count;
}

std::string unknown_command(Args args) {
  constexpr std::size_t most = 128;
  std::string text = "ERR unknown command '" + std::string(args[0].substr(0, most)) + "', with args beginning with: ";
  std::size_t shown = 0;
  for (const std::string_view arg : args.subspan(1)) {
    if (shown >= most) break;
    const std::string_view part = arg.substr(0, most - shown);
    text += "'" + std::string(part) + "' ";
    shown += part.size() + 3;
  }
  return text;
}

std::string failure(const boost::system::system_error& error) { return std::string("ERR ") + error.what(); }

// A web page can have a browser send what it likes to any port of any machine, but not before these words. What follows
// them is not for us, and may well be meant to look as if it were.
bool is_http(std::string_view word) noexcept { return is_keyword(word, "post") || is_keyword(word, "host:"); }

const Command* const k_get = find_command("get");
const Command* const k_set = find_command("set");
const Command* const k_exec = find_command("exec");

}  // namespace

bool Executor::run_now(const Request& request) {
  if (is_http(request.args[0])) {
    shared_.warn_of_http();
    client_.closing = client_.cut_off = true;
    return true;
  }
  if (request.command == nullptr) return refuse(unknown_command(request.args));
  const Command& command = *request.command;
  if (!command.takes(request.args.size())) return refuse(wrong_number_of_arguments(command.name));
  if (command.kind == Kind::session) return run_session(request);
  if (client_.in_multi) {
    queue(request);
    return true;
  }
  if (command.kind == Kind::write) return false;
  if (command.kind == Kind::read) {
    read(request);
  } else {
    View none(shared_, nullptr, View::Use::reads);
    run(command, request.args, none);
  }
  return true;
}

boost::asio::awaitable<std::size_t> Executor::run_some(std::span<const Request> requests) {
  if (requests.front().command == k_exec) {
    co_await exec();
    co_return 1;
  }
  const std::size_t count = together(requests);
  if (count == 1 && requests.front().command == k_set && requests.front().args.size() == 3) {
    co_await set(requests.front().args);
  } else {
    co_await write_together(requests.first(count));
  }
  co_return count;
}

bool Executor::refuse(std::string_view why) {
  if (client_.in_multi) client_.broken = true;
  reply_.error(why);
  return true;
}

void Executor::run(const Command& command, Args args, View& view) {
  Call call{view, client_, shared_, args, reply_};
  command.run(call);
}

void Executor::read(const Request& request) {
  const std::size_t begin = reply_.size();
  try {
    if (request.command == k_get) {  // no transaction, and no copy but into the reply
      bool found = false;
      handle_.visit(request.args[1], [&](const Entry& entry) {
        found = entry.deadline == 0 || is_live(entry, milliseconds_now());
        if (found) reply_.bulk(entry.data);
      });
      if (!found) reply_.null();
      return;
    }
    Transaction transaction = handle_.begin({.read_only = true});
    View view(shared_, &transaction, View::Use::reads);
    run(*request.command, request.args, view);
  } catch (const boost::system::system_error& error) {
    reply_.go_back(begin);
    reply_.error(failure(error));
  }
}

// A write that does not look at what is there, alone: what most clients send most of the time.
boost::asio::awaitable<void> Executor::set(Args args) {
  try {
    shared_.watches.touch(args[1], nullptr);
    std::string key(args[1]);
    Entry entry{std::string(args[2]), 0, shared_.next_stamp()};
    co_await handle_.insert(std::move(key), std::move(entry));
    reply_.ok();
  } catch (const boost::system::system_error& error) {
    reply_.error(failure(error));
  }
}

boost::asio::awaitable<void> Executor::write_together(std::span<const Request> requests) {
  const std::size_t begin = reply_.size();
  const auto run_all = [&](Transaction& transaction) {
    reply_.go_back(begin);
    View view(shared_, &transaction, View::Use::writes);
    for (const Request& request : requests) run(*request.command, request.args, view);
  };
  try {
    co_await handle_.transaction(run_all);
  } catch (const boost::system::system_error& error) {
    reply_.go_back(begin);
    for (std::size_t i = 0; i < requests.size(); ++i) reply_.error(failure(error));
  }
}

// MULTI, EXEC, WATCH
// ----------------------------------------------------------------------------------------------------

bool Executor::run_session(const Request& request) {
  const std::string_view name = request.command->name;
  if (name == "multi") {
    if (client_.in_multi) {
      reply_.error("ERR MULTI calls can not be nested");
    } else {
      client_.in_multi = true;
      reply_.ok();
    }
  } else if (name == "exec") {
    if (client_.in_multi && !client_.broken) return false;
    if (!client_.in_multi) {
      reply_.error("ERR EXEC without MULTI");
    } else {
      end_multi();
      reply_.error("EXECABORT Transaction discarded because of previous errors.");
    }
  } else if (name == "discard") {
    if (!client_.in_multi) {
      reply_.error("ERR DISCARD without MULTI");
    } else {
      end_multi();
      reply_.ok();
    }
  } else if (name == "watch") {
    if (client_.in_multi) {
      reply_.error("ERR WATCH inside MULTI is not allowed");
    } else {
      watch(request.args.subspan(1));
    }
  } else if (name == "quit") {
    client_.closing = true;
    reply_.ok();
  } else {  // reset
    end_multi();
    client_.name.clear();
    reply_.set_protocol(2);
    reply_.simple("RESET");
  }
  return true;
}

void Executor::queue(const Request& request) {
  const Options& options = shared_.options;
  std::size_t bytes = client_.queue.bytes();
  for (const std::string_view arg : request.args) bytes += arg.size() + sizeof(std::string);
  if (client_.queue.items().size() >= options.max_queued || bytes > options.max_query) {
    refuse("ERR too much is queued after MULTI");
    return;
  }
  if (!client_.broken) client_.queue.add(*request.command, request.args);
  reply_.simple("QUEUED");
}

void Executor::watch(Args keys) {
  Watcher& watcher = client_.watcher;
  for (const std::string_view key : keys) {
    if (watcher.watches(key)) continue;
    if (watcher.keys.size() >= k_most_watched) return reply_.error("ERR too many keys are watched");
    watcher.keys.push_back({std::string(key), 0});
    shared_.watches.add(key, watcher);
    handle_.visit(key, [&](const Entry& entry) {
      if (is_live(entry, milliseconds_now())) watcher.keys.back().stamp = entry.stamp;
    });
  }
  reply_.ok();
}

void Executor::end_multi() {
  shared_.watches.forget(client_.watcher);
  client_.leave_multi();
}

bool Executor::watched_keys_stand(View& view) {
  bool stand = true;
  for (const Watcher::Key& key : client_.watcher.keys) {
    const Entry* const entry = view.get(key.name);
    stand = stand && key.stamp == (entry != nullptr ? entry->stamp : 0);
  }
  return stand && !client_.watcher.touched.load(std::memory_order_relaxed);  // see WatchTable::touch
}

boost::asio::awaitable<void> Executor::exec() {
  const std::size_t begin = reply_.size();
  const std::vector<std::string_view> words(client_.queue.words().begin(), client_.queue.words().end());
  client_.in_exec = true;
  const auto run_all = [&](Transaction& transaction) {
    reply_.go_back(begin);
    View view(shared_, &transaction, View::Use::writes, &client_.watcher);
    if (!watched_keys_stand(view)) return reply_.null_array();
    reply_.array(client_.queue.items().size());
    for (const Queue::Item& item : client_.queue.items()) {
      run(*item.command, Args(words).subspan(item.first, item.count), view);
    }
  };
  try {
    co_await handle_.transaction(run_all);
  } catch (const boost::system::system_error& error) {
    reply_.go_back(begin);
    reply_.error(failure(error));
  }
  end_multi();
}

}  // namespace resp

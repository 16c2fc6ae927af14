#include "executor.hpp"

#include <fluxmap/fluxmap.hpp>

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

constexpr std::string_view k_out_of_memory = "OOM command not allowed when used memory > 'maxmemory'.";

// Names its keys. What walks over all keys is run alone: it costs as much as there are.
bool has_keys(const Request& request) noexcept {
  return request.command != nullptr && request.command->first_key > 0 && request.command->takes(request.args.size());
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

std::string unknown_subcommand(const Command& container, Args args) {
  std::string name(container.name);
  for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return "ERR unknown subcommand '" + std::string(args[1].substr(0, 128)) + "'. Try " + name + " HELP.";
}

std::string failure(const boost::system::system_error& error) { return std::string("ERR ") + error.what(); }

// A web page can have a browser send what it likes to any port of any machine, but not before these words. What follows
// them is not for us, and may well be meant to look as if it were.
bool is_http(std::string_view word) noexcept { return is_keyword(word, "post") || is_keyword(word, "host:"); }

const Command* const k_get = find_command("get");
const Command* const k_set = find_command("set");
const Command* const k_exec = find_command("exec");
const Command* const k_save = find_command("save");

// Those that end what MULTI has begun.
bool ends_multi(const Command& command) noexcept {
  return &command == k_exec || command.name == "discard" || command.name == "quit" || command.name == "reset";
}

}  // namespace

bool Executor::run_now(const Request& request) {
  if (is_http(request.args[0])) {
    shared_.warn_of_http();
    client_.closing = client_.cut_off = true;
    return true;
  }
  const std::size_t begin = reply_.size();
  const Answers answers = client_.answers;
  if (!answer_now(request)) return false;
  shared_.counters.requests.add();
  if (answers != Answers::on || client_.answers != Answers::on) settle_answers(begin, answers);
  return true;
}

boost::asio::awaitable<std::size_t> Executor::run_some(std::span<const Request> requests) {
  const std::size_t begin = reply_.size();
  const Answers answers = client_.answers;
  const Request& first = requests.front();
  client_.last_command = first.command;
  std::size_t count = 1;
  if (first.command == k_exec) {
    co_await exec();
  } else if (first.command == k_save) {
    co_await save();
  } else {
    count = together(requests);
    if (count == 1 && first.command == k_set && first.args.size() == 3) {
      co_await set(first.args);
    } else {
      co_await write_together(requests.first(count));
    }
  }
  shared_.counters.requests.add(count);
  if (answers != Answers::on) settle_answers(begin, answers);
  co_return count;
}

std::string Executor::reason_to_refuse(const Request& request) const {
  if (request.command == nullptr) return unknown_command(request.args);
  const Command& command = *request.command;
  if (command.kind == Kind::container && request.args.size() > 1) return unknown_subcommand(command, request.args);
  if (!command.takes(request.args.size())) return wrong_number_of_arguments(command.name);
  if (command.is(k_protected) && !shared_.options.debug) {
    return "ERR DEBUG command not allowed. Start the server with --enable-debug-command to allow it.";
  }
  if (!client_.authenticated && shared_.settings.has_password() && !command.is(k_no_auth)) {
    return "NOAUTH Authentication required.";
  }
  if (client_.in_multi && command.is(k_no_multi)) return "ERR Command not allowed inside a transaction";
  if (shared_.settings.max_memory() == 0) return {};
  bool grows = command.is(k_grows) || (client_.in_multi && !ends_multi(command));
  if (&command == k_exec) {
    for (const Queue::Item& item : client_.queue.items()) grows = grows || item.command->is(k_grows);
  }
  if (!grows || shared_.database->stats().memory_bytes <= shared_.settings.max_memory()) return {};
  return std::string(k_out_of_memory);
}

bool Executor::answer_now(const Request& request) {
  if (const std::string why = reason_to_refuse(request); !why.empty()) {
    refuse(request.command, why);
    return true;
  }
  const Command& command = *request.command;
  const std::size_t begin = reply_.size();
  if (command.kind == Kind::session) {
    if (!run_session(request)) return false;
  } else if (client_.in_multi) {
    queue(request);
    return true;
  } else if (command.kind == Kind::write) {
    return false;
  } else if (command.kind == Kind::read) {
    read(request);
  } else {
    View none(shared_, nullptr, View::Use::reads, client_.database);
    client_.last_command = &command;
    run(command, request.args, none);
  }
  client_.last_command = &command;
  count(command, begin, time_since_last());
  return true;
}

void Executor::refuse(const Command* command, std::string_view why) {
  if (client_.in_multi) client_.broken = true;
  if (command != nullptr) shared_.counters.command(index_of(*command)).rejected.add();
  const std::size_t begin = reply_.size();
  if (command == k_exec) {
    end_multi();
    if (why.starts_with("ERR ")) why.remove_prefix(4);
    reply_.error("EXECABORT Transaction discarded because of: " + std::string(why));
  } else {
    reply_.error(why);
  }
  shared_.counters.count_error(reply_.bytes().substr(begin));
}

void Executor::run(const Command& command, Args args, View& view) {
  Call call{view, client_, shared_, args, reply_};
  command.run(call);
}

// Counting ------------------------------------------------------------------------------------------------------------

std::chrono::nanoseconds Executor::time_since_last() {
  const auto now = std::chrono::steady_clock::now();
  return now - std::exchange(since_, now);
}

void Executor::count(const Command& command, std::size_t reply_begin, std::chrono::nanoseconds time) {
  CommandCounters& counters = shared_.counters.command(index_of(command));
  counters.calls.add();
  counters.nanoseconds.add(static_cast<std::uint64_t>(time.count()));
  const std::string_view reply = reply_.bytes().substr(std::min(reply_begin, reply_.size()));
  if (!reply.starts_with('-')) return;
  counters.failed.add();
  shared_.counters.count_error(reply);
}

// CLIENT REPLY: what was not to be answered, `before` the request or by what it says itself.
void Executor::settle_answers(std::size_t reply_begin, Answers before) {
  if (client_.answers == Answers::off || before == Answers::skip_this) reply_.go_back(reply_begin);
  if (client_.answers == Answers::skip_this) client_.answers = Answers::on;
  if (client_.answers == Answers::skip_next) client_.answers = Answers::skip_this;
}

// Reads ---------------------------------------------------------------------------------------------------------------

void Executor::read(const Request& request) {
  const std::size_t begin = reply_.size();
  try {
    if (request.command == k_get) return get(request.args[1]);
    Transaction transaction = handle_.begin({.read_only = true});
    View view(shared_, &transaction, View::Use::reads, client_.database);
    run(*request.command, request.args, view);
  } catch (const boost::system::system_error& error) {
    reply_.go_back(begin);
    reply_.error(failure(error));
  }
}

// No transaction, and no copy but into the reply.
void Executor::get(std::string_view key) {
  const std::size_t begin = reply_.size();
  bool found = false;
  shared_.spaces.with(client_.database, [&](Space space) {
    reply_.go_back(begin);
    found = false;
    handle_.visit(stored_key(space, key, scratch_), [&](const Entry& entry) {
      found = entry.deadline == 0 || is_live(entry, milliseconds_now());
      if (found) reply_.bulk(entry.data);
    });
  });
  if (!found) reply_.null();
  shared_.counters.count_lookup(found);
}

// Writes --------------------------------------------------------------------------------------------------------------

// How many of the requests to run in one transaction with the first, which is a write: up to the last write before
// something that is not to be run with others.
std::size_t Executor::together(std::span<const Request> requests) const noexcept {
  if (client_.answers != Answers::on || shared_.settings.max_memory() != 0) return 1;  // each is looked at by itself
  std::size_t count = 1;
  for (std::size_t at = 0; at < std::min(requests.size(), k_most_together) && has_keys(requests[at]); ++at) {
    if (requests[at].command->kind == Kind::session) break;
    if (requests[at].command->kind == Kind::write) count = at + 1;
  }
  return count;
}

// A write that does not look at what is there, alone: what most clients send most of the time.
boost::asio::awaitable<void> Executor::set(Args args) {
  const std::size_t begin = reply_.size();
  const auto put = [&](Transaction& transaction) {
    View view(shared_, &transaction, View::Use::writes, client_.database);
    view.put(args[1], std::string(args[2]));
  };
  try {
    co_await handle_.transaction(put);
    reply_.ok();
  } catch (const boost::system::system_error& error) {
    reply_.error(failure(error));
  }
  count(*k_set, begin, time_since_last());
}

boost::asio::awaitable<void> Executor::write_together(std::span<const Request> requests) {
  const std::size_t begin = reply_.size();
  const auto run_all = [&](Transaction& transaction) {
    reply_.go_back(begin);
    replies_.clear();
    View view(shared_, &transaction, View::Use::writes, client_.database);
    for (const Request& request : requests) {
      replies_.push_back(reply_.size());
      run(*request.command, request.args, view);
    }
    new_spaces_ = view.new_spaces();
  };
  try {
    co_await handle_.transaction(run_all);
    learn_spaces();
  } catch (const boost::system::system_error& error) {
    reply_.go_back(begin);
    replies_.clear();
    for (std::size_t i = 0; i < requests.size(); ++i) {
      replies_.push_back(reply_.size());
      reply_.error(failure(error));
    }
  }
  const auto time = time_since_last() / requests.size();
  for (std::size_t i = 0; i < requests.size(); ++i) count(*requests[i].command, replies_[i], time);
}

// What was given up is swept only after everybody who asks the cache knows.
void Executor::learn_spaces() {
  if (!new_spaces_) return;
  shared_.spaces.learn(*new_spaces_);
  shared_.wake_sweeper();
}

boost::asio::awaitable<void> Executor::save() {
  const std::size_t begin = reply_.size();
  try {
    co_await shared_.database->checkpoint();
    shared_.saved_at = milliseconds_now() / 1000;
    reply_.ok();
  } catch (const boost::system::system_error& error) {
    reply_.error(failure(error));
  }
  count(*k_save, begin, time_since_last());
}

// MULTI, EXEC, WATCH --------------------------------------------------------------------------------------------------

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
  } else if (name == "reset") {
    reset();
    reply_.simple("RESET");
  } else {  // save
    return false;
  }
  return true;
}

void Executor::reset() {
  end_multi();
  client_.name.clear();
  shared_.client_list.set_name(client_.record, {});
  client_.database = 0;
  client_.authenticated = !shared_.settings.has_password();
  client_.answers = Answers::on;
  client_.record.no_evict.store(false, std::memory_order_relaxed);
  reply_.set_protocol(2);
}

void Executor::queue(const Request& request) {
  std::size_t bytes = client_.queue.bytes();
  for (const std::string_view arg : request.args) bytes += arg.size() + sizeof(std::string);
  if (client_.queue.items().size() >= shared_.options.max_queued || bytes > shared_.settings.max_query()) {
    return refuse(request.command, "ERR too much is queued after MULTI");
  }
  if (!client_.broken) client_.queue.add(*request.command, request.args);
  reply_.simple("QUEUED");
}

void Executor::watch(Args keys) {
  Watcher& watcher = client_.watcher;
  const unsigned database = client_.database;
  for (const std::string_view key : keys) {
    if (watcher.watches(database, key)) continue;
    if (watcher.keys.size() >= k_most_watched) return reply_.error("ERR too many keys are watched");
    watcher.keys.push_back({database, std::string(key), 0});
    shared_.watches.add(database, key, watcher);
    std::uint64_t& stamp = watcher.keys.back().stamp;
    shared_.spaces.with(database, [&](Space space) {
      stamp = 0;
      handle_.visit(stored_key(space, key, scratch_), [&](const Entry& entry) {
        if (is_live(entry, milliseconds_now())) stamp = entry.stamp;
      });
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
    view.select(key.database);
    const Entry* const entry = view.get(key.name);
    stand = stand && key.stamp == (entry != nullptr ? entry->stamp : 0);
  }
  view.select(client_.database);
  return stand && !client_.watcher.touched.load(std::memory_order_relaxed);  // see WatchTable::touch
}

boost::asio::awaitable<void> Executor::exec() {
  const std::size_t begin = reply_.size();
  const std::vector<std::string_view> words(client_.queue.words().begin(), client_.queue.words().end());
  const unsigned database = client_.database;
  client_.in_exec = true;
  const auto run_all = [&](Transaction& transaction) {
    reply_.go_back(begin);
    replies_.clear();
    new_spaces_.reset();
    client_.database = database;
    View view(shared_, &transaction, View::Use::writes, database, &client_.watcher);
    if (!watched_keys_stand(view)) return reply_.null_array();
    reply_.array(client_.queue.items().size());
    for (const Queue::Item& item : client_.queue.items()) {
      replies_.push_back(reply_.size());
      run(*item.command, Args(words).subspan(item.first, item.count), view);
    }
    new_spaces_ = view.new_spaces();
  };
  try {
    co_await handle_.transaction(run_all);
    learn_spaces();
  } catch (const boost::system::system_error& error) {
    reply_.go_back(begin);
    replies_.clear();
    client_.database = database;
    reply_.error(failure(error));
  }
  const auto time = time_since_last();
  for (std::size_t i = 0; i < replies_.size(); ++i) {
    count(*client_.queue.items()[i].command, replies_[i], time / replies_.size());
  }
  count(*k_exec, begin, time);
  end_multi();
}

}  // namespace resp

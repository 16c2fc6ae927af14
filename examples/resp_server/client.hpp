// What the server knows of one client, apart from its socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client_list.hpp"
#include "watches.hpp"

namespace resp {

struct Command;

// The commands between MULTI and EXEC. The words are copies: the read buffer goes on to other things.
class Queue {
 public:
  struct Item {
    const Command* command;
    std::size_t first;
    std::size_t count;
  };

  void add(const Command& command, std::span<const std::string_view> args) {
    items_.push_back({&command, words_.size(), args.size()});
    for (const std::string_view arg : args) {
      bytes_ += arg.size() + sizeof(std::string);
      words_.emplace_back(arg);
    }
  }
  const std::vector<Item>& items() const noexcept { return items_; }
  const std::vector<std::string>& words() const noexcept { return words_; }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::vector<Item> items_;
  std::vector<std::string> words_;
  std::size_t bytes_ = 0;
};

// CLIENT REPLY.
enum class Answers { on, off, skip_next, skip_this };

struct Client {
  ClientRecord record;
  std::string name;
  unsigned database = 0;
  bool authenticated = true;
  Answers answers = Answers::on;
  const Command* last_command = nullptr;
  bool closing = false;   // after the replies so far
  bool cut_off = false;   // and without them
  bool in_multi = false;  // commands are queued
  bool in_exec = false;   // and now they are run
  bool broken = false;    // one of them was refused: EXEC will be
  Queue queue;
  Watcher watcher;

  std::uint64_t id() const noexcept { return record.id; }
  void leave_multi() {
    in_multi = in_exec = broken = false;
    queue = {};
  }
};

}  // namespace resp

// What a value is kept as: OBJECT, MEMORY USAGE.
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "arguments.hpp"
#include "command.hpp"
#include "help.hpp"

namespace resp {
namespace {

void object_encoding(Call& call) {
  const Entry* const entry = call.view.get(call.args[2]);
  if (entry == nullptr) return call.reply.null();
  call.reply.bulk(encoding_of(*entry));
}

// Values are not shared, but Redis's small numbers are, and it says so.
void object_reference_count(Call& call) {
  constexpr std::int64_t shared_numbers = 10000;
  const Entry* const entry = call.view.get(call.args[2]);
  if (entry == nullptr) return call.reply.null();
  const auto number = encoding_of(*entry) == "int" ? parse_integer(entry->data) : std::nullopt;
  call.reply.integer(number && *number >= 0 && *number < shared_numbers ? std::numeric_limits<int>::max() : 1);
}

void object_frequency(Call& call) {
  if (call.view.get(call.args[2]) == nullptr) return call.reply.null();
  call.reply.error(
      "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching "
      "between policies at runtime LRU and LFU data will take some time to adjust.");
}

void object_help(Call& call) {
  reply_help(call, "OBJECT",
             {"ENCODING <key>", "    What Redis would keep the value as: int, embstr or raw.", "FREQ <key>",
              "    An error: how often keys are asked for is not counted.", "REFCOUNT <key>",
              "    How often the value is used."});
}

void memory_usage(Call& call) {
  for (std::size_t at = 3; at < call.args.size(); at += 2) {
    if (!is_keyword(call.args[at], "samples") || at + 1 == call.args.size()) return call.reply.error(k_syntax_error);
    const auto samples = integer_or_error(call.args[at + 1], call.reply);
    if (!samples) return;
    if (*samples < 0) return call.reply.error(k_syntax_error);
  }
  constexpr std::size_t node = 48;  // of the index, and what the allocator adds
  const Entry* const entry = call.view.get(call.args[2]);
  if (entry == nullptr) return call.reply.null();
  call.reply.integer(call.args[2].size() + entry->data.size() + sizeof(Entry) + sizeof(std::string) + node);
}

void memory_help(Call& call) {
  reply_help(call, "MEMORY", {"USAGE <key> [SAMPLES <count>]", "    About how many bytes the key and its value take."});
}

constexpr std::array k_commands{
    Command{"object", -2, Kind::container, nullptr},
    Command{"object|encoding", 3, Kind::read, object_encoding, k_none, 2, 2, 1},
    Command{"object|refcount", 3, Kind::read, object_reference_count, k_none, 2, 2, 1},
    Command{"object|freq", 3, Kind::read, object_frequency, k_none, 2, 2, 1},
    Command{"object|help", 2, Kind::plain, object_help},
    Command{"memory", -2, Kind::container, nullptr},
    Command{"memory|usage", -3, Kind::read, memory_usage, k_none, 2, 2, 1},
    Command{"memory|help", 2, Kind::plain, memory_help},
};

}  // namespace

const std::span<const Command> k_object_commands = k_commands;

}  // namespace resp

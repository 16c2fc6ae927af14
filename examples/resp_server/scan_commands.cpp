// What walks over the keys of a database: KEYS, SCAN, RANDOMKEY.
#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.hpp"
#include "command.hpp"
#include "glob.hpp"

namespace resp {
namespace {

void keys(Call& call) {
  const std::string_view pattern = call.args[1], prefix = literal_prefix(pattern);
  std::vector<std::string> found;  // the reply begins with how many there are
  call.view.walk(prefix, [&](std::string_view key, const Entry&) {
    if (!key.starts_with(prefix)) return false;
    if (glob_matches(pattern, key)) found.emplace_back(key);
    return true;
  });
  call.reply.array(found.size());
  for (const std::string& key : found) call.reply.bulk(key);
}

struct ScanOptions {
  std::string_view pattern = "*";
  std::int64_t count = 10;
  bool strings = true;
};

std::optional<ScanOptions> parse_scan_options(Call& call) {
  ScanOptions options;
  for (std::size_t at = 2; at < call.args.size(); at += 2) {
    const bool has_value = at + 1 < call.args.size();
    if (has_value && is_keyword(call.args[at], "count")) {
      const auto count = integer_or_error(call.args[at + 1], call.reply);
      if (!count) return std::nullopt;
      options.count = *count;
      if (options.count >= 1) continue;
    } else if (has_value && is_keyword(call.args[at], "match")) {
      options.pattern = call.args[at + 1];
      continue;
    } else if (has_value && is_keyword(call.args[at], "type")) {
      options.strings = is_keyword(call.args[at + 1], "string");
      continue;
    }
    call.reply.error(k_syntax_error);
    return std::nullopt;
  }
  return options;
}

// As strtoul reads it, which is how Redis does: a sign is allowed, and no text at all is 0.
std::optional<std::uint64_t> parse_cursor(Call& call) {
  const std::string text(call.args[1]);
  char* end = nullptr;
  errno = 0;
  const std::uint64_t cursor = std::strtoull(text.c_str(), &end, 10);
  if (errno != ERANGE && *end == '\0' && std::isspace(static_cast<unsigned char>(text.c_str()[0])) == 0) return cursor;
  call.reply.error("ERR invalid cursor");
  return std::nullopt;
}

// The key behind which a cursor goes on; nothing: it begins anew. Looks through all keys for a cursor that the table
// does not know any more.
std::optional<std::string> position_of(Call& call, std::uint64_t cursor) {
  if (cursor == 0 || cursor > ScanCursors::k_largest) return std::nullopt;
  auto position = call.shared.cursors.find(cursor);
  if (position) return position;
  call.view.walk({}, [&](std::string_view key, const Entry&) {
    if (ScanCursors::of(key) != cursor) return true;
    position.emplace(key);
    return false;
  });
  return position;
}

// A stretch of the keys in order, `count` of them looked at. See cursors.hpp for what that guarantees.
void scan(Call& call) {
  const auto cursor = parse_cursor(call);
  if (!cursor) return;
  const auto options = parse_scan_options(call);
  if (!options) return;

  const std::string_view prefix = literal_prefix(options->pattern);
  const auto behind = position_of(call, *cursor);
  const std::string first = behind ? *behind + '\0' : std::string();  // the next string there can be
  std::vector<std::string> found;
  std::int64_t seen = 0;
  std::string last;
  bool more = false;
  call.view.walk(std::max(std::string_view(first), prefix), [&](std::string_view key, const Entry&) {
    if (!key.starts_with(prefix)) return false;
    if (seen == options->count) {
      more = true;
      return false;
    }
    ++seen;
    last = key;
    if (options->strings && glob_matches(options->pattern, key)) found.emplace_back(key);
    return true;
  });
  call.reply.array(2);
  call.reply.bulk(more ? std::to_string(call.shared.cursors.remember(last)) : "0");
  call.reply.array(found.size());
  for (const std::string& key : found) call.reply.bulk(key);
}

// A key at random. Where there are few, each is as likely as the others. Where there are many, a walker goes round and
// round, by leaps of random length: in the long run it comes to all of them equally often.
void random_key(Call& call) {
  constexpr std::size_t few = 1024;
  thread_local std::minstd_rand random{std::random_device{}()};
  const auto below = [](std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(random); };
  std::vector<std::string> keys;
  const auto collect = [&](const std::string& from) {
    call.view.walk(from, [&](std::string_view key, const Entry&) {
      keys.emplace_back(key);
      return keys.size() < few;
    });
  };
  collect({});
  if (keys.empty()) return call.reply.null();
  if (keys.size() < few) return call.reply.bulk(keys[below(keys.size())]);

  const std::lock_guard lock(call.shared.random_mutex);
  std::string& at = call.shared.random_key;
  std::vector<std::string> first = std::move(keys);
  keys.clear();
  collect(at + '\0');
  const std::size_t leap = below(few);
  if (leap < keys.size()) {
    at = keys[leap];
  } else {  // over the end
    at = first[std::min(leap - keys.size(), first.size() - 1)];
  }
  call.reply.bulk(at);
}

constexpr std::array k_commands{
    Command{"keys", 2, Kind::read, keys},
    Command{"scan", -2, Kind::read, scan},
    Command{"randomkey", 1, Kind::read, random_key},
};

}  // namespace

const std::span<const Command> k_scan_commands = k_commands;

}  // namespace resp

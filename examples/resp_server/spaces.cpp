#include "spaces.hpp"

#include <fluxmap/fluxmap.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <exception>
#include <utility>

#include "view.hpp"

namespace resp {
namespace {

using namespace std::string_literals;

constexpr unsigned char k_four_bytes = 0xf0;  // follow

void append_big_endian(std::string& text, Space number) {
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(number >> shift & 0xff);
}
Space read_big_endian(std::string_view text) noexcept {
  Space number = 0;
  for (const char c : text.substr(0, 4)) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

}  // namespace

const std::string k_record_prefix = "\0\xff"s;
const std::string k_spaces_record = k_record_prefix + "spaces";
const std::string k_given_up_prefix = k_record_prefix + "swept/";

std::string given_up_record(Space space) {
  std::string name = k_given_up_prefix;
  append_big_endian(name, space);
  return name;
}
Space given_up_space(std::string_view record_name) noexcept {
  return read_big_endian(record_name.substr(k_given_up_prefix.size()));
}

std::string encode_spaces(const Spaces& spaces) {
  std::string data;
  for (const Space space : spaces) append_big_endian(data, space);
  return data;
}
Spaces decode_spaces(std::string_view data) noexcept {
  Spaces spaces{};
  for (unsigned i = 0; i < k_databases && 4 * i + 4 <= data.size(); ++i)
    spaces[i] = read_big_endian(data.substr(4 * i));
  return spaces;
}

std::string space_prefix(Space space) {
  std::string prefix(1, '\0');
  if (space < k_four_bytes) return prefix += static_cast<char>(space);
  prefix += static_cast<char>(k_four_bytes);
  append_big_endian(prefix, space);
  return prefix;
}

std::vector<Stretch> stretches(Space space, std::string_view first) {
  if (space != 0) {
    const std::string prefix = space_prefix(space);
    std::string end = prefix;  // none ends with \xff: the last byte of 2^32 - 1 spaces is out of reach
    for (std::size_t at = end.size(); at-- > 0;) {
      end[at] = static_cast<char>(static_cast<unsigned char>(end[at]) + 1);
      if (end[at] != '\0') break;
    }
    return {{prefix + std::string(first), std::move(end), prefix.size()}};
  }
  std::vector<Stretch> all;
  if (first.empty()) all.push_back({"", "\0"s, 0});
  if (first < std::string_view("\1")) {
    all.push_back({"\0"s + (first.empty() ? "\0"s : std::string(first)), "\0\1"s, 1});
  }
  all.push_back({std::string(std::max(first, std::string_view("\1"))), "", 0});
  return all;
}

void SpacesCache::update(const Entry& record) {
  const std::lock_guard lock(mutex_);
  if (record.stamp <= stamp_.load(std::memory_order_relaxed)) return;
  const Spaces spaces = decode_spaces(record.data);
  const std::uint64_t before = changes_.load(std::memory_order_relaxed);
  changes_.store(before + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);  // odd before anything of it: with the fence in with()
  for (unsigned i = 0; i < k_databases; ++i) spaces_[i].store(spaces[i], std::memory_order_relaxed);
  changes_.store(before + 2, std::memory_order_release);  // with the acquire in with()
  stamp_.store(record.stamp, std::memory_order_relaxed);
}

void prepare_spaces(Database& database, std::uint64_t stamp) {
  Handle handle = database.handle();
  bool is_there = false;
  handle.visit(k_spaces_record, [&](const Entry& record) { is_there = record.data.size() == 4 * k_databases; });
  if (is_there) return;
  const auto prepare = [stamp](Transaction& transaction) {
    std::vector<std::pair<std::string, Entry>> beginning_with_null = transaction.range("\0"s, "\1"s);
    for (const auto& [key, entry] : beginning_with_null) transaction.remove(key);
    const std::int64_t now = milliseconds_now();
    for (auto& [key, entry] : beginning_with_null) {
      if (!is_live(entry, now)) continue;
      const std::int64_t deadline = entry.deadline;
      std::string stored = "\0"s + key;
      if (deadline == 0) {
        transaction.insert(std::move(stored), std::move(entry));
      } else {
        transaction.insert(std::move(stored), std::move(entry), fluxmap::ExpiresAfter{kept_for(deadline, now)});
      }
    }
    Spaces spaces;
    for (unsigned i = 0; i < k_databases; ++i) spaces[i] = i;
    transaction.insert(k_spaces_record, Entry{encode_spaces(spaces), 0, stamp});
  };
  boost::asio::io_context context;
  std::exception_ptr failure;
  boost::asio::co_spawn(
      context, [&]() -> boost::asio::awaitable<void> { co_await handle.transaction(prepare); },
      [&](std::exception_ptr error) { failure = error; });
  context.run();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace resp

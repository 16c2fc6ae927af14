// Bits of strings: SETBIT, GETBIT, BITCOUNT. Bit 0 is the highest of the first byte.
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "arguments.hpp"
#include "command.hpp"

namespace resp {
namespace {

struct Place {
  std::size_t byte;
  unsigned char mask;
};

std::optional<Place> place_or_error(Call& call) {
  const auto offset = parse_integer(call.args[2]);
  if (offset && *offset >= 0 && static_cast<std::uint64_t>(*offset) / 8 < call.shared.settings.max_bulk()) {
    return Place{static_cast<std::size_t>(*offset / 8), static_cast<unsigned char>(0x80 >> (*offset % 8))};
  }
  call.reply.error("ERR bit offset is not an integer or out of range");
  return std::nullopt;
}

bool has_bit(std::string_view data, Place place) noexcept {
  return place.byte < data.size() && (static_cast<unsigned char>(data[place.byte]) & place.mask) != 0;
}

void get_bit(Call& call) {
  const auto place = place_or_error(call);
  if (!place) return;
  const Entry* const entry = call.view.get(call.args[1]);
  call.reply.integer(entry != nullptr && has_bit(entry->data, *place) ? 1 : 0);
}

void set_bit(Call& call) {
  const auto place = place_or_error(call);
  if (!place) return;
  if (call.args[3] != "0" && call.args[3] != "1") return call.reply.error("ERR bit is not an integer or out of range");
  const bool wanted = call.args[3] == "1";
  const Entry* const old = call.view.get(call.args[1]);
  std::string data = old != nullptr ? old->data : std::string();
  const bool was = has_bit(data, *place), longer = place->byte >= data.size();
  if (longer) data.resize(place->byte + 1);
  if (was != wanted) data[place->byte] = static_cast<char>(static_cast<unsigned char>(data[place->byte]) ^ place->mask);
  if (old == nullptr || longer || was != wanted) {
    call.view.put(call.args[1], std::move(data), old != nullptr ? old->deadline : 0, Form::edited);
  }
  call.reply.integer(was ? 1 : 0);
}

// Of the bits first to last; both are there.
std::uint64_t count_bits(std::string_view data, std::size_t first, std::size_t last) noexcept {
  std::uint64_t count = 0;
  for (std::size_t byte = first / 8; byte <= last / 8; ++byte) {
    auto bits = static_cast<unsigned char>(data[byte]);
    if (byte == first / 8) bits &= static_cast<unsigned char>(0xff >> (first % 8));
    if (byte == last / 8) bits &= static_cast<unsigned char>(0xff << (7 - last % 8));
    count += static_cast<std::uint64_t>(std::popcount(bits));
  }
  return count;
}

void bit_count(Call& call) {
  const Entry* const entry = call.view.get(call.args[1]);
  if (entry == nullptr) return call.reply.integer(0);
  const std::size_t size = call.args.size();
  if (size == 3 || size > 5) return call.reply.error(k_syntax_error);
  std::int64_t start = 0, end = -1;
  bool by_bits = false;
  if (size > 2) {
    const auto asked_start = integer_or_error(call.args[2], call.reply);
    if (!asked_start) return;
    const auto asked_end = integer_or_error(call.args[3], call.reply);
    if (!asked_end) return;
    start = *asked_start;
    end = *asked_end;
    if (start < 0 && end < 0 && start > end) return call.reply.integer(0);
    by_bits = size == 5 && is_keyword(call.args[4], "bit");
    if (size == 5 && !by_bits && !is_keyword(call.args[4], "byte")) return call.reply.error(k_syntax_error);
  }
  const auto length = static_cast<std::int64_t>(entry->data.size()) * (by_bits ? 8 : 1);
  const auto from_begin = [&](std::int64_t at) { return std::max<std::int64_t>(at < 0 ? at + length : at, 0); };
  const std::int64_t first = from_begin(start), last = std::min(from_begin(end), length - 1);
  if (first > last) return call.reply.integer(0);
  const auto first_bit = static_cast<std::size_t>(by_bits ? first : first * 8);
  const auto last_bit = static_cast<std::size_t>(by_bits ? last : last * 8 + 7);
  call.reply.integer(count_bits(entry->data, first_bit, last_bit));
}

constexpr std::array k_commands{
    Command{"setbit", 4, Kind::write, set_bit, k_grows, 1, 1, 1},
    Command{"getbit", 3, Kind::read, get_bit, k_fast, 1, 1, 1},
    Command{"bitcount", -2, Kind::read, bit_count, k_none, 1, 1, 1},
};

}  // namespace

const std::span<const Command> k_bit_commands = k_commands;

}  // namespace resp

// Parts of strings: GETRANGE, SETRANGE, and what two of them have in common.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "command.hpp"

namespace resp {
namespace {

void get_range(Call& call) {
  const auto start = integer_or_error(call.args[2], call.reply);
  if (!start) return;
  const auto end = integer_or_error(call.args[3], call.reply);
  if (!end) return;
  const Entry* const entry = call.view.get(call.args[1]);
  if (entry == nullptr) return call.reply.bulk("");
  const auto length = static_cast<std::int64_t>(entry->data.size());
  const auto from_begin = [&](std::int64_t at) { return std::max<std::int64_t>(at < 0 ? at + length : at, 0); };
  const std::int64_t first = from_begin(*start);
  const std::int64_t last = std::min(from_begin(*end), length - 1);
  const bool nothing = first > last || (*start < 0 && *end < 0 && *start > *end);
  if (nothing) return call.reply.bulk("");
  call.reply.bulk(std::string_view(entry->data)
                      .substr(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first + 1)));
}

void set_range(Call& call) {
  const auto offset = integer_or_error(call.args[2], call.reply);
  if (!offset) return;
  if (*offset < 0) return call.reply.error("ERR offset is out of range");
  const std::string_view part = call.args[3];
  const Entry* const old = call.view.get(call.args[1]);
  if (part.empty()) return call.reply.integer(old != nullptr ? old->data.size() : 0);
  const std::size_t most = call.shared.settings.max_bulk();
  const auto begin = static_cast<std::size_t>(*offset);
  if (begin > most || part.size() > most - begin) return call.reply.error(k_too_long);
  std::string data = old != nullptr ? old->data : std::string();
  if (data.size() < begin + part.size()) data.resize(begin + part.size());
  std::ranges::copy(part, data.begin() + static_cast<std::ptrdiff_t>(begin));
  const std::size_t length = data.size();
  call.view.put(call.args[1], std::move(data), old != nullptr ? old->deadline : 0, Form::edited);
  call.reply.integer(length);
}

// LCS -----------------------------------------------------------------------------------------------------------------

struct CommonOptions {
  bool length = false;
  bool indexes = false;
  bool with_lengths = false;
  std::int64_t least = 0;
};

std::optional<CommonOptions> parse_common_options(Call& call) {
  CommonOptions options;
  for (std::size_t at = 3; at < call.args.size(); ++at) {
    const std::string_view word = call.args[at];
    if (is_keyword(word, "idx")) {
      options.indexes = true;
    } else if (is_keyword(word, "len")) {
      options.length = true;
    } else if (is_keyword(word, "withmatchlen")) {
      options.with_lengths = true;
    } else if (is_keyword(word, "minmatchlen") && at + 1 < call.args.size()) {
      const auto least = integer_or_error(call.args[++at], call.reply);
      if (!least) return std::nullopt;
      options.least = std::max<std::int64_t>(*least, 0);
    } else {
      call.reply.error(k_syntax_error);
      return std::nullopt;
    }
  }
  if (options.length && options.indexes) {
    call.reply.error("ERR If you want both the length and indexes, please just use IDX.");
    return std::nullopt;
  }
  return options;
}

// How long the longest common subsequence of the first i bytes of one and the first j of the other is, for all i and j.
class CommonLengths {
 public:
  CommonLengths(std::string_view a, std::string_view b) : width_(b.size() + 1), lengths_((a.size() + 1) * width_) {
    for (std::size_t i = 1; i <= a.size(); ++i) {
      for (std::size_t j = 1; j <= b.size(); ++j) {
        lengths_[i * width_ + j] = a[i - 1] == b[j - 1] ? at(i - 1, j - 1) + 1 : std::max(at(i - 1, j), at(i, j - 1));
      }
    }
  }
  std::uint32_t at(std::size_t i, std::size_t j) const noexcept { return lengths_[i * width_ + j]; }

 private:
  std::size_t width_;
  std::vector<std::uint32_t> lengths_;
};

struct Match {  // the bytes a .. a + length of one are b .. b + length of the other
  std::size_t a;
  std::size_t b;
  std::size_t length;
};

// From the end to the beginning, as Redis has them: of ways that are equally good it takes the same.
std::vector<Match> matches_of(std::string_view a, std::string_view b, const CommonLengths& lengths) {
  std::vector<Match> matches;
  bool open = false;  // whether the last one may still grow
  for (std::size_t i = a.size(), j = b.size(); i > 0 && j > 0;) {
    if (a[i - 1] == b[j - 1]) {
      if (open) {
        matches.back() = {i - 1, j - 1, matches.back().length + 1};
      } else {
        matches.push_back({i - 1, j - 1, 1});
      }
      open = true;
      --i;
      --j;
    } else {
      (lengths.at(i - 1, j) > lengths.at(i, j - 1) ? i : j) -= 1;
      open = false;
    }
  }
  return matches;
}

void common(Call& call) {
  const Entry* const first = call.view.get(call.args[1]);
  const Entry* const second = call.view.get(call.args[2]);
  const auto options = parse_common_options(call);
  if (!options) return;
  const auto data = [](const Entry* entry) {
    return entry != nullptr ? std::string_view(entry->data) : std::string_view();
  };
  const std::string_view a = data(first), b = data(second);
  const std::size_t most = call.shared.settings.max_bulk() / sizeof(std::uint32_t);
  if (most / (a.size() + 1) < b.size() + 1) {
    return call.reply.error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
  }
  const CommonLengths lengths(a, b);
  const std::uint32_t length = lengths.at(a.size(), b.size());
  if (options->length) return call.reply.integer(length);
  const std::vector<Match> matches = matches_of(a, b, lengths);
  if (!options->indexes) {
    std::string text;
    for (auto match = matches.rbegin(); match != matches.rend(); ++match) text += a.substr(match->a, match->length);
    return call.reply.bulk(text);
  }
  call.reply.map(2);
  call.reply.bulk("matches");
  const auto is_long = [&](const Match& match) { return static_cast<std::int64_t>(match.length) >= options->least; };
  call.reply.array(static_cast<std::size_t>(std::ranges::count_if(matches, is_long)));
  for (const Match& match : matches) {
    if (!is_long(match)) continue;
    call.reply.array(options->with_lengths ? 3 : 2);
    for (const std::size_t begin : {match.a, match.b}) {
      call.reply.array(2);
      call.reply.integer(begin);
      call.reply.integer(begin + match.length - 1);
    }
    if (options->with_lengths) call.reply.integer(match.length);
  }
  call.reply.bulk("len");
  call.reply.integer(length);
}

constexpr std::array k_commands{
    Command{"getrange", 4, Kind::read, get_range, k_none, 1, 1, 1},
    Command{"substr", 4, Kind::read, get_range, k_none, 1, 1, 1},
    Command{"setrange", 4, Kind::write, set_range, k_grows, 1, 1, 1},
    Command{"lcs", -3, Kind::read, common, k_none, 1, 2, 1},
};

}  // namespace

const std::span<const Command> k_range_commands = k_commands;

}  // namespace resp

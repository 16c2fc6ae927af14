// Times to live as commands give them: in seconds or milliseconds, from now on or since 1970.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace resp {

struct TimeUnit {
  bool seconds;
  bool relative;

  friend bool operator==(const TimeUnit&, const TimeUnit&) = default;
};

// The deadline in milliseconds since 1970; nothing where it cannot be told in 64 bits.
inline std::optional<std::int64_t> deadline_of(std::int64_t time, TimeUnit unit, std::int64_t now) noexcept {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  if (unit.seconds) {
    if (time > most / 1000 || time < -(most / 1000)) return std::nullopt;
    time *= 1000;
  }
  if (unit.relative) {
    if (time > most - now) return std::nullopt;
    time += now;
  }
  return time;
}

}  // namespace resp

// SCAN's cursors. Redis's are integers, an ordered map's are keys; here an integer stands for the key behind which the
// scan goes on.
//
// SCAN walks the keys in order, a stretch for each call, so every key that is there from the first call to the last is
// returned, and once only where nothing is said below.
//
// The integer is a hash of the key, the same in every run. This table remembers the keys of the last ones, bounded in
// cursors and in bytes. Whoever comes with another, from before a restart or one that was forgotten, is looked up among
// the keys themselves (see scan); where that key is gone, or the cursor was never ours, the scan begins anew: keys are
// returned again then, as Redis says they may be, but none is missed.
//
// 53 bits, because there are clients that take a cursor for a double.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace resp {

// Thread-safe.
class ScanCursors {
 public:
  static constexpr std::uint64_t k_largest = (std::uint64_t{1} << 53) - 1;

  // The cursor of a key, unless another key had it first; never 0, which means the beginning and the end.
  static std::uint64_t of(std::string_view key) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, its bits mixed once more
    for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93;
    return (hash >> 11) % k_largest + 1;
  }

  // A cursor that goes on behind `key`.
  std::uint64_t remember(std::string_view key) {
    const std::lock_guard lock(mutex_);
    std::uint64_t cursor = of(key);
    for (auto at = keys_.find(cursor); at != keys_.end(); at = keys_.find(cursor)) {
      if (at->second == key) return cursor;
      cursor = cursor % k_largest + 1;
    }
    keys_.emplace(cursor, key);
    order_.push_back(cursor);
    bytes_ += key.size();
    while (order_.size() > 1 && (order_.size() > k_most || bytes_ > k_most_bytes)) {
      const auto oldest = keys_.find(order_.front());
      bytes_ -= oldest->second.size();
      keys_.erase(oldest);
      order_.pop_front();
    }
    return cursor;
  }
  std::optional<std::string> find(std::uint64_t cursor) const {
    const std::lock_guard lock(mutex_);
    const auto at = keys_.find(cursor);
    if (at == keys_.end()) return std::nullopt;
    return at->second;
  }

 private:
  static constexpr std::size_t k_most = 65536;
  static constexpr std::size_t k_most_bytes = std::size_t{16} << 20;

  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::string> keys_;
  std::deque<std::uint64_t> order_;  // the oldest first
  std::size_t bytes_ = 0;            // of the keys
};

}  // namespace resp

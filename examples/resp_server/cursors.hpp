// SCAN's cursors. Redis's are integers, an ordered map's are keys; this table says which key an integer stands for.
//
// SCAN walks the keys in order, a stretch for each call, so every key that is there from the first call to the last is
// returned exactly once, and no call depends on what was written between. The table is bounded, in cursors and in
// bytes: a cursor that has been forgotten, because many others were handed out since, is refused and never taken for
// another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace resp {

// Thread-safe.
class ScanCursors {
 public:
  // A cursor that goes on behind `key`.
  std::uint64_t remember(std::string key) {
    const std::lock_guard lock(mutex_);
    bytes_ += key.size();
    keys_.push_back(std::move(key));
    while (keys_.size() > 1 && (keys_.size() > k_most || bytes_ > k_most_bytes)) {
      bytes_ -= keys_.front().size();
      keys_.pop_front();
      ++first_;
    }
    return first_ + keys_.size() - 1;
  }
  std::optional<std::string> find(std::uint64_t cursor) const {
    const std::lock_guard lock(mutex_);
    if (cursor < first_ || cursor - first_ >= keys_.size()) return std::nullopt;
    return keys_[static_cast<std::size_t>(cursor - first_)];
  }

 private:
  static constexpr std::size_t k_most = 65536;
  static constexpr std::size_t k_most_bytes = std::size_t{16} << 20;

  mutable std::mutex mutex_;
  std::deque<std::string> keys_;
  std::size_t bytes_ = 0;
  std::uint64_t first_ = 1;  // the cursor of keys_.front(); 0 means the beginning and the end
};

}  // namespace resp

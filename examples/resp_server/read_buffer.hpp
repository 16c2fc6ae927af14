// Bytes that have come and were not yet used up, in one piece. It grows with what really comes, by doubling, never with
// what was announced, and gives its memory back when it is empty after it was large.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace resp {

class ReadBuffer {
 public:
  std::string_view bytes() const noexcept { return {memory_.get() + begin_, end_ - begin_}; }

  // Room behind the bytes. They may move.
  std::span<char> room() {
    if (begin_ == end_) {
      begin_ = end_ = 0;
      if (capacity_ > k_kept) memory_.reset(), capacity_ = 0;
    }
    if (capacity_ - end_ < k_least_room) make_room();
    return {memory_.get() + end_, capacity_ - end_};
  }
  std::size_t free() const noexcept { return capacity_ - end_; }
  void add(std::size_t bytes) noexcept { end_ += bytes; }
  void use_up(std::size_t bytes) noexcept { begin_ += bytes; }

 private:
  static constexpr std::size_t k_least_room = std::size_t{4} << 10;
  static constexpr std::size_t k_first = std::size_t{16} << 10;
  static constexpr std::size_t k_kept = std::size_t{256} << 10;

  void make_room() {
    const std::size_t size = end_ - begin_;
    if (size + k_least_room <= capacity_ / 2) {  // moving is cheap enough
      std::memmove(memory_.get(), memory_.get() + begin_, size);
    } else {
      const std::size_t capacity = std::max(k_first, 2 * capacity_);
      std::unique_ptr<char[]> larger(new char[capacity]);
      if (size > 0) std::memcpy(larger.get(), memory_.get() + begin_, size);
      memory_ = std::move(larger);
      capacity_ = capacity;
    }
    begin_ = 0;
    end_ = size;
  }

  std::unique_ptr<char[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace resp

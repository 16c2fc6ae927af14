// Things that throw on the n-th use: what a database must survive.
#pragma once

#include "support/counting.hpp"

#include <atomic>
#include <cstdint>
#include <stdexcept>

namespace fluxmap_test {

// A Counting whose moves do not throw, as moves should not: only copies do.
class CopyThrowing {
 public:
  explicit CopyThrowing(std::uint64_t value) : counting_(value) {}
  CopyThrowing(const CopyThrowing&) = default;
  CopyThrowing(CopyThrowing&& other) noexcept : counting_(other.value()) {}
  CopyThrowing& operator=(const CopyThrowing&) = default;
  CopyThrowing& operator=(CopyThrowing&&) = default;
  ~CopyThrowing() = default;

  std::uint64_t value() const { return counting_.value(); }
  bool intact() const { return counting_.intact(); }

 private:
  Counting counting_;
};

struct CompareThrow : std::runtime_error {
  CompareThrow() : std::runtime_error("the n-th comparison was told to throw") {}
};

// std::less<>, throwing at the n-th comparison from now on (once); 0: never. Process-wide.
struct ThrowingLess {
  using is_transparent = void;

  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    if (throw_in_.load(std::memory_order_relaxed) > 0 && throw_in_.fetch_sub(1) == 1) throw CompareThrow();
    return a < b;
  }

  static void throw_in(std::int64_t n) { throw_in_ = n; }

 private:
  inline static std::atomic<std::int64_t> throw_in_{0};
};

}  // namespace fluxmap_test

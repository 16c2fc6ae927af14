// A value that counts its own kind: live objects, copies, moves; can be told to throw.
#pragma once

#include <atomic>
#include <cstdint>
#include <stdexcept>

namespace fluxmap_test {

struct CountingThrow : std::runtime_error {
  CountingThrow() : std::runtime_error("the n-th copy or move of a Counting was told to throw") {}
};

// Counts are process-wide: a test resets them at its start and checks live() == 0 at its end.
class Counting {
 public:
  explicit Counting(std::uint64_t value) : value_(value) { born(); }
  Counting(const Counting& other) : value_(other.value_) {
    maybe_throw();
    copies_.fetch_add(1, std::memory_order_relaxed);  // a tally: nothing is ordered by it
    born();
  }
  Counting(Counting&& other) : value_(other.value_) {  // may throw on purpose
    maybe_throw();
    moves_.fetch_add(1, std::memory_order_relaxed);  // a tally
    born();
  }
  Counting& operator=(const Counting&) = default;
  Counting& operator=(Counting&&) = default;
  ~Counting() {
    canary_ = 0;
    live_.fetch_sub(1, std::memory_order_relaxed);  // a tally
  }

  std::uint64_t value() const { return value_; }
  bool intact() const { return canary_ == k_canary; }

  static std::int64_t live() { return live_.load(std::memory_order_relaxed); }       // read after threads are joined
  static std::uint64_t copies() { return copies_.load(std::memory_order_relaxed); }  // likewise
  static std::uint64_t moves() { return moves_.load(std::memory_order_relaxed); }    // likewise
  static void reset() { live_ = 0, copies_ = 0, moves_ = 0, throw_in_ = 0; }
  // The n-th copy or move from now on throws (once); 0: none.
  static void throw_in(std::int64_t n) { throw_in_ = n; }

 private:
  static constexpr std::uint64_t k_canary = 0x600dc0ffee600d5ULL;

  static void born() { live_.fetch_add(1, std::memory_order_relaxed); }  // a tally
  static void maybe_throw() {
    if (throw_in_.load(std::memory_order_relaxed) > 0 && throw_in_.fetch_sub(1) == 1) throw CountingThrow();
  }

  inline static std::atomic<std::int64_t> live_{0};
  inline static std::atomic<std::uint64_t> copies_{0};
  inline static std::atomic<std::uint64_t> moves_{0};
  inline static std::atomic<std::int64_t> throw_in_{0};

  std::uint64_t value_;
  std::uint64_t canary_ = k_canary;
};

}  // namespace fluxmap_test

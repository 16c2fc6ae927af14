// Keys, values that name their keys, and the random numbers that choose among them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace fluxmap_bench {

using Key = std::uint64_t;
using Value = std::uint64_t;

// splitmix64: small, fast, and good enough to choose keys.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t operator()() {
    state_ += 0x9e3779b97f4a7c15ULL;
    return mix(state_);
  }

  // In [0, bound); by multiplication, since a division would be a good part of a fast get.
  std::uint64_t below(std::uint64_t bound) { return (((*this)() >> 32) * bound) >> 32; }

  static std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  }

 private:
  std::uint64_t state_;
};

// N present keys spread evenly and all even; new keys are random and odd, so that the two never meet.
class KeySpace {
 public:
  explicit KeySpace(std::size_t entries, unsigned bits = 63)
      : bits_(bits), entries_(entries), stride_((end() / entries) & ~Key{1}) {}

  std::size_t entries() const { return entries_; }
  Key present(std::uint64_t index) const { return index * stride_; }
  Key end() const { return Key{1} << bits_; }  // beyond every key

  // A random odd key, another one for each number below 2^38: steps that can be undone, on the bits there are.
  Key odd(std::uint64_t number) const {
    const unsigned bits = bits_ - 1;
    const Key mask = (Key{1} << bits) - 1;
    Key x = number & mask;
    x = ((x ^ (x >> (bits / 2 + 1))) * 0xbf58476d1ce4e5b9ULL) & mask;
    x = ((x ^ (x >> (bits / 2 + 1))) * 0x94d049bb133111ebULL) & mask;
    x ^= x >> (bits / 2 + 1);
    return x << 1 | 1;
  }

  // The indexes of the present keys in a random order: the order in which every system is filled.
  std::vector<std::uint32_t> fill_order() const {
    std::vector<std::uint32_t> order(entries_);
    std::iota(order.begin(), order.end(), 0U);
    Random random(42);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    return order;
  }

 private:
  unsigned bits_;
  std::size_t entries_;
  Key stride_;
};

// A value names its key in the upper half, so that a wrong answer shows; the lower half is free.
inline Value make_value(Key key, std::uint64_t low) {
  return (Random::mix(key) & 0xffffffff00000000ULL) | (low & 0xffffffffULL);
}
inline bool belongs_to(Key key, Value value) { return ((Random::mix(key) ^ value) >> 32) == 0; }

}  // namespace fluxmap_bench

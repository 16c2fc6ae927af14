// Seeds of random tests: printed always, given by FLUXMAP_SEED to replay a failure.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

namespace fluxmap_test {

// The seed of the calling test: FLUXMAP_SEED where it is set, else a fresh one. Prints it with the test's name.
inline std::uint64_t seed(const char* test_name) {
  std::uint64_t value = 0;
  if (const char* given = std::getenv("FLUXMAP_SEED")) {
    value = std::strtoull(given, nullptr, 0);
  } else {
    std::random_device device;
    value = (std::uint64_t{device()} << 32) ^ device();
  }
  std::printf("[seed] %s: FLUXMAP_SEED=%llu\n", test_name, static_cast<unsigned long long>(value));
  std::fflush(stdout);
  return value;
}

// How much longer than usual a stress test should run: FLUXMAP_STRESS, 1 when unset.
inline unsigned stress_factor() {
  if (const char* given = std::getenv("FLUXMAP_STRESS")) {
    const auto factor = static_cast<unsigned>(std::strtoul(given, nullptr, 10));
    return factor == 0 ? 1U : factor;
  }
  return 1;
}

// splitmix64: a good 64-bit mix in three lines (Steele, Lea, Flood, OOPSLA 2014).
class SplitMix {
 public:
  using result_type = std::uint64_t;
  explicit SplitMix(std::uint64_t seed) : state_(seed) {}
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return ~result_type{0}; }
  result_type operator()() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // A number in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound) { return (*this)() % bound; }

 private:
  std::uint64_t state_;
};

}  // namespace fluxmap_test

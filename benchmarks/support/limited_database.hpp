// Databases with a memory limit: the policies by name, and limits told in entries instead of bytes.
#pragma once

#include "command_line.hpp"
#include "run_here.hpp"
#include "workload.hpp"

#include <fluxmap/fluxmap.hpp>

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace fluxmap_bench {

using NumberMap = fluxmap::Database<std::uint64_t, std::uint64_t>;

struct Policy {
  fluxmap::Eviction eviction;
  std::string_view name;
};

inline constexpr std::array<Policy, 4> k_policies{{
    {fluxmap::Eviction::lru, "lru"},
    {fluxmap::Eviction::lfu, "lfu"},
    {fluxmap::Eviction::arc, "arc"},
    {fluxmap::Eviction::random, "random"},
}};

inline const Policy& policy_named(std::string_view name) {
  for (const auto& policy : k_policies) {
    if (policy.name == name) return policy;
  }
  throw UsageError(fmt::format("there is no policy '{}'", name));
}

inline constexpr std::size_t k_huge_limit = std::size_t{1} << 40;  // a limit that is never reached

inline std::shared_ptr<NumberMap> limited_map(const Policy& policy, std::size_t bytes) {
  return NumberMap::builder().max_memory(bytes).eviction(policy.eviction).build();
}

inline asio::awaitable<void> insert_random_keys(NumberMap& database, std::uint64_t entries) {
  auto handle = database.handle();
  for (std::uint64_t i = 0; i < entries; ++i) co_await handle.insert(Random::mix(i), i);
}

// The limit that holds so many entries, from the weight of `sample` of them. An entry of a limited database weighs more
// than one of an unlimited one.
inline std::size_t limit_for(const Policy& policy, std::uint64_t sample, std::uint64_t entries) {
  const auto database = limited_map(policy, k_huge_limit);
  run_here(insert_random_keys(*database, sample));
  const auto stats = database->stats();
  return static_cast<std::size_t>(static_cast<double>(stats.memory_bytes) / static_cast<double>(stats.keys) *
                                  static_cast<double>(entries));
}

}  // namespace fluxmap_bench

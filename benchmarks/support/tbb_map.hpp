// The lock-free peer: tbb::concurrent_map, a skip list. It has no overwriting insert, so its values are atomics.
#pragma once

#include "workload.hpp"

#include <tbb/concurrent_map.h>

#include <atomic>
#include <optional>

namespace fluxmap_bench {

class TbbMap {
 public:
  TbbMap& session() { return *this; }

  std::optional<Value> get(Key key) const {
    const auto found = map_.find(key);
    if (found == map_.end()) return std::nullopt;
    return found->second.load(std::memory_order_acquire);
  }

  void insert(Key key, Value value) { map_.emplace(key, value); }

  void overwrite(Key key, Value value) { map_.find(key)->second.store(value, std::memory_order_release); }

  Entries scan(Key first, Key last) const {
    Entries entries;
    for (auto at = map_.lower_bound(first); at != map_.end() && at->first < last; ++at) {
      entries.emplace_back(at->first, at->second.load(std::memory_order_acquire));
    }
    return entries;
  }

 private:
  tbb::concurrent_map<Key, std::atomic<Value>> map_;
};

}  // namespace fluxmap_bench

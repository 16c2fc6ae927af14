// The peer everyone has: std::map behind a std::shared_mutex.
#pragma once

#include "workload.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>

namespace fluxmap_bench {

class LockedMap {
 public:
  LockedMap& session() { return *this; }

  std::optional<Value> get(Key key) const {
    const std::shared_lock lock(mutex_);
    const auto found = map_.find(key);
    if (found == map_.end()) return std::nullopt;
    return found->second;
  }

  void insert(Key key, Value value) {
    const std::unique_lock lock(mutex_);
    map_.insert_or_assign(key, value);
  }

  void overwrite(Key key, Value value) { insert(key, value); }

  Entries scan(Key first, Key last) const {
    Entries entries;
    const std::shared_lock lock(mutex_);
    for (auto at = map_.lower_bound(first); at != map_.end() && at->first < last; ++at) entries.push_back(*at);
    return entries;
  }

  void transfer(Key from, Key to, Value amount) {
    const std::unique_lock lock(mutex_);
    Value& source = map_.find(from)->second;
    amount = std::min(amount, source);
    source -= amount;
    map_.find(to)->second += amount;
  }

 private:
  mutable std::shared_mutex mutex_;
  std::map<Key, Value> map_;
};

}  // namespace fluxmap_bench

// tbb::concurrent_map, a lock-free skip list. It has no overwriting insert and no concurrent erase; so that numbers can
// be overwritten, they are atomics.
#pragma once

#include "../suite/kinds.hpp"
#include "../suite/plain_coroutine.hpp"
#include "../suite/workloads.hpp"
#include "shared_value.hpp"

#include <tbb/concurrent_map.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_bench {

template <class K, class V>
class TbbStore {
 public:
  class Session;

  Session session() { return Session(map_); }
  unsigned coroutines() const { return 1; }

 private:
  using Map = tbb::concurrent_map<K, SharedValue<V>, std::less<>>;
  Map map_;
};

template <class K, class V>
class TbbStore<K, V>::Session : public PlainSession {
 public:
  using Key = K;
  using Value = V;
  static constexpr Abilities k_abilities{.overwrites = SharedValue<V>::k_overwrites,
                                         .removes = false,
                                         .updates = SharedValue<V>::k_overwrites,
                                         .transactions = false,
                                         .snapshots = false,
                                         .begins = false};

  explicit Session(Map& map) : map_(map) {}

  std::optional<Value> get(KeyView<Key> key) const {
    const auto found = map_.find(key);
    if (found == map_.end()) return std::nullopt;
    return found->second.load();
  }
  std::vector<std::optional<Value>> get_many(const std::vector<KeyText<Key>>& keys) const {
    return values_of(keys, [&](KeyView<Key> key) { return get(key); });
  }
  template <class F>
  void scan(KeyView<Key> first, KeyView<Key> last, F f) const {
    for (auto at = map_.lower_bound(first); at != map_.end() && at->first < last; ++at) f(at->first, at->second.load());
  }
  template <class F>
  void for_each(F f) const {
    for (const auto& [key, value] : map_) f(key, value.load());
  }

  Done<> insert(KeyView<Key> key, Value value) {
    map_.emplace(Key(key), std::move(value));
    return {};
  }
  Done<> overwrite(KeyView<Key> key, Value value) {
    map_.find(key)->second.store(value);
    return {};
  }
  template <class F>
  Done<> update(KeyView<Key> key, F f) {
    map_.find(key)->second.update(f);
    return {};
  }

 private:
  Map& map_;
};

}  // namespace fluxmap_bench

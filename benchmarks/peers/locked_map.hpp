// An ordered map behind one std::shared_mutex: what everybody writes first. Readers share the lock, writers and
// transactions take it for themselves.
#pragma once

#include "../suite/kinds.hpp"
#include "../suite/plain_coroutine.hpp"
#include "../suite/workloads.hpp"

#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxmap_bench {

inline constexpr std::string_view k_lock_caveat =
    "One lock for everything: a reader holds up every writer for as long as it reads, a writer everybody. No snapshots "
    "that outlive the lock, no rollback.";

template <class Map>
class LockedStore {
 public:
  class Session;

  Session session() { return Session(*this); }
  unsigned coroutines() const { return 1; }

 private:
  std::shared_mutex mutex_;
  Map map_;
};

// All writes of a transaction are made at once, since nobody sees them before the lock is given back. There is no
// rollback: a body that gives up must do so before it writes, as those of the suite do.
template <class Map>
class LockedTransaction {
 public:
  explicit LockedTransaction(Map& map) : map_(map) {}

  auto get(const auto& key) const {
    const auto found = map_.find(key);
    return found == map_.end() ? nullptr : &found->second;
  }
  void put(const auto& key, auto value) { map_.insert_or_assign(typename Map::key_type(key), std::move(value)); }

 private:
  Map& map_;
};

template <class Map>
class LockedStore<Map>::Session : public PlainSession {
 public:
  using Key = typename Map::key_type;
  using Value = typename Map::mapped_type;
  static constexpr Abilities k_abilities{.begins = false};

  explicit Session(LockedStore& store) : mutex_(store.mutex_), map_(store.map_) {}

  std::optional<Value> get(KeyView<Key> key) const {
    const std::shared_lock lock(mutex_);
    return find(key);
  }
  std::vector<std::optional<Value>> get_many(const std::vector<KeyText<Key>>& keys) const {
    const std::shared_lock lock(mutex_);
    return values_of(keys, [&](KeyView<Key> key) { return find(key); });
  }
  template <class F>
  void scan(KeyView<Key> first, KeyView<Key> last, F f) const {
    const std::shared_lock lock(mutex_);
    for (auto at = map_.lower_bound(first); at != map_.end() && at->first < last; ++at) f(at->first, at->second);
  }
  template <class F>
  void for_each(F f) const {
    for (const auto& [key, value] : map_) f(key, value);
  }

  Done<> insert(KeyView<Key> key, Value value) {
    const std::unique_lock lock(mutex_);
    map_.insert_or_assign(Key(key), std::move(value));
    return {};
  }
  Done<> overwrite(KeyView<Key> key, Value value) { return insert(key, std::move(value)); }
  Done<bool> remove(KeyView<Key> key) {
    const std::unique_lock lock(mutex_);
    const auto found = map_.find(key);
    if (found == map_.end()) return {false};
    map_.erase(found);
    return {true};
  }
  template <class F>
  Done<> update(KeyView<Key> key, F f) {
    const std::unique_lock lock(mutex_);
    const auto found = map_.find(key);
    if (found == map_.end()) {
      map_.emplace(Key(key), f(static_cast<const Value*>(nullptr)));
    } else {
      found->second = f(static_cast<const Value*>(&found->second));
    }
    return {};
  }
  template <class F>
  Done<> transaction(F f) {
    const std::unique_lock lock(mutex_);
    LockedTransaction<Map> transaction(map_);
    f(transaction);
    return {};
  }
  template <class F>
  Done<> read_only(F f) {
    const std::shared_lock lock(mutex_);
    const LockedTransaction<Map> transaction(map_);
    f(transaction);
    return {};
  }

 private:
  std::optional<Value> find(KeyView<Key> key) const {
    const auto found = map_.find(key);
    if (found == map_.end()) return std::nullopt;
    return found->second;
  }

  std::shared_mutex& mutex_;
  Map& map_;
};

}  // namespace fluxmap_bench

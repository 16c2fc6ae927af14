// WATCH: whether a key was written since a client asked.
//
// Two things are remembered of a watched key, and EXEC commits only if both say no; it looks at them inside its
// transaction, which makes what it looked at part of what the commit depends on:
//
//   · the stamp of the entry, 0 where there was none. Every write has another stamp, so the same value written again
//     counts as a change, as it does in Redis.
//   · a flag that every writer of the key sets before it commits, if somebody watches it. It catches what a stamp
//     cannot: a key that was absent, was made and was removed again.
//
// FLUSHALL sets no flag: what it has removed has no stamp any more, or that of a later write.
//
// A writer that began before WATCH was answered may not have seen that the key is watched. Its write is found by the
// stamp all the same, unless it leaves the key as absent as it was when WATCH looked.
//
// Nearly always nobody watches anything: then a writer pays for one load.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace resp {

// What one client watches. Only `touched` is shared.
struct Watcher {
  struct Key {
    unsigned database;
    std::string name;
    std::uint64_t stamp;
  };
  std::vector<Key> keys;
  std::atomic<bool> touched{false};

  bool watches(unsigned database, std::string_view name) const noexcept {
    return std::any_of(keys.begin(), keys.end(),
                       [&](const Key& key) { return key.database == database && key.name == name; });
  }
};

// Thread-safe.
class WatchTable {
 public:
  // From now on writers tell `watcher`. Look at the entry afterwards.
  void add(unsigned database, std::string_view key, Watcher& watcher) {
    const std::lock_guard lock(mutex_);
    watchers_.emplace(name_of(database, key), &watcher);
    watched_.fetch_add(1, std::memory_order_seq_cst);  // before WATCH looks at the entry; see touch
  }
  void forget(Watcher& watcher) {
    if (watcher.keys.empty()) return;
    const std::lock_guard lock(mutex_);
    for (const Watcher::Key& key : watcher.keys) {
      auto [at, end] = watchers_.equal_range(name_of(key.database, key.name));
      while (at != end) at = at->second == &watcher ? watchers_.erase(at) : std::next(at);
    }
    watcher.keys.clear();
    watcher.touched.store(false, std::memory_order_relaxed);      // nobody else knows it any more
    watched_.store(watchers_.size(), std::memory_order_relaxed);  // a writer that sees it late only looks in vain
  }
  // Before a write of `key` commits; `self` is the watcher on whose behalf it is written: inside its own EXEC.
  void touch(unsigned database, std::string_view key, const Watcher* self) {
    // seq_cst: whoever reads 0 began before the WATCH that made it 1 was answered.
    if (watched_.load(std::memory_order_seq_cst) == 0) return;
    const std::lock_guard lock(mutex_);
    for (auto [at, end] = watchers_.equal_range(name_of(database, key)); at != end; ++at) {
      // relaxed: the commit that follows, and the snapshot that sees it, order it before the look inside EXEC.
      if (at->second != self) at->second->touched.store(true, std::memory_order_relaxed);
    }
  }
  // What is watched in a database, each once.
  std::vector<std::string> keys_of(unsigned database) {
    std::vector<std::string> keys;
    if (watched_.load(std::memory_order_seq_cst) == 0) return keys;  // as in touch
    const std::lock_guard lock(mutex_);
    for (auto at = watchers_.lower_bound(name_of(database, {})); at != watchers_.end(); ++at) {
      if (at->first.front() != static_cast<char>(database)) break;
      if (keys.empty() || at->first.substr(1) != keys.back()) keys.push_back(at->first.substr(1));
    }
    return keys;
  }

 private:
  static std::string name_of(unsigned database, std::string_view key) {
    std::string name(1, static_cast<char>(database));
    return name += key;
  }

  std::mutex mutex_;
  std::multimap<std::string, Watcher*, std::less<>> watchers_;
  std::atomic<std::size_t> watched_{0};
};

}  // namespace resp

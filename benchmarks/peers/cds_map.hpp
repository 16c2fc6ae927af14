// The skip list of libcds with hazard pointers. It can be searched, and walked through from its beginning when nobody
// else is there, but not from a key on, so that there are no scans. Values that are overwritten are atomics, as with
// TBB.
#pragma once

#include "../suite/kinds.hpp"
#include "../suite/plain_coroutine.hpp"
#include "../suite/workloads.hpp"
#include "shared_value.hpp"

#include <cds/container/skip_list_map_hp.h>
#include <cds/gc/hp.h>
#include <cds/init.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxmap_bench {

// The library's threads and hazard pointers, for as long as the process runs.
class CdsLibrary {
 public:
  static void start(std::size_t hazard_pointers) { static const CdsLibrary library(hazard_pointers); }

 private:
  explicit CdsLibrary(std::size_t hazard_pointers) : started_(), hazard_pointers_(hazard_pointers, k_threads) {}

  static constexpr std::size_t k_threads = 300;
  struct Started {
    Started() { cds::Initialize(); }
    Started(const Started&) = delete;
    Started& operator=(const Started&) = delete;
    ~Started() { cds::Terminate(); }
  };
  Started started_;
  cds::gc::HP hazard_pointers_;
};

// A thread is known to the library for as long as one of these lives in it; they may be nested.
class CdsThread {
 public:
  CdsThread() {
    if (depth()++ == 0) cds::threading::Manager::attachThread();
  }
  CdsThread(const CdsThread&) = delete;
  CdsThread& operator=(const CdsThread&) = delete;
  ~CdsThread() {
    if (--depth() == 0) cds::threading::Manager::detachThread();
  }

 private:
  static unsigned& depth() {
    thread_local unsigned depth = 0;
    return depth;
  }
};

struct CdsLess {
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return a < b;
  }
};

template <class K, class V>
class CdsStore {
 public:
  class Session;

  CdsStore() {
    CdsLibrary::start(2 * Map::c_nHazardPtrCount);  // twice: an iterator needs some of its own
    const CdsThread thread;
    map_.emplace();
  }
  CdsStore(const CdsStore&) = delete;
  CdsStore& operator=(const CdsStore&) = delete;
  ~CdsStore() {
    const CdsThread thread;
    map_.reset();
  }

  Session session() { return Session(*map_); }
  unsigned coroutines() const { return 1; }

 private:
  using Traits = typename cds::container::skip_list::make_traits<cds::opt::less<CdsLess>>::type;
  using Map = cds::container::SkipListMap<cds::gc::HP, K, SharedValue<V>, Traits>;

  std::optional<Map> map_;
};

template <class K, class V>
class CdsStore<K, V>::Session : public PlainSession {
 public:
  using Key = K;
  using Value = V;
  static constexpr Abilities k_abilities{.overwrites = SharedValue<V>::k_overwrites,
                                         .scans = false,
                                         .updates = SharedValue<V>::k_overwrites,
                                         .transactions = false,
                                         .snapshots = false,
                                         .begins = false};

  explicit Session(Map& map) : map_(map) {}

  std::optional<Value> get(KeyView<Key> key) const {
    std::optional<Value> value;
    map_.find(key, [&](auto& item) { value.emplace(item.second.load()); });
    return value;
  }
  std::vector<std::optional<Value>> get_many(const std::vector<KeyText<Key>>& keys) const {
    return values_of(keys, [&](KeyView<Key> key) { return get(key); });
  }
  template <class F>
  void for_each(F f) const {
    for (auto at = map_.begin(); at != map_.end(); ++at) f(at->first, at->second.load());
  }

  Done<> insert(KeyView<Key> key, const Value& value) {
    map_.insert_with(Key(key), [&](auto& item) { item.second.set(value); });
    return {};
  }
  Done<> overwrite(KeyView<Key> key, const Value& value) {
    map_.find(key, [&](auto& item) { item.second.store(value); });
    return {};
  }
  Done<bool> remove(KeyView<Key> key) { return {map_.erase(key)}; }
  template <class F>
  Done<> update(KeyView<Key> key, F f) {
    map_.find(key, [&](auto& item) { item.second.update(f); });
    return {};
  }

 private:
  CdsThread thread_;
  Map& map_;
};

}  // namespace fluxmap_bench

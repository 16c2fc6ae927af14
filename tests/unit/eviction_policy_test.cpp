// The eviction policies against models of them that keep everything in order at once.
#include <fluxmap/detail/upkeep/access_clock.hpp>
#include <fluxmap/detail/upkeep/arc_policy.hpp>
#include <fluxmap/detail/upkeep/eviction_policy.hpp>
#include <fluxmap/detail/upkeep/lfu_policy.hpp>

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace fluxmap::detail;

namespace {

// A key as the policies see it: what stands in front of an entry, and the entry's beginning.
struct Node {
  Tracking tracking;
  ListNode head;
  int key = 0;
};
static_assert(offsetof(Node, head) == sizeof(Tracking));

class World {
 public:
  World(std::unique_ptr<EvictionPolicy> policy, bool counts_all)
      : clock_(wall_, counts_all), policy_(std::move(policy)) {}
  ~World() {
    for (auto& [key, node] : nodes_) policy_->remove(node->tracking);
  }

  bool has(int key) const { return nodes_.contains(key); }
  void use(int key) { clock_.touch(slot_, nodes_.at(key)->head.access); }
  void add(int key) {
    auto node = std::make_unique<Node>();
    node->key = key;
    node->head.access = AccessClock::word_of(clock_.now(), 0);
    policy_->add(node->tracking, hash(key), moment());
    clock_.touch(slot_, node->head.access);
    clock_.set_keys(policy_->size());
    nodes_[key] = std::move(node);
  }
  int evict() {
    Tracking* const victim = policy_->victim(moment());
    REQUIRE(victim != nullptr);
    const int key = reinterpret_cast<Node*>(victim)->key;
    policy_->evicted(hash(key));
    nodes_.erase(key);
    return key;
  }
  void remove(int key) {
    policy_->remove(nodes_.at(key)->tracking);
    nodes_.erase(key);
  }
  std::size_t size() const { return policy_->size(); }

 private:
  static std::uint64_t hash(int key) { return static_cast<std::uint64_t>(key) * 0x9e3779b97f4a7c15ULL; }
  EvictionPolicy::Moment moment() const {
    return {clock_.now(), static_cast<std::uint64_t>(slot_.counters.first_hits.get())};
  }

  fluxmap::ManualClock wall_;
  AccessClock clock_;
  EpochDomain::Slot slot_;
  std::unique_ptr<EvictionPolicy> policy_;
  std::map<int, std::unique_ptr<Node>> nodes_;
};

}  // namespace

TEST_CASE("lru_among_few_keys_is_exact") {
  std::mt19937_64 random(fluxmap_test::seed("lru"));
  World world(std::make_unique<LruPolicy>(), false);
  std::list<int> model;  // the least recently used first
  for (int step = 0; step < 20'000; ++step) {
    const int key = static_cast<int>(random() % 150);
    if (step % 97 == 0 && world.has(key)) {
      world.remove(key);
      model.remove(key);
    } else if (world.has(key)) {
      world.use(key);
      model.remove(key);
      model.push_back(key);
    } else {
      if (model.size() == 60) {
        REQUIRE(world.evict() == model.front());
        model.pop_front();
      }
      world.add(key);
      model.push_back(key);
    }
    REQUIRE(world.size() == model.size());
  }
}

TEST_CASE("lfu_evicts_one_of_the_least_used") {
  std::mt19937_64 random(fluxmap_test::seed("lfu"));
  World world(std::make_unique<LfuPolicy>(), true);
  std::map<int, std::uint64_t> model;  // accesses
  int newest = -1;
  for (int step = 0; step < 50'000; ++step) {
    const int key = static_cast<int>(std::min(random() % 200, random() % 200));
    if (world.has(key)) {
      world.use(key);
      ++model[key];
      continue;
    }
    if (model.size() == 60) {
      std::uint64_t least = ~std::uint64_t{0};
      for (const auto& [other, count] : model) {
        if (other != newest) least = std::min(least, count);  // that one is not chosen
      }
      const int victim = world.evict();
      // Counts beyond 256 are told apart in steps of a sixteenth; and a search looks at so many keys only.
      REQUIRE(model.at(victim) <= least + least / 8);
      model.erase(victim);
    }
    world.add(key);
    model[key] = 1;
    newest = key;
  }
}

TEST_CASE("random_eviction_takes_every_key_but_the_last") {
  World world(std::make_unique<RandomPolicy>(fluxmap_test::seed("random")), false);
  std::map<int, int> times;
  for (int key = 0; key < 10; ++key) world.add(key);
  for (int round = 0; round < 5000; ++round) {
    const int victim = world.evict();
    CHECK(victim != (round == 0 ? 9 : -1));
    ++times[victim];
    world.add(victim);
  }
  for (int key = 0; key < 10; ++key) CHECK(times[key] > 300);
}

TEST_CASE("arc_learns_from_ghosts_and_forgets_them_in_time") {
  World world(std::make_unique<ArcPolicy>(), false);
  for (int key = 0; key < 100; ++key) world.add(key);
  for (int key = 0; key < 50; ++key) world.use(key);
  // A scan of new keys pushes out what was used once only.
  std::set<int> gone;
  for (int key = 1000; key < 1400; ++key) {
    world.add(key);
    gone.insert(world.evict());
  }
  for (int key = 0; key < 50; ++key) CHECK_FALSE(gone.contains(key));
  // Keys that come back soon after they went make room for recency: then used ones go as well.
  for (int round = 0; round < 20; ++round) {
    for (int key = 2000; key < 2090; ++key) {
      if (world.has(key)) {
        world.use(key);
        continue;
      }
      world.add(key);
      gone.insert(world.evict());
    }
  }
  int kept = 0;
  for (int key = 0; key < 50; ++key) kept += world.has(key) ? 1 : 0;
  CHECK(kept < 50);
  CHECK(world.size() == 100);
}

TEST_CASE("a_list_of_a_million_accesses_between_two_evictions_still_gives_a_victim") {
  World world(std::make_unique<LruPolicy>(), false);
  for (int key = 0; key < 5000; ++key) world.add(key);
  for (int round = 0; round < 3; ++round) {
    for (int key = 0; key < 5000; ++key) world.use(key);
  }
  std::set<int> gone;
  for (int i = 0; i < 5000; ++i) gone.insert(world.evict());
  CHECK(gone.size() == 5000);
  CHECK(world.size() == 0);
}

TEST_CASE("ticks_that_wrap_keep_their_order") {
  constexpr std::uint32_t k_wrap = std::uint32_t{1} << 20;
  CHECK(AccessClock::later(5, 3) == 2);
  CHECK(AccessClock::later(3, 5) == -2);
  CHECK(AccessClock::later(k_wrap + 1, AccessClock::tick_of(AccessClock::word_of(k_wrap - 1, 7))) == 2);
  CHECK(AccessClock::count_of(AccessClock::word_of(9, 1024)) == 1024);
  CHECK(AccessClock::count_of(AccessClock::word_of(9, 1025)) == 1088);
}

// Replacement policies as their definitions have them, with exact order and exact counts: what an approximation is
// measured by.
#pragma once

#include "workload.hpp"

#include <boost/multi_index/composite_key.hpp>
#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/identity.hpp>
#include <boost/multi_index/member.hpp>
#include <boost/multi_index/ordered_index.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace fluxmap_bench {

class CacheSimulator {
 public:
  CacheSimulator() = default;
  CacheSimulator(const CacheSimulator&) = delete;
  CacheSimulator& operator=(const CacheSimulator&) = delete;
  virtual ~CacheSimulator() = default;

  // True: a hit. After a miss the key is in the cache.
  virtual bool request(Key key) = 0;
  virtual std::size_t size() const = 0;
};

// Keys in order of use, the most recent in front.
class RecencyList {
 public:
  std::size_t size() const { return keys_.size(); }
  bool contains(Key key) const { return keys_.get<1>().contains(key); }
  void push_front(Key key) { keys_.push_front(key); }
  bool move_to_front(Key key) {
    const auto found = keys_.get<1>().find(key);
    if (found == keys_.get<1>().end()) return false;
    keys_.relocate(keys_.begin(), keys_.project<0>(found));
    return true;
  }
  bool erase(Key key) { return keys_.get<1>().erase(key) != 0; }
  Key pop_back() {
    const Key key = keys_.back();
    keys_.pop_back();
    return key;
  }

 private:
  using Indices = boost::multi_index::indexed_by<boost::multi_index::sequenced<>,
                                                 boost::multi_index::hashed_unique<boost::multi_index::identity<Key>>>;
  boost::multi_index_container<Key, Indices> keys_;
};

class LruSimulator final : public CacheSimulator {
 public:
  explicit LruSimulator(std::size_t capacity) : capacity_(capacity) {}

  bool request(Key key) override {
    if (keys_.move_to_front(key)) return true;
    if (keys_.size() == capacity_) keys_.pop_back();
    keys_.push_front(key);
    return false;
  }
  std::size_t size() const override { return keys_.size(); }

 private:
  std::size_t capacity_;
  RecencyList keys_;
};

// In-cache LFU without ageing: a key's count begins at one when it comes in. Ties go to the least recently used.
class LfuSimulator final : public CacheSimulator {
 public:
  explicit LfuSimulator(std::size_t capacity) : capacity_(capacity) {}

  bool request(Key key) override {
    ++now_;
    auto& by_key = counts_.get<1>();
    const auto found = by_key.find(key);
    if (found != by_key.end()) {
      by_key.modify(found, [&](Count& count) {
        ++count.uses;
        count.last = now_;
      });
      return true;
    }
    if (counts_.size() == capacity_) counts_.erase(counts_.begin());
    counts_.insert(Count{key, 1, now_});
    return false;
  }
  std::size_t size() const override { return counts_.size(); }

 private:
  struct Count {
    Key key;
    std::uint64_t uses;
    std::uint64_t last;  // when it was used last
  };
  using Worth = boost::multi_index::composite_key<Count, boost::multi_index::member<Count, std::uint64_t, &Count::uses>,
                                                  boost::multi_index::member<Count, std::uint64_t, &Count::last>>;
  using Indices = boost::multi_index::indexed_by<
      boost::multi_index::ordered_unique<Worth>,
      boost::multi_index::hashed_unique<boost::multi_index::member<Count, Key, &Count::key>>>;

  std::size_t capacity_;
  std::uint64_t now_ = 0;
  boost::multi_index_container<Count, Indices> counts_;
};

class RandomSimulator final : public CacheSimulator {
 public:
  RandomSimulator(std::size_t capacity, std::uint64_t seed) : capacity_(capacity), random_(seed) {}

  bool request(Key key) override {
    if (places_.contains(key)) return true;
    std::size_t place = keys_.size();
    if (place == capacity_) {
      place = random_.below(capacity_);
      places_.erase(keys_[place]);
      keys_[place] = key;
    } else {
      keys_.push_back(key);
    }
    places_[key] = place;
    return false;
  }
  std::size_t size() const override { return keys_.size(); }

 private:
  std::size_t capacity_;
  Random random_;
  std::vector<Key> keys_;
  std::unordered_map<Key, std::size_t> places_;
};

// ARC: Megiddo and Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003, figure 4, and by its names:
// T1 and T2 hold what is cached and was used once or more often of late, B1 and B2 remember what left them.
class ArcSimulator final : public CacheSimulator {
 public:
  explicit ArcSimulator(std::size_t capacity) : c_(capacity) {}

  bool request(Key key) override {
    if (t2_.move_to_front(key)) return true;  // case I
    if (t1_.erase(key)) {
      t2_.push_front(key);
      return true;
    }
    if (b1_.contains(key)) {  // case II
      p_ = std::min(p_ + step(b2_, b1_), static_cast<double>(c_));
      replace(false);
      b1_.erase(key);
      t2_.push_front(key);
      return false;
    }
    if (b2_.contains(key)) {  // case III
      p_ = std::max(p_ - step(b1_, b2_), 0.0);
      replace(true);
      b2_.erase(key);
      t2_.push_front(key);
      return false;
    }
    make_room();
    t1_.push_front(key);
    return false;
  }
  std::size_t size() const override { return t1_.size() + t2_.size(); }

 private:
  static double step(const RecencyList& other, const RecencyList& hit) {
    return hit.size() >= other.size() ? 1.0 : static_cast<double>(other.size()) / static_cast<double>(hit.size());
  }

  void make_room() {  // case IV
    if (t1_.size() + b1_.size() == c_) {
      if (t1_.size() < c_) {
        b1_.pop_back();
        replace(false);
      } else {
        t1_.pop_back();
      }
      return;
    }
    const std::size_t all = t1_.size() + t2_.size() + b1_.size() + b2_.size();
    if (all < c_) return;
    if (all == 2 * c_) b2_.pop_back();
    replace(false);
  }

  void replace(bool in_b2) {
    const auto once = static_cast<double>(t1_.size());
    if (t1_.size() > 0 && (once > p_ || (in_b2 && once == p_))) {
      b1_.push_front(t1_.pop_back());
    } else {
      b2_.push_front(t2_.pop_back());
    }
  }

  std::size_t c_;
  double p_ = 0;
  RecencyList t1_, t2_, b1_, b2_;
};

}  // namespace fluxmap_bench

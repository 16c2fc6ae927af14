// Which key goes next: what the policies have in common, and the two simple ones. · layer: upkeep
#pragma once

#include <fluxmap/detail/index/tracking.hpp>
#include <fluxmap/detail/platform/random.hpp>
#include <fluxmap/detail/upkeep/recency_list.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Not thread-safe: called under one lock, which no read takes. What reads have marked (the access word) is
// looked at when a key's turn comes.
class EvictionPolicy {
 public:
  // What a policy is told of the time.
  struct Moment {
    std::uint32_t tick = 0;        // of the access clock
    std::uint64_t first_hits = 0;  // keys used a second time, ever
  };

  EvictionPolicy() = default;
  EvictionPolicy(const EvictionPolicy&) = delete;
  EvictionPolicy& operator=(const EvictionPolicy&) = delete;
  virtual ~EvictionPolicy() = default;

  // A key comes in; its Tracking is in no policy. May throw std::bad_alloc, having done nothing.
  virtual void add(Tracking& key, std::uint64_t hash, const Moment& now) = 0;
  // A key goes for another reason than eviction.
  virtual void remove(Tracking& key) noexcept = 0;
  // Chooses a key and takes it out; null: there is none. The one that came in last goes only if it is the only one.
  virtual Tracking* victim(const Moment& now) noexcept = 0;
  // The key that was chosen last has really been evicted.
  virtual void evicted(std::uint64_t /*hash*/) {}
  // A key that was chosen stays after all. May throw std::bad_alloc, having done nothing.
  virtual void put_back(Tracking& key, std::uint64_t hash, const Moment& now) { add(key, hash, now); }
  // Forgets what it can do without, where every byte is needed.
  virtual void forget_the_past() noexcept {}

  virtual std::size_t size() const noexcept = 0;
  // What the policy keeps besides what stands in front of each entry, in bytes.
  virtual std::size_t bytes() const noexcept { return 0; }
  // The same, at least, where there are so many keys.
  virtual std::size_t bytes_for(std::size_t /*keys*/) const noexcept { return 0; }

 protected:
  static constexpr unsigned k_budget = 128;  // keys looked at for one victim, at most
};

class LruPolicy final : public EvictionPolicy {
 public:
  void add(Tracking& key, std::uint64_t /*hash*/, const Moment& now) override {
    keys_.turn_to(now.tick);
    keys_.add(key);
    key.set_place(1);
    ++size_;
  }
  void remove(Tracking& key) noexcept override {
    if (key.place() == 0) return;
    key.hook.unlink();
    key.set_place(0);
    --size_;
  }
  Tracking* victim(const Moment& now) noexcept override {
    keys_.turn_to(now.tick);
    Tracking* const key = keys_.take_oldest(k_budget);
    if (key == nullptr) return nullptr;
    key->set_place(0);
    --size_;
    return key;
  }
  std::size_t size() const noexcept override { return size_; }

 private:
  RecencyList keys_;
  std::size_t size_ = 0;
};

class RandomPolicy final : public EvictionPolicy {
 public:
  explicit RandomPolicy(std::uint64_t seed) noexcept : random_(seed | 1) {}

  void add(Tracking& key, std::uint64_t /*hash*/, const Moment& /*now*/) override {
    keys_.push_back(&key);
    key.index = keys_.size() - 1;
    key.set_place(1);
  }
  void remove(Tracking& key) noexcept override {
    if (key.place() != 0) take(key.index);
  }
  Tracking* victim(const Moment& /*now*/) noexcept override {
    if (keys_.empty()) return nullptr;
    const std::size_t older = keys_.size() > 1 ? keys_.size() - 1 : 1;  // the last one has just come in
    return take(next_random(random_) % older);
  }
  std::size_t size() const noexcept override { return keys_.size(); }
  std::size_t bytes() const noexcept override { return bytes_for(keys_.size()); }
  std::size_t bytes_for(std::size_t keys) const noexcept override {
    return keys == 0 ? 0 : (keys - 1) / k_block * k_block * sizeof(Tracking*);  // the first is there in any case
  }

 private:
  static constexpr std::size_t k_block = 64;  // libstdc++'s deque allocates them by 512 bytes

  Tracking* take(std::size_t at) noexcept {
    Tracking* const key = keys_[at];
    keys_[at] = keys_.back();
    keys_[at]->index = at;
    keys_.pop_back();
    key->set_place(0);
    return key;
  }

  std::deque<Tracking*> keys_;
  std::uint64_t random_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// Builds a store from what recovery reads. · layer: txn
//
// Entries are collected in order and linked at the end, without a search for each: a checkpoint comes sorted; the log's
// writes are sorted in batches, of which the last write of each key counts, and merged in. What was overwritten,
// removed or has expired is freed then, so that what is held is what is live and a batch, however long the log is. A
// batch grows with what is live: moving that aside for new keys costs a constant part of reading them.
#pragma once

#include <fluxmap/codec.hpp>
#include <fluxmap/detail/index/key_order.hpp>
#include <fluxmap/detail/index/key_prefix.hpp>
#include <fluxmap/detail/platform/deadline.hpp>
#include <fluxmap/detail/storage/recovery.hpp>
#include <fluxmap/detail/txn/store.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// For a store that nobody uses yet.
template <class Key, class Value, class Compare>
class StoreLoader final : public RecoverySink {
  using EntryType = Entry<Key, Value>;
  using VersionType = Version<Value>;
  using Prefix = KeyPrefix<Key, Compare>;

 public:
  static constexpr std::size_t k_batch_bytes = std::size_t{16} << 20;  // of writes that are not merged in yet

  // `leave_out`: what has a key without a place in the order (0.1.0 took them) is left out, instead of failing.
  explicit StoreLoader(Store<Key, Value, Compare>& store, bool leave_out = false,
                       std::size_t batch_bytes = k_batch_bytes)
      : store_(store), leave_out_(leave_out), batch_bytes_(batch_bytes), now_(store.now()) {}
  ~StoreLoader() override {
    for (EntryType* entry : base_) destroy(entry);
    for (const Written& written : recent_) destroy(written.entry);
  }

  void entries(Bytes payload, BlockKind kind, std::uint32_t count) override {
    Decoder decoder(payload);
    for (; count > 0; --count) {
      make_room(base_);
      EntryType* const entry =
          make_entry(decoder, kind == BlockKind::expiring ? WriteKind::expiring : WriteKind::value);
      if (is_left_out(entry)) continue;
      base_.push_back(entry);
      if (base_.size() > 1 && !store_.index.compare()(base_[base_.size() - 2]->key, entry->key)) {
        throw_error(errc::decode_failed, "the keys do not ascend; was the checkpoint written with another Compare?");
      }
      if (entry->load_head() == nullptr) {
        base_.pop_back();
        destroy(entry);
      } else {
        base_bytes_ += bytes_of(*entry);
      }
    }
    if (decoder.remaining() != 0) throw_error(errc::decode_failed, "bytes stand behind the last entry");
  }

  void commit(std::uint64_t cts, Bytes payload) override {
    cts_ = cts;
    Decoder decoder(payload);
    while (decoder.remaining() != 0) {
      const std::size_t before = decoder.remaining();
      const auto kind = static_cast<WriteKind>(decoder.read_integer<std::uint8_t>());
      if (kind != WriteKind::value && kind != WriteKind::removal && kind != WriteKind::expiring) {
        throw_error(errc::decode_failed, "neither a value nor a removal");
      }
      make_room(recent_);
      EntryType* const entry = make_entry(decoder, kind);
      if (is_left_out(entry)) continue;
      Written& written = recent_.emplace_back(Written{entry, 0});
      written.bytes = bytes_of(*written.entry);
      // What a type of the user's owns may not be weighed; what it was written as is.
      recent_bytes_ += sizeof(Written) + std::max(before - decoder.remaining(), written.bytes);
      if (recent_bytes_ >= std::max(batch_bytes_, base_bytes_ / 4)) merge();
    }
  }

  // After the last of them: fills the index.
  void finish() {
    merge();
    typename SkipList<Key, Value, Compare>::Loader loader(store_.index);
    EpochGuard guard(store_.epochs);
    std::size_t linked = 0;
    struct Forget {  // what was linked is the index's
      std::vector<EntryType*>& list;
      std::size_t& count;
      ~Forget() { list.erase(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(count)); }
    };
    {
      const Forget forget{base_, linked};
      for (EntryType* entry : base_) {
        WorkList<EntryType>::release_token(*entry);
        loader.add(guard, *entry);
        ++linked;
        count_in(guard, *entry);
      }
    }
    loader.finish(guard);
    if (store_.limiter != nullptr) store_.limiter->settle(guard.slot());
  }

 private:
  struct Written {
    EntryType* entry;  // with an empty chain: a removal
    std::size_t bytes;
  };
  struct Recent {
    std::uint64_t prefix;
    std::size_t number;  // in the order of the commits; later, its place in base_
    EntryType* entry;
  };

  template <class List>
  static void make_room(List& list, std::size_t more = 1) {
    if (list.capacity() - list.size() < more) list.reserve(std::max(2 * list.size() + 64, list.size() + more));
  }

  // What has expired by now is no value, as if its removal had been written.
  EntryType* make_entry(Decoder& decoder, WriteKind kind) {
    Deadline deadline = k_no_deadline;
    if (kind == WriteKind::expiring) deadline = decoder.read_integer<Deadline>();
    const EntryShape shape{.tracked = store_.limiter != nullptr, .expires = deadline != k_no_deadline};
    EntryType* const entry = EntryType::make(Codec<Key>::decode(decoder), shape);
    if (kind == WriteKind::removal) return entry;
    try {
      Value value = Codec<Value>::decode(decoder);
      if (now_.passed(deadline)) return entry;
      VersionType* const head = entry->make_first_version(deadline, std::move(value));
      // Nobody else is here: all stores are relaxed, and published with the database.
      const std::uint64_t flags = head->stamp_bits.load(std::memory_order_relaxed);
      head->stamp_bits.store(Stamp::stamped(cts_, flags).bits(), std::memory_order_relaxed);
      entry->head.store(head, std::memory_order_relaxed);
    } catch (...) {
      EntryType::destroy(entry);
      throw;
    }
    return entry;
  }
  // Then the entry is destroyed. A removal of such a key has removed nothing.
  bool is_left_out(EntryType* entry) {
    struct Destroy {
      EntryType* entry;
      ~Destroy() {
        if (entry != nullptr) destroy(entry);
      }
    } otherwise{entry};
    if (has_place<Key>(store_.index.compare(), entry->key)) {
      otherwise.entry = nullptr;
      return false;
    }
    if (leave_out_ || entry->load_head() == nullptr) return true;
    throw_error(errc::invalid_key,
                "a key that is not equal to itself, as a NaN, which 0.1.0 has taken: it has no place in the order, and "
                "others may be hidden by it; leave_out_invalid_keys() opens the directory without it");
  }
  static void destroy(EntryType* entry) noexcept {
    if (entry == nullptr) return;
    if (VersionType* const version = entry->load_head()) version->destroy();
    EntryType::destroy(entry);
  }

  static std::size_t bytes_of(const EntryType& entry) noexcept {
    const VersionType* const head = entry.load_head();
    return entry.bytes() + (head != nullptr ? head->bytes() : 0);
  }

  bool less(const Recent& a, const Recent& b) const {
    if (Prefix::template k_has<Key> && a.prefix != b.prefix) return a.prefix < b.prefix;
    if constexpr (!Prefix::k_exact) {
      if (store_.index.compare()(a.entry->key, b.entry->key)) return true;
      if (store_.index.compare()(b.entry->key, a.entry->key)) return false;
    }
    return a.number < b.number;
  }
  // For neighbours in this order.
  bool same_key(const Recent& a, const Recent& b) const {
    if (Prefix::template k_has<Key> && a.prefix != b.prefix) return false;
    if constexpr (Prefix::k_exact) return true;
    return !store_.index.compare()(a.entry->key, b.entry->key);
  }

  // Brings the log's writes into base_. A comparator may throw at any time, and then there is no index: each entry is
  // in base_ or in recent_, once, or was destroyed, and null stands there.
  void merge() {
    if (recent_.empty()) return;
    std::vector<Recent> batch = sorted_batch();
    const std::size_t added = place_batch(batch);
    batch.resize(added);
    make_room(base_, added);
    close_gaps(batch);
    insert(batch);
    recent_.clear();
    recent_bytes_ = 0;
  }

  // The last write of each key, ascending.
  std::vector<Recent> sorted_batch() {
    std::vector<Recent> batch;
    batch.reserve(recent_.size());
    for (std::size_t i = 0; i < recent_.size(); ++i)
      batch.push_back({Prefix::of(recent_[i].entry->key), i, recent_[i].entry});
    std::sort(batch.begin(), batch.end(), [this](const Recent& a, const Recent& b) { return less(a, b); });
    std::size_t kept = 0;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (i + 1 < batch.size() && same_key(batch[i], batch[i + 1])) {
        destroy(std::exchange(recent_[batch[i].number].entry, nullptr));
      } else {
        batch[kept++] = batch[i];
      }
    }
    batch.resize(kept);
    return batch;
  }

  // Removals leave gaps in base_, values of its keys take their places. Returns how many new keys there are: the batch
  // begins with them then, and their places.
  std::size_t place_batch(std::vector<Recent>& batch) {
    const Compare& compare = store_.index.compare();
    std::size_t added = 0, at = 0;
    gaps_ = 0;
    for (const Recent& recent : batch) {
      Written& written = recent_[recent.number];
      const bool is_value = recent.entry->load_head() != nullptr;
      if (is_value) base_bytes_ += written.bytes;
      at = lower_bound(at, recent.entry->key);
      if (at < base_.size() && !compare(recent.entry->key, base_[at]->key)) {
        EntryType*& old = base_[at++];
        base_bytes_ -= bytes_of(*old);
        destroy(std::exchange(old, nullptr));
        if (is_value) {
          old = std::exchange(written.entry, nullptr);
        } else {
          destroy(std::exchange(written.entry, nullptr));
          ++gaps_;
        }
      } else if (is_value) {
        batch[added++] = {recent.prefix, at, recent.entry};
      } else {
        destroy(std::exchange(written.entry, nullptr));
      }
    }
    return added;
  }
  // The first place from `from` on whose key is not before this one. What is near is found fast.
  std::size_t lower_bound(std::size_t from, const Key& key) const {
    const Compare& compare = store_.index.compare();
    std::size_t first = from, end = base_.size();
    for (std::size_t step = 1; first < end; step *= 2) {
      const std::size_t probe = std::min(first + step, end) - 1;
      if (!compare(base_[probe]->key, key)) {
        end = probe;
        break;
      }
      first = probe + 1;
    }
    while (first < end) {
      const std::size_t middle = first + (end - first) / 2;
      if (compare(base_[middle]->key, key)) {
        first = middle + 1;
      } else {
        end = middle;
      }
    }
    return first;
  }

  // These two throw nothing. Places of new keys are moved along.
  void close_gaps(std::vector<Recent>& added) noexcept {
    if (gaps_ == 0) return;
    std::size_t kept = 0;
    auto next = added.begin();
    for (std::size_t at = 0; at < base_.size(); ++at) {
      for (; next != added.end() && next->number == at; ++next) next->number = kept;
      if (base_[at] != nullptr) base_[kept++] = base_[at];
    }
    for (; next != added.end(); ++next) next->number = kept;
    base_.resize(kept);
  }
  void insert(const std::vector<Recent>& added) noexcept {
    std::size_t from = base_.size();
    base_.resize(base_.size() + added.size());  // there is room
    std::size_t to = base_.size();
    for (auto next = added.rbegin(); next != added.rend(); ++next) {
      while (from > next->number) base_[--to] = base_[--from];
      base_[--to] = next->entry;
    }
  }

  void count_in(EpochGuard& guard, EntryType& entry) noexcept {
    Counters& counters = guard.counters();
    VersionType& head = *entry.load_head();
    const auto bytes = static_cast<std::int64_t>(entry.bytes() + head.bytes());
    counters.entries.add(1);
    counters.keys.add(1);
    counters.versions.add(1);
    counters.bytes.add(bytes);
    if (head.flags().expires()) store_.timers.add(head.timer(), &entry);
    if (store_.limiter == nullptr) return;
    counters.live_bytes.add(bytes);
    store_.limiter->add(entry);
    store_.limiter->accesses.touch(guard.slot(), entry.access);
  }

  Store<Key, Value, Compare>& store_;
  const bool leave_out_;
  const std::size_t batch_bytes_;
  const Now now_;
  Cts cts_ = 0;
  std::vector<EntryType*> base_;  // ascending, with a value each
  std::vector<Written> recent_;   // in the order of the commits
  std::size_t base_bytes_ = 0, recent_bytes_ = 0;
  std::size_t gaps_ = 0;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

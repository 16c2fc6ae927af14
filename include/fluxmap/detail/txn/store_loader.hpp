// Builds a store from what recovery reads. · layer: txn
//
// Entries are collected in order and linked at the end, without a search for each: a checkpoint comes sorted; the log's
// writes are sorted in large batches, of which the last write of each key counts, and merged in.
#pragma once

#include <fluxmap/codec.hpp>
#include <fluxmap/detail/index/key_order.hpp>
#include <fluxmap/detail/index/key_prefix.hpp>
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
  // `leave_out`: what has a key without a place in the order (0.1.0 took them) is left out, instead of failing.
  explicit StoreLoader(Store<Key, Value, Compare>& store, bool leave_out = false)
      : store_(store), leave_out_(leave_out) {}
  ~StoreLoader() override {
    for (EntryType* entry : base_) destroy(entry);
    for (const Recent& recent : recent_) destroy(recent.entry);
  }

  void entries(Bytes payload, BlockKind kind, std::uint32_t count) override {
    Decoder decoder(payload);
    for (; count > 0; --count) {
      make_room(base_);
      EntryType* const entry =
          make_entry(decoder, kind == BlockKind::expiring ? WriteKind::expiring : WriteKind::value);
      if (is_left_out(entry)) continue;
      const bool ascends = base_.empty() || store_.index.compare()(base_.back()->key, entry->key);
      base_.push_back(entry);
      if (!ascends) {
        throw_error(errc::decode_failed, "the keys do not ascend; was the checkpoint written with another Compare?");
      }
    }
    if (decoder.remaining() != 0) throw_error(errc::decode_failed, "bytes stand behind the last entry");
  }

  void commit(std::uint64_t cts, Bytes payload) override {
    cts_ = cts;
    Decoder decoder(payload);
    while (decoder.remaining() != 0) {
      const auto kind = static_cast<WriteKind>(decoder.read_integer<std::uint8_t>());
      if (kind != WriteKind::value && kind != WriteKind::removal && kind != WriteKind::expiring) {
        throw_error(errc::decode_failed, "neither a value nor a removal");
      }
      make_room(recent_);
      EntryType* const entry = make_entry(decoder, kind);
      if (is_left_out(entry)) continue;
      recent_.push_back({Prefix::of(entry->key), recent_.size(), entry});
    }
    if (recent_.size() >= std::max(k_batch, base_.size() / 4)) merge();
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
  struct Recent {
    std::uint64_t prefix;
    std::size_t number;  // in the order of the commits
    EntryType* entry;    // with an empty chain: a removal
  };
  static constexpr std::size_t k_batch = std::size_t{1} << 20;

  template <class List>
  static void make_room(List& list) {
    if (list.size() == list.capacity()) list.reserve(2 * list.size() + 64);
  }

  EntryType* make_entry(Decoder& decoder, WriteKind kind) {
    Deadline deadline = k_no_deadline;
    if (kind == WriteKind::expiring) deadline = decoder.read_integer<Deadline>();
    const EntryShape shape{.tracked = store_.limiter != nullptr, .expires = deadline != k_no_deadline};
    EntryType* const entry = EntryType::make(Codec<Key>::decode(decoder), shape);
    if (kind == WriteKind::removal) return entry;
    try {
      VersionType* const head = entry->make_first_version(deadline, Codec<Value>::decode(decoder));
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
    if (VersionType* const version = entry->load_head()) version->destroy();
    EntryType::destroy(entry);
  }

  bool less(const Recent& a, const Recent& b) const {
    if (Prefix::template k_has<Key> && a.prefix != b.prefix) return a.prefix < b.prefix;
    if constexpr (!Prefix::k_exact) {
      if (store_.index.compare()(a.entry->key, b.entry->key)) return true;
      if (store_.index.compare()(b.entry->key, a.entry->key)) return false;
    }
    return a.number < b.number;
  }

  // Brings the log's writes into `base_`. Comparators may throw: nothing is lost or destroyed twice.
  void merge() {
    if (recent_.empty()) return;
    std::sort(recent_.begin(), recent_.end(), [this](const Recent& a, const Recent& b) { return less(a, b); });
    const Compare& compare = store_.index.compare();
    std::vector<EntryType*> merged, dropped;
    merged.reserve(base_.size() + recent_.size());
    dropped.reserve(base_.size() + recent_.size());
    auto old = base_.begin();
    for (std::size_t i = 0; i < recent_.size(); ++i) {
      EntryType* const entry = recent_[i].entry;
      if (i + 1 < recent_.size() && !compare(entry->key, recent_[i + 1].entry->key)) {
        dropped.push_back(entry);  // written again later
        continue;
      }
      while (old != base_.end() && compare((*old)->key, entry->key)) merged.push_back(*old++);
      if (old != base_.end() && !compare(entry->key, (*old)->key)) dropped.push_back(*old++);
      (entry->load_head() != nullptr ? merged : dropped).push_back(entry);
    }
    merged.insert(merged.end(), old, base_.end());
    base_.swap(merged);
    recent_.clear();
    for (EntryType* entry : dropped) destroy(entry);
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
  Cts cts_ = 0;
  std::vector<EntryType*> base_;  // ascending, with a value each
  std::vector<Recent> recent_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

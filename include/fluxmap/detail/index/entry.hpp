// An entry: one key of the index, its link, and the head of its version chain. · layer: index
//
// One allocation, never moved:
//
//      next access links flags claims | key | head | first version
//
// A search reads the key and the link from one cache line; a get of a key that was written once finds the value beside
// them.
//
// Invariants
//   I1  The key never changes. Two linked entries with unmarked links have different keys.
//   I2  Bit 0 of `next` marks the entry as leaving the index. It is set only after the chain was closed, and never
//       cleared; a marked link never changes.
//   I3  `head` goes to closed() once, from an empty or dead chain, and stays there.
// Lifetime: `links` counts what leads to the entry: the list, the express lane, cells that begin with it, and whoever
// is linking it; who takes it to 0 retires the index's claim through the epochs. `claims` counts the index and the
// version inside; who takes it to 0 frees.
#pragma once

#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/index/tracking.hpp>
#include <fluxmap/detail/index/version.hpp>
#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/memory_size.hpp>

#include <boost/assert.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// What an entry is made with, apart from its key.
struct EntryShape {
  bool tracked = false;  // a Tracking stands in front of it
  bool expires = false;  // there is room for a timer behind the version inside
};

template <class Key, class Value>
struct Entry : ListNode {
  using VersionType = Version<Value>;

  static constexpr std::uint8_t k_queued = 1;   // on a work list, or its creator has yet to say; see WorkList
  static constexpr std::uint8_t k_pruning = 2;  // one thread is unlinking versions
  static constexpr std::uint8_t k_tracked = 4;  // see EntryShape; these two never change
  static constexpr std::uint8_t k_roomy = 8;

  const Key key;  // beside the link: a search needs just these
  Atomic<VersionType*> head{nullptr};

  // The head of a chain that takes no versions any more.
  static VersionType* closed() noexcept { return reinterpret_cast<VersionType*>(std::uintptr_t{1}); }

  VersionType* load_head() const noexcept {
    // [P2] acquire: the version's fields and what its writer did before; pairs with the CAS that installs it.
    VersionType* const version = head.load(std::memory_order_acquire);
    schedule_point(Point::read_head);
    return version;
  }

  static Entry* from(Link link) noexcept { return reinterpret_cast<Entry*>(link & ~Link{1}); }
  Link as_link() const noexcept { return reinterpret_cast<Link>(this); }

  // Taken out of the list, or about to be.
  bool is_leaving() const noexcept {
    // acquire: what was done before the mark; seq_cst against ExpressLane::insert, which looks after its CAS.
    return is_marked(next.load(std::memory_order_seq_cst));
  }

  // A private entry with an empty chain. Throws what the key's constructor throws.
  template <class K>
  static Entry* make(K&& key, EntryShape shape = {}) {
    const std::size_t front = shape.tracked ? front_size() : 0;
    void* const memory = allocate(front + size(shape.expires));
    try {
      auto* const entry = ::new (static_cast<char*>(memory) + front) Entry(std::forward<K>(key), shape);
      if (shape.tracked) ::new (reinterpret_cast<Tracking*>(entry) - 1) Tracking;
      return entry;
    } catch (...) {
      deallocate(memory);
      throw;
    }
  }

  bool is_tracked() const noexcept { return has(k_tracked); }
  Tracking& tracking() const noexcept {  // requires is_tracked()
    auto* const self = const_cast<Entry*>(this);
    return *std::launder(reinterpret_cast<Tracking*>(self) - 1);
  }
  static Entry* of_tracking(Tracking& tracking) noexcept {
    return std::launder(reinterpret_cast<Entry*>(&tracking + 1));
  }

  // Puts the entry's first version inside it; once, while the entry is private. The value is moved from `other`, which
  // stays the caller's to destroy. Null where versions are not kept inside, or there is no room for its timer.
  VersionType* make_version_inside(VersionType& other) {
    if (!other.is_tombstone()) return make_inside(other.deadline(), 0, std::move(other.value));
    return make_inside(k_no_deadline, Stamp::k_tombstone);
  }
  // The first version of an entry that is loaded, inside it where versions are; while the entry is private.
  VersionType* make_first_version(Deadline deadline, Value&& value) {
    VersionType* const inside = make_inside(deadline, 0, std::move(value));
    return inside != nullptr ? inside : VersionType::make_until(deadline, 0, std::move(value));
  }

  // Takes that back; the version's value is the caller's to destroy. While the entry is private.
  void forget_version_inside() noexcept { claims.store(1, std::memory_order_relaxed); }

  // The entry that a version inside it belongs to.
  static Entry* of_inside(VersionType* version) noexcept {
    return reinterpret_cast<Entry*>(reinterpret_cast<char*>(version) - inside_offset());
  }

  // Frees what a chain has let go, after its grace period. For retire().
  static void free_version(void* object) noexcept {
    auto* version = static_cast<VersionType*>(object);
    Entry* const entry = version->flags().is_inside() ? of_inside(version) : nullptr;
    version->destroy();
    if (entry != nullptr) drop_claim(entry);
  }
  // Lets go of the index's claim, after its grace period. For retire().
  static void free_entry(void* object) noexcept { drop_claim(static_cast<Entry*>(object)); }

  // Gives one of the entry's links back.
  static void drop_link(EpochGuard& guard, Entry& entry) noexcept {
    // acq_rel: whoever takes it to 0 comes after every use of the links by the others.
    if (entry.links.fetch_sub(1, std::memory_order_acq_rel) == 1) guard.retire(&entry, &free_entry);
  }

  // Destroys an entry that was never linked, or at the end of the index; a version inside must be destroyed already.
  static void destroy(Entry* entry) noexcept {
    void* const memory = reinterpret_cast<char*>(entry) - (entry->is_tracked() ? front_size() : 0);
    entry->~Entry();
    deallocate(memory);
  }

  // Bytes of the allocation, with what the key owns.
  std::size_t bytes() const noexcept { return weight(key, {.tracked = is_tracked(), .expires = has(k_roomy)}); }
  // Of an entry for this key, before there is one; with its first version, but for what the value owns.
  static std::size_t bytes_for(const Key& key, EntryShape shape) noexcept {
    const std::size_t outside = k_has_inside ? 0 : heap_bytes(VersionType::size(shape.expires));
    return weight(key, shape) + outside;
  }

 private:
  // A version that fits into two cache lines lives with its entry; a larger one would only spread the entries out.
  static constexpr bool k_has_inside = sizeof(VersionType) <= 128;

  template <class K>
  Entry(K&& from_key, EntryShape shape) : key(std::forward<K>(from_key)) {
    flags.store(flags_of(shape), std::memory_order_relaxed);  // private still
  }

  static std::size_t weight(const Key& key, EntryShape shape) noexcept {
    const std::size_t allocated = heap_bytes((shape.tracked ? front_size() : 0) + size(shape.expires));
    return allocated - sizeof(Key) + MemorySize<Key>::of(key);
  }
  static std::uint8_t flags_of(EntryShape shape) noexcept {
    return static_cast<std::uint8_t>(k_queued | (shape.tracked ? k_tracked : 0) | (shape.expires ? k_roomy : 0));
  }
  // Relaxed: asked of the flags that never change.
  bool has(std::uint8_t flag) const noexcept { return (flags.load(std::memory_order_relaxed) & flag) != 0; }

  template <class... Args>
  VersionType* make_inside([[maybe_unused]] Deadline deadline, [[maybe_unused]] std::uint64_t stamp_flags,
                           [[maybe_unused]] Args&&... args) {
    if constexpr (!k_has_inside) {
      return nullptr;
    } else {
      if (deadline != k_no_deadline) {
        if (!has(k_roomy)) return nullptr;
        stamp_flags |= Stamp::k_expires;
      }
      stamp_flags |= Stamp::k_inside;
      void* const memory = reinterpret_cast<char*>(this) + inside_offset();
      VersionType* const version = VersionType::construct(memory, deadline, stamp_flags, std::forward<Args>(args)...);
      claims.store(2, std::memory_order_relaxed);  // private still
      return version;
    }
  }

  static constexpr std::size_t round_up(std::size_t size, std::size_t to) noexcept { return (size + to - 1) / to * to; }
  // Where the version inside begins, counted from the entry; functions, because sizeof(Entry) is not known here yet.
  static constexpr std::size_t inside_offset() noexcept { return round_up(sizeof(Entry), alignof(VersionType)); }
  static constexpr std::size_t alignment() noexcept { return std::max(alignof(Entry), alignof(VersionType)); }

  static void drop_claim(Entry* entry) noexcept {
    // acq_rel: the last one sees all that the other did with the entry.
    if (entry->claims.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(entry);
  }

  static constexpr std::size_t size(bool expires) noexcept {
    return k_has_inside ? inside_offset() + VersionType::size(expires) : sizeof(Entry);
  }
  static constexpr std::size_t front_size() noexcept { return round_up(sizeof(Tracking), alignment()); }
  static void* allocate(std::size_t size) {
    if constexpr (alignment() > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
      return ::operator new(size, std::align_val_t{alignment()});
    } else {
      return ::operator new(size);
    }
  }
  static void deallocate(void* memory) noexcept {
    if constexpr (alignment() > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
      ::operator delete(memory, std::align_val_t{alignment()});
    } else {
      ::operator delete(memory);
    }
  }
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

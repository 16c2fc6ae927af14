// An entry: one key of the index, its tower of links, and the head of its version chain. · layer: index
//
// One allocation, never moved:
//
//      link[h-1] … link[1] | link[0] | key | head work_next flags … | first version
//                          ^ Tower*, Entry*
//
// A search reads the key and the links of low levels from one or two cache lines; a get of a key that was written once
// finds the value there too.
//
// Invariants
//   I1  The key never changes. Two linked entries with unmarked level-0 links have different keys.
//   I2  Bit 0 of a link marks the entry that the link is in as leaving the index. Marks are set from the top level to
//       level 0, only after the chain was closed, and never cleared.
//   I3  `head` goes to closed() once, from an empty or dead chain, and stays there.
// Lifetime: `links` counts the levels at which the entry is linked, plus its builder; whoever takes it to 0 retires the
// index's claim through the epochs. `claims` counts the index and the version inside; whoever takes it to 0 frees.
#pragma once

#include <fluxmap/detail/index/version.hpp>
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

using Link = std::uintptr_t;  // Entry* | mark

struct Tower {
  std::atomic<Link> level0{0};

  std::atomic<Link>& link(unsigned level) noexcept { return *(&level0 - level); }
  const std::atomic<Link>& link(unsigned level) const noexcept { return *(&level0 - level); }

  static bool is_marked(Link link) noexcept { return (link & 1U) != 0; }
};

template <class Key, class Value>
struct Entry : Tower {
  using VersionType = Version<Value>;

  static constexpr std::uint32_t k_queued = 1;   // on a work list, or its creator has yet to say; see WorkList
  static constexpr std::uint32_t k_pruning = 2;  // one thread is unlinking versions

  const Key key;  // beside the low links: a search needs just these
  std::atomic<VersionType*> head{nullptr};
  Entry* work_next = nullptr;  // owned by whoever set k_queued
  std::atomic<std::uint32_t> flags{k_queued};
  std::atomic<std::uint16_t> links{0};
  std::atomic<std::uint8_t> claims{1};
  const std::uint8_t height;

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

  // A private entry of the given height (>= 1) with an empty chain. Throws what the key's constructor throws.
  template <class K>
  static Entry* make(unsigned height, K&& key) {
    char* const block = static_cast<char*>(allocate(height));
    char* const memory = block + offset(height);
    for (unsigned level = 1; level < height; ++level) {
      ::new (static_cast<void*>(memory - level * sizeof(std::atomic<Link>))) std::atomic<Link>(0);
    }
    try {
      return ::new (static_cast<void*>(memory)) Entry(static_cast<std::uint8_t>(height), std::forward<K>(key));
    } catch (...) {
      deallocate(block);
      throw;
    }
  }

  // Puts the entry's first version inside it; once, while the entry is private. The value is moved from `other`, which
  // stays the caller's to destroy. Null where versions are not kept inside.
  VersionType* make_version_inside(VersionType& other) {
    if constexpr (!k_has_inside) {
      return nullptr;
    } else {
      void* const memory = reinterpret_cast<char*>(this) + inside_offset();
      VersionType* version = nullptr;
      if (other.is_tombstone()) {
        version = VersionType::construct(memory, Stamp::k_inside | Stamp::k_tombstone);
      } else {
        version = VersionType::construct(memory, Stamp::k_inside, std::move(other.value));
      }
      claims.store(2, std::memory_order_relaxed);  // private still
      return version;
    }
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
    const bool inside = Stamp(version->stamp_bits.load(std::memory_order_relaxed)).is_inside();  // flags never change
    Entry* const entry = inside ? of_inside(version) : nullptr;
    version->destroy();
    if (entry != nullptr) drop_claim(entry);
  }
  // Lets go of the index's claim, after its grace period. For retire().
  static void free_entry(void* object) noexcept { drop_claim(static_cast<Entry*>(object)); }

  // Destroys an entry that was never linked, or at the end of the index; a version inside must be destroyed already.
  static void destroy(Entry* entry) noexcept {
    const unsigned height = entry->height;
    entry->~Entry();
    deallocate(reinterpret_cast<char*>(entry) - offset(height));
  }

  // Bytes of the allocation, with what the key owns.
  std::size_t bytes() const noexcept { return size(height) - sizeof(Key) + MemorySize<Key>::of(key); }

 private:
  // A version that fits into two cache lines lives with its entry; a larger one would only spread the entries out.
  static constexpr bool k_has_inside = sizeof(VersionType) <= 128;

  template <class K>
  Entry(std::uint8_t tower_height, K&& from_key) : key(std::forward<K>(from_key)), height(tower_height) {}

  static constexpr std::size_t round_up(std::size_t size, std::size_t to) noexcept { return (size + to - 1) / to * to; }
  // Where the version inside begins, counted from the entry; functions, because sizeof(Entry) is not known here yet.
  static constexpr std::size_t inside_offset() noexcept { return round_up(sizeof(Entry), alignof(VersionType)); }
  static constexpr std::size_t alignment() noexcept { return std::max(alignof(Entry), alignof(VersionType)); }

  static void drop_claim(Entry* entry) noexcept {
    // acq_rel: the last one sees all that the other did with the entry.
    if (entry->claims.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(entry);
  }

  // Bytes before the entry itself, rounded up so that the entry is aligned.
  static constexpr std::size_t offset(unsigned height) noexcept {
    return round_up((height - 1) * sizeof(std::atomic<Link>), alignment());
  }
  static constexpr std::size_t size(unsigned height) noexcept {
    return offset(height) + (k_has_inside ? inside_offset() + sizeof(VersionType) : sizeof(Entry));
  }
  static void* allocate(unsigned height) {
    if constexpr (alignment() > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
      return ::operator new(size(height), std::align_val_t{alignment()});
    } else {
      return ::operator new(size(height));
    }
  }
  static void deallocate(char* block) noexcept {
    if constexpr (alignment() > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
      ::operator delete(block, std::align_val_t{alignment()});
    } else {
      ::operator delete(block);
    }
  }
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

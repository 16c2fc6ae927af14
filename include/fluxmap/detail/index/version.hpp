// A version of a value, its stamp, and the record of the transaction that wrote it. · layer: index
//
//   stamp   63            3   2        1           0
//          +---------------+---------+-----------+---------+
//          | cts           | inside  | tombstone | 0       |   stamped: committed at cts, and published
//          | CommitRecord* | inside  | tombstone | 1       |   tagged: ask the record
//          +---------------+---------+-----------+---------+
//   inside: the version's memory is part of its Entry.
// A version is stamped only after its commit is published (design: "stamped => published"), so an autocommit read that
// finds a stamped head has its answer without looking at anything shared.
#pragma once

#include <fluxmap/detail/index/snapshot_registry.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

enum class CommitState : std::uint32_t { active, committing, committed, aborted };

// One attempt to commit. Written by its owner, except that a waiter may turn `active` or `committing` into `aborted`.
// Freed through the epochs, after every version tagged with it has been stamped or popped.
struct alignas(8) CommitRecord {  // aligned for the tag bits
  // active -> committing -> committed | aborted, active -> aborted.
  std::atomic<CommitState> state{CommitState::active};
  std::atomic<std::uint32_t> progress{0};  // moved on by the owner while it validates: it is slow, not stalled
  std::atomic<Cts> cts{0};                 // 0 until the ring slot is claimed
  std::atomic<Cts> slot_cts{0};            // the timestamp drawn, which may yet be skipped; only the ring looks at it

  // True if it has committed; `at` is then its timestamp.
  bool committed(Cts& at) const noexcept {
    // [P5] acquire: the timestamp and the versions of the commit; pairs with the deciding CAS.
    if (state.load(std::memory_order_acquire) != CommitState::committed) return false;
    at = cts.load(std::memory_order_relaxed);  // stored before the decision that [P5] has read
    return true;
  }
};

class Stamp {
 public:
  static constexpr std::uint64_t k_tagged = 1, k_tombstone = 2, k_inside = 4, k_flags = 7;

  explicit constexpr Stamp(std::uint64_t bits) noexcept : bits_(bits) {}
  static Stamp tagged(const CommitRecord* record, std::uint64_t flags) noexcept {
    return Stamp(reinterpret_cast<std::uintptr_t>(record) | k_tagged | flags);
  }
  static constexpr Stamp stamped(Cts cts, std::uint64_t flags) noexcept { return Stamp((cts << 3) | flags); }

  constexpr bool is_tagged() const noexcept { return (bits_ & k_tagged) != 0; }
  constexpr bool is_tombstone() const noexcept { return (bits_ & k_tombstone) != 0; }
  constexpr bool is_inside() const noexcept { return (bits_ & k_inside) != 0; }
  constexpr Cts cts() const noexcept { return bits_ >> 3; }  // requires !is_tagged()
  CommitRecord* record() const noexcept {                    // requires is_tagged()
    return reinterpret_cast<CommitRecord*>(bits_ & ~k_flags);
  }
  constexpr std::uint64_t bits() const noexcept { return bits_; }

 private:
  std::uint64_t bits_;
};

template <class Value>
struct Version {
  std::atomic<std::uint64_t> stamp_bits{0};
  std::atomic<Version*> older{nullptr};
  union {
    Value value;  // no object for a tombstone
  };

  Version() noexcept {}
  Version(const Version&) = delete;
  Version& operator=(const Version&) = delete;
  ~Version() {}  // see destroy()

  Stamp stamp() const noexcept {
    // [P8] acquire: pairs with the release store that stamps; also orders the record behind a tag.
    return Stamp(stamp_bits.load(std::memory_order_acquire));
  }
  bool is_tombstone() const noexcept {
    return Stamp(stamp_bits.load(std::memory_order_relaxed)).is_tombstone();  // the flags never change
  }

  // A private version on the heap, not yet in any chain.
  template <class... Args>
  static Version* make(std::uint64_t flags, Args&&... args) {
    void* memory = allocate();
    try {
      return construct(memory, flags, std::forward<Args>(args)...);
    } catch (...) {
      deallocate(memory);
      throw;
    }
  }
  template <class... Args>
  static Version* construct(void* memory, std::uint64_t flags, Args&&... args) {
    auto* version = ::new (memory) Version();
    if constexpr (sizeof...(Args) > 0) {  // a tombstone has no value
      ::new (static_cast<void*>(std::addressof(version->value))) Value(std::forward<Args>(args)...);
    }
    version->stamp_bits.store(flags, std::memory_order_relaxed);  // private until a CAS publishes it
    return version;
  }

  // Ends the value's life; the memory of a version outside an Entry goes too.
  void destroy() noexcept {
    const Stamp flags(stamp_bits.load(std::memory_order_relaxed));  // the flags never change
    if (!flags.is_tombstone()) value.~Value();
    if (!flags.is_inside()) deallocate(this);
  }

 private:
  static void* allocate() {
    if constexpr (alignof(Version) > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
      return ::operator new (sizeof(Version), std::align_val_t{alignof(Version)});
    } else {
      return ::operator new(sizeof(Version));
    }
  }
  static void deallocate(void* memory) noexcept {
    if constexpr (alignof(Version) > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
      ::operator delete (memory, std::align_val_t{alignof(Version)});
    } else {
      ::operator delete(memory);
    }
  }
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

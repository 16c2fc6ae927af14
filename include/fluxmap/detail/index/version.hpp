// A version of a value, its stamp, and the record of the transaction that wrote it. · layer: index
//
//   stamp   63            4  3         2        1           0
//          +---------------+---------+--------+-----------+---+
//          | cts           | expires | inside | tombstone | 0 |   stamped: committed at cts, and published
//          | CommitRecord* | expires | inside | tombstone | 1 |   tagged: ask the record
//          +---------------+---------+--------+-----------+---+
//   inside: the version's memory is part of its Entry. expires: a Timer, with the deadline, stands behind the value.
// A version is stamped only after its commit is published (design: "stamped => published"), so an autocommit read that
// finds a stamped head has its answer without looking at anything shared.
#pragma once

#include <fluxmap/detail/index/snapshot_registry.hpp>
#include <fluxmap/detail/index/timing_wheel.hpp>
#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/detail/platform/deadline.hpp>
#include <fluxmap/detail/platform/heap_bytes.hpp>
#include <fluxmap/memory_size.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

enum class CommitState : std::uint32_t { active, committing, committed, aborted };

// One attempt to commit. Written by its owner, except that a waiter may turn `active` or `committing` into `aborted`.
// Freed through the epochs, after every version tagged with it has been stamped or popped.
struct alignas(16) CommitRecord {  // aligned for the tag bits
  // active -> committing -> committed | aborted, active -> aborted.
  Atomic<CommitState> state{CommitState::active};
  Atomic<std::uint32_t> progress{0};  // moved on by the owner while it validates: it is slow, not stalled
  Atomic<Cts> cts{0};                 // 0 until the ring slot is claimed
  Atomic<Cts> slot_cts{0};            // the timestamp drawn, which may yet be skipped; only the ring looks at it

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
  static constexpr std::uint64_t k_tagged = 1, k_tombstone = 2, k_inside = 4, k_expires = 8, k_flags = 15;
  static constexpr Cts k_max_cts = ~Cts{0} >> 4;

  explicit constexpr Stamp(std::uint64_t bits) noexcept : bits_(bits) {}
  static Stamp tagged(const CommitRecord* record, std::uint64_t flags) noexcept {
    return Stamp(reinterpret_cast<std::uintptr_t>(record) | k_tagged | flags);
  }
  static constexpr Stamp stamped(Cts cts, std::uint64_t flags) noexcept { return Stamp((cts << 4) | flags); }

  constexpr bool is_tagged() const noexcept { return (bits_ & k_tagged) != 0; }
  constexpr bool is_tombstone() const noexcept { return (bits_ & k_tombstone) != 0; }
  constexpr bool is_inside() const noexcept { return (bits_ & k_inside) != 0; }
  constexpr bool expires() const noexcept { return (bits_ & k_expires) != 0; }
  constexpr Cts cts() const noexcept { return bits_ >> 4; }  // requires !is_tagged()
  CommitRecord* record() const noexcept {                    // requires is_tagged()
    return reinterpret_cast<CommitRecord*>(bits_ & ~k_flags);
  }
  constexpr std::uint64_t bits() const noexcept { return bits_; }

 private:
  std::uint64_t bits_;
};

template <class Value>
struct Version;

// The value comes before the link, because a small one is then in the same cache line as the key of the entry that it
// is inside; unless it is aligned so strictly that this would take room.
template <class Value, bool k_value_first = (alignof(Value) <= alignof(void*))>
struct VersionFields {
  Atomic<std::uint64_t> stamp_bits{0};
  union {
    Value value;  // no object for a tombstone
  };
  Atomic<Version<Value>*> older{nullptr};

  VersionFields() noexcept {}
  ~VersionFields() {}  // see Version::destroy()
};
template <class Value>
struct VersionFields<Value, false> {
  Atomic<std::uint64_t> stamp_bits{0};
  Atomic<Version<Value>*> older{nullptr};
  union {
    Value value;
  };

  VersionFields() noexcept {}
  ~VersionFields() {}
};

template <class Value>
struct Version : VersionFields<Value> {
  using VersionFields<Value>::stamp_bits;
  using VersionFields<Value>::value;
  using VersionFields<Value>::older;

  Version() noexcept = default;
  Version(const Version&) = delete;
  Version& operator=(const Version&) = delete;

  Stamp stamp() const noexcept {
    // [P8] acquire: pairs with the release store that stamps; also orders the record behind a tag.
    return Stamp(stamp_bits.load(std::memory_order_acquire));
  }
  // Only the flags, which never change.
  Stamp flags() const noexcept { return Stamp(stamp_bits.load(std::memory_order_relaxed) & Stamp::k_flags); }
  bool is_tombstone() const noexcept { return flags().is_tombstone(); }

  Timer& timer() noexcept {  // requires flags().expires()
    return *std::launder(reinterpret_cast<Timer*>(reinterpret_cast<char*>(this) + timer_offset()));
  }
  Deadline deadline() const noexcept {
    return flags().expires() ? const_cast<Version*>(this)->timer().at : k_no_deadline;
  }
  // A value, whose time has not passed.
  bool is_live(const Now& now) const noexcept {
    const Stamp is = flags();
    return !is.is_tombstone() && !(is.expires() && now.passed(deadline()));
  }

  // A private version on the heap, not yet in any chain.
  template <class... Args>
  static Version* make(std::uint64_t flags, Args&&... args) {
    return make_until(k_no_deadline, flags, std::forward<Args>(args)...);
  }
  template <class... Args>
  static Version* make_until(Deadline deadline, std::uint64_t flags, Args&&... args) {
    if (deadline != k_no_deadline) flags |= Stamp::k_expires;
    void* memory = allocate(size(deadline != k_no_deadline));
    try {
      return construct(memory, deadline, flags, std::forward<Args>(args)...);
    } catch (...) {
      deallocate(memory);
      throw;
    }
  }
  template <class... Args>
  static Version* construct(void* memory, Deadline deadline, std::uint64_t flags, Args&&... args) {
    auto* version = ::new (memory) Version();
    if constexpr (sizeof...(Args) > 0) {  // a tombstone has no value
      ::new (static_cast<void*>(std::addressof(version->value))) Value(std::forward<Args>(args)...);
    }
    if (Stamp(flags).expires()) ::new (reinterpret_cast<char*>(memory) + timer_offset()) Timer(deadline);
    version->stamp_bits.store(flags, std::memory_order_relaxed);  // private until a CAS publishes it
    return version;
  }

  // Ends the value's life; the memory of a version outside an Entry goes too.
  void destroy() noexcept {
    const Stamp is = flags();
    if (!is.is_tombstone()) value.~Value();
    this->~Version();  // nothing, but that a model checker sees its atomics end
    if (!is.is_inside()) deallocate(this);
  }

  // Bytes of a version; of its allocation, where it is not inside.
  static constexpr std::size_t size(bool expires) noexcept {
    return expires ? timer_offset() + sizeof(Timer) : sizeof(Version);
  }
  // What the version weighs beside its entry: one inside it counts only what its value owns.
  std::size_t bytes() const noexcept {
    const Stamp is = flags();
    const std::size_t shell = is.is_inside() ? 0 : heap_bytes(size(is.expires()));
    return is.is_tombstone() ? shell : shell + MemorySize<Value>::of(value) - sizeof(Value);
  }

 private:
  static constexpr std::size_t timer_offset() noexcept {
    static_assert(alignof(Version) >= alignof(Timer));
    return (sizeof(Version) + alignof(Timer) - 1) / alignof(Timer) * alignof(Timer);
  }

  static void* allocate(std::size_t size) {
    if constexpr (alignof(Version) > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
      return ::operator new(size, std::align_val_t{alignof(Version)});
    } else {
      return ::operator new(size);
    }
  }
  static void deallocate(void* memory) noexcept {
    if constexpr (alignof(Version) > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
      ::operator delete(memory, std::align_val_t{alignof(Version)});
    } else {
      ::operator delete(memory);
    }
  }
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// The beginning of every entry, and what a database with a memory limit keeps in front of it. · layer: index
//
//   Tracking | ListNode key head | first version
//
// Reads mark the access word, without a lock; the eviction policy links the Tracking, under its own.
#pragma once

#include <fluxmap/config.hpp>
#include <fluxmap/detail/platform/atomic.hpp>

#include <boost/intrusive/list.hpp>

#include <atomic>
#include <cstdint>

namespace fluxmap::inline FLUXMAP_ABI::detail {

using Link = std::uintptr_t;  // Entry* | mark

// What the list's head and the entries have in common; for the meaning of the others see Entry.
struct ListNode {
  Atomic<Link> next{0};
  Atomic<std::uint32_t> access{0};  // when and how often it was used; see AccessClock
  Atomic<std::uint16_t> links{0};
  Atomic<std::uint8_t> flags{0};
  Atomic<std::uint8_t> claims{1};

  static bool is_marked(Link link) noexcept { return (link & 1U) != 0; }
};

struct Tracking {
  using Hook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

  // All of it, and the place, is guarded by the policy's lock. 16 bytes: one more would cost 16 in most heaps.
  union {
    Hook hook;
    std::uint64_t index;  // where the policy keeps an array
  };

  Tracking() noexcept : hook() {}
  Tracking(const Tracking&) = delete;
  Tracking& operator=(const Tracking&) = delete;
  ~Tracking() {}  // what is linked has been taken out by then

  // Where the policy has the key, 1 to 3; 0: nowhere. In the node's flags, which others change at the same time.
  unsigned place() const noexcept {
    return node().flags.load(std::memory_order_relaxed) >> k_place_shift;  // under the lock
  }
  void set_place(unsigned place) noexcept {
    Atomic<std::uint8_t>& flags = node().flags;
    flags.fetch_and((1U << k_place_shift) - 1, std::memory_order_relaxed);                         // under the lock
    flags.fetch_or(static_cast<std::uint8_t>(place << k_place_shift), std::memory_order_relaxed);  // likewise
  }
  Atomic<std::uint32_t>& access() noexcept { return node().access; }
  const Atomic<std::uint32_t>& access() const noexcept { return node().access; }

 private:
  static constexpr unsigned k_place_shift = 6;

  // Of the entry behind it.
  ListNode& node() noexcept { return *reinterpret_cast<ListNode*>(this + 1); }
  const ListNode& node() const noexcept { return *reinterpret_cast<const ListNode*>(this + 1); }
};

using TrackingList =
    boost::intrusive::list<Tracking, boost::intrusive::member_hook<Tracking, Tracking::Hook, &Tracking::hook>,
                           boost::intrusive::constant_time_size<false>>;

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// Entries that vacuum should look at: one intrusive list per epoch slot. · layer: index
//
// An entry is on at most one list. Its k_queued flag is a token: whoever sets it from 0 to 1 owns `work_next` and must
// either push the entry or clear the flag. A new entry begins with the token in its creator's hands, so vacuum cannot
// close a chain that its creator is still working on.
// A committer queues an entry before it stamps its version, and vacuum closes only chains with a stamped head, holding
// the token: so no thread can queue an entry after vacuum has let it go.
// Thread safety: push by the slot's holder (inside its guard), take by anybody.
#pragma once

#include <fluxmap/detail/index/entry.hpp>
#include <fluxmap/detail/index/epoch.hpp>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class EntryType>
class WorkList {
 public:
  // Tries to get the token.
  static bool acquire(EntryType& entry) noexcept {
    // An RMW even where the flag is set already: it orders our version, installed before, against the holder's clearing
    // of the flag, after which it reads the chain.
    // [W1] acq_rel: pairs with release_token; the earlier holder's use of work_next comes before ours.
    return (entry.flags.fetch_or(EntryType::k_queued, std::memory_order_acq_rel) & EntryType::k_queued) == 0;
  }
  static void release_token(EntryType& entry) noexcept {
    entry.flags.fetch_and(~EntryType::k_queued, std::memory_order_acq_rel);  // [W1]
  }

  // Hands the entry, with its token, to vacuum.
  static void push(EpochGuard& guard, EntryType& entry) noexcept {
    std::atomic<void*>& head = guard.slot().work_list;
    void* first = head.load(std::memory_order_relaxed);  // checked by the CAS
    do {
      entry.work_next = static_cast<EntryType*>(first);
      // [W2] release: work_next; pairs with take(). No ABA: only take() removes, and it takes everything.
    } while (!head.compare_exchange_weak(first, &entry, std::memory_order_release, std::memory_order_relaxed));
  }

  // Takes the whole list of one slot; follow work_next.
  static EntryType* take(EpochDomain::Slot& slot) noexcept {
    if (slot.work_list.load(std::memory_order_relaxed) == nullptr) return nullptr;  // spares the RMW on empty lists
    return static_cast<EntryType*>(slot.work_list.exchange(nullptr, std::memory_order_acquire));  // [W2]
  }
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

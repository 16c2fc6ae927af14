// Entries that vacuum should look at: one list per epoch slot. · layer: index
//
// An entry is on at most one list, and once. Its k_queued flag is a token: whoever sets it from 0 to 1 must either push
// the entry or clear the flag. A new entry begins with the token in its creator's hands, so vacuum cannot
// close a chain that its creator is still working on.
// A committer queues an entry before it stamps its version, and vacuum closes only chains with a stamped head, holding
// the token: so no thread can queue an entry after vacuum has let it go.
// Thread safety: push and take by the slot's holder. Vacuum claims the slots of idle threads, takes their lists, and
// asks busy ones for theirs: these are handed over when the calls under way end.
#pragma once

#include <fluxmap/detail/index/entry.hpp>
#include <fluxmap/detail/index/epoch.hpp>

#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class EntryType>
class WorkList {
 public:
  // Tries to get the token.
  static bool acquire(EntryType& entry) noexcept {
    // An RMW even where the flag is set already: it orders our version, installed before, against the holder's clearing
    // of the flag, after which it reads the chain.
    // [W1] acq_rel: pairs with release_token.
    return (entry.flags.fetch_or(EntryType::k_queued, std::memory_order_acq_rel) & EntryType::k_queued) == 0;
  }
  static void release_token(EntryType& entry) noexcept {
    entry.flags.fetch_and(static_cast<std::uint8_t>(~EntryType::k_queued), std::memory_order_acq_rel);  // [W1]
  }

  // Hands the entry, with its token, to vacuum. Without memory for the note the token is let go: the entry is looked at
  // after its next write.
  static void push(EpochGuard& guard, EntryType& entry) noexcept {
    try {
      guard.slot().work.push_back(&entry);
    } catch (...) {
      release_token(entry);
    }
  }

  // Takes the whole list of a slot that the caller holds: pointers to EntryType.
  static std::vector<void*> take(EpochDomain::Slot& slot) noexcept {
    slot.tidied = slot.tidy_end = 0;
    return std::exchange(slot.work, {});
  }

  // Moves the lists of all idle slots, and those that have been handed over, to the end of `into`. True: see
  // EpochDomain::for_each_idle_slot. What there is no memory for stays where it is.
  static bool gather(EpochDomain& epochs, std::vector<void*>& into, EpochDomain::Busy busy) noexcept {
    const auto add = [&](const std::vector<void*>& list) {
      try {
        into.insert(into.end(), list.begin(), list.end());
        return true;
      } catch (...) {
        return false;
      }
    };
    const auto take_from = [&](EpochDomain::Slot& slot) {
      if (add(slot.work)) take(slot);
    };
    const bool asked = epochs.for_each_idle_slot(take_from, busy);
    epochs.handed_over.take(add);
    return asked;
  }
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

// Writers clean up behind themselves: a few entries after each commit, from the list that their own commits have left.
// · layer: upkeep
//
// What a commit has just covered is dead only in a view of the snapshots that was made after it, so the work is done
// when the view is brought up to date, for all commits before that. The list of a slot is
//
//     [0, tidied) had their turn  |  [tidied, tidy_end) wait for it  |  came after the view
//
// What snapshots of the moment hold up gets another turn; what is left after that is for vacuum, or for whoever has to
// walk over it again and again (work_off).
// Thread safety: all calls; each works on the slot of the caller's guard. Nothing here throws.
#pragma once

#include <fluxmap/detail/platform/prefetch.hpp>
#include <fluxmap/detail/upkeep/reclaim.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class Key, class Value, class Compare>
class Tidy {
 public:
  using EntryType = Entry<Key, Value>;
  using ReclaimerType = Reclaimer<Key, Value, Compare>;

  Tidy(ReclaimerType reclaimer, EpochGuard& guard, const SnapshotView& view) noexcept
      : reclaimer_(reclaimer), guard_(guard), slot_(guard.slot()), view_(view) {}

  // After a commit: deals with about as many entries as it has just written. `fresh`: the view has just been brought up
  // to date, so all that is on the list now gets its turn, once.
  void after_commit(bool fresh, std::size_t written) noexcept {
    const std::size_t listed = slot_.work.size();  // work_off takes from the list as well
    slot_.tidy_end = fresh ? listed : std::min(slot_.tidy_end, listed);
    slot_.tidied = std::min(slot_.tidied, slot_.tidy_end);
    for (std::size_t done = 0; done <= written && slot_.tidied < slot_.tidy_end; done += k_group) tidy_group();
  }

  // Deals with up to `count` entries of the list, wherever they stand, by turns.
  void work_off(std::size_t count, VacuumReport& report) noexcept {
    std::vector<void*>& list = slot_.work;
    std::size_t& at = slot_.work_at;
    for (; count > 0 && !list.empty(); --count) {
      if (at >= list.size()) at = 0;
      auto& entry = *static_cast<EntryType*>(list[at]);
      list[at] = list.back();  // it may be pushed anew by process()
      list.pop_back();
      try {
        guard_.reserve(ReclaimerType::k_room);
      } catch (...) {  // what retire() finds no room for is leaked
      }
      if (!reclaimer_.process(guard_, entry, view_, report)) continue;
      ++report.kept;
      WorkList<EntryType>::push(guard_, entry);
      ++at;  // the others first
    }
  }

 private:
  static constexpr std::size_t k_group = 8;     // fetched side by side
  static constexpr std::size_t k_versions = 8;  // survivors of a chain that a committer looks at
  static constexpr Cts k_young = 64;            // commits

  // Some of those that wait.
  void tidy_group() noexcept {
    std::vector<void*>& list = slot_.work;
    const std::size_t begin = slot_.tidied;
    const std::size_t size = std::min(k_group, slot_.tidy_end - begin);
    std::array<EntryType*, k_group> group;
    for (std::size_t i = 0; i < size; ++i) group[i] = static_cast<EntryType*>(list[begin + i]);
    look_ahead(std::span(group).first(size));

    std::array<EntryType*, k_group> leave;  // this part of the list: to its end, or altogether (null)
    std::size_t leaving = 0;
    VacuumReport ignored;
    for (std::size_t i = 0; i < size; ++i) {
      EntryType& entry = *group[i];
      const bool kept = reclaimer_.process(guard_, entry, view_, ignored, k_versions);
      if (kept && !is_young(entry)) {
        list[slot_.tidied++] = &entry;
      } else {
        leave[leaving++] = kept ? &entry : nullptr;
      }
    }
    // Holes are left at [tidied, begin + size): filled, from the last one, with the last that waits.
    for (std::size_t hole = begin + size, i = 0; i < leaving; ++i) {
      list[--hole] = list[--slot_.tidy_end];
      list[slot_.tidy_end] = leave[i] != nullptr ? leave[i] : list.back();
      if (leave[i] == nullptr) list.pop_back();
    }
  }

  // What process() will read of the chains, fetched side by side.
  static void look_ahead(std::span<EntryType* const> group) noexcept {
    for (const EntryType* entry : group) prefetch(entry);
    for (const EntryType* entry : group) prefetch(entry->load_head());
    for (const EntryType* entry : group) {
      const Version<Value>* const head = entry->load_head();
      if (head != nullptr && head != EntryType::closed())
        prefetch(head->older.load(std::memory_order_acquire));  // [P7]
    }
  }

  // True if the newest version is about as new as the view: snapshots that hold up what it covers are probably those of
  // commits under way, the caller's among them, and soon gone.
  bool is_young(const EntryType& entry) const noexcept {
    const Version<Value>* const head = entry.load_head();
    if (head == nullptr || head == EntryType::closed()) return false;
    const Stamp stamp = head->stamp();
    return stamp.is_tagged() || stamp.cts() + k_young > view_.floor;
  }

  ReclaimerType reclaimer_;
  EpochGuard& guard_;
  EpochDomain::Slot& slot_;
  const SnapshotView& view_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

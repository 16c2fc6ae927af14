// How far a transaction has found a range empty from its beginning on, having removed what was there itself.
// · layer: txn
//
// Who takes the first key of a range, removes it, and does so again walks over all that it has removed, each time a
// little more. So a later scan from the same place begins where the one before has met something. What lies before is
// in the read set already, by the ranges of the earlier scans, and the transaction's own writes there are removals.
// Used by one transaction.
#pragma once

#include <fluxmap/config.hpp>

#include <memory>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class Key>
class ClearedRun {
 public:
  // Where a scan from `first` may begin; null: there.
  template <class Compare>
  const Key* skip(const Compare& compare, const Key& first) const {
    if (from_ == nullptr || compare(first, *from_) || compare(*from_, first)) return nullptr;
    return upto_;
  }
  // A scan from `first` has met `key` before anything else, or has ended behind it: nothing lies before that. Both keys
  // must stay where they are until forget().
  void met(const Key& first, const Key& key) noexcept {
    from_ = std::addressof(first);
    upto_ = std::addressof(key);
  }
  // The same for a scan that skip() has sent on.
  void met_after_skip(const Key& key) noexcept { upto_ = std::addressof(key); }

  // The transaction writes a value.
  template <class Compare>
  void on_put(const Compare& compare, const Key& key) {
    if (from_ != nullptr && !compare(key, *from_) && compare(key, *upto_)) forget();
  }
  // It ends, or takes writes back.
  void forget() noexcept { from_ = nullptr; }

 private:
  const Key* from_ = nullptr;  // null: nothing is known
  const Key* upto_ = nullptr;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

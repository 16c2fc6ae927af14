// How far a transaction has found a range empty from its beginning on, having removed what was there itself. · layer:
// txn
//
// Who takes the first key of a range, removes it, and does so again walks over all that it has removed, each time a
// little more. So a later scan from the same place begins where the one before has met something. What lies before is
// in the read set already, by the ranges of the earlier scans, and the transaction's own writes there are removals.
// Used by one transaction.
#pragma once

#include <fluxmap/config.hpp>

#include <cstdint>

namespace fluxmap::inline FLUXMAP_ABI::detail {

template <class Key>
class ClearedRun {
 public:
  // A scan that has not met anything yet.
  struct Scan {
    const Key* from = nullptr;  // the beginning of the range; null: it has met something, or is none of ours
    std::uint64_t writes = 0;   // as writes_ was when it began
  };

  // Where a scan from `first` may begin; null: there.
  template <class Compare>
  const Key* skip(const Compare& compare, const Key& first) const {
    if (from_ == nullptr || compare(first, *from_) || compare(*from_, first)) return nullptr;
    return upto_;
  }
  // A scan begins at `first`, which stays where it is, or, if `skipped`, where skip() has said.
  Scan begin(const Key& first, bool skipped) const noexcept { return {skipped ? from_ : &first, writes_}; }
  // It has met `key` before anything else, or has ended behind it: nothing lies before that.
  void met(Scan& scan, const Key& key) noexcept {
    if (scan.from != nullptr && scan.writes == writes_) {
      from_ = scan.from;
      upto_ = &key;
    }
    scan.from = nullptr;
  }

  // The transaction writes a value.
  template <class Compare>
  void on_put(const Compare& compare, const Key& key) {
    ++writes_;
    if (from_ != nullptr && !compare(key, *from_) && compare(key, *upto_)) from_ = nullptr;
  }
  // It ends, or takes writes back.
  void forget() noexcept {
    ++writes_;
    from_ = nullptr;
  }

 private:
  const Key* from_ = nullptr;  // null: nothing is known. Both in the read or write set, which keep them
  const Key* upto_ = nullptr;
  std::uint64_t writes_ = 0;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

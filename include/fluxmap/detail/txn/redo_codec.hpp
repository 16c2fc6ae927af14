// What the log keeps of a commit, as bytes. · layer: txn
#pragma once

#include <fluxmap/codec.hpp>
#include <fluxmap/detail/storage/format.hpp>
#include <fluxmap/detail/txn/write_set.hpp>

#include <boost/system/system_error.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// How entries and commits are spelled (docs/format.md).
template <class Key, class Value>
struct RedoCodec {
  static void encode(std::span<Write<Key, Value>* const> writes, std::vector<std::byte>& redo) {
    redo.reserve(k_typical_write * writes.size());
    Encoder encoder(redo);
    for (const Write<Key, Value>* write : writes) {
      const bool removal = write->version->is_tombstone();
      const Deadline deadline = write->version->deadline();
      const bool expires = deadline != k_no_deadline;
      encoder.write_integer(static_cast<std::uint8_t>(removal   ? WriteKind::removal
                                                      : expires ? WriteKind::expiring
                                                                : WriteKind::value));
      if (expires) encoder.write_integer(deadline);
      Codec<Key>::encode(write->key_now(), encoder);
      if (!removal) Codec<Value>::encode(write->version->value, encoder);
    }
    if (redo.size() > k_max_payload) {
      throw boost::system::system_error(boost::system::errc::make_error_code(boost::system::errc::file_too_large),
                                        "fluxmap: a transaction writes more than 1 GiB");
    }
  }
  static constexpr std::size_t k_typical_write = 48;  // bytes: saves small ones from growing step by step
  static Fingerprint fingerprint() { return {codec_fingerprint<Key>(), codec_fingerprint<Value>()}; }
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

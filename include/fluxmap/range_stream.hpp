// RangeStream: a lazy scan.
#pragma once

#include <fluxmap/detail/txn/session.hpp>
#include <fluxmap/fwd.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI {

// A lazy, single-pass scan in key order: a std::ranges::input_range of pair<const Key&, const Value&>.
//
// A handle's stream reads one snapshot, taken when it was made, and keeps it until it is destroyed. A transaction's
// stream reads the transaction's snapshot and merges its own writes, those made while the stream is running included if
// they lie ahead; it must not be used after its transaction has ended. In a read-write transaction each
// step is a read of the keys walked over; what a stream was not asked for does not count as read. Elsewhere it looks up
// to 64 items ahead, which no one can tell but a comparator.
//
// The references of an item stay good as long as the stream (or, in a transaction, the transaction) lives and its key
// is not written again.
//
// Thread safety: none; but it may be suspended and go on on another thread.
// Complexity: a step is O(1), and the first one expected O(log n) with n keys in the database. In a transaction that
// has written w keys O(log w) more, and O(log n) behind an item of its own and after a move of its snapshot.
// Errors: of a step errc::closed, after the database was closed. In a transaction also errc::transaction_inactive,
// after its end, and, if that is not read-only, errc::serialization_conflict and errc::log_failed, as of other reads.
// Exceptions: those of comparators, and std::bad_alloc, come through. A first step that has thrown is still to be made.
template <class Key, class Value, class Compare>
class RangeStream {
  using SessionType = detail::Session<Key, Value, Compare>;
  using State = detail::TxnState<Key, Value, Compare>;
  using Lease = detail::Lease<Key, Value, Compare>;
  using Range = detail::RangeRead<Key, Value>;

 public:
  using value_type = std::pair<const Key&, const Value&>;  // an item

  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = RangeStream::value_type;
    using difference_type = std::ptrdiff_t;

    value_type operator*() const { return {*stream_->cursor_.key, *stream_->cursor_.value}; }
    iterator& operator++() {
      stream_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& at, std::default_sentinel_t) { return at.is_done(); }

   private:
    friend class RangeStream;
    bool is_done() const noexcept { return stream_->done_; }
    explicit iterator(RangeStream& stream) noexcept : stream_(&stream) {}
    RangeStream* stream_;
  };

  // The stream moved from must not be used any more.
  // Complexity: O(1).
  RangeStream(RangeStream&&) noexcept = default;
  // Likewise; this stream's snapshot is let go.
  // Complexity: O(1).
  RangeStream& operator=(RangeStream&&) noexcept = default;

  // Where the stream stands: at its first item when nothing has been taken yet. Single pass.
  // Complexity: the first step, if it has not been made; otherwise O(1).
  // Errors: those of a step.
  iterator begin() {
    if (!begun_) {
      advance();
      begun_ = true;  // not if it has thrown: then the first item is still to come
    }
    return iterator(*this);
  }
  // Where no item is left.
  // Complexity: O(1).
  std::default_sentinel_t end() const noexcept { return {}; }

  // The next item, or nothing at the end; for loops that are not range-for.
  // Complexity: one step.
  // Errors: those of a step.
  std::optional<value_type> next() {
    if (!begun_) {
      begin();
    } else if (!done_) {
      advance();
    }
    if (done_) return std::nullopt;
    return std::optional<value_type>(std::in_place, *cursor_.key, *cursor_.value);
  }

 private:
  friend class Handle<Key, Value, Compare>;
  friend class Transaction<Key, Value, Compare>;

  // A stream with a snapshot of its own.
  RangeStream(Lease lease, Range&& range) : lease_(std::move(lease)) {
    open(lease_.session(), *lease_, std::move(range));
  }
  // A stream of a transaction.
  RangeStream(const std::shared_ptr<SessionType>& session, State& state, Range&& range) {
    open(session, state, std::move(range));
  }

  void open(const std::shared_ptr<SessionType>& session, State& state, Range&& range) {
    session_ = session;
    state_ = &state;
    cursor_ = state.open_scan(std::move(range), kept_);
    serial_ = state.serial();
  }

  void advance() {
    if (done_) return;
    if (state_->serial() != serial_) detail::throw_error(errc::transaction_inactive);
    if (state_->advance_ahead(cursor_)) return;
    detail::EpochGuard guard(session_->store().epochs);
    done_ = !state_->advance(guard, cursor_);
  }

  std::shared_ptr<SessionType> session_;  // keeps the state's memory
  Lease lease_;
  State* state_ = nullptr;
  std::uint64_t serial_ = 0;  // of the transaction that the stream belongs to
  std::unique_ptr<Range> kept_;
  detail::ScanCursor<Key, Value> cursor_;
  bool begun_ = false;
  bool done_ = false;
};

}  // namespace fluxmap::inline FLUXMAP_ABI

// A block of the express lane: some entries in order, each with the prefix of its key. · layer: index
#pragma once

#include <fluxmap/detail/platform/heap_bytes.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Immutable once published. One allocation: the count, the prefixes, the entries.
template <class EntryType, class Prefix>
class LaneBlock {
 public:
  struct Delete {
    void operator()(LaneBlock* block) const noexcept {
      block->~LaneBlock();
      ::operator delete(block);
    }
  };
  using Ptr = std::unique_ptr<LaneBlock, Delete>;

  static Ptr empty() { return allocate(0); }
  static Ptr of(const std::vector<EntryType*>& entries, std::size_t from, std::size_t to) {
    Ptr block = allocate(to - from);
    for (std::size_t i = from; i < to; ++i) {
      block->prefixes()[i - from] = Prefix::of(entries[i]->key);
      block->entries()[i - from] = entries[i];
    }
    return block;
  }
  static Ptr with(const LaneBlock& other, std::size_t place, EntryType& entry, std::uint64_t prefix) {
    Ptr block = allocate(other.size() + 1);
    block->copy(other, 0, place, 0);
    block->prefixes()[place] = prefix;
    block->entries()[place] = &entry;
    block->copy(other, place, other.size(), place + 1);
    return block;
  }
  static Ptr without(const LaneBlock& other, std::size_t place) {
    Ptr block = allocate(other.size() - 1);
    block->copy(other, 0, place, 0);
    block->copy(other, place + 1, other.size(), place);
    return block;
  }
  static Ptr part(const LaneBlock& other, std::size_t from, std::size_t to) {
    Ptr block = allocate(to - from);
    block->copy(other, from, to, 0);
    return block;
  }
  static Ptr joined(const LaneBlock& left, const LaneBlock& right) {
    Ptr block = allocate(left.size() + right.size());
    block->copy(left, 0, left.size(), 0);
    block->copy(right, 0, right.size(), left.size());
    return block;
  }

  std::size_t size() const noexcept { return size_; }
  // Of the allocation; nothing while it is empty, so that an empty database weighs nothing.
  std::int64_t bytes() const noexcept {
    return size_ == 0 ? 0 : static_cast<std::int64_t>(heap_bytes(sizeof(LaneBlock) + size_ * k_pair));
  }
  std::uint64_t prefix(std::size_t at) const noexcept { return prefixes()[at]; }
  EntryType* entry(std::size_t at) const noexcept { return entries()[at]; }

 private:
  static constexpr std::size_t k_pair = sizeof(std::uint64_t) + sizeof(EntryType*);

  explicit LaneBlock(std::size_t size) noexcept : size_(size) {}
  static Ptr allocate(std::size_t size) {
    static_assert(sizeof(std::uint64_t) == sizeof(LaneBlock) && alignof(EntryType*) <= alignof(std::uint64_t));
    void* const memory = ::operator new(sizeof(LaneBlock) + size * k_pair);
    return Ptr(::new (memory) LaneBlock(size));
  }
  std::uint64_t* prefixes() const noexcept {
    return reinterpret_cast<std::uint64_t*>(const_cast<LaneBlock*>(this) + 1);
  }
  EntryType** entries() const noexcept { return reinterpret_cast<EntryType**>(prefixes() + size_); }
  void copy(const LaneBlock& other, std::size_t from, std::size_t to, std::size_t at) noexcept {
    std::copy(other.prefixes() + from, other.prefixes() + to, prefixes() + at);
    std::copy(other.entries() + from, other.entries() + to, entries() + at);
  }

  std::size_t size_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

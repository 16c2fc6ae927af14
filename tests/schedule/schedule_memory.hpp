// The heap of a schedule test: replaces operator new and delete of the whole program, so that a run can tell
//   a leak              as many blocks are in use after a schedule as before it
//   use after free      with `keep`, freed blocks are filled with a pattern and kept until the schedule is over; a
//   write
//                       to one is found then, and what is read from one is no pointer, no timestamp and no value
//   ABA                 with `reuse`, the block freed last is the next one handed out, whichever thread asks
// Include it in one source file of a program. Under a sanitizer it does nothing: those look closer, at more cost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FLUXMAP_TEST_OWN_HEAP 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FLUXMAP_TEST_OWN_HEAP 0
#endif
#endif
#ifndef FLUXMAP_TEST_OWN_HEAP
#define FLUXMAP_TEST_OWN_HEAP 1
#endif

namespace fluxmap_test {

enum class HeapMode : std::uint8_t { plain, keep, reuse };

class Heap {
 public:
  static Heap& instance() {
    static constinit Heap heap;
    return heap;
  }

  void* allocate(std::size_t size) {
    const std::lock_guard lock(mutex_);
    Block* block = nullptr;
    const std::size_t rounded = round_up(size);
    if (rounded <= k_largest && free_[rounded / k_step] != nullptr) {
      Block*& first = free_[rounded / k_step];
      block = first;
      first = first->next;
    } else {
      block = static_cast<Block*>(std::malloc(sizeof(Block) + rounded));
      if (block == nullptr) throw std::bad_alloc();
    }
    block->size = rounded;
    block->state = k_used;
    ++used_;
    std::memset(block + 1, k_fresh, rounded);
    return block + 1;
  }

  void release(void* memory) noexcept {
    if (memory == nullptr) return;
    const std::lock_guard lock(mutex_);
    Block* const block = static_cast<Block*>(memory) - 1;
    if (block->state != k_used) {
      std::fputs("[heap] freed twice, or never allocated\n", stderr);
      std::abort();
    }
    --used_;
    block->state = k_free;
    if (mode_ == HeapMode::keep) {
      std::memset(memory, k_freed, block->size);
      block->next = kept_;
      kept_ = block;
    } else if (mode_ == HeapMode::reuse && block->size <= k_largest) {
      block->next = free_[block->size / k_step];
      free_[block->size / k_step] = block;
    } else {
      std::free(block);
    }
  }

  void set_mode(HeapMode mode) {
    const std::lock_guard lock(mutex_);
    mode_ = mode;
  }
  std::int64_t used() {
    const std::lock_guard lock(mutex_);
    return used_;
  }

  // Lets go of what was freed. False: somebody has written to it since.
  bool sweep() {
    const std::lock_guard lock(mutex_);
    bool clean = true;
    while (kept_ != nullptr) {
      Block* const block = kept_;
      kept_ = block->next;
      const auto* bytes = reinterpret_cast<const unsigned char*>(block + 1);
      for (std::size_t i = 0; i < block->size; ++i) clean = clean && bytes[i] == k_freed;
      std::free(block);
    }
    for (Block*& first : free_) {
      while (first != nullptr) {
        Block* const block = first;
        first = block->next;
        std::free(block);
      }
    }
    return clean;
  }

 private:
  struct alignas(16) Block {
    std::size_t size;
    std::uint64_t state;
    Block* next;
  };
  static constexpr std::uint64_t k_used = 0x75736564, k_free = 0x66726565;
  static constexpr unsigned char k_fresh = 0xcd, k_freed = 0xdd;  // as pointers neither is canonical: using one traps
  static constexpr std::size_t k_step = 16, k_largest = 512;

  static std::size_t round_up(std::size_t size) { return size == 0 ? k_step : (size + k_step - 1) / k_step * k_step; }

  std::mutex mutex_;
  HeapMode mode_ = HeapMode::plain;
  std::int64_t used_ = 0;
  Block* kept_ = nullptr;
  Block* free_[k_largest / k_step + 1] = {};
};

}  // namespace fluxmap_test

#if FLUXMAP_TEST_OWN_HEAP
// Over-aligned blocks (the parts of a store, not what it is filled with) stay with the library.
void* operator new(std::size_t size) { return fluxmap_test::Heap::instance().allocate(size); }
void* operator new[](std::size_t size) { return fluxmap_test::Heap::instance().allocate(size); }
void operator delete(void* memory) noexcept { fluxmap_test::Heap::instance().release(memory); }
void operator delete[](void* memory) noexcept { fluxmap_test::Heap::instance().release(memory); }
void operator delete(void* memory, std::size_t) noexcept { fluxmap_test::Heap::instance().release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { fluxmap_test::Heap::instance().release(memory); }
#endif

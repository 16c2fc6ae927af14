// Which process this is: a child of fork() has the memory of its parent, and none of its threads. · layer: platform
//
// What works with threads, locks or files remembers where it was made (ProcessMark), and leaves everything as it is in
// a child: threads that do not exist cannot be joined, what they had locked stays locked, what waited on a condition
// variable is waited for by its destructor, and the files are the parent's.
//
// A page that the kernel wipes in every new process (MADV_WIPEONFORK, Linux 4.14) holds a number: to ask costs a load.
// Where there is no such page the process is asked for its id.
// Thread safety: all calls.
#pragma once

#include <fluxmap/config.hpp>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#define FLUXMAP_HAS_FORK 1
#else
#define FLUXMAP_HAS_FORK 0
#endif

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Moves a value to where nothing destroys it, and frees nothing. For what is not ours to end.
template <class T>
void never_destroy(T value) noexcept {
  alignas(T) std::byte place[sizeof(T)];
  ::new (static_cast<void*>(place)) T(std::move(value));
}

#if FLUXMAP_HAS_FORK
using WipedWord = std::atomic<std::uint64_t>;  // 0 in a process where nobody has asked for its number yet

// In a page that is wiped by fork; null where that cannot be had.
inline WipedWord* map_wiped_word() noexcept {
#if defined(MADV_WIPEONFORK)
  const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return nullptr;
  // Emulators have been seen that take every advice and follow none: then they take this one, too.
  constexpr int k_no_such_advice = -1;
  if (::madvise(page, size, k_no_such_advice) != 0 && ::madvise(page, size, MADV_WIPEONFORK) == 0) {
    return ::new (page) WipedWord(0);
  }
  ::munmap(page, size);
#endif
  return nullptr;
}
inline WipedWord* wiped_word() noexcept {
  static WipedWord* const word = map_wiped_word();
  return word;
}

// Processes that have asked for their number, with their parents and theirs. Not wiped, so a child's number is new.
inline std::atomic<std::uint64_t> process_count{0};

class ProcessMark {
 public:
  ProcessMark() noexcept : word_(wiped_word()), number_(number_of_this(word_)) {}

  // False in a child of the process that this was made in.
  bool is_here() const noexcept {
    // Relaxed: no thread of this process has seen another number, and the kernel wipes before there are any.
    return word_ != nullptr ? word_->load(std::memory_order_relaxed) == number_ : process_id() == number_;
  }

 private:
  static std::uint64_t process_id() noexcept { return static_cast<std::uint64_t>(::getpid()); }
  static std::uint64_t number_of_this(WipedWord* word) noexcept {
    if (word == nullptr) return process_id();
    std::uint64_t number = word->load(std::memory_order_relaxed);  // as above; only the number counts
    if (number != 0) return number;
    const std::uint64_t next = process_count.fetch_add(1, std::memory_order_relaxed) + 1;  // a counter
    // Relaxed, as above. Where another thread was first, `number` is what it has chosen.
    return word->compare_exchange_strong(number, next, std::memory_order_relaxed) ? next : number;
  }

  WipedWord* word_;
  std::uint64_t number_;
};
#else
class ProcessMark {
 public:
  static constexpr bool is_here() noexcept { return true; }
};
#endif

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

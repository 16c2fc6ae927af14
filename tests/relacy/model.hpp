// The atomics and mutexes of a model of C++'s memory: std::atomic's interface over rl::atomic. Included before anything
// of fluxmap, which takes them for its own then (detail/platform/atomic.hpp).
//
// A load may return any value that the memory model allows, not only the newest; a plain value held in a Plain<T> that
// is read or written without a happens-before edge to the other access is reported as a race.
//
// What relacy does not model, so that a pass says nothing about it: loads before stores (load buffering); two threads'
// stores taking effect in another order than they ran; failing compare-exchanges that read an old value; that a release
// sequence ends at the same thread's next store (it did not before C++20).
#pragma once

// Not relacy.hpp: that gives words of the language a meaning of its own, for code that was written for it. These are
// what it includes, in its order.
// clang-format off
#define atomic_history_size few_values
#include <relacy/base.hpp>
#undef atomic_history_size
namespace rl {
inline constexpr std::size_t atomic_history_size = 8;  // how old a value may be that is read: with 3, as it is there,
}  // namespace rl                                     // nobody would ever meet what was there two epochs ago
#include <relacy/context.hpp>
#include <relacy/context_base_impl.hpp>
#include <relacy/atomic_fence.hpp>
#include <relacy/atomic.hpp>
#include <relacy/var.hpp>
#include <relacy/thread_local.hpp>
#include <relacy/test_suite.hpp>
#include <relacy/dyn_thread.hpp>
#include <relacy/stdlib/mutex.hpp>
#include <relacy/stdlib/condition_variable.hpp>
#include <relacy/stdlib/semaphore.hpp>
#include <relacy/stdlib/event.hpp>
// clang-format on
#undef $

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <source_location>
#include <type_traits>

// Relacy's operators new and delete watch the heap of a run: what is freed twice, and what is left. They are from
// before there were these; a program that includes this is one source.
void operator delete(void* memory, std::size_t) noexcept { ::operator delete(memory); }
void operator delete[](void* memory, std::size_t) noexcept { ::operator delete[](memory); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return ::operator new(size); }

namespace fluxmap_test::relacy {

using Where = std::source_location;

inline rl::debug_info as_rl(const Where& where) { return {where.function_name(), where.file_name(), where.line()}; }

constexpr rl::memory_order as_rl(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed:
      return rl::mo_relaxed;
    case std::memory_order_consume:
      return rl::mo_consume;
    case std::memory_order_acquire:
      return rl::mo_acquire;
    case std::memory_order_release:
      return rl::mo_release;
    case std::memory_order_acq_rel:
      return rl::mo_acq_rel;
    case std::memory_order_seq_cst:
      break;
  }
  return rl::mo_seq_cst;
}

// While it is in scope no other thread runs.
struct Uninterrupted {
  Uninterrupted() { rl::ctx().disable_preemption(); }
  Uninterrupted(const Uninterrupted&) = delete;
  Uninterrupted& operator=(const Uninterrupted&) = delete;
  ~Uninterrupted() { rl::ctx().enable_preemption(); }
};

template <class T>
class Atomic {
  using Bits = std::uint64_t;  // of all types, so that relacy's templates are compiled once
  static_assert(sizeof(T) <= sizeof(Bits));
  static constexpr std::memory_order k_seq_cst = std::memory_order_seq_cst;

 public:
  using value_type = T;

  Atomic(Where where = Where::current()) : Atomic(T{}, where) {}
  // Beginning is no step: nobody else is here yet. Who reads it without having been told of it reads nothing.
  Atomic(T value, Where where = Where::current()) {
    const Uninterrupted alone;
    cell_.store(bits(value), rl::mo_relaxed, as_rl(where));
  }
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  T load(std::memory_order order = k_seq_cst, Where where = Where::current()) const {
    return value(cell_.load(as_rl(order), as_rl(where)));
  }
  void store(T desired, std::memory_order order = k_seq_cst, Where where = Where::current()) {
    cell_.store(bits(desired), as_rl(order), as_rl(where));
  }
  T exchange(T desired, std::memory_order order = k_seq_cst, Where where = Where::current()) {
    return value(cell_.exchange(bits(desired), as_rl(order), as_rl(where)));
  }
  T fetch_add(T amount, std::memory_order order = k_seq_cst, Where where = Where::current()) {
    return value(cell_.fetch_add(bits(amount), as_rl(order), as_rl(where)));
  }
  T fetch_sub(T amount, std::memory_order order = k_seq_cst, Where where = Where::current()) {
    return value(cell_.fetch_sub(bits(amount), as_rl(order), as_rl(where)));
  }
  T fetch_and(T mask, std::memory_order order = k_seq_cst, Where where = Where::current()) {
    return value(cell_.fetch_and(bits(mask), as_rl(order), as_rl(where)));
  }
  T fetch_or(T mask, std::memory_order order = k_seq_cst, Where where = Where::current()) {
    return value(cell_.fetch_or(bits(mask), as_rl(order), as_rl(where)));
  }

  bool compare_exchange_strong(T& expected, T desired, std::memory_order success, std::memory_order failure,
                               Where where = Where::current()) {
    return exchange_if(expected, desired, success, failure, false, where);
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order success, std::memory_order failure,
                             Where where = Where::current()) {
    return exchange_if(expected, desired, success, failure, true, where);
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order order = k_seq_cst,
                               Where where = Where::current()) {
    return exchange_if(expected, desired, order, failure_of(order), false, where);
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order order = k_seq_cst,
                             Where where = Where::current()) {
    return exchange_if(expected, desired, order, failure_of(order), true, where);
  }

 private:
  static Bits bits(T value) {
    if constexpr (std::is_pointer_v<T>) {
      return reinterpret_cast<std::uintptr_t>(value);
    } else {
      return static_cast<Bits>(value);
    }
  }
  static T value(Bits bits) {
    if constexpr (std::is_pointer_v<T>) {
      return reinterpret_cast<T>(static_cast<std::uintptr_t>(bits));
    } else {
      return static_cast<T>(bits);
    }
  }
  static constexpr std::memory_order failure_of(std::memory_order order) {
    if (order == std::memory_order_acq_rel) return std::memory_order_acquire;
    return order == std::memory_order_release ? std::memory_order_relaxed : order;
  }
  // The pairs of orders that relacy knows; it ignores, or refuses in silence, the others.
  static constexpr bool knows(std::memory_order success, std::memory_order failure) {
    return failure == std::memory_order_relaxed || success == std::memory_order_seq_cst ||
           (failure == std::memory_order_acquire &&
            (success == std::memory_order_acquire || success == std::memory_order_acq_rel));
  }

  bool exchange_if(T& expected, T desired, std::memory_order success, std::memory_order failure, bool weak,
                   const Where& where) {
    const rl::debug_info info = as_rl(where);
    Bits found = bits(expected);
    bool done = false;
    if (knows(success, failure)) {
      done =
          weak
              ? cell_.compare_exchange(rl::bool_t<true>(), found, bits(desired), as_rl(success), as_rl(failure), info)
              : cell_.compare_exchange(rl::bool_t<false>(), found, bits(desired), as_rl(success), as_rl(failure), info);
    } else {
      rl::ctx().sched();
      const Uninterrupted one_step;
      const std::memory_order order = cell_.debug_value() == found ? success : failure;
      done = cell_.compare_exchange(rl::bool_t<false>(), found, bits(desired), as_rl(order), info);
    }
    if (!done) expected = value(found);
    return done;
  }

  rl::atomic<Bits> cell_;
};

class Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() { mutex_.lock(rl::debug_info()); }
  bool try_lock() { return mutex_.try_lock(rl::debug_info()); }
  void unlock() { mutex_.unlock(rl::debug_info()); }

 private:
  rl::mutex mutex_;
};

// A value without any protection of its own.
template <class T>
class Plain {
 public:
  Plain(T value = T{}, Where where = Where::current()) { set(value, where); }
  Plain(const Plain& other) : Plain(other.get()) {}
  Plain& operator=(const Plain& other) {
    set(other.get());
    return *this;
  }

  T get(Where where = Where::current()) const { return value_(as_rl(where)).load(); }
  void set(T value, Where where = Where::current()) { value_(as_rl(where)).store(value); }

 private:
  mutable rl::var<T> value_;
};

}  // namespace fluxmap_test::relacy

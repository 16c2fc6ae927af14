// Where operations run whose completion handler names no executor. · layer: front
//
// Asio would take its system executor. That one's threads take the program's signals, and a child of fork() that has
// inherited it never comes out of exit(). So these are threads of the library's own, started by the first operation
// that needs them; a child has new ones, and leaves those of its parent alone. The handler itself is called as by the
// system executor: on whichever thread is at it.
// Thread safety: all calls.
#pragma once

#include <fluxmap/detail/platform/process.hpp>
#include <fluxmap/detail/platform/thread.hpp>

#include <boost/asio/system_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <memory>
#include <string_view>
#include <type_traits>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Whether a handler's associated executor means that it has none. That of use_future is the system executor with a net
// below it, for exceptions; it has no public name. Were it called otherwise one day, Asio's threads would do.
template <class Executor>
constexpr bool stands_for_none() noexcept {
  if constexpr (std::is_same_v<Executor, boost::asio::system_executor>) return true;
#if defined(__GNUC__)
  return std::string_view(__PRETTY_FUNCTION__).find("asio::detail::promise_executor<") != std::string_view::npos;
#else
  return false;
#endif
}

class DefaultExecutor {
 public:
  using Executor = boost::asio::thread_pool::executor_type;

  // Throws std::system_error.
  static Executor get() {
    static DefaultExecutor instance;
    return instance.pool().get_executor();
  }
  DefaultExecutor(const DefaultExecutor&) = delete;
  DefaultExecutor& operator=(const DefaultExecutor&) = delete;

 private:
  struct Owned {
    const ProcessMark process;
    boost::asio::thread_pool pool;
  };

  DefaultExecutor() = default;
  // What runs then ends first; what waits is dropped. Static objects that are destroyed later make another pool, which
  // is left alone.
  ~DefaultExecutor() {
    Owned* const owned = owned_.exchange(nullptr, std::memory_order_acquire);  // pairs with pool()
    if (owned != nullptr && owned->process.is_here()) delete owned;
  }

  boost::asio::thread_pool& pool() {
    Owned* owned = owned_.load(std::memory_order_acquire);  // pairs with the CAS
    if (owned != nullptr && owned->process.is_here()) return owned->pool;
    auto fresh = [] {
      const BlockedSignals blocked;  // in the threads that it starts
      return std::make_unique<Owned>();
    }();
    // acq_rel: the pool. Where another thread was first its pool is used, and ours ends.
    if (owned_.compare_exchange_strong(owned, fresh.get(), std::memory_order_acq_rel, std::memory_order_acquire)) {
      owned = fresh.release();
    }
    return owned->pool;
  }

  std::atomic<Owned*> owned_{nullptr};
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

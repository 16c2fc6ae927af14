// How a coroutine waits for a thread that is not of its executor. · layer: front
//
// The handler of the wait is kept by a Wake. Whoever comes first gets it: the thread that has the result, a
// cancellation, or the end of the coroutine's execution context; so a context may be destroyed while its coroutines
// wait, and the result of a wait that is over goes nowhere.
//
// The handler is posted to its executor by the thread that has the result. A context of Asio's that was told to do
// without locks (BOOST_ASIO_CONCURRENCY_HINT_UNSAFE) takes nothing from another thread: a wait on it ends at once, with
// errc::invalid_option, instead of never.
#pragma once

#include <fluxmap/detail/front/async_op.hpp>
#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/detail/platform/thread.hpp>
#include <fluxmap/detail/storage/log.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/query.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#if __has_include(<boost/asio/config.hpp>)  // Boost 1.87
#include <boost/asio/config.hpp>
#endif

#include <atomic>
#include <exception>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// Whether other threads may post to a context. One that is not of Asio's own is taken to be as executors should be.
inline bool has_locks(asio::execution_context& context) {
#if __has_include(<boost/asio/config.hpp>)
  return asio::config(context).get("scheduler", "locking", true);
#else
  using Scheduler = asio::detail::io_context_impl;  // of thread pools and the system's context, too
  if (!asio::has_service<Scheduler>(context)) return true;
  const int hint = asio::use_service<Scheduler>(context).concurrency_hint();
  return BOOST_ASIO_CONCURRENCY_HINT_IS_LOCKING(SCHEDULER, hint);
#endif
}

class WakeList;

// One wait. Referred to by its list (while it waits), by whoever will wake it, and by a cancellation handler.
class Wake : public LogWaiter,
             public boost::intrusive_ref_counter<Wake>,
             public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::safe_link>> {
 public:
  Wake(Cts target, std::shared_ptr<WakeList> list) : LogWaiter(target), list_(std::move(list)) {}

  // The waking thread's call; it gives up its reference (see expect).
  void wake(error_code result) noexcept override {
    finish(result);
    boost::intrusive_ptr<Wake>(this, false).reset();
  }
  // Counts the reference of whoever will call wake().
  void expect() noexcept { boost::intrusive_ptr<Wake>(this).detach(); }
  WakeList& list() const noexcept { return *list_; }
  // Ends the wait unless it has ended.
  void finish(error_code result) noexcept;

 private:
  friend class WakeList;
  virtual void post(error_code result) = 0;  // once; the context exists
  virtual void drop() noexcept = 0;          // instead: destroys the handler

  std::shared_ptr<WakeList> list_;
};

// The waits of one execution context.
class WakeList : public std::enable_shared_from_this<WakeList> {
 public:
  void add(Wake& wake) {
    boost::intrusive_ptr<Wake> kept(&wake);
    const std::lock_guard lock(mutex_);
    list_.push_back(*kept.detach());
  }
  void finish(Wake& wake, error_code result) noexcept {
    boost::intrusive_ptr<Wake> kept;
    const std::lock_guard lock(mutex_);
    if (!static_cast<Hook&>(wake).is_linked()) return;
    list_.erase(list_.iterator_to(wake));
    kept.reset(&wake, false);
    wake.post(result);  // inside the lock: the context cannot go away meanwhile
  }
  // Has the log write what there is, soon, on `executor`: after whatever is ready to run there, so that its commits are
  // written together. The store is kept until then.
  template <class StoreType, class Executor>
  void request_write(const std::shared_ptr<StoreType>& store, const Executor& executor) {
    // acq_rel: whoever finds a request standing has its commit seen by it; pairs with the exchange below.
    if (write_requested_.exchange(true, std::memory_order_acq_rel)) return;
    asio::post(executor, [list = shared_from_this(), store] {
      list->write_requested_.exchange(false, std::memory_order_acq_rel);  // before the write: see above
      store->log->write_for_waiters();
    });
  }
  // The context is about to go: its handlers go first. Not in a child of fork() where another thread was at the list
  // then, and left it locked for good.
  void drop_all() noexcept {
    for (;;) {
      boost::intrusive_ptr<Wake> wake;
      {
        std::unique_lock lock(mutex_, std::defer_lock);
        if (process_.is_here()) {
          lock.lock();
        } else if (!lock.try_lock()) {
          return;
        }
        if (list_.empty()) return;
        wake.reset(&list_.front(), false);
        list_.pop_front();
      }
      wake->drop();
    }
  }

 private:
  using Hook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::safe_link>>;
  std::mutex mutex_;
  boost::intrusive::list<Wake> list_;
  Atomic<bool> write_requested_{false};
  const ProcessMark process_;
};

inline void Wake::finish(error_code result) noexcept {
  const std::shared_ptr<WakeList> list = list_;  // this wake may be the list's last user
  list->finish(*this, result);
}

class WakeService final : public asio::execution_context::service {
 public:
  using key_type = WakeService;
  static inline asio::execution_context::id id;

  explicit WakeService(asio::execution_context& context)
      : asio::execution_context::service(context), list_(std::make_shared<WakeList>()), wakeable_(has_locks(context)) {}
  const std::shared_ptr<WakeList>& list() const noexcept { return list_; }
  bool wakeable() const noexcept { return wakeable_; }

  template <class Executor>
  static WakeService& of(const Executor& executor) {
    asio::execution_context& context = asio::query(executor, asio::execution::context);
    return asio::use_service<WakeService>(context);
  }

 private:
  void shutdown() noexcept override { list_->drop_all(); }

  std::shared_ptr<WakeList> list_;
  const bool wakeable_;
};

// The wait of a coroutine, whose handler has signature void(error_code). (The coroutine keeps its context busy itself.)
template <class Handler>
class HandlerWake final : public Wake {
 public:
  HandlerWake(Cts target, std::shared_ptr<WakeList> list, Handler&& handler)
      : Wake(target, std::move(list)), handler_(std::in_place, std::move(handler)) {}

 private:
  void post(error_code result) override {
    Handler handler = std::move(*handler_);
    handler_.reset();
    const auto executor = asio::get_associated_executor(handler);
    asio::post(executor, [handler = std::move(handler), result]() mutable {
      auto slot = asio::get_associated_cancellation_slot(handler);
      if (slot.is_connected()) slot.clear();
      Handler last = std::move(handler);
      std::move(last)(result);
    });
  }
  void drop() noexcept override { handler_.reset(); }

  std::optional<Handler> handler_;
};

using WaitResult = std::tuple<error_code>;

// Suspends the calling coroutine; `start(Wake&, executor)` sees to it that wake() is called once. A plain function, and
// `start` passes by value: a coroutine frame less for each commit that waits. On a context that cannot be woken `start`
// is not called, and the result is errc::invalid_option.
template <class Start>
asio::awaitable<WaitResult> suspend_until_woken(Cts target, bool cancellable, Start start) {
  static_assert(std::is_trivially_copyable_v<Start>, "g++ 12 destroys twice what such a temporary has captured");
  assert_no_epoch_guard();
  return asio::async_initiate<const asio::as_tuple_t<asio::use_awaitable_t<>>, void(error_code)>(
      [target, cancellable](auto handler, Start begin) {
        using Handler = decltype(handler);
        const auto executor = asio::get_associated_executor(handler);
        auto slot = asio::get_associated_cancellation_slot(handler);
        WakeService& service = WakeService::of(executor);
        const std::shared_ptr<WakeList>& list = service.list();
        const boost::intrusive_ptr<Wake> wake(new HandlerWake<Handler>(target, list, std::move(handler)));
        list->add(*wake);
        if (!service.wakeable()) return wake->finish(make_error_code(errc::invalid_option));  // by its own thread
        if (cancellable && slot.is_connected()) {
          slot.assign([wake](asio::cancellation_type) { wake->finish(asio::error::operation_aborted); });
        }
        begin(*wake, executor);
      },
      asio::as_tuple(asio::use_awaitable), start);
}

[[noreturn]] inline void throw_not_wakeable() {
  throw_error(errc::invalid_option,
              "fluxmap: an io_context made with BOOST_ASIO_CONCURRENCY_HINT_UNSAFE cannot be told what another thread "
              "has done; what was committed stands");
}
// Before something is begun that ends with a wait: throws where that could not be told to the executor.
template <class Executor>
void check_wakeable(const Executor& executor) {
  if (!WakeService::of(executor).wakeable()) throw_not_wakeable();
}

// Throws what became of a wait for the log: errc::log_failed or errc::closed if what was waited for will never be;
// operation_aborted when cancelled, errc::invalid_option where the context cannot be woken: what was committed stands.
inline void check_wait(const Log& log, const WaitResult& result) {
  const error_code code = std::get<0>(result);
  if (code == make_error_code(errc::log_failed)) log.check_usable();
  if (code == make_error_code(errc::invalid_option)) throw_not_wakeable();
  if (code) throw boost::system::system_error(code, "fluxmap");
}

// Waits until the log has acknowledged everything up to `cts`. For check_wait. `store` must stay until then.
template <class StoreType>
asio::awaitable<WaitResult> wait_acknowledged(const std::shared_ptr<StoreType>& store, Cts cts) {
  return suspend_until_woken(cts, true, [&store](Wake& wake, const auto& executor) {
    Log& log = *store->log;
    wake.expect();
    if (log.level() == LogLevel::relaxed) wake.list().request_write(store, executor);
    log.wait_acknowledged(wake);  // last: the coroutine, and `store` with it, may be gone when this returns
  });
}
// Waits until everything up to `cts` is on the disk. For check_wait.
inline asio::awaitable<WaitResult> wait_synced(Log& log, Cts cts) {
  return suspend_until_woken(cts, true, [&log](Wake& wake, const auto&) {
    wake.expect();
    log.wait_synced(wake);
  });
}

// True if the outcome of a commit may be told; else wait_acknowledged.
template <class StoreType>
bool is_acknowledged(StoreType& store, Cts cts) noexcept {
  return store.log == nullptr || store.log->acknowledge(cts);
}

// Runs `work` on a thread of its own and hands over what it returns or throws. The thread is gone before that, unless
// the coroutine's context went first. `work` must be a named object that is moved in: g++ 12 destroys twice what a
// temporary in a co_await expression has captured.
template <class Work>
asio::awaitable<std::invoke_result_t<Work&>> run_on_thread(Work work) {
  using Result = std::invoke_result_t<Work&>;
  struct Job {
    explicit Job(Work&& w) : work(std::move(w)) {}
    ~Job() {
      if (thread.joinable()) thread.detach();
    }
    Work work;
    std::conditional_t<std::is_void_v<Result>, bool, std::optional<Result>> result{};
    std::exception_ptr failure;
    std::latch started{1};  // `thread` is set: the coroutine may go on at any time after wake()
    Thread thread;
  };
  const auto executor_here = co_await asio::this_coro::executor;
  check_wakeable(executor_here);
  auto job = std::make_shared<Job>(std::move(work));
  co_await suspend_until_woken(0, false, [&job](Wake& wake, const auto&) {
    // The thread gets its own reference, and so do we: the coroutine may be gone as soon as the thread has begun.
    const std::shared_ptr<Job> ours = job;
    wake.expect();
    try {
      ours->thread = Thread::start([job = ours, waiter = &wake]() mutable {
        job->started.wait();
        try {
          if constexpr (std::is_void_v<Result>) {
            job->work();
          } else {
            job->result.emplace(job->work());
          }
        } catch (...) {
          job->failure = std::current_exception();
        }
        waiter->wake({});
      });
      ours->started.count_down();
    } catch (const std::system_error&) {  // no more threads: told like any other failure
      ours->failure = std::current_exception();
      wake.wake({});
    }
  });
  if (job->thread.joinable()) job->thread.join();
  if (job->failure) std::rethrow_exception(job->failure);
  if constexpr (!std::is_void_v<Result>) co_return std::move(*job->result);
}

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

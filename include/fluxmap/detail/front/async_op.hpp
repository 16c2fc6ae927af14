// How an operation that is written once, as a coroutine, is offered with any completion token. · layer: front
//
// The awaitable form is the coroutine itself: it finishes without a visit to the scheduler when it has nothing to wait
// for. The token form runs the same coroutine on the handler's associated executor (DefaultExecutor where it has none),
// keeps that executor busy, passes the handler's cancellation slot on, and completes through it, never inside the
// initiating function.
//
// Nothing is allocated through the handler's allocator. co_spawn is told of it, and of Boost 1.81 makes no use of it:
// coroutines, and what completes them, come from Asio's own recycled memory or the heap
// (findings/asio_co_spawn_allocator.sh).
#pragma once

#include <fluxmap/detail/front/default_executor.hpp>
#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <concepts>
#include <exception>
#include <new>
#include <type_traits>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI {
namespace asio = boost::asio;
}  // namespace fluxmap::inline FLUXMAP_ABI

namespace fluxmap::inline FLUXMAP_ABI::detail {

using boost::system::error_code;

template <class T>
struct CompletionSignatures {
  using with_code = void(error_code, T);
  using with_exception = void(std::exception_ptr, T);
};
template <>
struct CompletionSignatures<void> {
  using with_code = void(error_code);
  using with_exception = void(std::exception_ptr);
};

// An exception as the error code that a handler without room for it gets.
inline error_code to_error_code(const std::exception_ptr& failure) noexcept {
  if (!failure) return {};
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {
    return error.code();
  } catch (const std::bad_alloc&) {
    return boost::system::errc::make_error_code(boost::system::errc::not_enough_memory);
  } catch (...) {
    return errc::user_exception;
  }
}

// The executor to run the coroutine on: the handler's, if it has one and a coroutine can run there.
template <class Executor>
asio::any_io_executor coroutine_executor(const Executor& executor) {
  if constexpr (std::is_convertible_v<const Executor&, asio::any_io_executor> && !stands_for_none<Executor>()) {
    return executor;
  } else {
    return DefaultExecutor::get();
  }
}

// Starts start(arguments…) -> asio::awaitable<T> for a token; completes with (error_code, T).
template <class T, class Token, class Start>
auto initiate_with_code(Token&& token, Start&& start) {
  static_assert(
      std::is_void_v<T> || std::default_initializable<T>,
      "a completion token needs a default-constructible result to hand over with an error; use the awaitable form");
  return asio::async_initiate<Token, typename CompletionSignatures<T>::with_code>(
      [](auto handler, std::decay_t<Start> start_now) {
        auto executor = asio::get_associated_executor(handler);
        auto allocator = asio::get_associated_allocator(handler);
        auto slot = asio::get_associated_cancellation_slot(handler);
        auto complete = [handler = std::move(handler)](std::exception_ptr failure, auto... result) mutable {
          std::move(handler)(to_error_code(failure), std::move(result)...);
        };
        asio::co_spawn(coroutine_executor(executor), std::move(start_now),
                       asio::bind_executor(executor, asio::bind_allocator(allocator, asio::bind_cancellation_slot(
                                                                                         slot, std::move(complete)))));
      },
      token, std::forward<Start>(start));
}

// The same, completing with (std::exception_ptr, T), for operations that run a user's closure.
template <class T, class Token, class Start>
auto initiate_with_exception(Token&& token, Start&& start) {
  static_assert(
      std::is_void_v<T> || std::default_initializable<T>,
      "a completion token needs a default-constructible result to hand over with an error; use the awaitable form");
  return asio::async_initiate<Token, typename CompletionSignatures<T>::with_exception>(
      [](auto handler, std::decay_t<Start> start_now) {
        auto executor = asio::get_associated_executor(handler);
        asio::co_spawn(coroutine_executor(executor), std::move(start_now), std::move(handler));
      },
      token, std::forward<Start>(start));
}

// Waits in a coroutine without blocking its thread. Throws operation_aborted when cancelled.
inline asio::awaitable<void> pause(std::chrono::nanoseconds duration) {
  assert_no_epoch_guard();
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(asio::use_awaitable);
}

// Lets others of the same executor run.
inline asio::awaitable<void> yield_to_others() {
  assert_no_epoch_guard();
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
}

template <class T>
struct is_awaitable : std::false_type {};
template <class T>
struct is_awaitable<asio::awaitable<T>> : std::true_type {
  using value_type = T;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

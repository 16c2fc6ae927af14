// The loop of operations is one coroutine template for every system. For those that have nothing to await this is its
// type: it runs at once to its end, and co_await of a Done is nothing but its value.
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

namespace fluxmap_bench {

class PlainWork {
 public:
  struct promise_type {
    std::exception_ptr failure;

    PlainWork get_return_object() { return PlainWork(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { failure = std::current_exception(); }
  };

  PlainWork(const PlainWork&) = delete;
  PlainWork& operator=(const PlainWork&) = delete;
  ~PlainWork() { handle_.destroy(); }

  void finish() const {
    if (handle_.promise().failure) std::rethrow_exception(handle_.promise().failure);
  }

 private:
  explicit PlainWork(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

template <class T = void>
struct Done {
  T value;
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  T await_resume() { return std::move(value); }
};

template <>
struct Done<void> {
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  void await_resume() const noexcept {}
};

// What sessions without awaitables have in common.
struct PlainSession {
  using Work = PlainWork;

  template <class MakeWork>
  static void drive(unsigned, MakeWork make) {  // one coroutine, however many were wished for
    make(0U).finish();
  }
};

}  // namespace fluxmap_bench

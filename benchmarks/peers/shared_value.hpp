// A value that other threads may read: an atomic where it is a number, else what was inserted, for ever. For maps that
// cannot overwrite.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace fluxmap_bench {

template <class Value>
class SharedValue {
 public:
  static constexpr bool k_overwrites = std::is_same_v<Value, std::uint64_t>;

  SharedValue() = default;
  explicit SharedValue(Value value) : value_(std::move(value)) {}
  SharedValue(const SharedValue& other) : value_(other.load()) {}  // of one that nobody else looks at yet
  SharedValue& operator=(const SharedValue&) = delete;
  ~SharedValue() = default;

  Value load() const {
    if constexpr (k_overwrites) {
      return value_.load(std::memory_order_acquire);
    } else {
      return value_;
    }
  }
  // For a value that nobody else looks for yet.
  void set(const Value& value) {
    if constexpr (k_overwrites) {
      value_.store(value, std::memory_order_release);
    } else {
      value_ = value;
    }
  }
  void store(Value value)
    requires(k_overwrites)
  {
    value_.store(value, std::memory_order_release);
  }
  template <class F>
  void update(F f)
    requires(k_overwrites)
  {
    Value old = value_.load(std::memory_order_acquire);
    while (!value_.compare_exchange_weak(old, f(static_cast<const Value*>(&old)), std::memory_order_acq_rel)) {
    }
  }

 private:
  std::conditional_t<k_overwrites, std::atomic<Value>, Value> value_{};
};

}  // namespace fluxmap_bench

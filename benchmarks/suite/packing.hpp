// Values as bytes, to come through a pipe to a process of the same program.
#pragma once

#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace fluxmap_bench {

class Packer {
 public:
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void put(const T& value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  template <class T>
  void put(const std::vector<T>& values) {
    static_assert(std::is_trivially_copyable_v<T>);
    put(values.size());
    bytes_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  }
  void put(const std::string& text) {
    put(text.size());
    bytes_ += text;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Takes out in the order in which it was put in.
class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void take(T& value) { std::memcpy(static_cast<void*>(&value), next(sizeof value), sizeof value); }
  template <class T>
  void take(std::vector<T>& values) {
    const auto count = take_size();
    const char* const from = next(count * sizeof(T));
    values.clear();
    for (std::size_t i = 0; i < count; ++i) {
      alignas(T) std::byte one[sizeof(T)];
      std::memcpy(one, from + i * sizeof(T), sizeof(T));
      values.push_back(*reinterpret_cast<const T*>(one));
    }
  }
  void take(std::string& text) {
    const auto count = take_size();
    text.assign(next(count), count);
  }

 private:
  std::size_t take_size() {
    std::size_t size = 0;
    take(size);
    return size;
  }
  const char* next(std::size_t count) {
    if (count > bytes_.size()) throw std::runtime_error("a child told less than it should");
    const char* const from = bytes_.data();
    bytes_.remove_prefix(count);
    return from;
  }

  std::string_view bytes_;
};

}  // namespace fluxmap_bench

// What can be changed while the server runs: CONFIG SET. Everything else is as the command line says.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "options.hpp"

namespace resp {

// Thread-safe. Relaxed: a change is seen soon, and nothing depends on it.
class Settings {
 public:
  explicit Settings(const Options& options)
      : max_clients_(options.max_clients),
        max_memory_(options.max_memory),
        max_bulk_(options.request.bulk),
        max_query_(options.max_query) {
    set_password(options.password);
  }

  bool has_password() const noexcept { return has_password_.load(std::memory_order_relaxed); }
  std::string password() const {
    const std::lock_guard lock(mutex_);
    return password_;
  }
  void set_password(std::string_view password) {
    const std::lock_guard lock(mutex_);
    password_ = password;
    has_password_.store(!password.empty(), std::memory_order_relaxed);
  }
  // Takes as long for a guess that is nearly right as for any other of its length.
  bool is_password(std::string_view guess) const {
    const std::lock_guard lock(mutex_);
    unsigned difference = guess.size() != password_.size() ? 1 : 0;
    for (std::size_t i = 0; i < guess.size(); ++i) {
      const char right = password_.empty() ? '\0' : password_[i % password_.size()];
      difference |= static_cast<unsigned char>(guess[i] ^ right);
    }
    return difference == 0;
  }

  std::size_t max_clients() const noexcept { return max_clients_.load(std::memory_order_relaxed); }
  void set_max_clients(std::size_t clients) noexcept { max_clients_.store(clients, std::memory_order_relaxed); }
  // 0: no limit.
  std::size_t max_memory() const noexcept { return max_memory_.load(std::memory_order_relaxed); }
  void set_max_memory(std::size_t bytes) noexcept { max_memory_.store(bytes, std::memory_order_relaxed); }
  std::size_t max_bulk() const noexcept { return max_bulk_.load(std::memory_order_relaxed); }
  void set_max_bulk(std::size_t bytes) noexcept { max_bulk_.store(bytes, std::memory_order_relaxed); }
  std::size_t max_query() const noexcept { return max_query_.load(std::memory_order_relaxed); }
  void set_max_query(std::size_t bytes) noexcept { max_query_.store(bytes, std::memory_order_relaxed); }

 private:
  mutable std::mutex mutex_;
  std::string password_;
  std::atomic<bool> has_password_{false};
  std::atomic<std::size_t> max_clients_;
  std::atomic<std::size_t> max_memory_;
  std::atomic<std::size_t> max_bulk_;
  std::atomic<std::size_t> max_query_;
};

}  // namespace resp

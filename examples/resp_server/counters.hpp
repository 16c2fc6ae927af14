// What INFO counts. All relaxed: each number stands for itself.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace resp {

class Count {
 public:
  void add(std::uint64_t more = 1) noexcept { value_.fetch_add(more, std::memory_order_relaxed); }
  std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }
  void reset() noexcept { value_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Of one command.
struct CommandCounters {
  Count calls;
  Count nanoseconds;
  Count rejected;  // not run
  Count failed;    // run, and answered with an error
};

// How many requests there were in each second, as of the last times that somebody asked. Thread-safe.
class Rate {
 public:
  std::uint64_t requests_per_second(std::uint64_t requests) {
    using namespace std::chrono;
    const std::lock_guard lock(mutex_);
    const auto now = steady_clock::now();
    const auto passed = duration_cast<milliseconds>(now - asked_);
    if (passed >= milliseconds(100)) {
      rate_ = requests >= requests_ ? (requests - requests_) * 1000 / static_cast<std::uint64_t>(passed.count()) : 0;
      requests_ = requests;
      asked_ = now;
    }
    return rate_;
  }

 private:
  std::mutex mutex_;
  std::chrono::steady_clock::time_point asked_ = std::chrono::steady_clock::now();
  std::uint64_t requests_ = 0;
  std::uint64_t rate_ = 0;
};

// Thread-safe.
class Counters {
 public:
  explicit Counters(std::size_t commands)
      : commands_(std::make_unique<CommandCounters[]>(commands)), command_count_(commands) {}

  CommandCounters& command(std::size_t index) noexcept { return commands_[index]; }
  const CommandCounters& command(std::size_t index) const noexcept { return commands_[index]; }
  void count_lookup(bool found) noexcept { (found ? hits : misses).add(); }
  // `reply` begins with '-' and the code.
  void count_error(std::string_view reply) {
    const std::string_view code = reply.substr(1, reply.find_first_of(" \r") - 1);
    const std::lock_guard lock(mutex_);
    ++errors_;
    const auto at = by_code_.find(code);
    if (at != by_code_.end()) {
      ++at->second;
    } else if (by_code_.size() < k_most_codes) {
      by_code_.emplace(code, 1);
    }
  }
  std::uint64_t errors() const {
    const std::lock_guard lock(mutex_);
    return errors_;
  }
  std::map<std::string, std::uint64_t, std::less<>> errors_by_code() const {
    const std::lock_guard lock(mutex_);
    return by_code_;
  }

  void reset() {
    for (Count* const count :
         {&hits, &misses, &requests, &bytes_read, &bytes_sent, &reads, &sends, &accepted, &refused}) {
      count->reset();
    }
    for (std::size_t i = 0; i < command_count_; ++i) {
      CommandCounters& one = commands_[i];
      for (Count* const count : {&one.calls, &one.nanoseconds, &one.rejected, &one.failed}) count->reset();
    }
    const std::lock_guard lock(mutex_);
    errors_ = 0;
    by_code_.clear();
  }

  Count hits, misses;  // of keys that were read
  Count requests;
  Count bytes_read, bytes_sent, reads, sends;
  Count accepted, refused;  // connections

 private:
  static constexpr std::size_t k_most_codes = 128;

  std::unique_ptr<CommandCounters[]> commands_;
  std::size_t command_count_;
  mutable std::mutex mutex_;
  std::uint64_t errors_ = 0;
  std::map<std::string, std::uint64_t, std::less<>> by_code_;
};

}  // namespace resp

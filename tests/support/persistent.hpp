// Databases on a MemoryDisk, and a gate that holds its syncs up.
#pragma once

#include <fluxmap/detail/front/access.hpp>
#include <fluxmap/fluxmap.hpp>

#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "support/faulty_file_system.hpp"

namespace fluxmap_test {

inline constexpr const char* k_directory = "/data/db";

enum class Level { relaxed, full };

inline fluxmap::PersistenceOptions in_directory(std::size_t segment_bytes = 1 << 16, std::size_t checkpoint_after = 0) {
  return {.directory = k_directory, .segment_bytes = segment_bytes, .checkpoint_after_bytes = checkpoint_after};
}

template <class Key, class Value>
fluxmap::DatabaseBuilder<Key, Value> builder_on(const std::shared_ptr<MemoryDisk>& disk, Level level,
                                                fluxmap::PersistenceOptions options = in_directory()) {
  fluxmap::DatabaseBuilder<Key, Value> builder;
  if (level == Level::full) {
    builder.durability_full(std::move(options));
  } else {
    builder.durability_relaxed(std::move(options));
  }
  fluxmap::detail::BuilderAccess::use(builder, std::make_shared<FaultyFileSystem>(disk));
  return builder;
}

template <class Key, class Value>
auto open_on(const std::shared_ptr<MemoryDisk>& disk, Level level,
             fluxmap::PersistenceOptions options = in_directory()) {
  return builder_on<Key, Value>(disk, level, std::move(options)).build();
}

template <class Database>
auto contents_of(Database& database) {
  std::map<typename Database::key_type, typename Database::mapped_type> contents;
  auto handle = database.handle();
  auto transaction = handle.begin({.read_only = true});
  using Key = typename Database::key_type;
  if constexpr (std::is_same_v<Key, std::string>) {
    for (auto& [key, value] : transaction.prefix_scan(std::string())) contents.emplace(key, value);
  } else {
    for (auto& [key, value] : transaction.range(std::numeric_limits<Key>::min(), std::numeric_limits<Key>::max())) {
      contents.emplace(key, value);
    }
  }
  return contents;
}

// Holds up the calls of one kind while it is closed. Installs itself as the disk's hook.
class Gate {
 public:
  explicit Gate(MemoryDisk& disk, Call kind = Call::sync) : disk_(disk) {
    disk_.faults().on_call([state = state_, kind](Call call, const auto&) {
      if (call != kind) return;
      std::unique_lock lock(state->mutex);
      ++state->waiting;
      state->changed.notify_all();
      state->changed.wait(lock, [&] { return state->open; });
      --state->waiting;
    });
  }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() {
    open();
    disk_.faults().clear();
  }

  void close() {
    const std::lock_guard lock(state_->mutex);
    state_->open = false;
  }
  void open() {
    const std::lock_guard lock(state_->mutex);
    state_->open = true;
    state_->changed.notify_all();
  }
  // Waits until somebody stands before the closed gate.
  void wait_for_somebody() {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [this] { return state_->waiting > 0; });
  }

 private:
  struct State {  // a call that is let through may outlive the gate
    std::mutex mutex;
    std::condition_variable changed;
    bool open = true;
    int waiting = 0;
  };

  MemoryDisk& disk_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace fluxmap_test

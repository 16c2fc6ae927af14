// All clients: what CLIENT LIST tells of them, and the way to end one.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace resp {

inline std::int64_t steady_seconds() noexcept {
  using namespace std::chrono;
  return duration_cast<seconds>(steady_clock::now().time_since_epoch()).count();
}

// What others may see of a client. Its own thread writes it between two reads of the socket; relaxed, because each
// field stands for itself.
struct ClientRecord {
  std::uint64_t id = 0;
  std::string address;        // of the other side
  std::string local_address;  // of ours
  int descriptor = -1;
  std::int64_t born = steady_seconds();
  std::function<void()> end;  // from any thread; while the list is locked the connection is there

  std::atomic<std::int64_t> last_active{born};
  std::atomic<const char*> last_command{"NULL"};
  std::atomic<unsigned> database{0};
  std::atomic<int> queued{-1};  // after MULTI; -1: no MULTI
  std::atomic<std::size_t> queued_bytes{0};
  std::atomic<bool> watched_key_touched{false};
  std::atomic<bool> closing{false};
  std::atomic<bool> no_evict{false};
  std::atomic<int> protocol{2};
  std::atomic<std::size_t> input_bytes{0};  // not used up
  std::atomic<std::size_t> input_room{0};
  std::atomic<std::size_t> output_bytes{0};
};

// Thread-safe.
class ClientList {
 public:
  void add(ClientRecord& record) {
    const std::lock_guard lock(mutex_);
    clients_.emplace(record.id, Item{&record, {}});
  }
  void remove(const ClientRecord& record) {
    const std::lock_guard lock(mutex_);
    clients_.erase(record.id);
  }
  void set_name(const ClientRecord& record, std::string_view name) {
    const std::lock_guard lock(mutex_);
    const auto at = clients_.find(record.id);
    if (at != clients_.end()) at->second.name = name;
  }
  // Calls f(record, name) for each, by their ids. f must be short, and call nothing of this.
  template <class F>
  void for_each(F f) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, item] : clients_) f(*item.record, std::string_view(item.name));
  }

 private:
  struct Item {
    ClientRecord* record;
    std::string name;
  };
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Item> clients_;
};

}  // namespace resp

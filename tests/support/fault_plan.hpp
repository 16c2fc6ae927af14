// Which calls of the file system seam fail, and how: what a MemoryDisk asks before every call.
//
// "The n-th" counts from 1, from the moment a fault is set: n = 1 is the next call it applies to. Several faults may be
// set at once; each counts for itself. Thread-safe.
#pragma once

#include <boost/system/error_code.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace fluxmap_test {

// The calls of the seam that can fail.
enum class Call : std::uint8_t {
  write_at,
  read_at,
  sync,
  size,
  resize,
  allocate,
  open,
  rename,
  remove,
  list,
  sync_directory,
  sync_name,
  open_directory,
  make_directory,
  lock,
  identify,
};
inline constexpr std::size_t k_calls = 16;

inline const char* name_of(Call call) {
  static constexpr std::array<const char*, k_calls> names{
      "write_at", "read_at", "sync",           "size",      "resize",         "allocate",       "open", "rename",
      "remove",   "list",    "sync_directory", "sync_name", "open_directory", "make_directory", "lock", "identify"};
  return names.at(static_cast<std::size_t>(call));
}

class FaultPlan {
 public:
  using Errc = boost::system::errc::errc_t;
  using Path = std::filesystem::path;
  using Hook = std::function<void(Call, const Path&)>;

  enum class Repeat : std::uint8_t { once, from_then_on };

  struct Record {
    Call call;
    Path path;                   // of a rename the old name
    Errc error = Errc::success;  // what was injected, not what the disk said itself
    friend bool operator==(const Record&, const Record&) = default;
  };

  // The n-th call of all, or of one kind, fails without effect.
  void fail(std::size_t n, Errc error, Repeat repeat = Repeat::once) { add({.left = n, .error = error}, repeat); }
  void fail(Call call, std::size_t n, Errc error, Repeat repeat = Repeat::once) {
    add({.call = call, .left = n, .error = error}, repeat);
  }
  // The n-th write takes half of its bytes and reports no error; afterwards nothing can be written or allocated, as on
  // a disk that is full. Errc::success for `afterwards`: only that write is short. One byte has no half: it fails then.
  void short_write(std::size_t n, Errc afterwards = Errc::no_space_on_device) {
    add({.call = Call::write_at, .left = n, .error = afterwards, .effect = Effect::short_write}, Repeat::once);
  }
  // The n-th sync of a file fails and takes what was not synced for clean, as Linux does: it can be read, but no later
  // sync writes it, unless it is written again.
  void lose_at_sync(std::size_t n, Errc error = Errc::io_error) {
    add({.call = Call::sync, .left = n, .error = error, .effect = Effect::lose}, Repeat::once);
  }
  // The power fails just before the n-th call of all, or of one kind: see MemoryDisk::request_cut.
  void cut_power(std::size_t n) { add({.left = n, .error = Errc::io_error, .effect = Effect::cut}, Repeat::once); }
  void cut_power(Call call, std::size_t n) {
    add({.call = call, .left = n, .error = Errc::io_error, .effect = Effect::cut}, Repeat::once);
  }
  // Writes, resizes and allocations fail that would make the sum of the files' sizes larger; a write takes what fits.
  void set_capacity(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    capacity_ = bytes;
  }
  std::uint64_t capacity() const {
    const std::lock_guard lock(mutex_);
    return capacity_;
  }
  // Called before every call of the seam, by the thread that makes it and before that call is counted: a fault that the
  // hook sets with n = 1, once, hits this very call, whatever other threads call meanwhile. May use the disk and the
  // plan, but not own them; must not throw. Several threads may be in it at the same time.
  void on_call(Hook hook) {
    const std::lock_guard lock(mutex_);
    hook_ = std::make_shared<const Hook>(std::move(hook));
  }
  // Takes back all faults, the capacity and the hook; counts and records stay.
  void clear() {
    const std::lock_guard lock(mutex_);
    rules_.clear();
    capacity_ = k_unlimited;
    hook_.reset();
  }

  // Calls so far, failed ones included; those after the power failed, or of an earlier life, do not count.
  std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return records_.size();
  }
  std::size_t count(Call call) const {
    const std::lock_guard lock(mutex_);
    return counts_.at(static_cast<std::size_t>(call));
  }
  std::vector<Record> calls() const {
    const std::lock_guard lock(mutex_);
    return records_;
  }
  // The last calls as text, one a line, for messages.
  std::string describe(std::size_t last = 16) const {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (std::size_t at = records_.size() - std::min(last, records_.size()); at < records_.size(); ++at) {
      const Record& record = records_[at];
      text += '#' + std::to_string(at + 1) + ' ' + name_of(record.call) + ' ' + record.path.string();
      if (record.error != Errc::success) text += ": " + make_error_code(record.error).message();
      text += '\n';
    }
    return text;
  }

  // For the disk: counts a call and says what becomes of it.
  struct Verdict {
    Errc error = Errc::success;
    bool short_write = false;
    bool lose = false;
    bool cut = false;
  };
  Verdict consult(Call call, const Path& path) {
    std::shared_ptr<const Hook> hook;
    {
      const std::lock_guard lock(mutex_);
      hook = hook_;
    }
    if (hook && *hook) {
      const auto outer = std::exchange(asking_, call);
      (*hook)(call, path);
      asking_ = outer;
    }

    const std::lock_guard lock(mutex_);
    Verdict verdict;
    std::vector<Rule> kept;
    for (Rule& rule : rules_) {
      const bool others = rule.thread != std::thread::id() && rule.thread != std::this_thread::get_id();
      if (others || (rule.call && *rule.call != call)) {
        kept.push_back(rule);
      } else if (rule.left > 1) {
        --rule.left;
        kept.push_back(rule);
      } else {
        fire(rule, verdict);
        if (rule.repeat == Repeat::from_then_on) kept.push_back(rule);
        if (rule.effect == Effect::short_write && rule.error != Errc::success) {
          for (const Call full : {Call::write_at, Call::allocate}) {
            kept.push_back({.call = full, .error = rule.error, .repeat = Repeat::from_then_on});
          }
        }
      }
    }
    rules_ = std::move(kept);
    ++counts_.at(static_cast<std::size_t>(call));
    records_.push_back({call, path, verdict.error});
    return verdict;
  }

 private:
  enum class Effect : std::uint8_t { fail, short_write, lose, cut };
  struct Rule {
    std::optional<Call> call{};  // none: every call
    std::size_t left = 1;
    Errc error = Errc::success;
    Effect effect = Effect::fail;
    Repeat repeat = Repeat::once;
    std::thread::id thread{};  // whose calls it hits; none: everybody's
  };
  static constexpr std::uint64_t k_unlimited = std::numeric_limits<std::uint64_t>::max();

  void add(Rule rule, Repeat repeat) {
    const std::lock_guard lock(mutex_);
    rule.repeat = repeat;
    const bool this_call = asking_ && rule.call.value_or(*asking_) == *asking_;
    if (this_call && rule.left == 1 && repeat == Repeat::once) rule.thread = std::this_thread::get_id();
    rules_.push_back(rule);
  }
  // Of faults that meet, the first one says the error.
  static void fire(const Rule& rule, Verdict& verdict) {
    if (rule.effect == Effect::short_write) {
      verdict.short_write = true;
      return;
    }
    if (verdict.error == Errc::success) verdict.error = rule.error;
    verdict.lose |= rule.effect == Effect::lose;
    verdict.cut |= rule.effect == Effect::cut;
  }

  mutable std::mutex mutex_;
  std::vector<Rule> rules_;
  std::shared_ptr<const Hook> hook_;
  std::uint64_t capacity_ = k_unlimited;
  std::array<std::size_t, k_calls> counts_{};
  std::vector<Record> records_;
  static inline thread_local std::optional<Call> asking_;  // the call that this thread's hook is asked about
};

}  // namespace fluxmap_test

// A disk in memory: directories of files, with an exact model of what a power cut leaves (see memory_file.hpp), and
// with faults on request (see fault_plan.hpp).
#pragma once

#include "support/fault_plan.hpp"
#include "support/memory_file.hpp"

#include <boost/system/error_code.hpp>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap_test {

// Used by programs through FaultyFileSystem, and by tests directly; thread-safe. Every life of the machine or the
// process ends with a cut or a crash, and with it every File, Directory and FaultyFileSystem: those only fail (EIO)
// from then on. The roots "/" and "." exist. Directories are durable as soon as they are made, and never vanish.
class MemoryDisk {
 public:
  using Path = std::filesystem::path;

  MemoryDisk() = default;
  MemoryDisk(const MemoryDisk&) = delete;
  MemoryDisk& operator=(const MemoryDisk&) = delete;
  ~MemoryDisk() = default;

  FaultPlan& faults() { return faults_; }

  // The power fails, and comes back.
  void power_cut(std::mt19937_64& random, Cut cut = Cut::random) {
    const std::lock_guard lock(mutex_);
    std::set<MemoryFile*> seen;
    for (auto& [path, directory] : directories_) {
      directory.power_cut(random, cut);
      for (const auto& [name, file] : directory.now()) {
        if (seen.insert(file.get()).second) file->power_cut(random, cut);
      }
    }
    ++boot_;
    end_life();
  }
  // For the cuts without chance.
  void power_cut(Cut cut) {
    if (cut == Cut::random) throw std::logic_error("a random power cut needs a source of chance");
    std::mt19937_64 unused;  // NOLINT(*-msc51-cpp): nothing depends on it
    power_cut(unused, cut);
  }
  // From now on every call fails with EIO, and has no effect, until power_cut(): for hooks, and for tests whose threads
  // still run.
  void request_cut() {
    const std::lock_guard lock(mutex_);
    cut_requested_ = true;
  }
  bool cut_requested() const {
    const std::lock_guard lock(mutex_);
    return cut_requested_;
  }
  // The process is killed; the machine runs on. What was not synced is there, and still not synced.
  void crash() {
    const std::lock_guard lock(mutex_);
    end_life();
  }
  // The same disk, in the same state of being synced, as a process finds it that starts now: no file is open, nothing
  // is locked, no faults are set.
  std::shared_ptr<MemoryDisk> clone() const {
    auto copy = std::make_shared<MemoryDisk>();
    const std::lock_guard lock(mutex_);
    copy->boot_ = boot_;
    copy->directories_ = directories_;
    std::map<const MemoryFile*, MemoryFilePtr> copies;  // a file has one copy, wherever it is named
    for (auto& [path, directory] : copy->directories_) {
      directory.replace_files([&](const MemoryFilePtr& file) {
        MemoryFilePtr& known = copies[file.get()];
        if (!known) known = std::make_shared<MemoryFile>(*file);
        return known;
      });
    }
    return copy;
  }
  std::string boot_id() const {
    const std::lock_guard lock(mutex_);
    return boot_name();
  }

  // By hand: outside of the seam, without faults, and durable at once, with all that was pending in the same file or
  // directory. They throw std::runtime_error where a name does not exist.

  // To look at and to change, until the next call of anything; no other thread may use the disk in the meantime.
  Content& content(const Path& path) {
    const std::lock_guard lock(mutex_);
    return get(path)->edit();
  }
  // Creates or replaces.
  void put(const Path& path, Content content) {
    const std::lock_guard lock(mutex_);
    MemoryDirectory& directory = get_directory(parent(path));
    if (directory.find(base(path))) directory.remove(base(path));
    directory.create(base(path), std::make_shared<MemoryFile>());
    directory.find(base(path))->edit() = std::move(content);
    directory.sync();
  }
  void copy_file(const Path& from, const Path& to) { put(to, bytes(from)); }
  void remove(const Path& path) {
    const std::lock_guard lock(mutex_);
    get(path);
    get_directory(parent(path)).remove(base(path));
    get_directory(parent(path)).sync();
  }
  // Within one directory.
  void rename(const Path& from, const Path& to) {
    const std::lock_guard lock(mutex_);
    get(from);
    if (parent(from) != parent(to)) throw std::runtime_error("not in one directory: " + to.string());
    get_directory(parent(from)).rename(base(from), base(to));
    get_directory(parent(from)).sync();
  }
  void create_directories(const Path& path) {
    const std::lock_guard lock(mutex_);
    if (!make_directories(path)) throw std::runtime_error("a file is in the way of " + path.string());
  }

  // To look at, without changing what is synced.
  Content bytes(const Path& path) const {
    const std::lock_guard lock(mutex_);
    return get(path)->now();
  }
  // What a power cut now would leave at the least: of a file that has its name now, whether or not the name is durable.
  Content durable_bytes(const Path& path) const {
    const std::lock_guard lock(mutex_);
    return get(path)->durable();
  }
  bool exists(const Path& path) const {
    const std::lock_guard lock(mutex_);
    return find(path) != nullptr || find_directory(path) != nullptr;
  }
  // Names, sorted; those of directories, too.
  std::vector<std::string> list(const Path& directory) const {
    const std::lock_guard lock(mutex_);
    if (find_directory(directory) == nullptr) throw std::runtime_error("no such directory: " + directory.string());
    return names(directory);
  }
  // The sum of the files' sizes.
  std::uint64_t used() const {
    const std::lock_guard lock(mutex_);
    return used_bytes();
  }

 private:
  friend class FaultyFile;
  friend class FaultyFileSystem;
  friend class FaultyDirectory;

  using error_code = boost::system::error_code;

  // In the category of the operating system, as the seam promises.
  static error_code make_error(FaultPlan::Errc error) { return {error, boost::system::system_category()}; }

  // One call of the seam: consults the plan, then runs `body(verdict)` alone on the disk, unless the call is to fail.
  template <class Body>
  auto call(std::uint64_t life, Call kind, const Path& path, error_code& ec, Body body) {
    using Result = decltype(body(std::declval<const FaultPlan::Verdict&>()));
    ec.clear();
    FaultPlan::Verdict verdict;
    if (alive(life)) {
      verdict = faults_.consult(kind, path);  // not under the mutex: its hook may use the disk
    }
    const std::lock_guard lock(mutex_);
    if (life == life_ && verdict.cut) cut_requested_ = true;
    if (life != life_ || cut_requested_) verdict = {.error = FaultPlan::Errc::io_error};
    if (verdict.error != FaultPlan::Errc::success) ec = make_error(verdict.error);
    if (verdict.error != FaultPlan::Errc::success && !verdict.lose) return Result();
    return body(verdict);
  }
  bool alive(std::uint64_t life) const {
    const std::lock_guard lock(mutex_);
    return life == life_ && !cut_requested_;
  }
  void end_life() {
    ++life_;
    cut_requested_ = false;
    locked_.clear();
  }

  std::string boot_name() const { return "boot-" + std::to_string(boot_); }

  static std::string key(const Path& path) {
    std::string text = path.lexically_normal().generic_string();
    if (text.size() > 1 && text.back() == '/') text.pop_back();
    return text.empty() ? "." : text;
  }
  static std::string parent(const Path& path) { return key(Path(key(path)).parent_path()); }
  static std::string base(const Path& path) { return Path(key(path)).filename().string(); }

  MemoryDirectory* find_directory(const Path& path) {
    const auto at = directories_.find(key(path));
    return at == directories_.end() ? nullptr : &at->second;
  }
  const MemoryDirectory* find_directory(const Path& path) const {
    const auto at = directories_.find(key(path));
    return at == directories_.end() ? nullptr : &at->second;
  }
  MemoryFilePtr find(const Path& path) const {
    const MemoryDirectory* const directory = find_directory(parent(path));
    return directory == nullptr ? nullptr : directory->find(base(path));
  }
  MemoryFilePtr get(const Path& path) const {
    MemoryFilePtr file = find(path);
    if (!file) throw std::runtime_error("no such file: " + path.string());
    return file;
  }
  MemoryDirectory& get_directory(const Path& path) {
    MemoryDirectory* const directory = find_directory(path);
    if (directory == nullptr) throw std::runtime_error("no such directory: " + path.string());
    return *directory;
  }
  std::vector<std::string> names(const Path& directory) const {
    std::set<std::string> all;
    for (const auto& [name, file] : find_directory(directory)->now()) all.insert(name);
    for (const auto& [path, unused] : directories_) {
      if (path != "/" && path != "." && parent(path) == key(directory)) all.insert(base(path));
    }
    return {all.begin(), all.end()};
  }
  // False where a file is in the way.
  bool make_directories(const Path& path) {
    std::vector<std::string> missing;
    for (std::string at = key(path); !directories_.contains(at); at = parent(at)) {
      if (find(at)) return false;
      missing.push_back(at);
    }
    for (const std::string& one : missing) directories_.try_emplace(one);
    return true;
  }
  std::uint64_t used_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& [path, directory] : directories_) {
      for (const auto& [name, file] : directory.now()) sum += file->now().size();
    }
    return sum;
  }
  // How large the file may become.
  std::uint64_t limit(const MemoryFile& file) const {
    const std::uint64_t capacity = faults_.capacity();
    if (capacity == std::numeric_limits<std::uint64_t>::max()) return capacity;
    const std::uint64_t used = used_bytes();
    return file.now().size() + (capacity > used ? capacity - used : 0);
  }

  mutable std::mutex mutex_;  // for all but faults_, which has its own and is never asked to wait for this one
  FaultPlan faults_;
  std::map<std::string, MemoryDirectory> directories_{{"/", {}}, {".", {}}};
  std::set<std::string> locked_;
  std::uint64_t life_ = 1;
  std::uint64_t boot_ = 1;
  bool cut_requested_ = false;
};

}  // namespace fluxmap_test

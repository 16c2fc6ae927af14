// DatabaseBuilder: all the options of a database.
#pragma once

#include <fluxmap/clock.hpp>
#include <fluxmap/database.hpp>
#include <fluxmap/detail/platform/key_hash.hpp>
#include <fluxmap/options.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI {

namespace detail {
struct BuilderAccess;
}

// Collects options and makes databases; may be used more than once. Setters return the builder. They check nothing:
// build() does, and fails with errc::invalid_option and the option's name. What it wants is said among their errors.
//
// Thread safety: none.
// Complexity: of a setter O(1).
template <class Key, class Value, class Compare>
class DatabaseBuilder {
 public:
  // What build() makes.
  using DatabaseType = Database<Key, Value, Compare>;

  // No log: what is in memory is all there is. The default.
  // Complexity: O(1).
  DatabaseBuilder& in_memory() {
    open_ = nullptr;
    return *this;
  }

  // With a log in a directory: a commit is acknowledged when the operating system has it, which survives the end of
  // the process, and is synced in the background, so that a power cut costs the last moments at most. Readers see a
  // commit as soon as it is decided. Key and Value need a Codec.
  // Errors: of build(), where the directory has no name, or segment_bytes is 0 or more than 16 GiB.
  DatabaseBuilder& durability_relaxed(PersistenceOptions options) {
    return persistent(std::move(options), detail::LogLevel::relaxed);
  }
  // With a log in a directory: a commit is acknowledged, and visible to readers, when it is on the disk. Commits that
  // wait share one sync. Key and Value need a Codec.
  // Errors: of build(), as durability_relaxed.
  DatabaseBuilder& durability_full(PersistenceOptions options) {
    return persistent(std::move(options), detail::LogLevel::full);
  }

  // durability_relaxed syncs at the first of these: so long after the first commit that is not synced (100 ms by
  // default), or once so many commits, or bytes of log, are not.
  // Errors: of build(), where it is not positive.
  DatabaseBuilder& flush_interval(std::chrono::milliseconds interval) {
    setup_.log.flush_interval = interval;
    return *this;
  }
  // See flush_interval.
  // Errors: of build(), where it is 0.
  DatabaseBuilder& flush_after_commits(std::size_t commits) {
    setup_.log.flush_after_commits = commits;
    return *this;
  }
  // See flush_interval.
  // Errors: of build(), where it is 0.
  DatabaseBuilder& flush_after_bytes(std::size_t bytes) {
    setup_.log.flush_after_bytes = bytes;
    return *this;
  }

  // Called now and then while a directory is read, by the thread that reads it. Must not throw.
  // Complexity: O(1).
  DatabaseBuilder& on_recovery_progress(std::function<void(const RecoveryProgress&)> report) {
    setup_.progress = std::move(report);
    return *this;
  }

  // Opens a directory without the entries whose key is not equal to itself (a NaN, or one with a NaN in it). 0.1.0 took
  // such keys; without this option a directory that has one is not opened.
  // Errors: of build() without it, errc::invalid_key for such a directory.
  DatabaseBuilder& leave_out_invalid_keys() {
    setup_.leave_out_invalid_keys = true;
    return *this;
  }

  // Vacuums by itself, on a thread of its own, every interval.
  // Errors: of build(), where the interval is not positive.
  DatabaseBuilder& auto_vacuum(VacuumOptions options) {
    auto_vacuum_ = options;
    return *this;
  }

  // A limit for the bytes of what is live, counted as Stats::memory_bytes; eviction says what goes beyond it. Nothing
  // else is refused or evicted for what open snapshots hold. Each entry takes 16 bytes more.
  // Errors: of build(), where it is 0. Of writes then errc::memory_limit, for an entry that is larger than the limit,
  // and where nothing may be evicted.
  DatabaseBuilder& max_memory(std::size_t bytes)
    requires std::copy_constructible<Key>
  {
    max_memory_ = bytes;
    limit_ = [](DatabaseType& database, std::size_t limit, Eviction eviction) {
      database.limit_memory(limit, eviction);
    };
    return *this;
  }
  // lru by default. Without max_memory it means nothing. arc needs keys that std::hash takes, or pairs, tuples or
  // ranges of such.
  // Errors: of build(), where it is none of them, and for arc with other keys and max_memory.
  DatabaseBuilder& eviction(Eviction eviction) {
    eviction_ = eviction;
    return *this;
  }

  // Entries expire so long after their last write, unless the write says otherwise (ExpiresAfter). By the wall clock,
  // and also while the database is closed.
  // Errors: of build(), where it is not positive.
  DatabaseBuilder& time_to_live(std::chrono::milliseconds time)
    requires std::copy_constructible<Key>
  {
    time_to_live_ = time;
    return *this;
  }
  // The clock by which entries expire: the system's by default.
  // Errors: of build(), where it is null.
  DatabaseBuilder& clock(std::shared_ptr<const Clock> clock) {
    clock_ = std::move(clock);
    return *this;
  }

  // The probability that an entry of the index is listed in its upper level, 0.5 by default. Smaller takes less memory,
  // 16 bytes less for each entry that is not listed, and makes every search walk further, 1 / p entries on average.
  // Errors: of build(), where it does not lie in (0, 1).
  DatabaseBuilder& skiplist_p(double p) {
    skiplist_p_ = p;
    return *this;
  }

  // The comparator, where it is more than its type.
  // Errors: of build() without it, where Compare has no default.
  // Exceptions: what its move throws comes through.
  DatabaseBuilder& comparator(Compare compare) {
    compare_.emplace(std::move(compare));
    return *this;
  }

  // Makes the database, with what its directory holds. Where that fails the directory is unchanged, except that a
  // missing one may have been made.
  // Complexity: O(entries + log), and the sorting of what the log holds.
  // Errors: errc::invalid_option; errc::already_open; errc::log_corrupt with the file and the offset;
  // errc::decode_failed where the directory holds other types, or where a codec or comparator throws while it is read;
  // errc::invalid_key where it holds a key that has no place in the order (see leave_out_invalid_keys); an error of the
  // operating system with the path.
  // Exceptions: std::bad_alloc (not_enough_memory, an error, while a file is read); std::system_error where no thread
  // can be started; what the comparator throws when it is copied comes through.
  std::shared_ptr<DatabaseType> build() const {
    check();
    std::shared_ptr<DatabaseType> database(new DatabaseType(comparator_or_default(), skiplist_p_, clock_));
    if (limit_ != nullptr) limit_(*database, *max_memory_, eviction_);
    if (open_ != nullptr) {
      detail::PersistenceSetup setup = setup_;
      setup.files = files_ != nullptr ? files_ : std::make_shared<detail::PosixFileSystem>();
      open_(*database, std::move(setup));
    }
    database->settle_in(time_to_live_);
    if (auto_vacuum_) database->start_upkeep(*auto_vacuum_);
    return database;
  }

  // The same, on a thread of its own where there is a directory to be read. A relative one is what it is at the call.
  // The builder may be changed or destroyed meanwhile.
  // Complexity: as build.
  // Errors: as build; errc::invalid_option on an executor that other threads may not post to (see Handle).
  // Cancellation: none, once it has begun.
  // Exceptions: as build.
  asio::awaitable<std::shared_ptr<DatabaseType>> async_build() const { return build_op(settled()); }
  template <boost::asio::completion_token_for<void(boost::system::error_code, std::shared_ptr<DatabaseType>)> Token>
  auto async_build(Token&& token) const {
    return detail::initiate_with_code<std::shared_ptr<DatabaseType>>(std::forward<Token>(token),
                                                                     [self = settled()] { return build_op(self); });
  }

 private:
  friend struct detail::BuilderAccess;

  // Only here the codecs are asked for: a database in memory needs none.
  DatabaseBuilder& persistent(PersistenceOptions options, detail::LogLevel level) {
    setup_.options = std::move(options);
    setup_.log.level = level;
    open_ = [](DatabaseType& database, detail::PersistenceSetup setup) { database.open(std::move(setup)); };
    return *this;
  }

  static void require(bool condition, const char* message) {
    if (!condition) detail::throw_error(errc::invalid_option, message);
  }
  void check() const {
    require(skiplist_p_ > 0.0 && skiplist_p_ < 1.0, "fluxmap: skiplist_p must lie in (0, 1)");
    require(!auto_vacuum_ || auto_vacuum_->interval > std::chrono::milliseconds::zero(),
            "fluxmap: auto_vacuum's interval must be positive");
    require(!max_memory_ || *max_memory_ > 0, "fluxmap: max_memory must be positive");
    require(eviction_ <= Eviction::none, "fluxmap: no such eviction");
    require(!max_memory_ || eviction_ != Eviction::arc || detail::has_key_hash<Key>(),
            "fluxmap: eviction arc needs keys that std::hash takes");
    require(!time_to_live_ || *time_to_live_ > std::chrono::milliseconds::zero(),
            "fluxmap: time_to_live must be positive");
    require(clock_ != nullptr, "fluxmap: there must be a clock");
    require(setup_.log.flush_interval > std::chrono::milliseconds::zero(), "fluxmap: flush_interval must be positive");
    require(setup_.log.flush_after_commits > 0, "fluxmap: flush_after_commits must be positive");
    require(setup_.log.flush_after_bytes > 0, "fluxmap: flush_after_bytes must be positive");
    if (open_ == nullptr) return;
    require(!setup_.options.directory.empty(), "fluxmap: the directory has no name");
    require(setup_.options.segment_bytes > 0 && setup_.options.segment_bytes <= k_max_segment,
            "fluxmap: segment_bytes must be positive, and 16 GiB at most");
  }

  Compare comparator_or_default() const {
    if (compare_) return *compare_;
    if constexpr (std::default_initializable<Compare>) {
      return Compare();
    } else {
      detail::throw_error(errc::invalid_option, "fluxmap: this comparator has no default; give one to comparator()");
    }
  }

  // With a directory that no change of the working directory changes.
  DatabaseBuilder settled() const {
    DatabaseBuilder copy = *this;
    std::filesystem::path& directory = copy.setup_.options.directory;
    if (directory.empty()) return copy;
    std::error_code error;  // of a working directory that is gone: build() says what comes of it
    const std::filesystem::path whole = std::filesystem::absolute(directory, error);
    if (!error) directory = whole;
    return copy;
  }
  static asio::awaitable<std::shared_ptr<DatabaseType>> build_op(DatabaseBuilder self) {
    if (self.open_ == nullptr) co_return self.build();
    auto work = [builder = std::move(self)] { return builder.build(); };  // named: see run_on_thread
    co_return co_await detail::run_on_thread(std::move(work));
  }

  static constexpr std::uint64_t k_max_segment = std::uint64_t{16} << 30;  // offsets in records have 35 bits

  std::optional<Compare> compare_;
  double skiplist_p_ = DatabaseType::k_default_p;
  std::optional<VacuumOptions> auto_vacuum_;
  std::optional<std::size_t> max_memory_;
  Eviction eviction_ = Eviction::lru;
  void (*limit_)(DatabaseType&, std::size_t, Eviction) = nullptr;  // only here keys have to be copyable
  std::optional<std::chrono::milliseconds> time_to_live_;
  std::shared_ptr<const Clock> clock_ = std::make_shared<SystemClock>();
  detail::PersistenceSetup setup_;
  void (*open_)(DatabaseType&, detail::PersistenceSetup) = nullptr;  // null: in memory
  std::shared_ptr<detail::FileSystem> files_;                        // null: the operating system's
};

}  // namespace fluxmap::inline FLUXMAP_ABI

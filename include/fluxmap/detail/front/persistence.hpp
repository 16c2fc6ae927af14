// A database's life on disk: opening a directory, checkpoints, the end. · layer: front
//
// Only databases with a log instantiate this, so only their types need a Codec.
#pragma once

#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/detail/platform/posix_file_system.hpp>
#include <fluxmap/detail/platform/thread.hpp>
#include <fluxmap/detail/storage/recovery.hpp>
#include <fluxmap/detail/txn/held_snapshot.hpp>
#include <fluxmap/detail/txn/redo_codec.hpp>
#include <fluxmap/detail/txn/store.hpp>
#include <fluxmap/detail/txn/store_loader.hpp>
#include <fluxmap/detail/upkeep/retry_pause.hpp>
#include <fluxmap/options.hpp>
#include <fluxmap/stats.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// What is left of the types once a directory is open; the database's handle on its files.
class Persistence {
 public:
  Persistence() = default;
  Persistence(const Persistence&) = delete;
  Persistence& operator=(const Persistence&) = delete;
  virtual ~Persistence() = default;

  virtual void checkpoint() = 0;     // blocks; throws
  virtual void stop() noexcept = 0;  // flushes, ends the threads, lets go of the directory; blocks
  // Instead, in a child of fork(): lets go of its copy of the lock, and leaves the rest to the parent.
  virtual void leave() noexcept = 0;
  virtual void add_to(Stats& stats) const noexcept = 0;
};

struct PersistenceSetup {
  PersistenceOptions options;
  LogOptions log;
  std::shared_ptr<FileSystem> files;
  std::function<void(const RecoveryProgress&)> progress;
  bool leave_out_invalid_keys = false;
};

template <class Key, class Value, class Compare>
class TypedPersistence final : public Persistence {
  using StoreType = Store<Key, Value, Compare>;
  using EntryType = Entry<Key, Value>;

 public:
  // Opens the directory and brings what it holds into `shared`, which nobody uses yet.
  TypedPersistence(std::shared_ptr<StoreType> shared, PersistenceSetup setup)
      : shared_store_(std::move(shared)),
        store_(*shared_store_),
        files_(setup.files),
        directory_(open_and_lock(setup)),
        checkpoint_after_(setup.options.checkpoint_after_bytes) {
    StoreType& store = store_;
    SegmentWriter::Place place;
    place.directory = directory_.get();
    place.boot = files_->boot_id();
    place.types = RedoCodec<Key, Value>::fingerprint();
    place.segment_bytes = setup.options.segment_bytes;
    StoreLoader<Key, Value, Compare> loader(store, setup.leave_out_invalid_keys);
    Recovery::Progress progress;
    if (setup.progress) {
      progress = [&](std::uint64_t done, std::uint64_t total) { setup.progress({done, total}); };
    }
    Recovery recovery(place, loader, progress);
    recovery.read();
    loader.finish();
    if (recovery.is_new()) sync_name();
    SegmentWriter writer = recovery.open();
    recovered_ = recovery.result();
    place_ = writer.place();
    checkpoint_cts_ = recovered_.checkpoint;
    store.ring.start_after(recovered_.last_cts);
    store.encode_redo = &RedoCodec<Key, Value>::encode;
    since_checkpoint_.store(recovered_.log_bytes, std::memory_order_relaxed);  // no other thread yet
    try {
      store.log = std::make_unique<Log>(store.epochs, store.order, setup.log, std::move(writer), recovered_.last_cts,
                                        [this](std::uint64_t bytes) { on_written(bytes); });
      if (checkpoint_after_ != 0) checkpointer_ = Thread::start([this] { run_checkpoints(); });
    } catch (const std::system_error& error) {
      store.log.reset();  // it would call us
      throw boost::system::system_error(error.code(), "fluxmap: no thread for the log");
    }
    on_written(0);
  }
  ~TypedPersistence() override { stop(); }

  void checkpoint() override {
    const std::lock_guard one_at_a_time(checkpoint_mutex_);
    if (stopping_.load(std::memory_order_relaxed)) throw_error(errc::closed);  // see stop()
    try {
      const std::uint64_t before = since_checkpoint_.load(std::memory_order_relaxed);  // an estimate
      write_checkpoint();
      const std::uint64_t rest = since_checkpoint_.fetch_sub(before, std::memory_order_relaxed) - before;  // as above
      checkpoints_.fetch_add(1, std::memory_order_relaxed);                                                // a counter
      const std::lock_guard lock(wake_mutex_);
      pause_.succeeded();
      checkpoint_due_ = is_due(rest);
      wake_.notify_all();
    } catch (...) {
      if (!stopping_.load(std::memory_order_relaxed)) failed_checkpoints_.fetch_add(1, std::memory_order_relaxed);
      throw;
    }
  }

  void stop() noexcept override {
    // Relaxed: a checkpoint under way looks at it between blocks, and its end is waited for below.
    stopping_.store(true, std::memory_order_relaxed);
    {
      const std::lock_guard lock(wake_mutex_);
      checkpoint_due_ = false;
    }
    wake_.notify_all();
    const std::lock_guard once(stop_mutex_);
    if (checkpointer_.joinable()) checkpointer_.join();
    {
      const std::lock_guard wait_for_checkpoint(checkpoint_mutex_);
    }
    store_.log->stop();
    directory_.reset();  // and the lock
  }

  void leave() noexcept override {
    // Relaxed: of this thread alone, and of the one that was ending it when the process was forked.
    if (!stopping_.exchange(true, std::memory_order_relaxed)) directory_.reset();
  }

  void add_to(Stats& stats) const noexcept override {
    stats.log_bytes = store_.log->bytes();
    stats.log_syncs = store_.log->syncs();
    stats.recovered_commits = recovered_.commits;
    stats.truncated_bytes = recovered_.truncated_bytes;
    stats.checkpoints = checkpoints_.load(std::memory_order_relaxed);                // a counter
    stats.failed_checkpoints = failed_checkpoints_.load(std::memory_order_relaxed);  // a counter
  }

 private:
  static std::unique_ptr<Directory> open_and_lock(const PersistenceSetup& setup) {
    boost::system::error_code ec;
    std::unique_ptr<Directory> directory = setup.files->make_directory(setup.options.directory, ec);
    if (ec) throw_system(ec, "directory " + setup.options.directory.string());
    directory->lock(ec);
    const std::string what = "directory " + directory->path();
    if (ec == boost::system::errc::resource_unavailable_try_again || ec == boost::system::errc::operation_would_block) {
      throw boost::system::system_error(make_error_code(errc::already_open), "fluxmap: " + what);
    }
    if (ec) throw_system(ec, "lock of " + what);
    if (setup.options.allow_unsynced_directory) directory->accept_refusal();
    directory->sync(ec);  // before anything depends on it
    if (ec) throw_not_synced(ec, what);
    return directory;
  }
  // Also where the directory was there before: somebody may have made it only just now, and died.
  void sync_name() {
    boost::system::error_code ec;
    directory_->sync_name(ec);
    if (ec) throw_not_synced(ec, "the parent of directory " + directory_->path());
  }
  [[noreturn]] static void throw_not_synced(const boost::system::error_code& ec, const std::string& what) {
    if (!is_refusal(ec)) throw_system(ec, what);
    throw_system(ec, what +
                         " cannot be synced: this file system does not promise that a file's name survives a power "
                         "cut (PersistenceOptions::allow_unsynced_directory accepts that)");
  }

  static constexpr std::size_t k_block_bytes = std::size_t{128} << 10;
  static constexpr std::size_t k_stretch = 256;  // entries looked at inside one guard, at least

  // Called by the log's thread, and once at the beginning.
  void on_written(std::uint64_t bytes) noexcept {
    const std::uint64_t now = since_checkpoint_.fetch_add(bytes, std::memory_order_relaxed) + bytes;  // an estimate
    if (!is_due(now)) return;
    {
      const std::lock_guard lock(wake_mutex_);
      if (std::exchange(checkpoint_due_, true)) return;
    }
    wake_.notify_all();
  }
  bool is_due(std::uint64_t log_bytes) const noexcept {
    return checkpoint_after_ != 0 && log_bytes >= checkpoint_after_;
  }

  // One that fails is tried again, after a pause that grows; writing all of it anew after every sync would help nobody.
  void run_checkpoints() noexcept {
    std::unique_lock lock(wake_mutex_);
    while (!stopping_.load(std::memory_order_relaxed)) {  // set before wake_mutex_ is taken
      if (!checkpoint_due_) {
        wake_.wait(lock);
      } else if (RetryPause::Clock::now() < pause_.until()) {
        wake_.wait_until(lock, pause_.until());
      } else if (store_.log->failed()) {
        checkpoint_due_ = false;  // there will be none any more
      } else {
        const auto began = RetryPause::Clock::now();
        checkpoint_due_ = false;
        lock.unlock();
        const bool written = try_checkpoint();
        lock.lock();
        if (written) continue;
        pause_.failed(began, RetryPause::Clock::now());
        checkpoint_due_ = true;
      }
    }
  }
  // False: counted, and the log is kept.
  bool try_checkpoint() noexcept {
    try {
      checkpoint();
      return true;
    } catch (...) {
      return false;
    }
  }

  void write_checkpoint() {
    store_.log->check_usable();
    const HeldSnapshot snapshot(store_);
    const std::uint64_t first_segment = store_.log->first_segment_after(snapshot.cts);
    CheckpointWriter writer(place_, snapshot.cts, first_segment, snapshot.cts == checkpoint_cts_);
    boost::system::error_code ec;
    const auto check = [&] {
      if (ec) throw_system(ec, "checkpoint " + writer.path());
    };
    writer.begin(ec);
    check();
    std::vector<std::byte> block;
    EntryType* last = nullptr;
    for (bool more = true; more;) {
      if (stopping_.load(std::memory_order_relaxed)) throw_error(errc::closed);  // see stop()
      block.clear();
      std::uint32_t entries = 0;
      BlockKind kind = BlockKind::plain;
      bool full = false;
      while (more && !full) more = encode_stretch(snapshot.cts, last, block, kind, entries, full);
      if (entries > 0) writer.add_block(block, kind, entries, ec);
      check();
    }
    writer.finish(ec);
    check();
    checkpoint_cts_ = snapshot.cts;
    drop_what_it_stands_for(snapshot.cts, first_segment);
  }

  // Encodes some live entries behind `last` (null: from the beginning), which it moves on. False: that was the end.
  // `full`: the next one needs a new block, for its size or its kind. Between two calls the snapshot keeps `last`,
  // whose version it sees, in the index. What has expired is written too: its removal is a commit of its own.
  bool encode_stretch(Cts snapshot, EntryType*& last, std::vector<std::byte>& block, BlockKind& kind,
                      std::uint32_t& entries, bool& full) {
    EpochGuard guard(store_.epochs);
    Encoder encoder(block);
    EntryType* entry = last == nullptr ? store_.index.first() : store_.index.next(*last);
    bool any = false;
    for (std::size_t looked = 0; entry != nullptr; entry = store_.index.next(*entry)) {
      const Found<Value> found = visible_at(*entry, snapshot);
      if (found.is_value()) {
        const Deadline deadline = found.version->deadline();
        const bool expires = deadline != k_no_deadline;
        full = block.size() >= k_block_bytes || (entries > 0 && expires && kind == BlockKind::plain);
        if (full || (any && looked >= k_stretch)) return true;
        if (expires) kind = BlockKind::expiring;
        if (kind == BlockKind::expiring) encoder.write_integer(deadline);
        Codec<Key>::encode(entry->key, encoder);
        Codec<Value>::encode(found.version->value, encoder);
        ++entries;
        last = entry;
        any = true;
      }
      ++looked;
    }
    return false;
  }

  // The checkpoint is durable: older ones, and segments before the first it needs, may go. What cannot be removed now
  // is ignored by recovery, and removed at the next opening.
  void drop_what_it_stands_for(Cts cts, std::uint64_t first_segment) noexcept {
    boost::system::error_code ec;
    for (const std::string& name : directory_->list(ec)) {
      const auto segment = segment_id_of(name);
      const auto checkpoint = checkpoint_cts_of(name);
      if ((segment && *segment < first_segment) || (checkpoint && *checkpoint < cts)) {
        directory_->remove(name, ec);
      }
    }
    directory_->sync(ec);
  }

  const std::shared_ptr<StoreType> shared_store_;
  StoreType& store_;
  const std::shared_ptr<FileSystem> files_;
  std::unique_ptr<Directory> directory_;  // until stop(); the writer, which then has ended, knows it too
  SegmentWriter::Place place_;
  Recovered recovered_;
  const std::uint64_t checkpoint_after_;         // bytes of the log; 0: none by itself
  std::optional<std::uint64_t> checkpoint_cts_;  // of the one that counts; guarded by checkpoint_mutex_
  Atomic<std::uint64_t> since_checkpoint_{0}, checkpoints_{0}, failed_checkpoints_{0};
  Atomic<bool> stopping_{false};
  std::mutex stop_mutex_, checkpoint_mutex_, wake_mutex_;
  std::condition_variable wake_;
  bool checkpoint_due_ = false;  // guarded by wake_mutex_
  RetryPause pause_;             // likewise
  Thread checkpointer_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

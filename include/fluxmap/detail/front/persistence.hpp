// A database's life on disk: opening a directory, checkpoints, the end. · layer: front
//
// Only databases with a log instantiate this, so only their types need a Codec.
#pragma once

#include <fluxmap/detail/platform/posix_file_system.hpp>
#include <fluxmap/detail/storage/recovery.hpp>
#include <fluxmap/detail/txn/held_snapshot.hpp>
#include <fluxmap/detail/txn/redo_codec.hpp>
#include <fluxmap/detail/txn/store.hpp>
#include <fluxmap/detail/txn/store_loader.hpp>
#include <fluxmap/options.hpp>
#include <fluxmap/stats.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
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
      : shared_store_(std::move(shared)), store_(*shared_store_), files_(std::move(setup.files)) {
    StoreType& store = store_;
    const std::filesystem::path& directory = setup.options.directory;
    boost::system::error_code ec;
    files_->create_directories(directory, ec);
    if (ec) throw_system(ec, "directory " + directory.string());
    lock_ = files_->lock(directory, ec);
    if (ec == boost::system::errc::resource_unavailable_try_again || ec == boost::system::errc::operation_would_block) {
      throw boost::system::system_error(make_error_code(errc::already_open),
                                        "fluxmap: directory " + directory.string());
    }
    if (ec) throw_system(ec, "directory " + directory.string());

    SegmentWriter::Place place;
    place.files = files_.get();
    place.directory = directory;
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
    SegmentWriter writer = recovery.open();
    recovered_ = recovery.result();
    place_ = writer.place();
    store.ring.start_after(recovered_.last_cts);
    store.encode_redo = &RedoCodec<Key, Value>::encode;
    since_checkpoint_.store(recovered_.log_bytes, std::memory_order_relaxed);  // no other thread yet
    const std::uint64_t limit = setup.options.checkpoint_after_bytes;
    try {
      store.log = std::make_unique<Log>(store.epochs, store.order, setup.log, std::move(writer), recovered_.last_cts,
                                        [this, limit](std::uint64_t bytes) { on_written(bytes, limit); });
      if (limit != 0) checkpointer_ = std::thread([this] { run_checkpoints(); });
    } catch (const std::system_error& error) {
      store.log.reset();  // it would call us
      throw boost::system::system_error(error.code(), "fluxmap: no thread for the log");
    }
    on_written(0, limit);
  }
  ~TypedPersistence() override { stop(); }

  void checkpoint() override {
    const std::lock_guard one_at_a_time(checkpoint_mutex_);
    if (stopping_.load(std::memory_order_relaxed)) throw_error(errc::closed);  // see stop()
    try {
      const std::uint64_t before = since_checkpoint_.load(std::memory_order_relaxed);  // an estimate
      write_checkpoint();
      since_checkpoint_.fetch_sub(before, std::memory_order_relaxed);  // an estimate
      checkpoints_.fetch_add(1, std::memory_order_relaxed);            // a counter
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
    { const std::lock_guard wait_for_checkpoint(checkpoint_mutex_); }
    store_.log->stop();
    lock_.reset();
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
  static constexpr std::size_t k_block_bytes = std::size_t{128} << 10;
  static constexpr std::size_t k_stretch = 256;  // entries looked at inside one guard, at least

  // Called by the log's thread, and once at the beginning.
  void on_written(std::uint64_t bytes, std::uint64_t limit) noexcept {
    const std::uint64_t now = since_checkpoint_.fetch_add(bytes, std::memory_order_relaxed) + bytes;  // an estimate
    if (limit == 0 || now < limit) return;
    {
      const std::lock_guard lock(wake_mutex_);
      checkpoint_due_ = true;
    }
    wake_.notify_all();
  }

  void run_checkpoints() noexcept {
    for (;;) {
      {
        std::unique_lock lock(wake_mutex_);
        wake_.wait(lock, [&] { return checkpoint_due_ || stopping_.load(std::memory_order_relaxed); });  // set before
        checkpoint_due_ = false;                                                                         // wake_mutex_
      }
      if (stopping_.load(std::memory_order_relaxed)) return;  // as above
      try {
        checkpoint();
      } catch (...) {  // counted; the log is kept, and the next stretch of it is another occasion
      }
    }
  }

  void write_checkpoint() {
    store_.log->check_usable();
    const HeldSnapshot snapshot(store_);
    const std::uint64_t first_segment = store_.log->first_segment_after(snapshot.cts);
    CheckpointWriter writer(place_, snapshot.cts, first_segment);
    boost::system::error_code ec;
    const auto check = [&] {
      if (ec) throw_system(ec, "checkpoint " + writer.path().string());
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
    for (const std::string& name : files_->list(place_.directory, ec)) {
      const auto segment = segment_id_of(name);
      const auto checkpoint = checkpoint_cts_of(name);
      if ((segment && *segment < first_segment) || (checkpoint && *checkpoint < cts)) {
        files_->remove(place_.directory / name, ec);
      }
    }
    files_->sync_directory(place_.directory, ec);
  }

  const std::shared_ptr<StoreType> shared_store_;
  StoreType& store_;
  const std::shared_ptr<FileSystem> files_;
  std::unique_ptr<DirectoryLock> lock_;
  SegmentWriter::Place place_;
  Recovered recovered_;
  std::atomic<std::uint64_t> since_checkpoint_{0}, checkpoints_{0}, failed_checkpoints_{0};
  std::atomic<bool> stopping_{false};
  std::mutex stop_mutex_, checkpoint_mutex_, wake_mutex_;
  std::condition_variable wake_;
  bool checkpoint_due_ = false;  // guarded by wake_mutex_
  std::thread checkpointer_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

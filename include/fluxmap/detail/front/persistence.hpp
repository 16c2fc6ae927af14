// A database's life on disk: opening a directory, checkpoints, the end. · layer: front
//
// Only databases with a log instantiate this, so only their types need a Codec.
#pragma once

#include <fluxmap/codec.hpp>
#include <fluxmap/detail/platform/posix_file_system.hpp>
#include <fluxmap/detail/storage/recovery.hpp>
#include <fluxmap/detail/txn/store.hpp>
#include <fluxmap/options.hpp>
#include <fluxmap/stats.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

// How entries and commits are spelled (docs/format.md).
template <class Key, class Value>
struct RedoCodec {
  static void encode(std::span<Write<Key, Value>* const> writes, std::vector<std::byte>& redo) {
    Encoder encoder(redo);
    for (const Write<Key, Value>* write : writes) {
      const bool removal = write->version->is_tombstone();
      encoder.write_integer(static_cast<std::uint8_t>(removal ? WriteKind::removal : WriteKind::value));
      Codec<Key>::encode(write->key_now(), encoder);
      if (!removal) Codec<Value>::encode(write->version->value, encoder);
    }
    if (redo.size() > k_max_payload) {
      throw boost::system::system_error(boost::system::errc::make_error_code(boost::system::errc::file_too_large),
                                        "fluxmap: a transaction writes more than 1 GiB");
    }
  }
  static Fingerprint fingerprint() { return {codec_fingerprint<Key>(), codec_fingerprint<Value>()}; }
};

// Builds a store that nobody uses yet from what recovery reads.
template <class Key, class Value, class Compare>
class StoreLoader final : public RecoverySink {
  using EntryType = Entry<Key, Value>;
  using VersionType = Version<Value>;

 public:
  StoreLoader(Store<Key, Value, Compare>& store, std::uint64_t checkpoint_cts = 0)
      : store_(store), loader_(store.index), cts_(checkpoint_cts) {}

  void entries(Bytes payload, std::uint32_t count) override {
    Decoder decoder(payload);
    EpochGuard guard(store_.epochs);
    for (; count > 0; --count) {
      Key key = Codec<Key>::decode(decoder);
      PrivateVersion<Value> version(VersionType::make(0, Codec<Value>::decode(decoder)));
      EntryType* const entry = make_entry(std::move(key), version);
      if (!loader_.add(guard, *entry)) {
        drop(entry);
        throw_error(errc::decode_failed, "the keys do not ascend; was the checkpoint written with another Compare?");
      }
      WorkList<EntryType>::release_token(*entry);
      count_new(guard, *entry);
    }
    if (decoder.remaining() != 0) throw_error(errc::decode_failed, "bytes stand behind the last entry");
  }

  void commit(std::uint64_t cts, Bytes payload) override {
    finish_checkpoint();
    Decoder decoder(payload);
    EpochGuard guard(store_.epochs);
    cts_ = cts;
    while (decoder.remaining() != 0) {
      const auto kind = static_cast<WriteKind>(decoder.read_integer<std::uint8_t>());
      if (kind != WriteKind::value && kind != WriteKind::removal) {
        throw_error(errc::decode_failed, "neither a value nor a removal");
      }
      Key key = Codec<Key>::decode(decoder);
      PrivateVersion<Value> version;
      if (kind == WriteKind::value) version.reset(VersionType::make(0, Codec<Value>::decode(decoder)));
      apply(guard, std::move(key), std::move(version));
    }
  }

  // After the last of them.
  void finish_checkpoint() {
    if (std::exchange(finished_, true)) return;
    loader_.finish();
  }

 private:
  EntryType* make_entry(Key&& key, PrivateVersion<Value>& version) {
    EntryType* const entry = EntryType::make(std::move(key));
    try {
      install(*entry, version, entry->make_version_inside(*version));
    } catch (...) {
      EntryType::destroy(entry);
      throw;
    }
    return entry;
  }
  // Puts `version`, or the copy of it inside the entry, at the head; nobody else is here.
  void install(EntryType& entry, PrivateVersion<Value>& version, VersionType* inside) noexcept {
    VersionType* const head = inside != nullptr ? inside : version.release();
    const std::uint64_t flags = head->stamp_bits.load(std::memory_order_relaxed);           // nobody else is here
    head->stamp_bits.store(Stamp::stamped(cts_, flags).bits(), std::memory_order_relaxed);  // as above
    entry.head.store(head, std::memory_order_relaxed);                                      // as above
  }
  static void drop(EntryType* entry) noexcept {
    entry->load_head()->destroy();
    EntryType::destroy(entry);
  }

  void apply(EpochGuard& guard, Key&& key, PrivateVersion<Value> version) {
    if (version == nullptr) {
      EntryType* const entry = store_.index.find(key);
      if (entry == nullptr) return;
      clear(guard, *entry);
      if (WorkList<EntryType>::acquire(*entry)) WorkList<EntryType>::push(guard, *entry);  // an empty one is vacuum's
      return;
    }
    const auto [entry, is_new] = store_.index.find_or_link(
        guard, key, [&] { return make_entry(std::move(key), version); }, [](EntryType* lost) { drop(lost); });
    if (is_new) {
      WorkList<EntryType>::release_token(*entry);
      count_new(guard, *entry);
      return;
    }
    clear(guard, *entry);
    install(*entry, version, nullptr);
    count_version(guard, *entry->load_head());
  }
  // Takes the value away, if there is one.
  void clear(EpochGuard& guard, EntryType& entry) noexcept {
    VersionType* const old = entry.load_head();
    if (old == nullptr) return;
    entry.head.store(nullptr, std::memory_order_relaxed);  // nobody else is here
    guard.counters().keys.add(-1);
    guard.counters().versions.add(-1);
    guard.counters().bytes.add(-static_cast<std::int64_t>(version_bytes(*old)));
    EntryType::free_version(old);
  }
  void count_new(EpochGuard& guard, EntryType& entry) noexcept {
    guard.counters().entries.add(1);
    guard.counters().bytes.add(static_cast<std::int64_t>(entry.bytes()));
    count_version(guard, *entry.load_head());
  }
  void count_version(EpochGuard& guard, const VersionType& version) noexcept {
    guard.counters().keys.add(1);
    guard.counters().versions.add(1);
    guard.counters().bytes.add(static_cast<std::int64_t>(version_bytes(version)));
  }

  Store<Key, Value, Compare>& store_;
  typename SkipList<Key, Value, Compare>::Loader loader_;
  Cts cts_;
  bool finished_ = false;
};

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
    StoreLoader<Key, Value, Compare> loader(store);
    Recovery::Progress progress;
    if (setup.progress) {
      progress = [&](std::uint64_t done, std::uint64_t total) { setup.progress({done, total}); };
    }
    Recovery recovery(place, loader, progress);
    recovery.read();
    loader.finish_checkpoint();
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

  // Registers a snapshot for as long as it lives.
  struct Snapshot {
    explicit Snapshot(StoreType& of)
        : store(of), slot(of.snapshots.claim()), cts(of.snapshots.enter(slot, [&] { return of.published(); })) {}
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;
    ~Snapshot() { store.snapshots.release(slot); }
    StoreType& store;
    SnapshotRegistry::Slot& slot;
    const Cts cts;
  };

  void write_checkpoint() {
    store_.log->check_usable();
    // In this order: what is not in the snapshot was decided later, so it is written to this segment or a later one.
    const std::uint64_t first_segment = store_.log->segment();
    const Snapshot snapshot(store_);
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
      while (more && block.size() < k_block_bytes) more = encode_stretch(snapshot.cts, last, block, entries);
      if (entries > 0) writer.add_block(block, entries, ec);
      check();
    }
    writer.finish(ec);
    check();
    drop_what_it_stands_for(snapshot.cts, first_segment);
  }

  // Encodes some live entries behind `last` (null: from the beginning), which it moves on. False: that was the end.
  // Between two calls the snapshot keeps `last`, whose version it sees, in the index.
  bool encode_stretch(Cts snapshot, EntryType*& last, std::vector<std::byte>& block, std::uint32_t& entries) {
    EpochGuard guard(store_.epochs);
    Encoder encoder(block);
    EntryType* entry = last == nullptr ? store_.index.first() : store_.index.next(*last);
    bool any = false;
    for (std::size_t looked = 0; entry != nullptr; entry = store_.index.next(*entry)) {
      const Found<Value> found = visible_at(*entry, snapshot);
      if (found.live()) {
        if (any && (looked >= k_stretch || block.size() >= k_block_bytes)) return true;
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

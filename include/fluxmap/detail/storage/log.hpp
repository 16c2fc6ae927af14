// The log: takes the commits in their order, writes them, syncs them, and says so. · layer: storage
//
//   committers --push--> stack --collect--> pending, by timestamp --write--> segment --sync--> disk
//                                            up to `decided`       `written`        `durable`
//
// A committer pushes before it decides, and `decided` passes a timestamp only after its decision; so whoever reads
// `decided` first and empties the stack then holds every commit up to it (I1), however late their committers run on.
//
// Level full: one thread writes, syncs, and only then lets the commits be published (`durable` caps `published`).
// Commits that come in while a sync is under way form the next batch by themselves. Level relaxed: a commit is
// acknowledged when it is written. Whoever finds the log free writes what there is, on its own thread: a write to the
// page cache is cheaper than waking another thread. The log's thread syncs, rotates, and writes what a committer left
// because the log was taken.
//
// Failure is final: after a failed write or sync nothing is written any more (the operating system may have dropped
// what it could not write, and a second sync would not say so). What nothing depends on yet is not: the next segment's
// file is made ready ahead of need, and if that fails, for want of a descriptor for example, it is tried again, while
// the current segment grows beyond its size.
//
// In a child of fork() the log is over: the files are the parent's, and so is the thread.
//
// Thread safety: all calls.
#pragma once

#include <fluxmap/detail/index/epoch.hpp>
#include <fluxmap/detail/platform/atomic.hpp>
#include <fluxmap/detail/platform/deadline.hpp>
#include <fluxmap/detail/platform/process.hpp>
#include <fluxmap/detail/platform/thread.hpp>
#include <fluxmap/detail/storage/commit_queue.hpp>
#include <fluxmap/detail/storage/log_idle.hpp>
#include <fluxmap/detail/storage/log_marks.hpp>
#include <fluxmap/detail/storage/log_options.hpp>
#include <fluxmap/detail/storage/log_turn.hpp>
#include <fluxmap/detail/storage/logged_commit.hpp>
#include <fluxmap/detail/storage/segment_writer.hpp>
#include <fluxmap/detail/upkeep/retry_pause.hpp>
#include <fluxmap/error.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace fluxmap::inline FLUXMAP_ABI::detail {

class Log {
 public:
  using error_code = boost::system::error_code;

  // Goes on from `recovered`, the last commit there was. `written(bytes)` is told how much has been written, from time
  // to time, by the log's thread.
  Log(EpochDomain& epochs, CommitOrder& order, LogOptions options, SegmentWriter writer, Cts recovered,
      std::function<void(std::uint64_t)> written)
      : epochs_(epochs),
        order_(order),
        options_(options),
        tell_written_(std::move(written)),
        writer_(std::move(writer)),
        marks_(recovered) {
    segments_.push_back({writer_.id(), recovered});
    if (level() == LogLevel::full) order_.set_durable(recovered);
    thread_ = Thread::start([this] { run(); });
  }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log() {
    stop();
    // Commits of a failed log were never published; nothing uses them any more.
    for (LoggedCommit* commit : unsynced_) delete commit;
    for (LoggedCommit* commit : dropped_) delete commit;
  }

  LogLevel level() const noexcept { return options_.level; }
  LogMark acknowledging_mark() const noexcept {
    return level() == LogLevel::full ? LogMark::durable : LogMark::written;
  }

  bool is_over() const noexcept {
    return failed() || over_.load(std::memory_order_seq_cst) || !process_.is_here();  // [G3]
  }
  bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }  // pairs with fail()
  // Throws errc::log_failed, with what had happened, if the log has failed; errc::closed in a child of fork().
  void check_usable() const {
    check_process();
    if (!failed()) return;
    const std::lock_guard lock(mutex_);
    throw boost::system::system_error(make_error_code(errc::log_failed), "fluxmap: " + failure_);
  }

  void check_process() const {
    if (process_.is_here()) return;
    throw_error(errc::closed, "fluxmap: opened by another process, of which this one is a child by fork()");
  }

  // The committer's part, before it decides. See I1.
  void push(LoggedCommit& commit) noexcept { queue_.push(commit); }

  // The committer's part, after everything up to its timestamp is decided. True: acknowledged already. Otherwise wait;
  // at level relaxed somebody who waits has to call write_now().
  bool acknowledge(Cts cts) noexcept {
    if (is_acknowledged(cts)) return true;
    notify();
    // Relaxed: how many more commits are to be written at once by their committers, a guess (see write_for_waiters).
    const std::uint32_t alone = alone_.load(std::memory_order_relaxed);
    if (alone == 0) return false;
    alone_.store(alone - 1, std::memory_order_relaxed);
    write_now();
    return is_acknowledged(cts);
  }
  bool is_acknowledged(Cts cts) const noexcept { return marks_.get(acknowledging_mark()) >= cts; }

  // Wakes `waiter` once its target is acknowledged, or on the disk; with errc::log_failed or errc::closed if it will
  // never be.
  void wait_acknowledged(LogWaiter& waiter) noexcept { marks_.wait(acknowledging_mark(), waiter); }
  void wait_synced(LogWaiter& waiter) noexcept {
    const Cts target = waiter.target();
    marks_.wait(LogMark::durable, waiter);  // it may be gone when this returns
    {
      const std::lock_guard lock(mutex_);
      asked_ = std::max(asked_, target);
    }
    wake_.notify_one();
  }

  // Writes what is decided, unless another thread is at it; that one then looks again after it has let go. Both the
  // letting go and the advance of `decided` are seq_cst and come before the look at the other, so one of the two sees.
  void write_now() noexcept {
    while (order_.decided() > written() && !is_over() && !rotate_wanted() && turn_.try_take()) {
      if (!is_over()) write_decided(false);
      note_unsynced();
      turn_.give_back();
      marks_.wake_reached();
      if (sync_is_due() || wants_spare()) wake_thread();
    }
    if (rotate_wanted()) wake_thread();
  }
  // The same for those who wait, and learns from it whether waiting pays: where one commit at a time is all that comes,
  // the next ones are written without a visit to the scheduler.
  void write_for_waiters() noexcept {
    const std::uint64_t before = batches_.load(std::memory_order_relaxed);  // counters, and a guess
    const Cts first = written();
    write_now();
    if (batches_.load(std::memory_order_relaxed) == before) return;
    const bool alone = written() <= first + 1;
    alone_.store(level() == LogLevel::relaxed && alone ? k_alone : 0, std::memory_order_relaxed);
  }

  // Writes and syncs what has been decided, and ends. No commit may begin any more.
  void stop() noexcept {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    const std::lock_guard lock(join_mutex_);
    if (thread_.joinable()) thread_.join();
  }

  // The first segment that may hold a commit after `cts`, which is not before what was asked for last.
  std::uint64_t first_segment_after(Cts cts) {
    const std::lock_guard lock(mutex_);
    while (segments_.size() > 1 && segments_[1].base <= cts) segments_.pop_front();
    return segments_.front().id;
  }
  std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }       // a counter
  std::uint64_t syncs() const noexcept { return sync_count_.load(std::memory_order_relaxed); }  // a counter

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::uint32_t k_alone = 64;  // commits between two tries whether others have come
  // Between two tries to make the next segment's file.
  static constexpr Clock::duration k_first_pause = std::chrono::milliseconds(10),
                                   k_last_pause = std::chrono::seconds(1);

  // The log in one thread's hands ---------------------------------------------------------------------------------

  Cts written() const noexcept { return marks_.get(LogMark::written); }
  Cts durable() const noexcept { return marks_.get(LogMark::durable); }
  bool rotate_wanted() const noexcept { return rotate_wanted_.load(std::memory_order_relaxed); }  // a hint

  // Writes the commits up to `decided`; by the holder. Without `may_rotate` it stops where the segment is full.
  void write_decided(bool may_rotate) noexcept {
    if (is_over()) return;
    try {
      Cts upto = order_.decided();  // before the stack is emptied: I1
      queue_.collect();
      const std::vector<LoggedCommit*>& pending = queue_.pending();
      dropped_.reserve(pending.size());
      unsynced_.reserve(unsynced_.size() + pending.size());
      if (may_rotate) rotate_wanted_.store(false, std::memory_order_relaxed);  // a hint
      std::size_t taken = 0;
      struct Forget {  // what was taken is in one of the other lists, however this ends
        CommitQueue& queue;
        std::size_t& count;
        ~Forget() { queue.drop_front(count); }
      };
      {
        const Forget forget{queue_, taken};
        for (; taken < pending.size() && CommitQueue::cts_of(*pending[taken]) <= upto; ++taken) {
          LoggedCommit& commit = *pending[taken];
          if (commit.state.load(std::memory_order_acquire) != CommitState::committed) {  // [P5]
            dropped_.push_back(&commit);
            continue;
          }
          if (!writer_.fits(commit.redo.size())) {
            if (!may_rotate) {
              rotate_wanted_.store(true, std::memory_order_relaxed);  // a hint; the log's thread is woken next
              upto = CommitQueue::cts_of(commit) - 1;
              break;
            }
            if (!write_batch() || !rotate_for(commit)) return;
          }
          writer_.add(RecordKind::commit, CommitQueue::cts_of(commit), commit.redo);
          (level() == LogLevel::full ? unsynced_ : dropped_).push_back(&commit);
          ++unsynced_commits_;
        }
      }
      if (!write_batch()) return;
      if (!dropped_.empty()) {
        EpochGuard guard(epochs_);
        for (LoggedCommit* commit : dropped_) LoggedCommit::let_go(guard, *commit);
        dropped_.clear();
      }
      marks_.move(LogMark::written, upto);
    } catch (const std::exception& error) {  // no memory for a batch: what was not written cannot be skipped
      fail(error.what());
    }
  }

  bool write_batch() {
    if (!writer_.has_batch()) return true;
    error_code ec;
    writer_.write(ec);
    batches_.fetch_add(1, std::memory_order_relaxed);  // a counter
    const std::uint64_t bytes = writer_.take_written_bytes();
    bytes_.fetch_add(bytes, std::memory_order_relaxed);  // a counter
    unsynced_bytes_ += bytes;
    if (ec) fail("write to " + writer_.path() + ": " + ec.message());
    return !ec;
  }

  // A new segment for the commit; what was written before is on the disk then. Or more room in this one.
  bool rotate_for(const LoggedCommit& commit) {
    const Cts last = CommitQueue::cts_of(commit) - 1;
    error_code ec;
    if (!prepare(ec)) {
      error_code no_room;
      writer_.grow(commit.redo.size(), no_room);
      if (no_room) fail("new segment after " + writer_.path() + ": " + ec.message());
      return !no_room;
    }
    spare_.store(Spare::none, std::memory_order_relaxed);  // a hint to those who write
    writer_.rotate(last, ec);
    if (ec) {
      fail("new segment after " + writer_.path() + ": " + ec.message());
      return false;
    }
    sync_count_.fetch_add(1, std::memory_order_relaxed);  // a counter
    const std::lock_guard lock(mutex_);
    segments_.push_back({writer_.id(), last});
    return true;
  }

  // Makes the next segment's file ready; by the log's thread.
  bool prepare(error_code& ec) {
    writer_.prepare(ec);
    if (ec) {
      const Clock::time_point now = Clock::now();
      pause_.failed(now, now);
    } else {
      pause_.succeeded();
    }
    spare_.store(ec ? Spare::refused : Spare::ready, std::memory_order_relaxed);  // a hint to those who write
    return !ec;
  }
  bool wants_spare() const noexcept {  // hints
    return half_full_.load(std::memory_order_relaxed) && spare_.load(std::memory_order_relaxed) == Spare::none;
  }
  // These two: by the log's thread, which alone stores it.
  bool is_refused() const noexcept { return spare_.load(std::memory_order_relaxed) == Spare::refused; }
  bool spare_is_due() const noexcept { return wants_spare() || (is_refused() && Clock::now() >= pause_.until()); }

  // Publishes the holder's account of what awaits a sync. Hints, all three: who finds by them that the log's thread is
  // to be woken does so through mutex_, under which the thread looks at them.
  void note_unsynced() noexcept {
    half_full_.store(writer_.is_half_full(), std::memory_order_relaxed);   // a hint
    pending_commits_.store(unsynced_commits_, std::memory_order_relaxed);  // as above
    pending_bytes_.store(unsynced_bytes_, std::memory_order_relaxed);      // as above
  }
  bool sync_is_due() const noexcept {
    return pending_commits_.load(std::memory_order_relaxed) >= options_.flush_after_commits ||  // hints
           pending_bytes_.load(std::memory_order_relaxed) >= options_.flush_after_bytes;
  }

  // The log's thread ----------------------------------------------------------------------------------------------

  void run() noexcept {
    Clock::time_point deadline = Clock::time_point::max();
    for (bool last = false;;) {
      turn_.take();
      write_decided(true);
      note_unsynced();
      const std::uint64_t offset = writer_.offset();
      const Cts upto = written();
      const bool dirty = unsynced_bytes_ != 0;
      if (dirty && deadline == Clock::time_point::max()) deadline = steady_after(options_.flush_interval);
      const bool now = last || level() == LogLevel::full || sync_is_due() || Clock::now() >= deadline || sync_asked();
      if (now && dirty) unsynced_bytes_ = unsynced_commits_ = 0;
      release_and_look();
      marks_.wake_reached();
      if (now && !failed()) {
        deadline = Clock::time_point::max();
        if (!dirty || sync(offset)) finish_sync(upto);
        tell_progress();
      }
      if (last) break;
      if (!failed() && spare_is_due()) prepare_ahead();
      last = sleep(deadline);
    }
    end();
  }

  void prepare_ahead() noexcept {
    try {
      error_code ignored;  // it is tried again
      prepare(ignored);
    } catch (...) {  // no memory: the same
      spare_.store(Spare::refused, std::memory_order_relaxed);
      pause_.put_off(Clock::now());
    }
  }

  bool sync(std::uint64_t offset) noexcept {
    error_code ec;
    writer_.sync_file(ec);
    if (ec) {
      fail("sync of " + writer_.path() + ": " + ec.message());
      return false;
    }
    sync_count_.fetch_add(1, std::memory_order_relaxed);  // a counter
    turn_.take();
    writer_.set_synced(offset);
    note_unsynced();
    release_and_look();
    return true;
  }
  // By the log's thread: who found the log taken meanwhile relies on us, see write_now.
  void release_and_look() noexcept {
    turn_.give_back();
    if (level() == LogLevel::relaxed) write_now();
  }

  // Everything up to `upto` is on the disk. Readers see it before a committer is told so: what was acknowledged is in
  // every snapshot from then on.
  void finish_sync(Cts upto) noexcept {
    if (level() == LogLevel::full) order_.set_durable(upto);
    marks_.move(LogMark::durable, upto);
    if (!unsynced_.empty()) {  // level full only
      EpochGuard guard(epochs_);
      for (LoggedCommit* commit : unsynced_) {
        commit->publish(guard);
        LoggedCommit::let_go(guard, *commit);
      }
      unsynced_.clear();
    }
    marks_.wake_reached();
  }

  void tell_progress() noexcept {
    const std::uint64_t now = bytes();
    if (tell_written_ && now != told_bytes_) tell_written_(now - std::exchange(told_bytes_, now));
  }

  bool sync_asked() const noexcept {
    const std::lock_guard lock(mutex_);
    return asked_ > durable();  // written by this thread
  }

  // Sleeps until there is something to do. True: the end was asked for.
  bool sleep(Clock::time_point deadline) noexcept {
    std::unique_lock lock(mutex_);
    const bool idle = deadline == Clock::time_point::max();
    if (is_refused() && !failed()) deadline = std::min(deadline, pause_.until());
    if (idle) idle_.set();  // [G4] before the look at what there is to do
    const auto is_awake = [&] { return stopping_ || has_work() || (idle && has_unsynced()); };
    if (deadline == Clock::time_point::max()) {
      wake_.wait(lock, is_awake);
    } else {
      wake_.wait_until(lock, deadline, is_awake);
    }
    idle_.clear();
    return stopping_;
  }
  bool has_work() const noexcept {  // inside mutex_
    if (failed()) return false;
    if (spare_is_due()) return true;
    if (level() == LogLevel::full) return has_unsynced();
    return sync_is_due() || rotate_wanted() || asked_ > durable();
  }
  bool has_unsynced() const noexcept { return !failed() && order_.decided() > durable(); }
  // After `decided` has moved: wakes the log's thread if it sleeps without an end. At level relaxed it is awake, or
  // will be, from the first commit after a sync on.
  void notify() noexcept {
    // [G4] seq_cst: `decided` was moved before, which is seq_cst too; the sleeper looks at it after it said it sleeps.
    if (idle_.is_set()) wake_thread();
  }
  void wake_thread() noexcept {
    {
      const std::lock_guard lock(mutex_);
    }  // it is either before its look, or waiting
    wake_.notify_one();
  }

  void end() noexcept {
    if (!failed()) {
      error_code ec;
      turn_.take();
      const Cts cts = written();  // we hold the log
      try {
        writer_.add(RecordKind::closed, cts, {});
        writer_.write(ec);
        if (!ec) writer_.sync_file(ec);
        if (ec) fail("closing " + writer_.path() + ": " + ec.message());
      } catch (const std::exception& error) {
        fail(error.what());
      }
      turn_.give_back();
    }
    turn_.take();
    over_.store(true, std::memory_order_seq_cst);  // [G3] no one writes from now on
    writer_.close(!failed());
    turn_.give_back();
    marks_.end(make_error_code(errc::closed));
  }

  void fail(const std::string& why) noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (!failed()) {
        try {
          failure_ = why;
        } catch (...) {  // no memory for the text
        }
        failed_.store(true, std::memory_order_release);  // pairs with failed(): the text
      }
    }
    marks_.end(make_error_code(errc::log_failed));
  }

  EpochDomain& epochs_;
  CommitOrder& order_;
  const LogOptions options_;
  const std::function<void(std::uint64_t)> tell_written_;
  const ProcessMark process_;

  CommitQueue queue_;
  LogTurn turn_;  // the queue's far end, the writer and the next four are their holder's
  SegmentWriter writer_;
  std::vector<LoggedCommit*> dropped_;   // written or aborted, to be let go
  std::vector<LoggedCommit*> unsynced_;  // level full: to be published after the sync; the log's thread only
  std::uint64_t unsynced_bytes_ = 0;
  std::uint64_t unsynced_commits_ = 0;

  alignas(128) LogMarks marks_;
  Atomic<bool> failed_{false}, over_{false};
  Atomic<bool> rotate_wanted_{false};
  LogIdle idle_;
  Atomic<std::uint64_t> pending_commits_{0}, pending_bytes_{0};  // unsynced_*, for those without the log
  Atomic<std::uint64_t> bytes_{0}, batches_{0}, sync_count_{0};
  Atomic<std::uint32_t> alone_{0};
  enum class Spare : std::uint8_t { none, ready, refused };  // the next segment's file
  Atomic<Spare> spare_{Spare::none};                         // stored by the log's thread
  Atomic<bool> half_full_{false};
  RetryPause pause_{k_first_pause, k_last_pause};  // these two: the log's thread only; when `refused` is tried again
  std::uint64_t told_bytes_ = 0;

  struct Segment {
    std::uint64_t id;
    Cts base;  // no commit in an earlier segment comes after it
  };

  mutable std::mutex mutex_;  // guards the next five
  std::condition_variable wake_;
  Cts asked_ = 0;  // flush() wants everything up to here on the disk
  std::deque<Segment> segments_;
  std::string failure_;
  bool stopping_ = false;

  std::mutex join_mutex_;  // stop() may be called by close() and by the destructor
  Thread thread_;
};

}  // namespace fluxmap::inline FLUXMAP_ABI::detail

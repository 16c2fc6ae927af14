// The log's thread, alone: in what order it says what it has done.
#include <fluxmap/detail/storage/log.hpp>

#include <atomic>
#include <cstddef>
#include <future>
#include <memory>
#include <utility>

#include "support/catch.hpp"
#include "support/persistent.hpp"

namespace {

using namespace fluxmap::detail;
using namespace fluxmap_test;

struct Written final : LoggedCommit {
  explicit Written(Cts number) {
    cts.store(number);
    state.store(CommitState::committed);
    redo.resize(8);
  }
  void publish(EpochGuard& /*guard*/) noexcept override {}
};

// What readers may see, told by the log. Looks at what the log says to committers at that moment.
class WatchedOrder final : public CommitOrder {
 public:
  void decide(Cts cts) { decided_.store(cts); }
  void watch(const Log& log) { log_.store(&log); }
  std::future<bool> acknowledged_before_visible() { return answer_.get_future(); }

  Cts decided() const noexcept override { return decided_.load(); }
  void set_durable(Cts cts) noexcept override {
    const Log* const log = cts >= k_first ? log_.exchange(nullptr) : nullptr;
    if (log != nullptr) answer_.set_value(log->is_acknowledged(k_first));  // once
  }

 private:
  static constexpr Cts k_first = 1;
  std::atomic<Cts> decided_{0};
  std::atomic<const Log*> log_{nullptr};
  std::promise<bool> answer_;
};

SegmentWriter first_segment(Directory& directory) {
  SegmentWriter::Place place;
  place.directory = &directory;
  place.segment_bytes = std::size_t{1} << 16;
  SegmentWriter writer(place);
  boost::system::error_code ec;
  writer.create(1, 0, 0, ec);
  REQUIRE_FALSE(ec);
  return writer;
}

}  // namespace

// A committer that looks at the mark just then goes on, and must find what it has written.
TEST_CASE("full_lets_readers_see_a_commit_before_it_is_acknowledged") {
  const auto disk = std::make_shared<MemoryDisk>();
  disk->create_directories(k_directory);
  FaultyFileSystem files(disk);
  boost::system::error_code ec;
  const std::unique_ptr<Directory> directory = files.open_directory(k_directory, ec);
  REQUIRE_FALSE(ec);

  EpochDomain epochs;
  WatchedOrder order;
  auto commit = std::make_unique<Written>(1);
  {
    Log log(epochs, order, LogOptions{}, first_segment(*directory), 0, nullptr);
    order.watch(log);
    std::future<bool> early = order.acknowledged_before_visible();
    {
      EpochGuard guard(epochs);
      LoggedCommit& logged = *commit.release();
      log.push(logged);
      order.decide(1);
      static_cast<void>(log.acknowledge(1));
      LoggedCommit::let_go(guard, logged);
    }
    CHECK_FALSE(early.get());
    log.stop();
    CHECK(log.is_acknowledged(1));
  }
  epochs.drain();
}

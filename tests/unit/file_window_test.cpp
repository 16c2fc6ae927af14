// Files are seen in pieces: what is read at once is bounded, whatever the file's size and whatever it claims.
#include <fluxmap/detail/platform/posix_file.hpp>
#include <fluxmap/detail/storage/file_window.hpp>
#include <fluxmap/detail/storage/record_reader.hpp>
#include <fluxmap/detail/storage/segment_scan.hpp>

#include <fcntl.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/scratch_directory.hpp"
#include "support/seed.hpp"

namespace {

using namespace fluxmap::detail;
using fluxmap_test::seed;
using fluxmap_test::SplitMix;
using Content = std::vector<std::byte>;

// So large that nobody would want it in memory: zeros, but for some parts. Tells how it was read.
class SparseFile final : public File {
 public:
  explicit SparseFile(std::uint64_t size, bool tells_where_data_ends = true)
      : size_(size), tells_where_data_ends_(tells_where_data_ends) {}

  void put(std::uint64_t offset, Content content) { parts_[offset] = std::move(content); }
  void fail_from(std::uint64_t offset) { bad_from_ = offset; }

  std::size_t read_at(std::uint64_t offset, std::span<std::byte> out, error_code& ec) override {
    ec.clear();
    largest_read = std::max(largest_read, out.size());
    std::uint64_t end = std::min(size_, offset + out.size());
    if (end > bad_from_) ec = boost::system::errc::make_error_code(boost::system::errc::io_error);
    end = std::max(offset, std::min(end, bad_from_));
    std::fill_n(out.begin(), end - offset, std::byte{0});
    for (const auto& [at, content] : parts_) {
      const std::uint64_t first = std::max(at, offset), last = std::min<std::uint64_t>(at + content.size(), end);
      for (std::uint64_t i = first; i < last; ++i) out[i - offset] = content[i - at];
    }
    bytes_read += end - offset;
    return static_cast<std::size_t>(end - offset);
  }
  std::uint64_t size(error_code& ec) override {
    ec.clear();
    return size_;
  }
  std::uint64_t end_of_data() noexcept override {
    if (!tells_where_data_ends_) return std::numeric_limits<std::uint64_t>::max();
    std::uint64_t end = 0;
    for (const auto& [at, content] : parts_) end = std::max<std::uint64_t>(end, at + content.size());
    return end;
  }
  std::size_t write_at(std::uint64_t, Bytes, error_code&) override { throw std::logic_error("a reader writes"); }
  void sync(error_code&) override {}
  void resize(std::uint64_t, error_code&) override {}
  void allocate(std::uint64_t, error_code&) override {}
  FileId id(error_code&) override { return {}; }

  std::size_t largest_read = 0;
  std::uint64_t bytes_read = 0;

 private:
  const std::uint64_t size_;
  const bool tells_where_data_ends_;
  std::uint64_t bad_from_ = std::numeric_limits<std::uint64_t>::max();
  std::map<std::uint64_t, Content> parts_;
};

constexpr std::uint64_t k_huge = std::uint64_t{2} << 30;

const SegmentHeader k_header{.database = {}, .id = 1, .base = 0, .chain = 0, .types = {}};

struct Scanned {
  SegmentScan scan;
  std::vector<std::size_t> payloads;
};
Scanned scan(SparseFile& file, const std::string& boot = "") {
  FileWindow window(file);
  Scanned result;
  std::string last_boot = boot;
  result.scan = SegmentScanner::scan(window, k_header, boot, last_boot, [&](const RecordView& record) {
    result.payloads.push_back(record.payload.size());
  });
  CHECK_FALSE(window.error());
  return result;
}

// Commits with such payloads, as they stand from the header on.
Content records_of(const std::vector<std::size_t>& payloads) {
  const PlacedChecksum checksum(k_header.database, k_header.id);
  Content content;
  std::uint64_t cts = 0;
  for (const std::size_t size : payloads) {
    append_record(content, checksum, k_file_header_size + content.size(), RecordKind::commit, ++cts, k_file_header_size,
                  Content(size, std::byte{7}));
  }
  return content;
}

TEST_CASE("a_window_shows_what_stands_in_the_file_wherever_one_looks") {
  SplitMix random(seed("windows"));
  for (int round = 0; round < 200; ++round) {
    const std::uint64_t size = random.below(600);
    SparseFile file(size, random.below(2) == 0);
    Content content(size);
    if (size > 0) {
      Content part(1 + random.below(size));
      const std::uint64_t at = random.below(size - part.size() + 1);
      for (std::byte& byte : part) byte = static_cast<std::byte>(random.below(3));
      std::copy(part.begin(), part.end(), content.begin() + static_cast<std::ptrdiff_t>(at));
      file.put(at, part);
    }
    FileWindow window(file, 1 + random.below(100));
    for (int look = 0; look < 100; ++look) {
      const std::uint64_t offset = random.below(size + 10), length = random.below(200);
      const Bytes seen = window.bytes(offset, length);
      const Bytes there = Bytes(content).subspan(std::min(offset, size));
      const Bytes expected = there.first(std::min<std::size_t>(there.size(), length));
      REQUIRE(std::equal(seen.begin(), seen.end(), expected.begin(), expected.end()));
      REQUIRE(window.checksum(offset, expected.size(), 5) == crc32c(expected, 5));
      REQUIRE(window.checksum(offset, there.size() + 1, 5) == std::nullopt);
      std::uint64_t end = size;
      while (end > offset && content[end - 1] == std::byte{0}) --end;
      REQUIRE(window.end_of_data(offset) == std::max(offset, end));
    }
    CHECK(file.largest_read <= 300);
  }
}

TEST_CASE("a_file_ends_for_its_window_where_the_disk_fails") {
  SparseFile file(1000, false);
  file.put(0, Content(1000, std::byte{1}));
  file.fail_from(700);
  FileWindow window(file, 64);
  CHECK(window.bytes(600, 100).size() == 100);
  CHECK(window.bytes(650, 100).size() == 50);
  CHECK(window.error() == boost::system::errc::io_error);
  CHECK(window.size() == 700);
  CHECK(window.bytes(700, 1).empty());
  CHECK(window.end_of_data(0) == 700);
}

TEST_CASE("a_segment_is_read_in_pieces") {
  const std::vector<std::size_t> payloads(3000, 2000);
  for (const bool sparse : {true, false}) {
    SparseFile file(64 << 20, sparse);
    file.put(k_file_header_size, records_of(payloads));
    const Scanned scanned = scan(file);
    CHECK(scanned.payloads == payloads);
    CHECK(scanned.scan.tail == 0);
    CHECK(file.largest_read <= FileWindow::k_piece);
  }
}

TEST_CASE("what_was_never_written_of_a_segment_is_not_read") {
  SparseFile file(k_huge);
  file.put(k_file_header_size, records_of({10, 20, 30}));
  const Scanned scanned = scan(file);
  CHECK(scanned.payloads == std::vector<std::size_t>{10, 20, 30});
  CHECK(scanned.scan.tail == 0);
  CHECK(file.bytes_read <= 4096);
}

TEST_CASE("records_are_found_even_if_a_file_system_denies_that_there_is_data") {
  class Denies final : public File {
   public:
    explicit Denies(File& file) : file_(file) {}
    std::size_t read_at(std::uint64_t offset, std::span<std::byte> out, error_code& ec) override {
      return file_.read_at(offset, out, ec);
    }
    std::uint64_t size(error_code& ec) override { return file_.size(ec); }
    std::uint64_t end_of_data() noexcept override { return 0; }
    std::size_t write_at(std::uint64_t, Bytes, error_code&) override { return 0; }
    void sync(error_code&) override {}
    void resize(std::uint64_t, error_code&) override {}
    void allocate(std::uint64_t, error_code&) override {}
    FileId id(error_code&) override { return {}; }

   private:
    File& file_;
  };
  SparseFile file(1 << 20);
  file.put(k_file_header_size, records_of({10, 20, 3000}));
  Denies denies(file);
  FileWindow window(denies);
  std::string last_boot;
  std::size_t records = 0;
  SegmentScanner::scan(window, k_header, "", last_boot, [&](const RecordView&) { ++records; });
  CHECK(records == 3);
}

TEST_CASE("a_length_that_is_damaged_costs_no_memory") {
  for (const std::uint32_t length : {std::uint32_t{2} << 20, std::uint32_t{100} << 20}) {
    SparseFile file(128 << 20, false);
    Content records = records_of({10, 20});
    const std::size_t second = align_record(k_record_header_size + 10);
    put_little(records.data() + second, length);
    file.put(k_file_header_size, records);
    const Scanned scanned = scan(file, "boot");
    CHECK(scanned.payloads == std::vector<std::size_t>{10});
    CHECK(scanned.scan.tail == k_record_header_size + 20);
    CHECK(file.largest_read <= FileWindow::k_piece);
  }
}

TEST_CASE("a_record_that_is_larger_than_a_piece_is_read_whole_and_only_that") {
  const std::vector<std::size_t> payloads{10, 3 << 20, 10, (5 << 20) + 3, FileWindow::k_piece - 8, 0, 20};
  SparseFile file(32 << 20, false);
  file.put(k_file_header_size, records_of(payloads));
  CHECK(scan(file).payloads == payloads);
  CHECK(file.largest_read <= (5U << 20) + 64);
}

TEST_CASE("an_intact_record_far_behind_a_bad_one_is_found_in_pieces") {
  SparseFile file(64 << 20, false);
  const Content records = records_of({10, 8 << 20, 3 << 20});
  Content damaged = records;
  damaged[align_record(k_record_header_size + 10) + 100] ^= std::byte{1};
  file.put(k_file_header_size, damaged);
  const Scanned scanned = scan(file, "boot");
  CHECK(scanned.payloads.size() == 1);
  const std::uint64_t third = k_file_header_size + align_record(k_record_header_size + 10) +
                              align_record(k_record_header_size + (std::uint64_t{8} << 20));
  CHECK(scanned.scan.intact_after == third);
  CHECK(file.largest_read <= FileWindow::k_piece);
}

// The file system may know nothing of holes; what it says must be true.
TEST_CASE("behind_the_end_of_its_data_a_file_holds_nothing_but_zeros") {
  const fluxmap_test::ScratchDirectory directory;
  boost::system::error_code ec;
  PosixFile file(Descriptor(::open((directory / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)));
  const auto check = [&](std::uint64_t last) {
    const std::uint64_t end = file.end_of_data();
    CHECK(end >= last);
    CHECK((end < (std::uint64_t{1} << 20) || end == std::numeric_limits<std::uint64_t>::max()));
  };
  check(0);
  file.resize(std::uint64_t{1} << 30, ec);
  REQUIRE_FALSE(ec);
  check(0);
  const Content byte(1, std::byte{1});
  for (const std::uint64_t at : {0U, 4095U, 4096U, 100'000U, 300'000U}) {
    file.write_at(at, byte, ec);
    REQUIRE_FALSE(ec);
    check(at + 1);
    file.sync(ec);
    check(at + 1);
  }
  file.resize(200'000, ec);
  check(100'001);
}

}  // namespace

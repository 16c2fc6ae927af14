// Whatever files a directory holds, it either opens, and then opens again with the same contents and what was added, or
// is refused as damaged or as of other types, and then nothing has changed.
#include <fluxmap/fluxmap.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "fix_checksums.hpp"
#include "support/persistent.hpp"
#include "support/run.hpp"
#include "support/scale.hpp"

namespace {

using namespace fluxmap_fuzz;
using namespace fluxmap_test;

using Value = std::vector<std::uint8_t>;
using Opened = fluxmap::Database<std::string, Value>;
using Files = std::map<std::string, Content>;

constexpr std::size_t k_segment_bytes = 192;
[[maybe_unused]] constexpr std::size_t k_most_at_once = std::size_t{64} << 20;  // far more than any input needs

// Files: a byte for the kind, one for the number, two for the length, and the content.
Files files_of(Bytes input, bool fixed) {
  namespace disk = fluxmap::detail;
  std::map<std::pair<unsigned, unsigned>, Content> contents;
  while (input.size() >= 4) {
    const std::pair name{static_cast<unsigned>(input[0]) % 4, static_cast<unsigned>(input[1])};
    const std::size_t length = std::min<std::size_t>(disk::get_little<std::uint16_t>(&input[2]), input.size() - 4);
    contents[name].assign(input.begin() + 4, input.begin() + 4 + static_cast<std::ptrdiff_t>(length));
    input = input.subspan(4 + length);
  }
  Files files;
  std::optional<std::uint32_t> chain;
  for (auto& [name, content] : contents) {  // segments in their order
    const auto [kind, number] = name;
    if (kind == 0) {
      if (fixed) chain = fix_segment(content, chain);
      files[disk::segment_name(number)] = std::move(content);
    } else if (kind == 1) {
      if (fixed) fix_checkpoint(content);
      files[disk::checkpoint_name(number)] = std::move(content);
    } else {
      files[(kind == 2 ? disk::segment_name(number) : disk::checkpoint_name(number)) + ".tmp"] = std::move(content);
    }
  }
  return files;
}

Files files_on(const MemoryDisk& disk) {
  Files files;
  for (const std::string& name : disk.list(k_directory)) {
    files[name] = disk.bytes(std::filesystem::path(k_directory) / name);
  }
  return files;
}

// Null: it was refused, as it may be.
std::shared_ptr<Opened> open(const std::shared_ptr<MemoryDisk>& disk) {
  try {
    return open_on<std::string, Value>(disk, Level::full, in_directory(k_segment_bytes));
  } catch (const boost::system::system_error& error) {
    if (error.code() == fluxmap::errc::log_corrupt || error.code() == fluxmap::errc::decode_failed) return nullptr;
    fault(error.what());
  }
}

}  // namespace

// What is asked for at once because a file says so would be much more than this. The sanitizers have their own.
#if !defined(FLUXMAP_TEST_ASAN) && !defined(FLUXMAP_TEST_TSAN)
void* operator new(std::size_t size) {
  require(size <= k_most_at_once, "an absurd allocation");
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

// The first byte: 1 the checksums are made right; 2 the machine was started anew since. Then the files.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto disk = std::make_shared<MemoryDisk>();
  if ((data[0] & 2) != 0) disk->power_cut(Cut::keep_everything);
  disk->create_directories(k_directory);
  const Files before = files_of(std::as_bytes(std::span(data, size)).subspan(1), (data[0] & 1) != 0);
  for (const auto& [name, content] : before) disk->put(std::filesystem::path(k_directory) / name, content);

  auto database = open(disk);
  if (database == nullptr) {
    require(files_on(*disk) == before, "a directory was changed although it was refused");
    return 0;
  }
  // Stamps have 61 bits: no database gets there, only bytes whose checksums were made right.
  if (fluxmap::detail::TransactionAccess::store(*database).ring.decided() >> 61 != 0) return 0;
  auto contents = contents_of(*database);
  const std::string key = "added";
  auto handle = database->handle();
  run(handle.insert(key, Value{1, 2, 3}));
  contents[key] = {1, 2, 3};
  require(contents_of(*database) == contents, "an insert does more than that");
  database.reset();
  database = open(disk);
  require(database != nullptr, "a directory that was opened and closed cannot be opened again");
  require(contents_of(*database) == contents, "a directory changes its contents");
  return 0;
}

// Whatever the bytes of a checkpoint are, reading it stays inside them, ends, and takes it for complete only if its
// blocks fill the file and hold as many entries as the footer says.
#include <fluxmap/detail/storage/checkpoint_file.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "bytes_file.hpp"
#include "fix_checksums.hpp"

namespace {

using namespace fluxmap::detail;
using namespace fluxmap_fuzz;

void check(const Content& content, std::size_t piece) {
  BytesFile file(content);
  CheckpointReader reader(file, piece);
  boost::system::error_code ec;
  if (reader.open(ec) != nullptr) return require(!ec, "an error of the file");
  std::uint64_t entries = 0, end = k_file_header_size;
  CheckpointReader::Block block;
  for (;;) {
    bool done = false;
    require(reader.offset() == end, "a block does not follow the one before it");
    const char* const wrong = reader.next(block, done, ec);
    require(!ec, "an error of the file");
    if (wrong != nullptr) return;
    if (done) break;
    require(block.offset == end + k_block_header_size && !block.payload.empty(), "a block in a wrong place");
    end = block.offset + block.payload.size();
    require(end <= content.size(), "a block outside the file");
    require(std::equal(block.payload.begin(), block.payload.end(),
                       content.begin() + static_cast<std::ptrdiff_t>(block.offset)),
            "a block is not what stands in the file");
    entries += block.entries;
  }
  require(end + k_footer_size == content.size(), "a checkpoint that does not fill its file");
  require(get_little<std::uint64_t>(content.data() + end + 8) == entries, "a checkpoint with other entries");
}

}  // namespace

// The first byte: 1 the checksums are made right. Then the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto input = std::as_bytes(std::span(data, size));
  Content file(input.begin() + 1, input.end());
  if ((data[0] & 1) != 0) fix_checkpoint(file);
  for (const std::size_t piece : {FileWindow::k_piece, std::size_t{32}}) check(file, piece);
  return 0;
}

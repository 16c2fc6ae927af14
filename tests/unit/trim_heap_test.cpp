// When freed memory is given back to the operating system.
#include <fluxmap/detail/platform/trim_heap.hpp>

#include "support/catch.hpp"

namespace {

using fluxmap::detail::HeapTrimmer;

TEST_CASE("the_heap_is_trimmed_when_much_was_freed_however_many_vacuums_it_took") {
  constexpr std::uint64_t k_step = HeapTrimmer::k_much / 4;
  HeapTrimmer trimmer;
  std::uint64_t bytes = 100 * k_step;
  trimmer.before(bytes);
  CHECK_FALSE(trimmer.after(bytes));
  unsigned trims = 0;
  for (int vacuum = 0; vacuum < 20; ++vacuum) {
    trimmer.before(bytes);
    bytes -= k_step;
    if (trimmer.after(bytes)) ++trims;
  }
  CHECK(trims == 5);
}

TEST_CASE("the_heap_is_not_trimmed_while_as_much_is_written_as_is_freed") {
  HeapTrimmer trimmer;
  for (int vacuum = 0; vacuum < 20; ++vacuum) {
    trimmer.before(10 * HeapTrimmer::k_much);
    CHECK_FALSE(trimmer.after(10 * HeapTrimmer::k_much - HeapTrimmer::k_much / 2));
  }
}

}  // namespace

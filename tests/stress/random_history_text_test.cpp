// Random histories on text keys, with prefix scans and with values too large to lie inside their entries.
#include "support/catch.hpp"
#include "support/random_history.hpp"
#include "support/tagged.hpp"

namespace {

using namespace fluxmap_test;

TEST_CASE("histories_of_hot_text_keys_with_prefix_scans_and_large_values_are_serializable", "[stress]") {
  check_random_histories<TextKeys, Tagged<20>>("hot text keys", {{.keys = 2}, {.keys = 6}, {.keys = 12}, {.keys = 16}});
}

TEST_CASE("histories_of_many_text_keys_are_serializable", "[stress]") {
  check_random_histories<TextKeys, Tagged<2>>("many text keys", {{.keys = 360, .longest_scan = 40}});
}

}  // namespace

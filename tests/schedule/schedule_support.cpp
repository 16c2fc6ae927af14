// The object file that the mutants share; see schedule_support.hpp.
#define FLUXMAP_TEST_INLINE
#include "schedule/schedule_support_impl.hpp"

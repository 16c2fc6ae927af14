// Of the Catch2 programs; the schedule tests include it themselves.
#include "support/marks.hpp"

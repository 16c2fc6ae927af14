// What a harness of tests/relacy includes beside the engine; compiled once for all mutants.
#pragma once

#include "relacy/model.hpp"

#include "prelude.hpp"

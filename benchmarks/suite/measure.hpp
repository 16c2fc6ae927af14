// Measures groups of cells, and prints each as soon as it is known. The systems take turns round by round, so that
// whatever else the machine does hits all of them alike; after the rounds that count comes one in which each
// operation's time is taken.
#pragma once

#include "options.hpp"
#include "plan.hpp"
#include "results.hpp"
#include "system.hpp"

#include <vector>

namespace fluxmap_bench {

Cells measure(const SuiteOptions& options, const std::vector<System>& systems, const std::vector<Group>& groups);

}  // namespace fluxmap_bench

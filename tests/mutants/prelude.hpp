// What a schedule test includes beside the engine; compiled once for all mutants.
#pragma once

#include "support/history.hpp"
#include "support/seed.hpp"

#include <boost/assert.hpp>
#include <boost/intrusive/set.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <concepts>
#include <csignal>
#include <cstring>
#include <deque>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// What a Catch2 test includes beside the engine; compiled once for all mutants.
#pragma once

#include "support/catch.hpp"

#include <boost/assert.hpp>
#include <boost/intrusive/set.hpp>
#include <boost/system/system_error.hpp>

#include <boost/asio.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

// Descriptors: how many clients there may be so that enough are left for the server itself.
#pragma once

#include <cstddef>

namespace resp {

// Descriptors that clients never get: the log that goes on in another file, a checkpoint, the ports, the threads' event
// loops, and the one client too many that is told so.
std::size_t reserved_descriptors(unsigned threads) noexcept;

// Raises the soft limit of descriptors as far as `clients` need and the hard limit allows. How many clients there may
// be under what came of that: `clients` at most. Throws std::runtime_error where there is not room for one.
std::size_t make_room_for_clients(std::size_t clients, unsigned threads);

}  // namespace resp

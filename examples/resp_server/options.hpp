// What can be said on the command line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "parser.hpp"

namespace resp {

enum class Durability { memory, relaxed, full };

struct Options {
  std::string bind = "127.0.0.1";
  std::uint16_t port = 6379;  // 0: any that is free
  std::string directory = "resp-server-data";
  Durability durability = Durability::relaxed;
  unsigned threads = 1;
  std::size_t max_clients = 10000;  // fewer where there are not as many descriptors: see descriptors.hpp
  RequestLimits request;
  std::size_t max_query = std::size_t{256} << 20;  // bytes of one request, and of all that a MULTI has queued
  std::size_t max_memory = 0;                      // bytes, above which writes that take more are refused; 0: no limit
  std::string password;                            // empty: none is asked for
  bool debug = false;                              // DEBUG is allowed
  std::size_t max_queued = 65536;                  // commands that a MULTI may queue
  bool help = false;
};

// Throws std::runtime_error for what it does not understand.
Options parse_options(int argc, char** argv);
extern const char* const k_usage;

}  // namespace resp

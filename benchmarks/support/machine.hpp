// Where and how a result was made; without that a number means nothing.
#pragma once

#include <fmt/format.h>
#include <boost/describe.hpp>

#include <sys/utsname.h>

#include <ctime>
#include <fstream>
#include <string>
#include <thread>

#ifndef FLUXMAP_BENCH_FLAGS
#define FLUXMAP_BENCH_FLAGS ""
#endif

namespace fluxmap_bench {

struct Machine {
  std::string processor = "unknown processor";
  unsigned hardware_threads = std::thread::hardware_concurrency();
  std::string operating_system;
  std::string compiler;
  std::string flags;
  std::string date;
};

BOOST_DESCRIBE_STRUCT(Machine, (), (date, processor, hardware_threads, operating_system, compiler, flags))

inline Machine this_machine() {
  Machine machine;
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (line.starts_with("model name") && line.find(": ") != std::string::npos) {
      machine.processor = line.substr(line.find(": ") + 2);
      break;
    }
  }
  utsname name{};
  if (uname(&name) == 0) machine.operating_system = std::string(name.sysname) + ' ' + name.release + ' ' + name.machine;
#if defined(__clang__)
  machine.compiler = "clang " __clang_version__;
#else
  machine.compiler = "g++ " __VERSION__;
#endif
  machine.flags = FLUXMAP_BENCH_FLAGS;
  if (machine.flags.empty()) {  // not told by the build: what the compiler gives away
#ifdef __OPTIMIZE__
    machine.flags = "optimized";
#else
    machine.flags = "NOT OPTIMIZED";
#endif
#ifdef NDEBUG
    machine.flags += ", NDEBUG";
#else
    machine.flags += ", WITH ASSERTIONS";
#endif
  }
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  char text[32] = "";
  if (gmtime_r(&now, &utc) != nullptr) std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc);
  machine.date = text;
  return machine;
}

inline void print_machine() {
  const auto machine = this_machine();
  fmt::print("{}, {} hardware threads, {}\n{}, {}, {}\n", machine.processor, machine.hardware_threads,
             machine.operating_system, machine.compiler, machine.flags, machine.date);
}

}  // namespace fluxmap_bench

// What the suite sees of a system: its name, what it can't do, and instances that are filled, run and audited. Each
// system is compiled in a file of its own behind this interface; a virtual call starts a run, none happens within.
#pragma once

#include "../support/team.hpp"
#include "kinds.hpp"
#include "run.hpp"
#include "workloads.hpp"

#include <boost/describe.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmap_bench {

struct RunResult {
  Outcome outcome;
  std::uint64_t side_operations = 0;
  std::vector<Sample> samples;  // of a timed run
};

class Instance {
 public:
  Instance() = default;
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  virtual ~Instance() = default;

  virtual void fill(const Run& run) = 0;
  virtual RunResult run(Run& run) = 0;
  // Goes through the whole content; how many things are wrong with it.
  virtual std::uint64_t audit(const Run& run) = 0;
};

struct System {
  std::string id;       // on the command line
  std::string name;     // in tables
  std::string version;  // of the library, where it is known
  std::string caveat;   // what it does not do, or does otherwise
  bool by_default = true;
  std::array<Abilities, k_kinds.size()> abilities;  // with each kind of keys and values
  std::function<std::unique_ptr<Instance>(Kind)> open;

  bool is_peer() const { return !id.starts_with("fluxmap"); }
  bool can(Workload workload, Kind kind) const {
    return can_do(abilities[static_cast<std::size_t>(kind)], workload) &&
           (!info_of(workload).numbers || kind == Kind::u64_u64);
  }
};

BOOST_DESCRIBE_STRUCT(System, (), (id, name, version, caveat))

// All that were compiled in, fluxmap first.
std::vector<System> all_systems();

}  // namespace fluxmap_bench

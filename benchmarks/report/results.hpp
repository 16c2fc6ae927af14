// The file of results, and the questions that the page asks of it.
#pragma once

#include <boost/json.hpp>

#include <cstddef>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace fluxmap_bench::report {

namespace json = boost::json;

inline std::string text_of(const json::object& object, std::string_view key) {
  const auto& text = object.at(json::string_view(key.data(), key.size())).as_string();
  return {text.data(), text.size()};
}
inline double number_of(const json::object& object, std::string_view key) {
  const json::value* const value = object.if_contains(json::string_view(key.data(), key.size()));
  return value == nullptr ? 0 : value->to_number<double>();
}

// What follows the name of a workload that was measured beside a thread that wants the caches for itself.
inline constexpr const char* k_crowded = ", crowded";

class Results {
 public:
  struct System {
    std::string id, name, version, caveat;
    bool peer = true;
  };

  explicit Results(const std::string& path) {
    std::ifstream in(path);
    if (!in) throw std::runtime_error("cannot read " + path);
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    root_ = json::parse(text).as_object();
    for (const auto& each : list("systems")) {
      const auto& one = each.as_object();
      systems_.push_back({text_of(one, "id"), text_of(one, "name"), text_of(one, "version"), text_of(one, "caveat"),
                          one.at("peer").as_bool()});
    }
    for (const auto& each : list("workloads")) {
      const auto& one = each.as_object();
      meanings_[text_of(one, "name")] = text_of(one, "meaning");
      meanings_[text_of(one, "name") + k_crowded] = text_of(one, "meaning");
    }
    for (const auto& each : list("cells")) {
      const auto& one = each.as_object();
      const auto* const crowded = one.if_contains("crowded");
      const bool beside = crowded != nullptr && crowded->as_bool();
      cells_[{text_of(one, "workload") + (beside ? k_crowded : ""), text_of(one, "kind"),
              static_cast<std::size_t>(number_of(one, "entries")), static_cast<unsigned>(number_of(one, "threads")),
              text_of(one, "system")}] = &one;
    }
  }
  Results(const Results&) = delete;
  Results& operator=(const Results&) = delete;

  const json::object& root() const { return root_; }
  const json::array& list(std::string_view name) const {
    return root_.at(json::string_view(name.data(), name.size())).as_array();
  }
  const std::vector<System>& systems() const { return systems_; }
  const std::string& meaning(const std::string& workload) const { return meanings_.at(workload); }

  const json::object* cell(std::string_view workload, std::string_view kind, std::size_t entries, unsigned threads,
                           std::string_view system) const {
    const auto found = cells_.find({std::string(workload), std::string(kind), entries, threads, std::string(system)});
    return found == cells_.end() ? nullptr : found->second;
  }
  // Operations a second; 0 where there is nothing.
  double rate(std::string_view workload, std::string_view kind, std::size_t entries, unsigned threads,
              std::string_view system) const {
    const auto* const found = cell(workload, kind, entries, threads, system);
    return found == nullptr ? 0 : number_of(*found, "operations_per_second");
  }

  std::set<unsigned> thread_counts() const {
    std::set<unsigned> counts;
    for (const auto& [key, cell] : cells_) counts.insert(std::get<3>(key));
    return counts;
  }
  std::set<std::size_t> sizes(std::string_view workload) const {
    std::set<std::size_t> sizes;
    for (const auto& [key, cell] : cells_) {
      if (std::get<0>(key) == workload && std::get<1>(key) == "u64-u64") sizes.insert(std::get<2>(key));
    }
    return sizes;
  }
  // The size at which most was measured: that of the main comparison.
  std::size_t usual_size() const {
    std::map<std::size_t, std::size_t> counts;
    for (const auto& [key, cell] : cells_) ++counts[std::get<2>(key)];
    std::size_t best = 0;
    for (const auto& [size, count] : counts) {
      if (best == 0 || count > counts[best]) best = size;
    }
    return best;
  }

 private:
  using Key = std::tuple<std::string, std::string, std::size_t, unsigned, std::string>;

  json::object root_;
  std::vector<System> systems_;
  std::map<std::string, std::string> meanings_;
  std::map<Key, const json::object*> cells_;
};

}  // namespace fluxmap_bench::report

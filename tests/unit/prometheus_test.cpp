// Statistics as Prometheus reads them: every field, in a format that is checked line by line.
#include <fluxmap/prometheus.hpp>

#include <boost/pfr/core.hpp>
#include <boost/pfr/tuple_size.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"

namespace {

using fluxmap::k_stats_fields;
using fluxmap::Stats;
using fluxmap::StatsField;
using fluxmap::StatsKind;
using fluxmap::to_prometheus;

// Counted by the compiler, from Stats itself: one that is added there has to be added to the table.
constexpr std::size_t k_fields = boost::pfr::tuple_size_v<Stats>;
static_assert(k_stats_fields.size() == k_fields, "k_stats_fields of prometheus.hpp lacks a field of Stats");

// A value of its own for each field: 1000, 1001, …
Stats numbered_stats() {
  Stats stats;
  std::uint64_t next = 1000;
  boost::pfr::for_each_field(stats, [&](std::uint64_t& field) { field = next++; });
  return stats;
}

struct Metric {
  std::string name, help, type, value;
};

// Takes the text apart; three lines for each metric, in this order.
std::vector<Metric> parse(const std::string& text) {
  static const std::regex help("# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) ([^\\\\]+)");
  static const std::regex type("# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge)");
  static const std::regex sample("([a-zA-Z_:][a-zA-Z0-9_:]*) ([0-9]+)");
  REQUIRE(!text.empty());
  REQUIRE(text.back() == '\n');
  std::vector<Metric> metrics;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    std::smatch match;
    Metric metric;
    REQUIRE(std::regex_match(line, match, help));
    metric.name = match[1];
    metric.help = match[2];
    REQUIRE(std::getline(lines, line));
    REQUIRE(std::regex_match(line, match, type));
    REQUIRE(match[1] == metric.name);
    metric.type = match[2];
    REQUIRE(std::getline(lines, line));
    REQUIRE(std::regex_match(line, match, sample));
    REQUIRE(match[1] == metric.name);
    metric.value = match[2];
    metrics.push_back(metric);
  }
  return metrics;
}

}  // namespace

TEST_CASE("every_field_of_stats_is_exported_once_and_in_its_order") {
  const auto metrics = parse(to_prometheus(numbered_stats()));
  REQUIRE(metrics.size() == k_fields);
  std::set<std::string> names;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    CAPTURE(metrics[i].name);
    CHECK(metrics[i].value == std::to_string(1000 + i));
    CHECK(metrics[i].name == "fluxmap_" + std::string(k_stats_fields[i].metric));
    CHECK(metrics[i].help == k_stats_fields[i].help);
    names.insert(metrics[i].name);
  }
  CHECK(names.size() == k_fields);
}

TEST_CASE("metrics_are_named_as_prometheus_asks") {
  std::set<std::string_view> names;
  for (const StatsField& field : k_stats_fields) {
    CAPTURE(std::string(field.name));
    names.insert(field.name);
    CHECK(fluxmap::detail::is_metric_name(field.metric));
    CHECK(field.metric.starts_with(field.name));
    const bool counts = field.kind == StatsKind::counter;
    CHECK(field.metric.ends_with("_total") == counts);
    const std::string_view base = field.metric.substr(0, field.metric.size() - (counts ? 6 : 0));
    CHECK(base.ends_with("_bytes") == (field.name.find("bytes") != std::string_view::npos));
    CHECK(field.help.ends_with("."));
    CHECK(field.help.find_first_of("\n\\") == std::string_view::npos);
  }
  CHECK(names.size() == k_fields);
}

TEST_CASE("a_metric_begins_with_the_prefix_and_a_bad_one_is_refused") {
  Stats stats;
  stats.commits = 18446744073709551615U;
  for (const auto& metric : parse(to_prometheus(stats, "shop:orders_1"))) {
    CAPTURE(metric.name);
    CHECK(metric.name.rfind("shop:orders_1_", 0) == 0);
    CHECK(metric.value == (metric.name == "shop:orders_1_commits_total" ? "18446744073709551615" : "0"));
  }
  for (const char* prefix : {"", "1st", "a b", "a-b", "a\n", "\xc3\xa4"}) {
    CAPTURE(prefix);
    try {
      to_prometheus(stats, prefix);
      FAIL_CHECK("was taken");
    } catch (const boost::system::system_error& error) {
      CHECK(error.code() == fluxmap::errc::invalid_option);
    }
  }
}

// The workloads by name, and what each asks of a system.
#pragma once

#include <boost/describe.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fluxmap_bench {

enum class Workload : std::uint8_t {
  get,
  get_many,
  insert_random,
  insert_ascending,
  overwrite,
  mixed,
  remove,
  scan_10,
  scan_100,
  scan_10k,
  ycsb_a_uniform,
  ycsb_a_zipf,
  ycsb_b_uniform,
  ycsb_b_zipf,
  ycsb_c_uniform,
  ycsb_c_zipf,
  ycsb_d_uniform,
  ycsb_d_zipf,
  ycsb_d_latest,
  ycsb_e_uniform,
  ycsb_e_zipf,
  ycsb_f_uniform,
  ycsb_f_zipf,
  transfer_low,
  transfer_high,
  long_writers,
  range_sums,
  smallbank,
  tpcc,
  begin,
};

// What a system can do. Where it can't do what a workload needs, its cell stays empty.
struct Abilities {
  bool overwrites = true;
  bool removes = true;
  bool scans = true;
  bool updates = true;  // atomic read-modify-write of a key
  bool transactions = true;
  bool snapshots = true;       // a scan or a read-only transaction sees one moment; there are transactions
  bool begins = true;          // a transaction can be begun and dropped by hand
  bool everything = true;      // else only what `first` asks for is compiled
  bool fills_in_bulk = false;  // filling goes through large transactions, since small ones would take minutes
};

struct WorkloadInfo {
  Workload workload;
  std::string_view name;
  std::string_view meaning;
  bool Abilities::* needs = nullptr;  // null: what everybody can do
  bool grows = false;                 // the content is another one afterwards: each round begins with a new filling
  bool money = false;                 // the sum of all balances is known beforehand
  bool numbers = false;               // needs uint64 keys and values
};

BOOST_DESCRIBE_STRUCT(WorkloadInfo, (), (name, meaning))

inline constexpr std::string_view k_mean_sums =
    "even threads: read-only sum of 1000 neighbouring balances; odd threads: transfers among these. Counted: sums";
inline constexpr std::string_view k_mean_long =
    "first thread: transactions of 200 reads and 1 write among 1000 keys; others: transfers among the same keys. "
    "Counted: the long ones";
inline constexpr std::string_view k_mean_smallbank =
    "the six transactions of SmallBank, 90 % of them among 100 customers";

inline constexpr auto k_workloads = [] {
  constexpr auto overwrites = &Abilities::overwrites, removes = &Abilities::removes, scans = &Abilities::scans,
                 updates = &Abilities::updates, transactions = &Abilities::transactions,
                 snapshots = &Abilities::snapshots, begins = &Abilities::begins;
  using enum Workload;
  return std::to_array<WorkloadInfo>({
      {get, "get", "read a random present key"},
      {get_many, "get-many", "read 10 random present keys at one moment where the system can; counted: calls"},
      {insert_random, "insert-random", "insert a new random key; from N entries to at most 2N", nullptr, true},
      {insert_ascending, "insert-ascending", "insert a new largest key; from N entries to at most 2N", nullptr, true},
      {overwrite, "overwrite", "write a random present key", overwrites},
      {mixed, "mixed", "80 % read, 20 % overwrite", overwrites},
      {remove, "remove", "remove a random present key; from N entries to at least N / 2", removes, true},
      {scan_10, "scan-10", "visit 10 neighbouring entries", scans},
      {scan_100, "scan-100", "visit 100 neighbouring entries", scans},
      {scan_10k, "scan-10k", "visit 10000 neighbouring entries", scans},
      {ycsb_a_uniform, "ycsb-a-uniform", "50 % read, 50 % overwrite", overwrites},
      {ycsb_a_zipf, "ycsb-a-zipf", "50 % read, 50 % overwrite, Zipf 0.99", overwrites},
      {ycsb_b_uniform, "ycsb-b-uniform", "95 % read, 5 % overwrite", overwrites},
      {ycsb_b_zipf, "ycsb-b-zipf", "95 % read, 5 % overwrite, Zipf 0.99", overwrites},
      {ycsb_c_uniform, "ycsb-c-uniform", "100 % read"},
      {ycsb_c_zipf, "ycsb-c-zipf", "100 % read, Zipf 0.99"},
      {ycsb_d_uniform, "ycsb-d-uniform", "95 % read, 5 % insert", nullptr, true},
      {ycsb_d_zipf, "ycsb-d-zipf", "95 % read, 5 % insert, Zipf 0.99", nullptr, true},
      {ycsb_d_latest, "ycsb-d-latest", "95 % read, 5 % insert; the newest keys of all threads are read most", nullptr,
       true},
      {ycsb_e_uniform, "ycsb-e-uniform", "95 % scan of 1 to 100, 5 % insert", scans, true},
      {ycsb_e_zipf, "ycsb-e-zipf", "95 % scan of 1 to 100 from a Zipf 0.99 key, 5 % insert", scans, true},
      {ycsb_f_uniform, "ycsb-f-uniform", "50 % read, 50 % read-modify-write", updates},
      {ycsb_f_zipf, "ycsb-f-zipf", "50 % read, 50 % read-modify-write, Zipf 0.99", updates},
      {transfer_low, "transfer", "atomically read two balances of all and write both", transactions, false, true, true},
      {transfer_high, "transfer-hot", "the same among 16 balances", transactions, false, true, true},
      {long_writers, "long-writers", k_mean_long, transactions, false, true, true},
      {range_sums, "range-sums", k_mean_sums, snapshots, false, true, true},
      {smallbank, "smallbank", k_mean_smallbank, snapshots, false, true, true},
      {tpcc, "tpcc-like", "half New-Order, half Payment of TPC-C, 4 warehouses, tables in one map", transactions, true,
       false, true},
      {begin, "begin", "begin a transaction and drop it", begins},
  });
}();

inline const WorkloadInfo& info_of(Workload workload) { return k_workloads[static_cast<std::size_t>(workload)]; }

inline bool can_do(const Abilities& able, Workload workload) {
  const auto needs = info_of(workload).needs;
  return needs == nullptr || able.*needs;
}

}  // namespace fluxmap_bench

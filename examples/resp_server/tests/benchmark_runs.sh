#!/usr/bin/env bash
# redis-benchmark is content with the server, at every level, with and without pipelines. What it measures on a machine
# that runs tests says nothing: see ../benchmark.sh.
#
#   benchmark_runs.sh SERVER REDIS-BENCHMARK
server=$1 redis_benchmark=$2
source "$(dirname "$0")/servers.sh"

for level in memory relaxed full; do
  start_ours --durability "$level" --dir "$scratch/$level" --threads 2
  for pipeline in 1 16; do
    "$redis_benchmark" -p "$ours_port" -t set,get,incr,mset -n 2000 -c 50 -P "$pipeline" -r 1000 --csv >"$scratch/csv" 2>&1 ||
      fail "$level, -P $pipeline: $(cat "$scratch/csv")"
    if grep -i error "$scratch/csv"; then fail "$level, -P $pipeline"; fi
    (($(grep -c '^"[SGIM]' "$scratch/csv") >= 4)) || fail "$level, -P $pipeline: $(cat "$scratch/csv")"
  done
  stop_ours
done
echo "all ran"

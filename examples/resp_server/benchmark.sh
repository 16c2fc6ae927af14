#!/usr/bin/env bash
# Our server beside redis-server, measured by redis-benchmark: the same load, in turns, so that what the machine does
# besides hits both. Each server has one processor, the client another. Prints requests per second, medians of the
# rounds, and their ratio.
#
#   benchmark.sh SERVER [LEVEL...]     LEVEL: memory relaxed full (default: all)
#
# ROUNDS (5), REQUESTS (200000 in each), KEYS (100000; 0: one key), CLIENTS (50) and PIPELINES ("1 16") may be set.
# The databases are in the directory that mktemp chooses (TMPDIR); `always` and `full` measure its disk.
server=${1:?the server to measure}
shift
levels=("$@")
((${#levels[@]})) || levels=(memory relaxed full)
redis_server=${REDIS_SERVER:-redis-server}
redis_benchmark=${REDIS_BENCHMARK:-redis-benchmark}
rounds=${ROUNDS:-5} requests=${REQUESTS:-200000} keys=${KEYS:-100000} clients=${CLIENTS:-50} pipelines=${PIPELINES:-1 16}
source "$(dirname "$0")/tests/servers.sh"

on() { # PROCESSOR COMMAND...: on that processor, where there are two
  local processor=$1
  shift
  if (($(nproc) > 1)) && command -v taskset >"$scratch/taskset"; then taskset -c "$processor" "$@"; else "$@"; fi
}
pin() {
  if (($(nproc) > 1)) && command -v taskset >"$scratch/taskset"; then taskset -acp 0 "$1" >"$scratch/pinned"; fi
}

declare -A aof=([memory]="--appendonly no"
  [relaxed]="--appendonly yes --appendfsync everysec"
  [full]="--appendonly yes --appendfsync always")

# measure WHO PORT PIPELINE: appends "WHO TEST RPS" to the results.
measure() {
  local who=$1 port=$2 pipeline=$3 range=()
  if ((keys > 0)); then range=(-r "$keys"); fi
  on 1 "$redis_benchmark" -p "$port" -t set,get,incr,mset -n "$n" -c "$clients" -P "$pipeline" "${range[@]}" --csv |
    awk -F'"' -v who="$who" '$4 + 0 > 0 { split($2, name, " "); print who, name[1], $4 }' >>"$scratch/results"
}

printf '%-8s %3s %-5s %10s %10s %6s\n' level -P test ours redis ratio
for level in "${levels[@]}"; do
  start_ours --durability "$level" --dir "$scratch/$level"
  pin "$ours_pid"
  read -ra redis_options <<<"${aof[$level]}"
  start_redis "${redis_options[@]}"
  pin "$redis_pid"
  for pipeline in $pipelines; do
    n=$requests
    if [[ $level == full ]]; then n=$((requests / 10)); fi  # the disk is slow
    : >"$scratch/results"
    for ((round = 0; round < rounds; ++round)); do
      measure ours "$ours_port" "$pipeline"
      measure redis "$redis_port" "$pipeline"
    done
    for test in SET GET INCR MSET; do
      for who in ours redis; do
        median=$(awk -v who="$who" -v test="$test" '$1 == who && $2 == test { print $3 }' "$scratch/results" | sort -n |
          awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }')
        declare "$who=$median"
      done
      awk -v level="$level" -v pipeline="$pipeline" -v test="$test" -v ours="$ours" -v redis="$redis" \
        'BEGIN { printf "%-8s %3d %-5s %10d %10d %6.2f\n", level, pipeline, test, ours, redis, ours / redis }'
    done
  done
  stop_ours
  kill -TERM "$redis_pid"
  wait "$redis_pid" || true
done

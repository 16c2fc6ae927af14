#!/usr/bin/env bash
# Our server beside redis-server, measured by redis-benchmark: the same load, in turns, so that what the machine does
# besides hits both. Each server has one processor, the client another. Prints, as medians of the rounds, requests per
# second, the ratio of those that were measured one after the other, and the microseconds of processor time that a
# request took the server, which says the same and minds less what else the machine does.
#
#   benchmark.sh SERVER [LEVEL...]     LEVEL: memory relaxed full (default: all)
#
# ROUNDS (5), REQUESTS (100000 in each), KEYS (0: one key, as redis-benchmark does by itself), CLIENTS (50) and PIPELINES ("1 16") may be set.
# The databases are in the directory that mktemp chooses (TMPDIR); `always` and `full` measure its disk.
server=${1:?the server to measure}
shift
levels=("$@")
((${#levels[@]})) || levels=(memory relaxed full)
redis_server=${REDIS_SERVER:-redis-server}
redis_benchmark=${REDIS_BENCHMARK:-redis-benchmark}
rounds=${ROUNDS:-5} requests=${REQUESTS:-100000} keys=${KEYS:-0} clients=${CLIENTS:-50} pipelines=${PIPELINES:-1 16}
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

ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
# measure PID PORT TEST PIPELINE: prints requests per second, and microseconds of the server for each.
measure() {
  local pid=$1 port=$2 test=$3 pipeline=$4 range=() before
  if ((keys > 0)); then range=(-r "$keys"); fi
  before=$(ticks "$pid")
  on 1 "$redis_benchmark" -p "$port" -t "$test" -n "$n" -c "$clients" -P "$pipeline" "${range[@]}" --csv |
    awk -F'"' -v before="$before" -v n="$n" -v pid="$pid" -v hz="$(getconf CLK_TCK)" '
      $4 + 0 > 0 { rate = $4 }
      END {
        getline stat < ("/proc/" pid "/stat")
        split(stat, field, " ")
        print rate, (field[14] + field[15] - before) / hz / n * 1e6
      }'
}
median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

printf '%-8s %3s %-5s %10s %10s %6s %8s %8s\n' level -P test ours redis ratio 'ours us' 'redis us'
for level in "${levels[@]}"; do
  start_ours --durability "$level" --dir "$scratch/$level"
  pin "$ours_pid"
  read -ra redis_options <<<"${aof[$level]}"
  start_redis "${redis_options[@]}"
  pin "$redis_pid"
  for pipeline in $pipelines; do
    n=$requests
    if [[ $level == full ]]; then n=$((requests / 10)); fi  # the disk is slow
    for test in set get incr mset; do
      for ((round = 0; round < rounds; ++round)); do
        measure "$ours_pid" "$ours_port" "$test" "$pipeline"
        measure "$redis_pid" "$redis_port" "$test" "$pipeline"
      done | paste - - | awk '{ print $1, $3, $1 / $3, $2, $4 }' >"$scratch/results"
      for column in 1 2 3 4 5; do awk -v column="$column" '{ print $column }' "$scratch/results" | median; done |
        paste -s | {
        read -r ours redis ratio ours_us redis_us
        printf '%-8s %3d %-5s %10.0f %10.0f %6.2f %8.2f %8.2f\n' "$level" "$pipeline" "$test" "$ours" "$redis" "$ratio" \
          "$ours_us" "$redis_us"
      }
    done
  done
  stop_ours
  kill -TERM "$redis_pid"
  wait "$redis_pid" || true
done

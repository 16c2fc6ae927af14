#!/usr/bin/env bash
# The server is killed while clients write to it: no SET that was answered with OK may be missing afterwards. At level
# full that would hold for a power cut too, which fluxmap's own tests make; a killed process loses nothing at relaxed
# either.
#
#   crash.sh SERVER REDIS-CLI
server=$1 redis_cli=$2
source "$(dirname "$0")/servers.sh"

writers=4 answers_before_the_kill=200 sets=20000  # more than are ever answered

# sets of a writer, one after another
write_from() { awk -v who="$1" -v n="$sets" 'BEGIN { for (i = 1; i <= n; ++i) print "set", who ":" i, i }'; }
# how many were answered before the first other answer
answered() { awk '$0 != "OK" { exit } { ++n } END { print n + 0 }' "$1"; }

for level in full relaxed; do
  for round in 1 2; do
    start_ours --durability "$level" --dir "$scratch/$level"
    rm -f "$scratch/answers"
    mkfifo "$scratch/answers"
    for ((i = 1; i <= writers; ++i)); do
      if ((i == 1)); then
        write_from "$round:$i" | "$redis_cli" -p "$ours_port" 2>&1 | tee "$scratch/answers.$i" >"$scratch/answers" &
      else
        write_from "$round:$i" | "$redis_cli" -p "$ours_port" >"$scratch/answers.$i" 2>&1 &
      fi
    done
    exec {answers}<"$scratch/answers"
    for ((n = 0; n < answers_before_the_kill; ++n)); do
      read -r line <&"$answers"
      [[ $line == OK ]] || fail "SET was answered with $line"
    done
    kill -KILL "$ours_pid"
    wait "$ours_pid" 2>"$scratch/killed" || true
    cat <&"$answers" >"$scratch/rest"  # until the writers have given up
    exec {answers}<&-
    for job in $(jobs -p); do wait "$job" || true; done

    start_ours --durability "$level" --dir "$scratch/$level"
    total=0
    for ((i = 1; i <= writers; ++i)); do
      count=$(answered "$scratch/answers.$i")
      ((count < sets)) || fail "the server was killed too late"
      awk -v who="$round:$i" -v n="$count" 'BEGIN { for (i = 1; i <= n; ++i) print "get", who ":" i }' |
        "$redis_cli" -p "$ours_port" >"$scratch/found"
      seq 1 "$count" >"$scratch/expected"
      cmp "$scratch/found" "$scratch/expected" || fail "$level: writer $i has lost one of $count answered SETs"
      total=$((total + count))
    done
    echo "$level: all $total answered SETs are there"
    stop_ours
  done
done

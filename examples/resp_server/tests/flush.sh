#!/usr/bin/env bash
# FLUSHALL of many keys is one moment, and a short one: others are served while what was there is removed, nothing that
# is written afterwards goes with it, other databases stay, and what was not removed yet does not come back after a
# crash.
#
#   flush.sh SERVER REDIS-CLI REDIS-BENCHMARK
server=$1 redis_cli=$2 redis_benchmark=$3
source "$(dirname "$0")/servers.sh"

keys=330000
cli() { "$redis_cli" -p "$ours_port" "$@"; }
is() { # WANTED COMMAND...
  local wanted=$1 got
  shift
  got=$(cli "$@")
  [[ $got == "$wanted" ]] || fail "$*: $got, not $wanted"
}
fill() { # DATABASE
  awk -v n="$keys" -v database="$1" 'BEGIN {
    print "select " database
    for (i = 0; i < n; ++i) printf "set key:%d %d\r\n", i, i
  }' | cli --pipe >"$scratch/filled" 2>&1 || fail "filling: $(cat "$scratch/filled")"
}
# Keys that were removed for everybody but not yet from memory.
left_over() { cli info memory | tr -d '\r' | sed -n 's/^lazyfree_pending_objects://p'; }
wait_until_swept() {
  local i
  for ((i = 0; i < 20000; ++i)); do
    if (($(left_over) == 0)); then return; fi
  done
  fail "what was flushed is never removed"
}

start() { start_ours --durability relaxed --dir "$scratch/database"; }
start
fill 0
fill 1
is "$keys" dbsize
is OK -n 1 set other 1

# While it goes on, somebody asks all the time, of the one thread that does both.
exec {socket}<>"/dev/tcp/127.0.0.1/$ours_port"
ask() { # WANTED COMMAND
  local line
  printf '%s\r\n' "$2" >&"$socket"
  IFS= read -r line <&"$socket" || fail "no reply to $2"
  [[ $line == "$1"$'\r' ]] || fail "$2: $line, not $1"
}
ask +OK flushall
served=0
while (($(left_over) > 0)); do
  for ((i = 0; i < 20; ++i)); do
    ask ":$served" dbsize
    ask '$-1' "get key:$served"
    ask +OK "set new:$served x"
    served=$((served + 1))
  done
done
exec {socket}>&-
((served >= 40)) || fail "only $served rounds were served while $((2 * keys)) keys were removed"
is "$served" dbsize
is 0 -n 1 dbsize

# One database, two that change places, and a crash before all is removed.
cli flushall >"$scratch/flushed"
wait_until_swept
fill 0
is OK -n 3 set kept 3
is OK flushdb
is OK set after 1
kill -KILL "$ours_pid"
wait "$ours_pid" 2>"$scratch/killed" || true
start
is 1 dbsize
is 1 get after
is 3 -n 3 get kept
is "" get key:1
is "" -n 3 get after
wait_until_swept
is 1 dbsize
fill 0
is OK swapdb 0 3
is 1 dbsize
is 3 get kept
is "$((keys + 1))" -n 3 dbsize
stop_ours
start
is "$((keys + 1))" -n 3 dbsize
is OK flushall
is 0 -n 3 dbsize
wait_until_swept
stop_ours

# In a transaction: what it reads before is all that goes. At level full, where a commit is seen only when it is on the
# disk, so that many begin before they can see the flush and end after it.
start_ours --durability full --dir "$scratch/drained_database" --threads 2
increments=20000
"$redis_benchmark" -p "$ours_port" -n "$increments" -c 8 -q incr counter >"$scratch/benchmark" &
writer=$!
sum=0 rounds=0
drain() { # counts, and leaves so many keys that the next one is not a small one
  {
    echo multi
    echo get counter
    echo flushall
    awk 'BEGIN { printf "mset"; for (i = 0; i < 400; ++i) printf " filler:%d x", i; print "" }'
    echo exec
  } | cli | sed -n 5p >"$scratch/drained"
  sum=$((sum + $(cat "$scratch/drained") + 0))
}
while kill -0 "$writer" 2>"$scratch/gone"; do
  drain
  rounds=$((rounds + 1))
done
wait "$writer" || fail "redis-benchmark"
drain
((sum == increments)) || fail "$sum of $increments additions in $rounds drained sums"
stop_ours
echo "$served rounds were served; nothing was lost in $rounds drains"

#!/usr/bin/env bash
# Nothing is lost between clients on several threads: not an INCR, and not an addition by WATCH, GET, MULTI, SET, EXEC,
# which is made again when EXEC says that the key has changed. A key that expires while it is watched has changed, one
# that had expired before has not.
#
#   transactions.sh SERVER REDIS-CLI REDIS-BENCHMARK
server=$1 redis_cli=$2 redis_benchmark=$3
source "$(dirname "$0")/servers.sh"

clients=4 additions=100 increments=4000

# Adds 1 to `n` so many times; prints how often it had to be tried again.
add() {
  local socket line value again=0
  exec {socket}<>"/dev/tcp/127.0.0.1/$ours_port"
  next() {
    IFS= read -r line <&"$socket" || fail "no reply"
    line=${line%$'\r'}
  }
  for ((i = 0; i < additions;)); do
    printf 'watch n\r\nget n\r\n' >&"$socket"
    next
    next
    next
    value=$line
    printf 'multi\r\nset n %d\r\nget n\r\nexec\r\n' "$((value + 1))" >&"$socket"
    next
    next
    next
    next
    if [[ $line == '*-1' ]]; then
      again=$((again + 1))
    else
      [[ $line == '*2' ]] || fail "EXEC said $line"
      next
      next
      next
      [[ $line == "$((value + 1))" ]] || fail "SET $((value + 1)) and GET $line in one transaction"
      i=$((i + 1))
    fi
  done
  echo "$again"
}

for level in memory relaxed; do
  start_ours --durability "$level" --dir "$scratch/$level" --threads 2
  "$redis_cli" -p "$ours_port" set n 0 >"$scratch/set"
  jobs=()
  for ((client = 0; client < clients; ++client)); do
    (trap - EXIT && add >"$scratch/again.$client") &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job" || fail "a client"; done
  sum=$("$redis_cli" -p "$ours_port" get n)
  ((sum == clients * additions)) || fail "$level: $sum instead of $((clients * additions)) additions"

  jobs=()
  for pipeline in 1 4 16; do
    "$redis_benchmark" -p "$ours_port" -n "$increments" -c 10 -P "$pipeline" -q incr counter >"$scratch/benchmark.$pipeline" &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job" || fail "redis-benchmark"; done
  sum=$("$redis_cli" -p "$ours_port" get counter)
  ((sum == 3 * increments)) || fail "$level: $sum instead of $((3 * increments)) increments"
  echo "$level: all there; EXEC said no $(cat "$scratch"/again.* | awk '{ n += $1 } END { print n }') times"
  stop_ours
done

start_ours --durability memory --threads 2
exec {socket}<>"/dev/tcp/127.0.0.1/$ours_port"
ask() { # COMMAND: sets reply
  printf '%s\r\n' "$1" >&"$socket"
  IFS= read -r reply <&"$socket" || fail "no reply to $1"
  reply=${reply%$'\r'}
}
until_expired() { while [[ $("$redis_cli" -p "$ours_port" exists key) == 1 ]]; do continue; done; }
for ((milliseconds = 100; ; milliseconds *= 2)); do  # more where the machine is slow
  ask "set key old px $milliseconds"
  ask "watch key"
  ask "exists key"
  if [[ $reply == :1 ]]; then break; fi
  ask unwatch
done
until_expired
ask multi
ask "set key mine"
ask exec
[[ $reply == '*-1' ]] || fail "a watched key expired, and EXEC said $reply"
ask "set key old px 1"
until_expired
ask "watch key"
ask multi
ask "set key mine"
ask exec
[[ $reply == '*1' ]] || fail "a watched key had expired before, and EXEC said $reply"
exec {socket}>&-
stop_ours
echo "expired as they should"
